"""The page in a real browser: by pointer, by keyboard, by search, on paper; and nothing is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rolechain.diagram import page
from tests.diagram.browser import AXE, CHROMIUM, Page, page_of
from tests.diagram.conftest import chain_of, drawn
from tests.diagram.test_untrusted import NAMES, hostile

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine, whose package is 100 MB: apt-get install chromium; test_untrusted.py reads "
    "the same pages with parsers, and test_contrast.py computes their contrast",
)
SHOWN = "[...document.querySelectorAll('article.shown')].map((each) => each.id)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of a browser of its own."""
    with page_of(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def opened(browser: Page, tmp_path: Path) -> Iterator[Page]:
    """The page of a chain of thirty-two roles, in the browser."""
    file = tmp_path / "chain.html"
    file.write_text(page(drawn(chain_of(30))))
    browser.requested.clear()
    browser.said.clear()
    browser.open(file)
    yield browser
    # The file itself is all that was asked for, and nothing was refused or failed.
    assert browser.requested == [file.as_uri()]
    assert browser.said == []


def test_the_pointer(opened: Page) -> None:
    """A click on a hop shows both of its sides, with the statement that decides on each, and nothing else."""
    assert opened.value(SHOWN) == []
    opened.click("#arrow-1 .label")
    assert opened.value(SHOWN) == ["arrow-1-details"]
    assert opened.value("document.querySelectorAll('article.shown .decisive').length") == 2
    assert opened.value("document.activeElement.id") == "arrow-1-details"
    opened.click("#box-2")
    assert opened.value(SHOWN) == ["box-2-details"]
    assert opened.value("document.querySelectorAll('article.shown .members li').length") == 30


def test_the_keyboard(opened: Page) -> None:
    """Tab reaches the search and every arrow and box; Enter goes to the details, and Escape back."""
    reached = []
    for _ in range(12):
        opened.press("Tab")
        reached.append(opened.value("document.activeElement.id"))
    items = opened.value("[...document.querySelectorAll('.diagram [id]')].map((each) => each.id)")
    assert reached[0] == "search"
    assert [each for each in reached if each in items] == items
    opened.value(f"document.getElementById({json.dumps(items[0])}).focus()")
    assert opened.value(SHOWN) == [f"{items[0]}-details"]
    opened.press("Enter")
    assert opened.value("document.activeElement.id") == f"{items[0]}-details"
    opened.press("Escape")
    assert opened.value("document.activeElement.id") == items[0]


def test_the_search(opened: Page) -> None:
    """It finds a role by an account that is folded, dims what has nothing to do with it, and says how many it found."""
    opened.value("document.getElementById('search').focus()")
    for character in "333333333017":
        opened.call("Input.insertText", text=character)
    assert opened.value("document.querySelector('output').textContent") == "1 of 4"
    dim = opened.value("[...document.querySelectorAll('.box.dim')].map((each) => each.id)")
    assert dim == ["box-0", "box-1", "box-3"]
    assert not opened.value("document.querySelector('#arrow-1').classList.contains('dim')")
    opened.press("Enter", "\r")
    assert opened.value("document.activeElement.id") == "box-2"


def test_what_a_reader_hears(opened: Page) -> None:
    """Each box and arrow has a name, a role and an action for assistive technology."""
    tree: list[dict[str, Any]] = opened.call("Accessibility.getFullAXTree")["nodes"]
    names = [one["name"]["value"] for one in tree if one.get("role", {}).get("value") == "button"]
    assert sorted(names) == [
        "entrance the service lambda.amazonaws.com, entrance",
        "entrance: the service lambda.amazonaws.com → deploy-source",
        "hop 1: deploy-source → deploy-middle, ✓ allowed",
        "hop 2: deploy-middle → deploy-target × 30, ✓ allowed",  # noqa: RUF001
        "role deploy-middle, 222222222222",
        "role deploy-source, 111111111111",
        "role deploy-target × 30, 30 accounts",  # noqa: RUF001
        "shortcut: deploy-source → deploy-target × 30, refused",  # noqa: RUF001
    ]


def test_on_paper(opened: Page) -> None:
    """It is printed on pages of A4 in black on white, with every detail and without the search."""
    opened.call(
        "Emulation.setEmulatedMedia",
        media="print",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )
    assert opened.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.value("getComputedStyle(document.querySelector('form')).display") == "none"
    assert opened.value(
        "[...document.querySelectorAll('article')].every((one) => getComputedStyle(one).display === 'block')"
    )
    opened.call("Emulation.setEmulatedMedia", media="", features=[])
    pages = re.findall(rb"/MediaBox \[([\d. ]+)\]", opened.pdf())
    assert pages
    for box in pages:
        _, _, width, height = map(float, box.split())
        assert (round(width), round(height)) in ((595, 842), (596, 842), (595, 841))


def test_light_and_dark(opened: Page) -> None:
    """It follows the system's colours."""
    found = []
    for scheme in ("light", "dark"):
        opened.call(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        found.append(opened.value("getComputedStyle(document.body).backgroundColor"))
    opened.call("Emulation.setEmulatedMedia", features=[])
    assert found == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(opened: Page, scheme: str) -> None:
    """axe-core finds nothing, neither at first nor with details shown."""
    opened.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    assert opened.violations() == []
    opened.click("#arrow-1 .label")
    assert opened.violations() == []
    opened.call("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("name", NAMES)
def test_untrusted_names(browser: Page, tmp_path: Path, name: str) -> None:
    """No name runs a script, loads an address or makes an element that a harmless name would not."""
    browser.requested.clear()
    browser.said.clear()
    file = tmp_path / "page.html"
    file.write_text(page(hostile(name)))
    browser.open(file)
    assert browser.value("document.querySelectorAll('script').length") == 1
    assert browser.value("document.querySelectorAll('img, iframe, link, object, embed, a').length") == 0
    assert browser.value("document.body.classList.contains('scripted')")
    assert browser.requested == [file.as_uri()]
    assert browser.said == []


def test_another_script_does_not_run(browser: Page, tmp_path: Path) -> None:
    """The page's own policy keeps out what would get into it all the same."""
    file = tmp_path / "page.html"
    written = page(drawn(chain_of(1)))
    planted = "<script>document.title = 'in'</script><img src='https://example.com/x' onerror=\"document.title='in'\">"
    file.write_text(written.replace("</main>", f"{planted}</main>"))
    browser.open(file)
    assert browser.value("document.title") == "chain deploy"
    browser.said.clear()
