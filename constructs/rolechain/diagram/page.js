"use strict";
(() => {
  const items = [...document.querySelectorAll(".diagram [id]")];
  const details = (item) => document.getElementById(`${item.id}-details`);
  let chosen = null;

  // The script runs: details are shown where they are asked for, and the picture can be searched.
  document.body.classList.add("scripted");
  const form = document.querySelector("form[role=search]");
  form.hidden = false;

  const show = (item) => {
    for (const other of items) {
      other.classList.toggle("chosen", other === item);
      details(other).classList.toggle("shown", other === item);
    }
  };
  const choose = (item) => {
    chosen = item;
    show(item);
    const found = details(item);
    found.focus({ preventScroll: true });
    found.scrollIntoView({ block: "nearest" });
  };
  for (const item of items) {
    item.addEventListener("click", () => choose(item));
    item.addEventListener("mouseenter", () => show(item));
    item.addEventListener("mouseleave", () => show(chosen));
    item.addEventListener("focus", () => show(item));
    item.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(item);
      }
    });
    details(item).addEventListener("keydown", (event) => {
      if (event.key === "Escape") item.focus();
    });
  }

  const field = document.getElementById("search");
  const output = form.querySelector("output");
  const boxes = items.filter((item) => item.classList.contains("box"));
  const texts = new Map(boxes.map((box) => [box, details(box).textContent.toLowerCase()]));
  const search = () => {
    const words = field.value.trim().toLowerCase();
    const found = new Set(boxes.filter((box) => texts.get(box).includes(words)).map((box) => box.id));
    for (const item of items) {
      const ends = [item.id, item.dataset.from, item.dataset.to];
      item.classList.toggle("dim", words !== "" && !ends.some((end) => found.has(end)));
    }
    output.textContent = words === "" ? "" : `${found.size} of ${boxes.length}`;
    const first = boxes.find((box) => found.has(box.id));
    if (words !== "" && first) first.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  field.addEventListener("input", search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = boxes.find((box) => !box.classList.contains("dim"));
    if (first) first.focus();
  });
})();
