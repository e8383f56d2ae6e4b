"""Targets by organizational unit: what a chain declares, refuses, and finds by an account's id."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain, ChainError, ChainRole, Entrance, NoSuchTargetError, Quotas, StackSet
from rolechain.model.declaration import declaration_of
from rolechain.policy import Callee, Caller, Policy, Request, Verdict, decide
from rolechain.policy.context import ContextValue
from rolechain.statements import permission_statements, trust_statements
from rolechain.statements.packing import PackingError, pack

UNIT = "r-ab12/ou-ab12-11111111"
FILE = """\
name: deploy
organization: o-exampleorg1
source: {account: "111111111111", assumed_by: {service: lambda.amazonaws.com}}
middle: {account: "222222222222"}
targets:
  - organizational_units: [r-ab12/ou-ab12-11111111]
    exclude: ["444444444444"]
    stack_set:
      failure_tolerance_percentage: 10
      depends_on: "arn:aws:cloudformation:us-east-1:222222222222:stackset/net:1a-2b"
  - accounts: ["333333333333", "555555555555"]
    role: plain
    external_id: ext-1
"""


def by_unit(*targets: ChainRole, **more: Any) -> Chain:
    targets = targets or (ChainRole(organizational_units=[UNIT], exclude=["444444444444"]),)
    declared: dict[str, Any] = {
        "organization": "o-exampleorg1",
        "source": ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        "middle": ChainRole("222222222222"),
        **more,
    }
    return Chain("deploy", targets=targets, **declared)


def read(tmp_path: Path, text: str) -> Chain:
    path = tmp_path / "chain.yaml"
    path.write_text(text)
    return Chain.load(path)


def test_a_file_declares_units_and_accounts_alike(tmp_path: Path) -> None:
    """A target has units in place of an account, and accounts is one target for each."""
    chain = read(tmp_path, FILE)
    target, *plain = chain.targets
    assert target.by_unit
    assert (target.account, target.arn) == ("*", "arn:aws:iam::*:role/rolechain/deploy-target")
    assert target.stack_set == StackSet(
        failure_tolerance_percentage=10,
        depends_on="arn:aws:cloudformation:us-east-1:222222222222:stackset/net:1a-2b",
    )
    assert [(role.account, role.role, role.external_id) for role in plain] == [
        ("333333333333", "plain", "ext-1"),
        ("555555555555", "plain", "ext-1"),
    ]
    assert chain.accounts == ("111111111111", "222222222222", "333333333333", "555555555555")
    again = read(tmp_path, yaml.safe_dump(declaration_of(chain), sort_keys=False))
    assert again == chain


def test_the_administrator_account() -> None:
    """The stack set is in the account of the last caller unless another is named, where a stack is made for it."""
    chain = by_unit()
    assert chain.administrator_account(chain.targets[0]) == "222222222222"
    named = by_unit(ChainRole(organizational_units=[UNIT], stack_set=StackSet("777777777777")))
    assert named.administrator_account(named.targets[0]) == "777777777777"
    assert named.deployed_accounts == ("111111111111", "222222222222", "777777777777")
    assert named.accounts == ("111111111111", "222222222222")
    direct = by_unit(middle=())
    assert direct.administrator_account(direct.targets[0]) == "111111111111"


def test_the_hops_to_a_member() -> None:
    """Any account's id, or the role's ARN there, leads to the role of a target by unit; its own target goes before."""
    chain = by_unit(
        ChainRole(organizational_units=[UNIT], exclude=["444444444444"], external_id="ext-1"),
        ChainRole("333333333333", role="own"),
    )
    for wanted in ("999999999999", "arn:aws:iam::999999999999:role/rolechain/deploy-target"):
        first, last = chain.hops_to(wanted)
        assert first.role_arn == "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
        assert last.role_arn == "arn:aws:iam::999999999999:role/rolechain/deploy-target"
        assert (last.caller, last.external_id, last.index) == (chain.middle[0], "ext-1", 2)
    assert chain.hops_to(last.callee)[-1] == last
    assert chain.hops_to("333333333333")[-1].callee.role == "own"
    member = chain.hops_to("arn:aws:iam::333333333333:role/rolechain/deploy-target")[-1]
    assert member.callee.member_of == chain.targets[0]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "444444444444",
            "chain deploy excludes account 444444444444 from its target deploy-target: remove it from exclude, or "
            "name another account",
        ),
        (
            "arn:aws:iam::444444444444:role/rolechain/deploy-target",
            "chain deploy excludes account 444444444444 from its target deploy-target: remove it from exclude, or "
            "name another account",
        ),
        ("*", "chain deploy has no target '*': it has arn:aws:iam::*:role/rolechain/deploy-target"),
        (
            "arn:aws:iam::*:role/rolechain/deploy-target",
            "chain deploy has no target 'arn:aws:iam::*:role/rolechain/deploy-target': it has "
            "arn:aws:iam::*:role/rolechain/deploy-target",
        ),
        (
            "arn:aws:iam::999999999999:role/rolechain/other",
            "chain deploy has no target 'arn:aws:iam::999999999999:role/rolechain/other': it has "
            "arn:aws:iam::*:role/rolechain/deploy-target",
        ),
        (
            "99999999999",
            "chain deploy has no target '99999999999': it has arn:aws:iam::*:role/rolechain/deploy-target",
        ),
    ],
)
def test_no_member(target: str, message: str) -> None:
    """An excluded account is said to be one, and nothing but an account's id stands for an account."""
    with pytest.raises(NoSuchTargetError) as error:
        by_unit().hops_to(target)
    assert str(error.value) == message


@pytest.mark.parametrize("account", ["444444444444", "5"])
def test_no_role_of_a_member(account: str) -> None:
    """A target's role in an excluded account, or in what is none, is no target either."""
    chain = by_unit()
    with pytest.raises(NoSuchTargetError):
        chain.hops_to(chain.targets[0].in_account(account))


def test_one_of_several_units() -> None:
    """Where an account may hold several targets by unit, one is to be named; a target by unit is no account's role."""
    chain = by_unit(
        ChainRole(organizational_units=[UNIT], role="a"), ChainRole(organizational_units=["r-ab12"], role="b")
    )
    with pytest.raises(NoSuchTargetError) as error:
        chain.hops_to("999999999999")
    assert str(error.value) == (
        "account 999999999999 holds several targets of chain deploy: name one of "
        "arn:aws:iam::999999999999:role/rolechain/a, arn:aws:iam::999999999999:role/rolechain/b"
    )
    assert chain.hops_to("arn:aws:iam::999999999999:role/rolechain/b")[-1].callee.role == "b"
    with pytest.raises(NoSuchTargetError) as error:
        chain.hops_to(chain.targets[1])
    assert str(error.value) == "b of chain deploy is in every account of r-ab12: name one of the accounts"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"targets": [ChainRole(organizational_units=[UNIT], existing=True)]},
            "targets[0].existing: a target by organizational unit is created by its stack set: remove existing",
        ),
        (
            {"organization": None},
            "targets[0].organizational_units: it needs the organization, and the chain declares none: add "
            "organization: o-…",
        ),
        (
            {"middle": ChainRole(organizational_units=[UNIT])},
            "middle[0].organizational_units: only a target can be in every account of organizational units: name the "
            "role's account",
        ),
        (
            {"source": ChainRole(organizational_units=[UNIT])},
            "source.organizational_units: no hop ends in the source role: declare it on the role that the hop assumes",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT], path="/")]},
            "targets[0].path: a target by organizational unit needs a path of the chain's own, as its caller may "
            "assume every role of its path and name: remove path, or write one such as /rolechain/",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT]), ChainRole(organizational_units=["r-ab12"])]},
            "targets[1].role: role deploy-target of organizational units is declared at targets[0] already: list the "
            "units there, or rename one",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT, f"{UNIT}/"])]},
            f"targets[0].organizational_units[1]: {UNIT} occurs twice: remove one",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT], exclude=["444444444444"] * 2)]},
            "targets[0].exclude[1]: 444444444444 occurs twice: remove one",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT, "r-cd34/ou-cd34-11111111"])]},
            "targets[0].organizational_units[1]: r-cd34/ou-cd34-11111111 and r-ab12 are of two roots, and an "
            "organization has one: change one",
        ),
        (
            {"targets": [ChainRole(organizational_units=["r-ab12/ou-cd34-11111111"])]},
            "targets[0].organizational_units[0]: r-ab12/ou-cd34-11111111 holds a unit of another root: write ids that "
            "begin with ou-ab12-",
        ),
        (
            {"targets": [ChainRole("333333333333", exclude=["444444444444"])]},
            "targets[0].exclude: exclude is for a target by organizational unit: declare organizational_units, or "
            "remove it",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT], exclude=["4"])]},
            "targets[0].exclude[0]: '4' is not an account id: write its 12 digits, in quotes",
        ),
        (
            {"targets": [ChainRole(organizational_units=["ou-ab12-11111111"])]},
            "targets[0].organizational_units[0]: 'ou-ab12-11111111' is not a path of an organizational unit: write "
            "the ids from the root down, such as r-ab12/ou-ab12-11111111",
        ),
        (
            {
                "targets": [
                    ChainRole(
                        organizational_units=[UNIT],
                        stack_set=StackSet(max_concurrent_count=1, max_concurrent_percentage=1),
                    )
                ]
            },
            "targets[0].stack_set.max_concurrent_percentage: max_concurrent_count and max_concurrent_percentage say "
            "the same: remove one",
        ),
        (
            {"targets": [ChainRole(organizational_units=[UNIT], stack_set=StackSet(call_as="ANY"))]},  # type: ignore[arg-type]
            "targets[0].stack_set.call_as: 'ANY' is not a value of call_as: write one of SELF, DELEGATED_ADMIN",
        ),
        (
            {"targets": [ChainRole("*")]},
            "targets[0].account: '*' has 1 characters: an account id is 12 digits",
        ),
    ],
)
def test_what_is_refused(changed: dict[str, Any], message: str) -> None:
    """Each mistake is one line that says what to do."""
    declared = {"targets": [ChainRole(organizational_units=[UNIT])], **changed}
    with pytest.raises(ChainError) as error:
        by_unit(*declared.pop("targets"), **declared)
    assert [str(problem) for problem in error.value.problems] == [message]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("role: x", "6: targets[0].account: missing: declare it, or accounts or organizational_units"),
        (
            'accounts: ["333333333333"]\n    account: "333333333333"',
            "7: targets[0].account: accounts stands there already: remove account, or accounts",
        ),
        (
            'accounts:\n      - "333333333333"\n      - "33333333333"',
            "8: targets[1].account: '33333333333' has 11 characters: an account id is 12 digits",
        ),
    ],
)
def test_what_a_file_refuses(tmp_path: Path, target: str, message: str) -> None:
    """A target stands in one place, and a mistake in a list of accounts has its own line."""
    text = FILE.split("  - organizational_units")[0] + f"  - {target}\n"
    with pytest.raises(ChainError) as error:
        read(tmp_path, text)
    assert str(error.value) == f"{tmp_path / 'chain.yaml'}:{message}"


def test_the_former_name() -> None:
    """With an account, organizational_units still means the caller's, and warns."""
    with pytest.warns(DeprecationWarning, match="is called caller_organizational_units now"):
        role = ChainRole("222222222222", organizational_units=[UNIT])
    assert (role.organizational_units, role.caller_organizational_units) == ((), (UNIT,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert by_unit(middle=role).middle[0].caller_organizational_units == (UNIT,)


def test_the_permission() -> None:
    """The caller names the role in any account, and conditions name the organization, the units and who is left out."""
    chain = by_unit()
    assert permission_statements(chain, chain.middle[0]) == [
        {
            "Sid": "AssumeCallees",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:aws:iam::{'?' * 12}:role/rolechain/deploy-target",
            "Condition": {
                "StringEquals": {"aws:ResourceOrgID": "o-exampleorg1"},
                "ForAnyValue:StringLike": {"aws:ResourceOrgPaths": f"o-exampleorg1/{UNIT}/*"},
                "StringNotEquals": {"aws:ResourceAccount": "444444444444"},
            },
        }
    ]
    whole = by_unit(ChainRole(organizational_units=["r-ab12"], external_id="ext-1"))
    assert [each["Condition"] for each in permission_statements(whole, whole.middle[0])] == [
        {"StringEquals": {"aws:ResourceOrgID": "o-exampleorg1", "sts:ExternalId": "ext-1"}}
    ]


def test_the_trust_of_a_member() -> None:
    """Every member's role trusts the one middle role."""
    chain = by_unit()
    member = chain.hops_to("999999999999")[-1].callee
    assert trust_statements(chain, member) == trust_statements(chain, chain.targets[0])
    assert trust_statements(chain, member) == [
        {
            "Sid": "AllowCaller",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/rolechain/deploy-middle"},
                "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"},
            },
        }
    ]


@pytest.mark.parametrize(
    ("account", "paths", "organization", "verdict"),
    [
        ("999999999999", f"o-exampleorg1/{UNIT}/", "o-exampleorg1", Verdict.ALLOW),
        ("999999999999", f"o-exampleorg1/{UNIT}/ou-ab12-22222222/", "o-exampleorg1", Verdict.ALLOW),
        ("444444444444", f"o-exampleorg1/{UNIT}/", "o-exampleorg1", Verdict.IMPLICIT_DENY),
        ("999999999999", "o-exampleorg1/r-ab12/ou-ab12-99999999/", "o-exampleorg1", Verdict.IMPLICIT_DENY),
        ("999999999999", f"o-exampleorg1/{UNIT}2/", "o-exampleorg1", Verdict.IMPLICIT_DENY),
        ("999999999999", "o-exampleorg1/r-ab12/", "o-exampleorg1", Verdict.IMPLICIT_DENY),
        ("999999999999", f"o-exampleorg2/{UNIT}/", "o-exampleorg2", Verdict.IMPLICIT_DENY),
        ("999999999999", None, None, Verdict.IMPLICIT_DENY),
    ],
)
def test_both_halves_as_they_are_decided(
    account: str, paths: str | None, organization: str | None, verdict: Verdict
) -> None:
    """A member is reached; an excluded account, another unit's, another organization's, and one of none is not."""
    chain = by_unit()
    middle, member = chain.middle[0], chain.targets[0].in_account(account)
    context: dict[str, ContextValue] = {
        "aws:ResourceAccount": account,
        "aws:PrincipalArn": middle.arn,
        "aws:PrincipalOrgID": "o-exampleorg1",
    }
    if organization and paths:
        context |= {"aws:ResourceOrgID": organization, "aws:ResourceOrgPaths": [paths]}
    session = "arn:aws:sts::222222222222:assumed-role/deploy-middle/s"

    def policy(statements: list[dict[str, Any]]) -> Policy:
        return Policy.parse(json.loads(json.dumps({"Version": "2012-10-17", "Statement": statements})))

    request = Request(
        caller=Caller("role-session", session, middle.account, middle.arn),
        callee=Callee(member.arn, policy(trust_statements(chain, member))),
        context=context,
        identity_policies=(policy(permission_statements(chain, middle)),),
    )
    assert decide(request).verdict is verdict


def test_packed_beside_many_targets() -> None:
    """Where many targets are named by their path, a target by unit keeps the conditions that close it."""
    plain = [ChainRole(str(500000000000 + number), role=f"t{number}" * 8) for number in range(900)]
    quotas = Quotas(managed_policies_per_role=11)
    chain = by_unit(ChainRole(organizational_units=[UNIT], exclude=["444444444444"]), *plain, quotas=quotas)
    with pytest.raises(PackingError):
        pack(chain, chain.middle[0])
    alike = [ChainRole(str(500000000000 + number), role="plain") for number in range(2000)]
    chain = by_unit(ChainRole(organizational_units=[UNIT], exclude=["444444444444"]), *alike)
    (policy,) = pack(chain, chain.middle[0]).hops
    assert [statement["Resource"] for statement in policy.statements] == [
        "arn:aws:iam::*:role/rolechain/plain",
        f"arn:aws:iam::{'?' * 12}:role/rolechain/deploy-target",
    ]
    assert "aws:ResourceOrgPaths" in json.dumps(policy.statements[1])
