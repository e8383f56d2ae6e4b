"""Targets by organizational unit, changed at random: what is proven holds in every account that is tried by itself."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from rolechain import Chain, ChainRole
from rolechain.graph.calls import EVERYTHING, session_of
from rolechain.iam.condition_keys import principal_keys
from rolechain.policy import Callee, Policy, Request, Verdict, decide
from tests.proof.rules.test_units import (
    MIDDLE,
    UNIT,
    Templates,
    declared,
    document,
    permission,
    proven,
    the_role,
    the_set,
)

HOME, ROOT, PATHS = "o-exampleorg1", "r-ab12", "aws:ResourceOrgPaths"
BELOW, OTHER = f"{UNIT}/ou-ab12-55555555", f"{ROOT}/ou-ab12-99999999"
NAMED, EXCLUDED, PLAIN = "777777777777", "444444444444", "888888888888"
NAME = "rolechain/deploy-target"


class Account(NamedTuple):
    """An account where it lies."""

    id: str
    unit: str
    organization: str = HOME


ACCOUNTS = (
    Account("510000000001", UNIT),
    Account("510000000002", BELOW),
    Account("510000000003", OTHER),
    Account("510000000004", ROOT),
    Account("510000000005", UNIT, "o-foreignorg1"),
    Account(NAMED, UNIT),
    Account(EXCLUDED, UNIT),
    Account("111111111111", BELOW),
    Account(MIDDLE, UNIT),
    Account(MIDDLE, OTHER),
)
IDS = (NAMED, EXCLUDED, "111111111111", MIDDLE)
VALUES: dict[str, tuple[Any, ...]] = {
    "aws:ResourceOrgID": (
        HOME,
        "o-foreignorg1",
        [HOME, "o-foreignorg1"],
        "o-*",
        "*",
        "${aws:PrincipalOrgID}",
    ),
    PATHS: (
        f"{HOME}/{UNIT}/*",
        f"{HOME}/{UNIT}/",
        f"{HOME}/{BELOW}/*",
        f"{HOME}/{ROOT}/*",
        f"{HOME}/{ROOT}/",
        f"{HOME}/{UNIT}*",
        f"*/{UNIT}/*",
        f"{HOME}/{OTHER}/*",
        [f"{HOME}/{UNIT}/*", f"{HOME}/{OTHER}/*"],
        "*",
    ),
    "aws:ResourceAccount": (*IDS, list(IDS), "7*", "*", "${aws:PrincipalAccount}", "51000000000?", "?" * 12),
    "aws:PrincipalArn": (
        "*",
        f"arn:aws:iam::{MIDDLE}:role/*",
        f"arn:aws:iam::{MIDDLE}:role/rolechain/deploy-middle",
    ),
}
OPERATORS = [
    f"{many}{word}{ifs}"
    for many in ("", "ForAnyValue:", "ForAllValues:")
    for word in ("StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase")
    for ifs in ("", "IfExists")
]
RESOURCES = (
    *("*", "arn:aws:iam::*:role/*", f"arn:aws:iam::*:role/{NAME}", "arn:aws:iam::*:role/rolechain/*"),
    *(f"arn:aws:iam::{'?' * 12}:role/{NAME}", f"arn:aws:iam::7*:role/{NAME}", f"arn:*:iam::*:role/{NAME}"),
    *(f"arn:aws:iam::{account}:role/{NAME}" for account in IDS),
    *(f"arn:aws:iam::{NAMED}:*", f"arn:aws:iam::{NAMED}:role/admin", f"arn:aws:iam::{EXCLUDED}:role/*"),
    f"arn:aws:iam::${{aws:ResourceAccount}}:role/{NAME}",
)
PRINCIPALS: tuple[Any, ...] = (
    "*",
    *(f"arn:aws:iam::{account}:root" for account in IDS),
    {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"},
    f"arn:aws:iam::{MIDDLE}:role/rolechain/deploy-middle",
)


def condition(draw: random.Random) -> dict[str, Any]:
    key = draw.choice(list(VALUES))
    operator = draw.choice(OPERATORS)
    return {operator: {key: draw.choice(VALUES[key])}}


def statement(draw: random.Random, effect: str) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": effect, "Action": draw.choice(("sts:AssumeRole", "sts:*", "*"))}
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        made.setdefault("Condition", {}).update(condition(draw))
    return made


def in_permission(draw: random.Random, templates: Templates) -> None:
    held = permission(templates)
    first, what = held[0], draw.randrange(6)
    if what < 3 and "Condition" not in first:
        what = 3
    if what == 0:
        del first["Condition"][draw.choice(list(first["Condition"]))]
        if not first["Condition"]:
            del first["Condition"]
    elif what == 1:
        operator = draw.choice(list(first["Condition"]))
        keys = first["Condition"].pop(operator)
        first["Condition"][draw.choice([operator, f"{operator}IfExists", *OPERATORS])] = keys
    elif what == 2:
        operator = draw.choice(list(first["Condition"]))
        for key in first["Condition"][operator]:
            first["Condition"][operator][key] = draw.choice(VALUES[key])
    elif what == 3:
        first["Resource"] = draw.choice((draw.choice(RESOURCES), draw.sample(RESOURCES, 2)))
    else:
        added = statement(draw, draw.choice(("Allow", "Deny", "Deny")))
        element = draw.choice(("Resource", "Resource", "Resource", "NotResource"))
        held.append({**added, element: draw.choice((draw.choice(RESOURCES), draw.sample(RESOURCES, 2)))})


def in_trust(draw: random.Random, templates: Templates) -> None:
    role = the_role(templates)
    held = role["AssumeRolePolicyDocument"]["Statement"]
    if draw.random() < 0.4:
        body = the_set(templates)["TemplateBody"]
        equals = {"Fn::Equals": [{"Ref": "AWS::AccountId"}, draw.choice(IDS)]}
        body["Conditions"] = {"Here": {"Fn::Not": [equals]} if draw.random() < 0.7 else equals}
        body["Resources"]["Role"]["Condition"] = "Here"
        return
    added = statement(draw, draw.choice(("Allow", "Deny")))
    held.append({**added, "Action": "sts:AssumeRole", "Principal": {"AWS": draw.choice(PRINCIPALS)}})


def in_set(draw: random.Random, templates: Templates) -> None:
    targets = the_set(templates)["StackInstancesGroup"][0]["DeploymentTargets"]
    what = draw.randrange(4)
    if what == 0:
        units = [UNIT, BELOW, OTHER, ROOT]
        targets["OrganizationalUnitIds"] = [
            each.rsplit("/", 1)[-1] for each in draw.sample(units, draw.choice((1, 2)))
        ]
    elif what == 1:
        targets["AccountFilterType"] = draw.choice(("NONE", "DIFFERENCE", "INTERSECTION", "UNION"))
    elif what == 2:
        targets["Accounts"] = draw.sample(IDS, draw.choice((0, 1, 2)))
    else:
        copied = copy.deepcopy(the_set(templates)["StackInstancesGroup"][0])
        copied["DeploymentTargets"] = {
            "OrganizationalUnitIds": [draw.choice([UNIT, BELOW, OTHER]).rsplit("/", 1)[-1]]
        }
        the_set(templates)["StackInstancesGroup"].append(copied)


def holds(chain: Chain, account: Account) -> bool:
    """Whether the chain declares its target there."""
    target = chain.targets[0]
    path = f"{account.unit}/"
    units = tuple(f"{unit.rstrip('/')}/" for unit in target.organizational_units)
    return account.organization == HOME and path.startswith(units) and account.id not in target.exclude


def gets(templates: Templates, account: Account) -> bool:
    """Whether the stack set creates the role there."""
    if account.organization != HOME:
        return False
    condition = the_set(templates)["TemplateBody"].get("Conditions", {}).get("Here")
    if condition:
        is_not = "Fn::Not" in condition
        equals = condition["Fn::Not"][0] if is_not else condition
        if (account.id == equals["Fn::Equals"][1]) is is_not:
            return False
    for group in the_set(templates)["StackInstancesGroup"]:
        targets = group["DeploymentTargets"]
        listed = targets.get("Accounts", ())
        is_in = not set(account.unit.split("/")).isdisjoint(targets["OrganizationalUnitIds"])
        kind = targets.get("AccountFilterType", "NONE")
        if {
            "NONE": is_in,
            "DIFFERENCE": is_in and account.id not in listed,
            "INTERSECTION": is_in and account.id in listed,
            "UNION": is_in or account.id in listed,
        }[kind]:
            return True
    return False


def written(document: Any, account: Account) -> Policy:
    return Policy.parse(
        json.loads(
            json.dumps(document).replace(
                '{"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}', f'"arn:aws:iam::{account.id}:root"'
            )
        )
    )


def allowed(
    caller: str, name: str, account: Account, trust: Policy, identity: Policy, home: str = HOME
) -> bool:
    arn = f"arn:aws:iam::{account.id}:role/{name}"
    context = {
        "sts:RoleSessionName": "rolechain",
        "aws:RequestedRegion": "us-east-1",
        "aws:ResourceAccount": account.id,
        "aws:ResourceOrgID": account.organization,
        PATHS: [f"{account.organization}/{account.unit}/"],
        **principal_keys(caller, organization=home, tags={}),
    }
    request = Request(session_of(caller), Callee(arn, trust), context, identity_policies=(identity,))
    return decide(request).verdict is Verdict.ALLOW


def faults(chain: Chain, templates: Templates) -> Iterator[str]:
    """What is not as declared, by the calls themselves: openings and hops that do not work."""
    middle = chain.middle[0].arn
    identity = Policy.parse(document(permission(templates)))
    anybody = Policy.parse(
        document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": MIDDLE}})
    )
    for account in ACCOUNTS:
        for name in (NAME, "admin"):
            may = allowed(middle, name, account, anybody, identity)
            if may and not (holds(chain, account) and name == NAME):
                yield f"the middle role may assume {name} of {account}"
        if not gets(templates, account):
            if holds(chain, account):
                yield f"no role in {account}"
            continue
        if not holds(chain, account):
            yield f"a role in {account}"
        trust = written(the_role(templates)["AssumeRolePolicyDocument"], account)
        if holds(chain, account) and not allowed(middle, NAME, account, trust, identity):
            yield f"no hop into {account}"
        for caller in (
            f"arn:aws:iam::{MIDDLE}:role/other",
            f"arn:aws:iam::{account.id}:role/other",
            "arn:aws:iam::111111111111:role/rolechain/deploy-source",
            f"arn:aws:iam::{NAMED}:role/other",
            "arn:aws:iam::510000000005:role/other",
        ):
            home = HOME if caller[13:25] != "510000000005" else "o-foreignorg1"
            if allowed(caller, NAME, account, trust, EVERYTHING, home):
                yield f"{caller} may assume the role of {account}"


CHANGES: tuple[Callable[[random.Random, Templates], None], ...] = (
    in_permission,
    in_permission,
    in_trust,
    in_set,
)


def case(seed: int) -> tuple[Chain, Callable[[Templates], None]]:
    draw = random.Random(seed)  # noqa: S311 - drawn alike each time
    units = draw.choice(([UNIT], [UNIT], [ROOT], [f"{UNIT}/"], [BELOW, OTHER], [UNIT, BELOW]))
    exclude = draw.choice(([EXCLUDED], [EXCLUDED, NAMED], [], [MIDDLE]))
    chain = declared(ChainRole(organizational_units=units, exclude=exclude))
    changes = [draw.choice(CHANGES) for _ in range(draw.choice((0, 1, 1, 1, 2)))]

    def change(templates: Templates) -> None:
        for each in changes:
            each(draw, templates)

    return chain, change


@pytest.mark.parametrize("seed", range(100))
def test_what_is_proven_holds(seed: int) -> None:
    """Whatever a call does beyond the declaration, or does not that it should, is a finding."""
    chain, change = case(seed)
    kept: list[Templates] = []

    def kept_change(templates: Templates) -> None:
        change(templates)
        kept.append(copy.deepcopy(templates))

    proof = proven(kept_change, chain)
    found = list(faults(chain, kept[0]))
    assert not (proof.proven and found), "\n".join([json.dumps(kept[0][MIDDLE], indent=1), *found])
