"""Lays out the documentation site: ``python -m tools.documentation`` writes ``build/``, which ``make docs`` builds.

The pages are those of ``docs/`` and the repository's own. What the code says itself is generated: a page for each rule
with its inputs, for each command from its parser, and for each package from its docstrings.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rolechain.cli.main import COMMANDS, TASKS
from rolechain.proof.rules import RULES
from tools.rule_examples import RuleExample

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
TOP = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""The pages that stand at the repository's root, by their names in the site."""
PACKAGES = (
    "rolechain",
    *(f"rolechain.{name}" for name in ("cdk", "runtime", "policy", "proof")),
    *(f"rolechain.{name}" for name in ("live", "trail", "diagram", "local", "testing")),
)
"""The packages whose public names are the interface."""
OF_EXTRAS = {"rolechain.runtime": ("rolechain.runtime.aio.aio_session",)}
"""Public names of modules that an extra is needed to import."""
_LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)#:\s]*)(#[^)]*)?\)")


def pages() -> dict[str, str]:
    """Every page of the site, by its path there."""
    written = {**TOP, **{f"docs/{path}": path for path in _documents()}}
    for path in sorted((ROOT / "examples").glob("*/README.md")):
        written[path.relative_to(ROOT).as_posix()] = f"examples/{path.parent.name}.md"
    found = {
        to: _relinked((ROOT / name).read_text(encoding="utf-8"), Path(name), written)
        for name, to in written.items()
    }
    found |= {f"rules/{rule.id}.md": _rule(RuleExample.of(rule.id)) for rule in RULES}
    linked = re.sub(r"^\| (RC\d+) ", r"| [\1](rules/\1.md) ", found["rules.md"], flags=re.MULTILINE)
    found["rules.md"] = f"---\nhide: [toc]\n---\n{linked}"
    found |= {f"commands/{name}.md": _command(name) for name in COMMANDS}
    found["commands/index.md"] = _commands()
    found |= {f"api/{name}.md": _package(name) for name in PACKAGES}
    return found


def _documents() -> list[str]:
    folder = ROOT / "docs"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))


def _relinked(text: str, page: Path, written: Mapping[str, str]) -> str:
    """A page whose links lead within the site; what is not part of it is named, as it stands in the repository."""
    here = Path(written[page.as_posix()]).parent

    def link(match: re.Match[str]) -> str:
        sign, words, path, anchor = match.groups()
        if not path:
            return match[0]
        target = (ROOT / page.parent / path).resolve().relative_to(ROOT).as_posix()
        if f"{target}/README.md" in written:
            target = f"{target}/README.md"
        if target in written:
            to = written[target]
        elif target.startswith("docs/") and (ROOT / target).is_file():
            to = target.removeprefix("docs/")
        elif target == "docs/decisions":
            to = "decisions/README.md"
        else:
            return words if words.startswith("`") else f"`{target}`"
        if words.endswith(".md") and target in written:
            words = _title(target)
        return f"{sign}[{words}]({_relative(to, here)}{anchor or ''})"

    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else _LINK.sub(link, part) for number, part in enumerate(parts))


@cache
def _title(name: str) -> str:
    """The heading of a page of the repository, by which a link names it that names its file there."""
    return (ROOT / name).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _relative(path: str, folder: Path) -> str:
    return "../" * len(folder.parts) + path


def _rule(example: RuleExample) -> str:
    rule = example.rule
    declared = ""
    if example.chain:
        declared = f"""
## The chain

```yaml
{_yaml(example.chain)}```

The templates hold its roles. The resources below stand beside them, or in the place of those with the same logical id.
"""
    found = "\n".join(
        f"- **{each.level}** {_escaped(str(each.place or ''))}: {_escaped(each.message)}\n\n"
        f"    Fix: {_escaped(each.remediation)}\n"
        for each in example.findings("bad")
    )
    return f"""\
# {rule.id}: {rule.name.replace("_", " ")}

{_sentence(rule.title)}

| | |
|---|---|
| prevents | {_escaped(rule.prevents)} |
| level | {" or ".join(rule.levels)} |
| source | {_escaped(rule.source)} |

Each input maps an account to the resources of its template.
{declared}
## Bad

```yaml
{_yaml(example.bad)}```

{found}
## Good

```yaml
{_yaml(example.good)}```

[All rules](../rules.md)
"""


def _sentence(text: str) -> str:
    """A sentence of its own, unless it begins with a name of AWS's or a sign."""
    first = text.split()[0]
    return f"{_escaped(text if ':' in first else text[0].upper() + text[1:])}."


def _escaped(text: str) -> str:
    """Text as it stands, without a meaning in Markdown or HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]|])", r"\\\1", text)


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=90, allow_unicode=True)


def _commands() -> str:
    lines = ["# Every command", "", "[The chain from a shell](../commands.md) says how they are used."]
    for task, commands in TASKS.items():
        lines += ["", f"## {task[0].upper()}{task[1:]}", "", "| | |", "|---|---|"]
        lines += [f"| [`rolechain {name}`]({name}.md) | {summary} |" for name, summary in commands.items()]
    return "\n".join(lines) + "\n"


def _command(name: str) -> str:
    parser = argparse.ArgumentParser(prog=f"rolechain {name}", add_help=False)
    importlib.import_module(f"rolechain.cli.{name.replace('-', '_')}").add_arguments(parser)
    usage = parser.format_usage().removeprefix("usage: ")
    rows = "\n".join(f"| {words} | {said} |" for words, said in _arguments(parser))
    return f"""\
# rolechain {name}

{_sentence(COMMANDS[name])}

```text
{usage.rstrip()}
```

| argument | |
|---|---|
{rows}

[All commands](index.md)
"""


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """What a command takes, and what its help says of it."""
    formatter = parser._get_formatter()
    for action in parser._actions:
        words = formatter._format_action_invocation(action)
        said = formatter._expand_help(action) if action.help else ""
        yield f"`{words}`".replace("|", "\\|"), _escaped(said)


def _package(name: str) -> str:
    """A package: what it is for, and the docstring of each of its public names."""
    package = importlib.import_module(name)
    text = f"# {name}\n\n{inspect.getdoc(package)}\n"
    for each in sorted(getattr(package, "__all__", ())):
        value = getattr(package, each)
        if getattr(value, "__module__", "").startswith("rolechain"):
            text += f"\n::: {value.__module__}.{value.__qualname__}\n"
    return text + "".join(f"\n::: {each}\n" for each in OF_EXTRAS.get(name, ()))


def write(folder: Path) -> None:
    """Writes the site's configuration, every page, and the files of ``docs/`` that pages show or lead to."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("*.md"))
    shutil.copytree(ROOT / "tools" / "assets", folder / "docs" / "assets")
    shim = ROOT / "node_modules" / "iframe-worker" / "shim" / "index.js"
    shutil.copy(shim, folder / "docs" / "assets" / "iframe-worker.js")
    found = pages()
    for path, text in found.items():
        (folder / "docs" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "docs" / path).write_text(text, encoding="utf-8")
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    _add_generated(configuration["nav"], found)
    (folder / "mkdocs.yml").write_text(_yaml(configuration), encoding="utf-8")


def _add_generated(nav: list[dict[str, list[Any]]], found: Mapping[str, str]) -> None:
    """Adds the pages of a folder to the section that is named as the folder is, or its decisions to the reference."""
    sections = {name: pages for each in nav for name, pages in each.items()}
    for name, pages in sections.items():
        pages += [path for path in found if path.startswith(f"{name.lower()}/") and path not in pages]
    (decisions,) = [each["Decisions"] for each in sections["Reference"] if "Decisions" in each]
    decisions += [path for path in found if path.startswith("decisions/") and path not in decisions]


if __name__ == "__main__":
    write(BUILD)
