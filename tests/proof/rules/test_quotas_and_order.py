"""RC18, RC19 and RC20: how large policies may be, and in which order roles are deployed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Finding, Level, SourceLocation, Template, audit

Kit = Any
APP = "arn:aws:iam::111111111111:role/app"
OTHER = "arn:aws:iam::111111111111:role/other"
TRUST = SourceLocation("t", "Role", 0, "AssumeRolePolicyDocument")
ROOT = "arn:aws:iam::111111111111:root"


def _of_size(size: int, make: Any) -> Any:
    """What ``make`` gives for a Sid that brings the compact document to ``size`` characters."""
    empty = len(json.dumps(make("").document, separators=(",", ":")))
    return make("x" * (size - empty))


def _trust(kit: Kit, size: int) -> Any:
    return _of_size(size, lambda sid: kit.role(kit.trust(OTHER, Sid=sid)).trust)


def _policy(kit: Kit, size: int, name: str = "arn:aws:iam::111111111111:policy/p", **fields: Any) -> Any:
    return _of_size(
        size,
        lambda sid: kit.policy(
            {**kit.allow(OTHER), "Sid": sid}, name, fields.get("inline", False), logical_id=name
        ),
    )


def _with_trust(kit: Kit, trust: Any) -> Any:
    from dataclasses import replace

    return replace(kit.role(), trust=trust)


def test_rc18_fires_beyond_the_quota(kit: Kit) -> None:
    """A trust policy of 2,049 characters is one too long."""
    (found,) = kit.ask("RC18", _with_trust(kit, _trust(kit, 2049)))
    assert found == Finding(
        "RC18",
        Level.ERROR,
        SourceLocation("t", "Role", part="AssumeRolePolicyDocument"),
        f"the trust policy of {APP} has 2,049 characters, 1 too many",
        "let statements with equal conditions share one, with their principals in a list, or ask AWS for a higher "
        "quota (8,192 at most)",
    )


def test_rc18_silent_within_the_quota(kit: Kit) -> None:
    """2,048 characters fit."""
    assert kit.ask("RC18", _with_trust(kit, _trust(kit, 2048))) == []


def test_rc19_fires_on_a_managed_policy(kit: Kit) -> None:
    """A managed policy of 6,145 characters is too long, and is said once however many roles have it."""
    policy = _policy(kit, 6145, "p")
    assert kit.ask("RC19", kit.role((), policy), kit.role((), policy, name="b")) == [
        Finding(
            "RC19",
            Level.ERROR,
            SourceLocation("t", "p", part="PolicyDocument"),
            "the managed policy p has 6,145 characters, 1 too many",
            "spread its statements over 2 policies",
        )
    ]


def test_rc19_fires_on_a_role(kit: Kit) -> None:
    """Eleven managed policies, and 10,241 characters of inline policies together, are too much for a role."""
    many = [kit.missing(f"arn:aws:iam::aws:policy/P{number}") for number in range(11)]
    inline = [_policy(kit, 5120, "a", inline=True), _policy(kit, 5121, "b", inline=True)]
    found = kit.ask("RC19", kit.role((), *many, *inline))
    assert [(finding.level, finding.place, finding.message) for finding in found] == [
        (Level.ERROR, SourceLocation("t", "Role"), f"{APP} has 11 managed policies"),
        (
            Level.ERROR,
            SourceLocation("t", "Role"),
            f"the inline policies of {APP} have 10,241 characters together, 1 too many",
        ),
    ]


def test_rc19_silent_within_the_quotas(kit: Kit) -> None:
    """The quotas themselves fit, and AWS's own policies may have what size they like."""
    aws = [_policy(kit, 9000, f"arn:aws:iam::aws:policy/P{number}") for number in range(9)]
    inline = [_policy(kit, 5120, name, inline=True) for name in "ab"]
    assert kit.ask("RC19", kit.role((), _policy(kit, 6144), *aws, *inline)) == []


def test_rc20_fires_in_one_template(kit: Kit) -> None:
    """A role of the same template that is named directly has to come first."""
    other = kit.role(name="other", logical_id="Other")
    assert kit.ask("RC20", kit.role(kit.trust(OTHER)), other) == [
        Finding(
            "RC20",
            Level.ERROR,
            TRUST,
            f"{APP} trusts {OTHER} itself, and nothing makes t Other come first",
            "add DependsOn: Other",
        )
    ]


def test_rc20_fires_across_stacks(kit: Kit) -> None:
    """A role of another stack has to come first by a dependency of the stacks, and not the other way round."""
    other = kit.role(name="other", template="u")
    templates = [Template("u", {}, dependencies=("t",)), Template("t", {})]
    (found,) = kit.ask("RC20", kit.role(kit.trust(OTHER)), other, templates=templates)
    assert found.remediation == "make the stack t depend on u"


def test_rc20_fires_on_a_role_that_nothing_creates(kit: Kit, chain: Chain) -> None:
    """In a chain a role outside of the templates has to be declared as existing."""
    (found,) = kit.ask("RC20", kit.role(kit.trust(OTHER)), chain=chain)
    assert found.message == f"{APP} trusts {OTHER} itself, which no template creates"
    assert found.remediation == (
        f'write "Principal": {{"AWS": "{ROOT}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{OTHER}"}}}}, or '
        "declare it under assumed_by where it exists already"
    )


def test_rc20_silent_where_the_order_is_proven(kit: Kit) -> None:
    """DependsOn, a reference, the stacks' dependencies over any number of them, and a root need no more."""
    other = kit.role(name="other", logical_id="Other")
    assert kit.ask("RC20", kit.role(kit.trust(OTHER), depends_on=frozenset({"Other"})), other) == []
    body = {"Resources": {"Between": {"Type": "AWS::IAM::ManagedPolicy", "DependsOn": ["Other"]}}}
    waiting = kit.role(kit.trust(OTHER), depends_on=frozenset({"Between"}))
    assert kit.ask("RC20", waiting, other, templates=[Template("t", body)]) == []
    templates = [
        Template("t", {}, dependencies=("v",)),
        Template("v", {}, dependencies=("u",)),
        Template("u", {}),
    ]
    assert (
        kit.ask("RC20", kit.role(kit.trust(OTHER)), kit.role(name="other", template="u"), templates=templates)
        == []
    )
    assert kit.ask("RC20", kit.role(kit.trust(ROOT, {"ArnEquals": {"aws:PrincipalArn": OTHER}})), other) == []


def test_rc20_fires_on_the_role_itself(kit: Kit) -> None:
    """A role that trusts its own ARN is refused when it is made, and is not where it exists already."""
    (found,) = kit.ask("RC20", kit.role(kit.trust(APP)))
    assert found.message == (
        f"{APP} trusts {APP}, which is the role itself and does not exist when IAM reads its trust policy"
    )
    assert found.remediation.startswith(f'write "Principal": {{"AWS": "{ROOT}"}} with')
    held = [Template("t", {}, deployed=True)]
    assert kit.ask("RC20", kit.role(kit.trust([APP, OTHER])), kit.role(name="other"), templates=held) == []


@pytest.mark.parametrize("declared", [True, False])
def test_rc20_silent_on_a_declared_role(kit: Kit, declared: bool) -> None:
    """An entrance that the chain declares exists already; without a chain nothing can be declared."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.arn(OTHER)]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    assert kit.ask("RC20", kit.role(kit.trust(OTHER)), chain=chain if declared else None) == []


def test_rc20_silent_on_what_an_owner_adds(kit: Kit) -> None:
    """The statement of a role that exists already is added by its owner, when the caller is there."""
    existing = kit.role(kit.trust(OTHER), imported=True)
    assert kit.ask("RC20", existing, kit.role(name="other", template="u", logical_id="Other")) == []


@pytest.mark.parametrize("name", ["t", "folder/another folder/a file with a long name, as some have.yaml"])
def test_an_account_that_is_not_known_counts_for_twelve_digits(name: str) -> None:
    """What stands for a template's account is as long as the template's name; the account's id is not."""
    arns = [
        {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/application-{number}"} for number in range(30)
    ]
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": arns}}
    properties = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    body = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    assert "RC18" not in {each.rule for each in audit([Template(name, body)]).findings}
