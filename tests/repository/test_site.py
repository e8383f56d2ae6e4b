"""The documentation site: its pages, its anchors, and how it is in a browser."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain.cli.main import COMMANDS
from rolechain.proof.rules import RULES
from rolechain.runtime import Cause
from tests.diagram.browser import CHROMIUM, page_of
from tests.repository.documents.commands import check
from tools.documentation import pages, write

ROOT = Path(__file__).parents[2]
SEARCH = "[...document.body.children].find((each) => each.shadowRoot)?.shadowRoot"
"""Where the search stands in a page."""
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def laid_out() -> dict[str, str]:
    """Every page of the site, by its path there."""
    return pages()


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as the site and GitHub make them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


def test_every_link_leads_to_a_page_and_an_anchor(laid_out: dict[str, str]) -> None:
    """Each link within the site is to a page or a file of docs/, and its anchor to a heading there."""
    broken = []
    for path, text in laid_out.items():
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", FENCE.sub("", text)):
            to = (Path("/") / path).parent.joinpath(target).resolve() if target else Path("/") / path
            name = to.relative_to("/").as_posix()
            there = name in laid_out or (ROOT / "docs" / name).is_file()
            if not there or (anchor and anchor not in slugs(laid_out[name])):
                broken.append(f"{path}: {target}#{anchor}")
    assert broken == []


def test_the_menu_leads_to_every_page(tmp_path: Path, laid_out: dict[str, str]) -> None:
    """Each page of the site stands in its menu once, and nothing else does."""
    write(tmp_path / "build")
    configuration = yaml.safe_load((tmp_path / "build" / "mkdocs.yml").read_text())
    assert sorted(named(configuration["nav"])) == sorted(laid_out)


def named(nav: Any) -> Iterator[str]:
    """The pages of a part of the menu."""
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from named(each)


def test_every_rule_and_command_has_a_page(laid_out: dict[str, str]) -> None:
    """A rule's page shows its finding; a command's page holds each option of its parser."""
    for rule in RULES:
        assert rule.id in laid_out[f"rules/{rule.id}.md"]
    assert {f"commands/{name}.md" for name in COMMANDS} <= laid_out.keys()
    assert "`--every-target`" in laid_out["commands/exec.md"]


def test_each_claim_names_a_command_that_shows_it() -> None:
    """Each row of the comparison in docs/why.md names a command of rolechain, whose parser takes it."""
    rows = re.findall(r"^\| \w[^|]* \| `(rolechain [^`]*)` \|", document("why"), re.MULTILINE)
    section = document("why").split("## When you do not need it")[0]
    assert len(rows) == len(re.findall(r"^\| ", section, re.MULTILINE)) - 1
    for row in rows:
        check(row)


def test_every_cause_of_a_refusal_has_its_remedy() -> None:
    """The table of docs/errors.md has a row for each cause, and every public error is named there."""
    text = document("errors")
    assert re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE) == [cause.value for cause in Cause]
    modules = (
        "rolechain",
        "rolechain.runtime",
        "rolechain.live",
        "rolechain.trail",
        "rolechain.local",
        "rolechain.cdk",
        "rolechain.proof",
        "rolechain.policy",
    )
    for module in modules:
        names = importlib.import_module(module).__all__
        assert [name for name in names if name.endswith("Error") and f"`{name}`" not in text] == []


def document(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.skipif(
    CHROMIUM is None or importlib.util.find_spec("zensical") is None,
    reason="Chromium or the dependency group docs is not installed: apt-get install chromium; make setup-docs",
)
def test_the_site_in_a_browser(tmp_path: Path) -> None:
    """The search finds a rule's page, no page is wider than a phone, and nothing is loaded from elsewhere."""
    write(tmp_path / "build")
    asked = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "build/mkdocs.yml"]
    (tmp_path / "constructs").symlink_to(ROOT / "constructs")
    subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True)
    site = tmp_path / "build" / "site"
    with page_of(tmp_path / "profile") as page:
        page.open(site / "index.html")
        page.value("document.querySelector('.md-search__button').click()")
        until(lambda: page.value(f"!!{SEARCH}?.querySelector('input')"))
        page.value(f"{SEARCH}.querySelector('input').focus()")
        page.call("Input.insertText", text="open to everyone")
        until(lambda: page.value(f"!!{SEARCH}.querySelector('a[href*=RC01]')"))
        page.call(
            "Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True
        )
        for path in ("index", "why", "rules", "rules/RC09", "commands/exec", "api/rolechain.runtime"):
            page.open(site / f"{path}.html")
            assert page.value("document.title").endswith("rolechain"), path
            assert page.value("document.documentElement.scrollWidth") <= 390, path
        assert {url.split(":")[0] for url in page.requested} <= {"file", "data", "blob"}
        assert page.said == []


def until(condition: Any) -> None:
    """Waits for what a page does by itself."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
