"""Every rule on whatever templates hold, and on many roles."""

from __future__ import annotations

import cProfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Policy, PolicyError
from rolechain.proof import PolicyRecord, RoleGraph, RoleRecord, SourceLocation, Template
from rolechain.proof.rules import check

Kit = Any


class _Marker:
    """What stands for a value that is not resolved; no JSON."""


_WORDS = st.sampled_from(
    [
        "",
        "*",
        "Allow",
        "Deny",
        "sts:AssumeRole",
        "sts:*",
        "2012-10-17",
        "111111111111",
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::222222222222:role/r",
        "arn:aws:iam::*:role/*",
        "arn:aws:sts::222222222222:assumed-role/r/s",
        "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com",
        "o-exampleorg1/*",
        "repo:acme/*",
        "${aws:PrincipalTag/x}",
        "SERVICE_MANAGED",
        "RESOURCE_CONTROL_POLICY",
        "true",
    ]
)
_KEYS = st.sampled_from(
    [
        "Statement",
        "Version",
        "Effect",
        "Principal",
        "AWS",
        "Federated",
        "Service",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "StringLike",
        "StringEquals",
        "ForAllValues:StringEqualsIfExists",
        "ArnLike",
        "Null",
        "Bool",
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:RequestTag/team",
        "sts:TransitiveTagKeys",
        "sts:SourceIdentity",
        "sts:ExternalId",
        "aws:MultiFactorAuthPresent",
        "token.actions.githubusercontent.com:sub",
        "Fn::Sub",
        "Ref",
    ]
)
_SCALARS = st.one_of(_WORDS, st.text(max_size=4), st.integers(-2, 10**6), st.booleans(), st.none())
_JSON = st.recursive(
    _SCALARS | st.builds(_Marker),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_CONDITION = st.dictionaries(
    st.sampled_from(
        ["StringLike", "StringEquals", "ArnLike", "ForAllValues:StringEquals", "StringNotEqualsIfExists"]
    ),
    st.dictionaries(_KEYS, _WORDS | st.lists(_WORDS, max_size=2), max_size=3),
    max_size=2,
)
_STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": _WORDS.filter(lambda word: word.startswith("sts:")),
    },
    optional={
        "Principal": st.one_of(
            st.just("*"),
            st.dictionaries(
                st.sampled_from(["AWS", "Service", "Federated"]), _WORDS | st.lists(_WORDS, max_size=2)
            ),
        ),
        "Resource": _WORDS | st.lists(_WORDS, max_size=2),
        "Condition": _CONDITION,
    },
)
_DOCUMENT = st.one_of(_JSON, st.fixed_dictionaries({"Statement": st.lists(_STATEMENT | _JSON, max_size=3)}))
_RESOURCE = st.fixed_dictionaries(
    {
        "Type": st.sampled_from(
            [
                "AWS::IAM::Role",
                "AWS::IAM::Policy",
                "AWS::IAM::RolePolicy",
                "AWS::CloudFormation::StackSet",
                "AWS::Organizations::Policy",
            ]
        )
        | _JSON
    },
    optional={
        "Properties": st.dictionaries(
            st.sampled_from(
                [
                    "Roles",
                    "RoleName",
                    "TemplateBody",
                    "StackInstancesGroup",
                    "PermissionModel",
                    "CallAs",
                    "Type",
                    "Content",
                ]
            ),
            _JSON,
            max_size=5,
        )
        | _JSON,
        "DependsOn": _JSON,
    },
)
_BODY = st.one_of(
    st.dictionaries(st.sampled_from(["Resources", "Transform"]), _JSON, max_size=2),
    st.fixed_dictionaries({"Resources": st.dictionaries(st.text(max_size=3), _RESOURCE | _JSON, max_size=4)}),
)


def _record(document: Any, name: str, place: SourceLocation) -> PolicyRecord:
    try:
        policy = Policy.parse(document)
    except PolicyError:
        policy = Policy.unknown(name)
    return PolicyRecord(
        place, name, document if isinstance(document, dict) else None, policy, inline=len(name) % 2 == 0
    )


@st.composite
def _worlds(draw: st.DrawFn) -> RoleGraph:
    names = draw(st.lists(st.sampled_from(["t", "u", "v"]), min_size=1, max_size=3, unique=True))
    accounts = st.sampled_from([None, "111111111111", "222222222222"])
    regions = st.sampled_from([None, "us-east-1", "cn-north-1", "nowhere"])
    templates = {
        name: Template(
            name, draw(_BODY), draw(accounts), draw(regions), tuple(draw(st.lists(st.sampled_from(names))))
        )
        for name in names
    }
    roles = []
    for number in range(draw(st.integers(0, 4))):
        place = SourceLocation(draw(st.sampled_from(names)), f"Role{number}")
        account = draw(st.sampled_from(["111111111111", "222222222222", "<t>"]))
        name = draw(st.sampled_from(["r", "R", "", "x" * 70]))
        roles.append(
            RoleRecord(
                arn=draw(st.sampled_from([f"arn:aws:iam::{account}:role/{name}", "not an arn", ""])),
                account="" if account == "<t>" else account,
                name=name,
                path=draw(st.sampled_from(["/", "/rolechain/", ""])),
                place=place,
                trust=_record(draw(_DOCUMENT), "trust", place),
                policies=tuple(
                    _record(document, "p", place) for document in draw(st.lists(_DOCUMENT, max_size=2))
                ),
                boundary=_record(draw(_DOCUMENT), "boundary", place) if draw(st.booleans()) else None,
                max_session_duration=draw(st.sampled_from([3600, 0, 43201])),
                imported=draw(st.booleans()),
            )
        )
    return RoleGraph(templates, tuple(roles))


_CHAIN = Chain(
    "deploy",
    organization="o-exampleorg1",
    source=ChainRole("111111111111", "r", assumed_by=[Entrance.account("222222222222")]),
    middle=[ChainRole("222222222222", "r", external_id="jump-1")],
    targets=[ChainRole("333333333333")],
)


@settings(max_examples=150, deadline=None)
@given(_worlds(), st.booleans())
def test_no_world_crashes_a_rule(world: RoleGraph, declared: bool) -> None:
    """Whatever stands in templates, the rules answer, and every finding says what is wrong and what to do."""
    for finding in check(world, _CHAIN if declared else None):
        assert all((finding.message, finding.remediation))
        assert "\n" not in finding.message + finding.remediation


def _many(kit: Kit, count: int) -> tuple[Chain, RoleGraph]:
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222", external_id="jump-1")],
        targets=[ChainRole(f"{number:012}") for number in range(count)],
    )
    return chain, kit.world(*kit.of_chain(chain))


def _asked(world: RoleGraph, chain: Chain) -> int:
    """How often the rules have anything of a policy asked."""
    with cProfile.Profile() as profile:
        rules = {finding.rule for finding in check(world, chain)}
    assert rules <= {"RC19"}
    policy = str(Path("rolechain", "policy"))
    return sum(
        entry.callcount
        for entry in profile.getstats()
        if not isinstance(entry.code, str) and policy in entry.code.co_filename
    )


def test_the_rules_grow_with_the_roles(kit: Kit) -> None:
    """Eight times the roles ask about eight times as much of the policies, and not the square of it."""
    few, many = (_asked(world, chain) for chain, world in (_many(kit, 50), _many(kit, 400)))
    assert 0 < many <= 9 * few
