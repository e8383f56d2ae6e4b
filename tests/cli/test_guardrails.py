"""``rolechain guardrails`` prints what ``rolechain.statements.guardrails`` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain
from rolechain.cli import main
from rolechain.statements.guardrails import guardrails

CHAIN = {
    "name": "deploy",
    "source": {"account": "111111111111", "assumed_by": {"service": "lambda.amazonaws.com"}},
    "targets": {"account": "333333333333"},
}
OPTIONS = ["--administration", "--administrator", "arn:aws:iam::*:role/admin", "--source-ip", "192.0.2.0/24"]


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """A chain in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("chain.yaml").write_text(yaml.safe_dump(CHAIN))
    return Chain.load("chain.yaml")


def test_the_policies_are_printed(chain: Chain, capsys: Any) -> None:
    """As JSON each with its name, type and document; else with its size and what its statements are called."""
    assert main(["guardrails", "--json", *OPTIONS]) == 0
    settings: dict[str, Any] = {
        "administrators": ["arn:aws:iam::*:role/admin"],
        "administration": True,
        "source_ip": ["192.0.2.0/24"],
    }
    assert json.loads(capsys.readouterr().out) == [vars(each) for each in guardrails(chain, **settings)]
    assert main(["guardrails"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  DenyRoleChanges",
        "  DenyPolicyChanges",
        "deploy-resource-control  RESOURCE_CONTROL_POLICY  304 of 5,120 characters",
        "  DenyUndeclaredCallers",
    ]


def test_a_network_that_is_none(chain: Chain, capsys: Any) -> None:
    """It is a usage error of one line."""
    assert main(["guardrails", "--source-vpc", "mine"]) == 2
    assert capsys.readouterr().err.startswith("rolechain: source_vpc is 'mine': write the id of a VPC")
