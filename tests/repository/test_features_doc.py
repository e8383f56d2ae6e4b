"""docs/features.md shows what is read, and what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain, ChainRole, Entrance, Permission, Quotas, SessionTag, SourceIdentity, StackSet
from rolechain.model.keys import CHAIN_KEYS, ENTRANCE_KEYS, ENTRANCE_KINDS, ROLE_KEYS
from rolechain.statements.builder import permission_statements, trust_statements

TEXT = (Path(__file__).parents[2] / "docs" / "features.md").read_text()
NAMES = {each.__name__: each for each in (Entrance, Permission, Quotas, SessionTag, SourceIdentity, StackSet)}


def rows(title: str) -> list[list[str]]:
    """The rows of the table under a heading."""
    section = TEXT.split(f"## {title}\n", 1)[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<= )\|(?= )", line.strip("|"))] for line in lines[1:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def written(cell: str) -> dict[str, Any]:
    """The YAML of a cell."""
    (text,) = code(cell)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def python(cell: str) -> dict[str, Any]:
    """The arguments of a cell."""
    (text,) = code(cell)
    found: dict[str, Any] = eval(f"dict({text})", NAMES)  # noqa: S307 - it is the repository's own
    return found


def chain_of(path: Path, role: str, keys: dict[str, Any], **fields: Any) -> Chain:
    """The chain of a file in which one role, or the chain itself, has some keys."""
    document: dict[str, Any] = {
        "name": "deploy",
        "organization": "o-exampleorg1",
        "source": {"account": "111111111111"},
        "middle": {"account": "222222222222"},
        "targets": {"account": "333333333333"},
        **fields,
    }
    if "organizational_units" in keys:
        del document[role]["account"]
    document[role] = {**document[role], **keys}
    file = path / "chain.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return Chain.load(file)


def in_python(target: dict[str, Any]) -> Chain:
    place: dict[str, Any] = {} if "organizational_units" in target else {"account": "333333333333"}
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole(**place, **target)],
    )


def by(title: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows(title), ids=lambda row: row[0])


@by("Of a hop: keys of the role that is assumed")
def test_a_row_of_a_hop(row: list[str], tmp_path: Path) -> None:
    """YAML and Python are one chain, and write what the row says, which a plain chain does not."""
    _, in_yaml, arguments, trust, permission, _ = row
    chain = chain_of(tmp_path, "targets", written(in_yaml))
    assert chain == in_python(python(arguments))
    plain = in_python({})
    for cell, derived, role in (
        (trust, trust_statements, "targets"),
        (permission, permission_statements, "middle"),
    ):
        shown, without = (json.dumps(derived(each, getattr(each, role)[0])) for each in (chain, plain))
        assert [text for text in code(cell) if text not in shown] == []
        assert [text for text in code(cell) if text in without] == []


@by("Of a role by itself")
def test_a_row_of_a_role(row: list[str], tmp_path: Path) -> None:
    """YAML and Python are one chain."""
    _, in_yaml, arguments = row
    assert chain_of(tmp_path, "targets", written(in_yaml)) == in_python(python(arguments))


@by("Of who enters at the source role")
def test_a_row_of_an_entrance(row: list[str], tmp_path: Path) -> None:
    """YAML and Python are one entrance, and its statement is as the row says."""
    _, in_yaml, made, trust, _ = row
    chain = chain_of(tmp_path, "source", {"assumed_by": written(in_yaml)})
    (entrance,) = chain.source.assumed_by
    assert entrance == eval(code(made)[0], NAMES)  # noqa: S307 - it is the repository's own
    shown = json.dumps(trust_statements(chain, chain.source))
    assert [text for text in code(trust) if text not in shown] == []


@by("Of the chain")
def test_a_row_of_the_chain(row: list[str], tmp_path: Path) -> None:
    """YAML and Python are one chain, and its trust policies hold what the row shows."""
    _, in_yaml, arguments, does = row
    chain = chain_of(tmp_path, "targets", {}, **written(in_yaml))
    for name, value in python(arguments).items():
        assert getattr(chain, name) == value
    shown = json.dumps(trust_statements(chain, chain.targets[0]))
    assert [text for text in code(does) if text not in shown] == []


def test_every_key_is_there() -> None:
    """No key of the file is left out."""
    of_chain = set(CHAIN_KEYS) - {"name", "region", "middle", "targets"}
    known = of_chain | set(ROLE_KEYS) | {*ENTRANCE_KINDS, *ENTRANCE_KEYS}
    named = {word for span in code(TEXT) for word in re.findall(r"\w+", span)}
    assert known - named == {"alias", "description", "assumed_by"}
