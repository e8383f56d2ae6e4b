"""Every mistake in a declared chain is refused when the chain is made."""

from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, Permission, SessionTag
from rolechain.runtime import chain_session


def make(
    *, source: dict[str, Any] | None = None, middle: Any = None, target: Any = None, **fields: Any
) -> Chain:
    return Chain(
        **{
            "name": "deploy",
            "source": ChainRole(**{"account": "111111111111", **(source or {})}),
            "middle": [ChainRole(**{"account": "222222222222", **(middle or {})})],
            "targets": [ChainRole(**{"account": "333333333333", **(target or {})})],
            **fields,
        }
    )


def problems(**fields: Any) -> list[str]:
    with pytest.raises(ChainError) as caught:
        make(**fields)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"target": {"account": "3333333333333"}}, "targets[0].account: '3333333333333' has 13 characters: "),
        ({"target": {"account": "33333333333x"}}, "targets[0].account: '33333333333x' is not all digits: "),
        (
            {"target": {"account": 333333333333}},
            "targets[0].account: 333333333333 is a number: put the 12 digits",
        ),
        ({"target": {"account": "٣" * 12}}, "targets[0].account: '٣٣٣٣٣٣٣٣٣٣٣٣' is not all digits"),
        ({"target": {"role": "a b"}}, "targets[0].role: 'a b' is not a role name"),
        ({"target": {"role": "é"}}, "targets[0].role: 'é' is not a role name"),
        ({"target": {"role": "a" * 65}}, "targets[0].role: '" + "a" * 65 + "' has 65 characters: "),
        (
            {"target": {"role": "a" * 54}},
            "targets[0].role: /rolechain/" + "a" * 54 + " has 65 characters: the console",
        ),
        (
            {"middle": {"replaces": "jump-box"}},
            "middle[0].replaces: 'jump-box' is not a role's ARN: write arn:",
        ),
        (
            {"middle": {"replaces": "arn:aws-cn:iam::222222222222:role/hub"}},
            "middle[0].replaces: arn:aws-cn:iam::222222222222:role/hub is not in the chain's partition aws",
        ),
        (
            {"middle": {"replaces": "arn:aws:iam::222222222222:role/rolechain/deploy-middle"}},
            "middle[0].replaces.role: role deploy-middle of account 222222222222 is declared at middle[0] already",
        ),
        (
            {"middle": {"replaces": "arn:aws:iam::222222222222:role/" + "a" * 65}},
            "middle[0].replaces.role: '" + "a" * 65 + "' has 65 characters: a role name has 64 at most",
        ),
        (
            {
                "middle": {
                    "replaces": "arn:aws:iam::444444444444:role/hub",
                    "policy_arns": "arn:aws:iam::222222222222:policy/limit",
                }
            },
            "middle[0].replaces.policy_arns[0]: arn:aws:iam::222222222222:policy/limit is of account 222222222222",
        ),
        (
            {"target": {"replaces": "arn:aws:iam::333333333333:role/rolechain/old"}},
            "targets[0].replaces: only a middle role replaces another: declare both targets",
        ),
        (
            {"source": {"replaces": "arn:aws:iam::111111111111:role/rolechain/old"}},
            "source.replaces: no hop ends in the source role",
        ),
        (
            {"revoked_before": "2026-02-30T00:00:00Z"},
            "revoked_before: '2026-02-30T00:00:00Z' is not a time in UTC",
        ),
        ({"target": {"path": "rolechain/"}}, "targets[0].path: 'rolechain/' is not an IAM path"),
        ({"target": {"path": "/" + "a/" * 256}}, "targets[0].path: a path of 513 characters: 512 at most"),
        ({"target": {"path": "/team*/"}}, "targets[0].path: '/team*/' holds *, ? or $"),
        (
            {"target": {"trust": "anyone"}},
            "targets[0].trust: 'anyone' is not a value of trust: write one of principal_arn",
        ),
        ({"target": {"max_session_duration": 900}}, "targets[0].max_session_duration: 900 is outside"),
        ({"target": {"max_session_duration": 43201}}, "targets[0].max_session_duration: 43201 is outside"),
        ({"target": {"max_session_duration": True}}, "targets[0].max_session_duration: True is outside"),
        ({"target": {"external_id": "x"}}, "targets[0].external_id: 'x' is not an external id"),
        ({"target": {"external_id": "a b"}}, "targets[0].external_id: 'a b' is not an external id"),
        ({"target": {"description": "x" * 1001}}, "targets[0].description: longer than IAM's 1,000"),
        (
            {"target": {"managed_policies": ["Read Only"]}},
            "targets[0].managed_policies[0]: 'Read Only' is neither",
        ),
        (
            {"target": {"partition": "aws-cn"}},
            "targets[0].partition: 'aws-cn' is not the chain's partition 'aws'",
        ),
        (
            {"target": {"assumed_by": Entrance.account("1" * 12)}},
            "targets[0].assumed_by: a chain is entered at its",
        ),
        ({"source": {"external_id": "ext-1"}}, "source.external_id: no hop ends in the source role"),
        (
            {"target": {"permissions": Permission([], ["*"])}},
            "targets[0].permissions[0]: a permission needs actions",
        ),
        (
            {"target": {"permissions": Permission(["ssm"], ["*"])}},
            "targets[0].permissions[0].actions[0]: 'ssm' is not an IAM action",
        ),
        (
            {"target": {"permissions": Permission(["s3:*"], ["x"])}},
            "targets[0].permissions[0].resources[0]: 'x' is not a resource",
        ),
        ({"name": "deploy prod"}, "name: 'deploy prod' cannot begin the names"),
        ({"organization": "exampleorg1"}, "organization: 'exampleorg1' is not an organization id"),
        ({"region": "mars"}, "region: 'mars' is not a region"),
        ({"region": "cn-north-1"}, "region: cn-north-1 lies in partition aws-cn, the chain in aws"),
        ({"partition": "aws-moon"}, "partition: 'aws-moon' is not a partition of AWS"),
        ({"middle": None, "targets": []}, "targets: a chain needs at least one target"),
    ],
)
def test_a_mistake_is_said_with_its_place(fields: dict[str, Any], expected: str) -> None:
    """The message begins with the place, then says what was wrong and the value."""
    assert any(line.startswith(expected) for line in problems(**fields)), problems(**fields)


def test_a_chain_without_a_middle_role() -> None:
    """Without a middle role each source assumes each target itself, and each path is one hop."""
    sources, targets = [ChainRole("1" * 12), ChainRole("2" * 12)], [ChainRole("3" * 12), ChainRole("4" * 12)]
    chain = Chain("x", source=sources, targets=targets)
    pairs = [(hop.caller.account[0], hop.callee.account[0], hop.index) for hop in chain.hops()]
    assert pairs == [("1", "3", 1), ("2", "3", 1), ("1", "4", 1), ("2", "4", 1)]
    assert [[hop.caller.account[0] for hop in path] for path in chain.paths()] == [["1"], ["1"], ["2"], ["2"]]
    (hop,) = chain.hops_to("4" * 12)
    assert (hop.caller.account, hop.callee.account) == ("1" * 12, "4" * 12)


@pytest.mark.parametrize(
    ("entrance", "expected"),
    [
        (Entrance.service("lambda"), "'lambda' is not a service principal"),
        (Entrance.account("12"), "'12' is not an account id"),
        (
            Entrance.arn("arn:aws:iam::111111111111:role/*"),
            "is not a role's or user's ARN: write one without wildcards",
        ),
        (Entrance.arn("arn:aws:iam::111111111111:role/a/"), "is not a role's or user's ARN"),
        (Entrance.arn("arn:aws:iam::111111111111:user/a:b"), "is not a role's or user's ARN"),
        (Entrance.arn("arn:aws:iam::111111111111:group/devs"), "is not a role's or user's ARN"),
        (Entrance.arn("arn:aws:iam::111111111111:Root"), "is not a role's or user's ARN"),
        (Entrance.service("ec2.${AWS::URLSuffix}"), "is not a service principal"),
        (Entrance.arn("arn:aws:sts::111111111111:assumed-role/a/b"), "is not a role's or user's ARN"),
        (Entrance.saml("okta"), "'okta' is not a SAML provider's ARN"),
        (Entrance.oidc("github", audience="a", subject="b"), "'github' is not an OIDC provider's ARN"),
        (
            Entrance.oidc("arn:aws:iam::111111111111:oidc-provider/ci.example.com", audience="a", subject=""),
            "need audience and subject",
        ),
        (Entrance.permission_set("Deploy Access"), "'Deploy Access' is not a permission set's name"),
    ],
)
def test_an_entrance_is_checked(entrance: Entrance, expected: str) -> None:
    """An entrance that IAM would refuse, or that is open to everyone of a provider, is refused."""
    (line,) = problems(source={"assumed_by": [entrance]})
    assert line.startswith("source.assumed_by[0]: ")
    assert expected in line


def test_two_roles_of_one_name_in_one_account() -> None:
    """Names are unique in an account without regard to case and path."""
    (line,) = problems(
        targets=[ChainRole("333333333333", "Reader"), ChainRole("333333333333", "reader", path="/other/")]
    )
    assert line.startswith(
        "targets[1].role: role reader of account 333333333333 and targets[0] (/rolechain/Reader)"
    )


def test_a_target_declared_twice() -> None:
    """The same role as two targets is refused."""
    (line,) = problems(targets=[ChainRole("333333333333"), ChainRole("333333333333")])
    assert line.startswith("targets[1].role: role deploy-target of account 333333333333 is a target already")


def test_a_cycle() -> None:
    """A role that stands in the chain twice makes it a cycle."""
    (line,) = problems(targets=[ChainRole("111111111111", "deploy-source")])
    assert line == (
        "targets[0].role: role deploy-source of account 111111111111 is declared at source already, which makes the "
        "chain a cycle: name another role"
    )


def test_every_mistake_at_once() -> None:
    """All mistakes are reported together, in the order of the declaration."""
    lines = problems(
        source={"account": "1"},
        middle={"trust": "x"},
        target={"external_id": ""},
        organization="o-x",
        name="",
    )
    assert [line.split(": ")[0] for line in lines if "role: " not in line] == [
        "name",
        "organization",
        "source.account",
        "middle[0].trust",
        "targets[0].external_id",
    ]


def test_many_wildcards_take_no_longer() -> None:
    """A value with many wildcards is compared step by step, and never tried in every way."""
    assert not SessionTag("k", "*a" * 40 + "*b").allows("a" * 2000)
    assert SessionTag("k", "*a" * 40 + "*b").allows("a" * 2000 + "b")


def test_keys_that_differ_in_more_than_case_are_two() -> None:
    """The chain and its runtime compare tag keys alike: a sharp s is not two."""
    tags = {"Straße": "a", "Strasse": "b"}
    target = ChainRole("333333333333", session_tags=tags)
    chain = Chain("deploy", source=ChainRole("111111111111"), targets=[target])
    assert chain_session(*chain.hops_to("333333333333"), region_name="us-east-1").region_name == "us-east-1"
