"""Whatever the constructs wrote of the largest chain: taken away, it is found."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from rolechain import Chain
from rolechain.cdk import RoleChain
from rolechain.cloudformation.assembly import templates_in
from rolechain.proof import Template, prove

Json = dict[str, Any]
Change = Callable[[Json], object]
ROOT = Path(__file__).parents[2]
CHAIN = Chain.load(ROOT / "examples" / "every-feature.yaml")
# From the tenth target on they are like those before.
ACCOUNTS = [account for account in CHAIN.deployed_accounts if not "300000000010" <= account < "300000000021"]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[Template]:
    """What is synthesized of the chain."""
    folder = tmp_path_factory.mktemp("cdk.out")
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False, outdir=str(folder))
    RoleChain(app, "release", chain=CHAIN)
    app.synth()
    return list(templates_in(folder))


def removals(body: Json) -> Iterator[tuple[str, Change]]:
    """Each role, policy, statement, boundary and value of a list, taken away."""
    for name, resource in body["Resources"].items():
        if resource["Type"] not in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy") or "Permissions" in name:
            continue
        yield f"{name}", _without("Resources", name)
        properties = resource["Properties"]
        if "PermissionsBoundary" in properties:
            yield f"{name}, boundary", _without("Resources", name, "Properties", "PermissionsBoundary")
        key = "AssumeRolePolicyDocument" if "AssumeRolePolicyDocument" in properties else "PolicyDocument"
        for number, statement in enumerate(properties[key]["Statement"]):
            place = ("Resources", name, "Properties", key, "Statement", number)
            yield f"{name}, statement {number}", _without(*place)
            for listed in _lists(statement):
                for index in range(len(_at(statement, listed))):
                    yield f"{name}, statement {number}, {listed} {index}", _without(*place, *listed, index)


def _lists(statement: Json) -> Iterator[tuple[str, ...]]:
    """Where a statement lists principals, resources or values of what an assuming call must bring."""
    if isinstance(statement.get("Resource"), list):
        yield ("Resource",)
    if isinstance(statement.get("Principal"), dict) and isinstance(statement["Principal"].get("AWS"), list):
        yield ("Principal", "AWS")
    if statement["Action"] == "sts:AssumeRole":
        for operator, keys in statement.get("Condition", {}).items():
            yield from (
                ("Condition", operator, key) for key, value in keys.items() if isinstance(value, list)
            )


def _at(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        body = body[step]
    return body


def _without(*path: Any) -> Change:
    return lambda body: _at(body, path[:-1]).pop(path[-1])


@pytest.mark.parametrize("account", ACCOUNTS)
def test_whatever_is_taken_away_is_found(templates: list[Template], account: str) -> None:
    """Without any one of them the chain is not proven."""
    (number,) = (number for number, template in enumerate(templates) if template.account == account)
    tried = []
    for what, change in removals(dict(templates[number].body)):
        body = copy.deepcopy(dict(templates[number].body))
        change(body)
        changed = [*templates[:number], replace(templates[number], body=body), *templates[number + 1 :]]
        tried.append((what, prove(CHAIN, changed).proven))
    assert [what for what, proven in tried if proven] == []
    assert len(tried) > 1
