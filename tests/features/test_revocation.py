"""``revoked_before``: what it writes, what the proof says of it, and what a walk meets."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app
from rolechain.model.canary import session_name
from rolechain.proof import prove, templates_in
from rolechain.proof.report import last_line, passes
from rolechain.runtime import Cause, HopError, verify
from rolechain.statements.builder import statements_for
from rolechain.statements.packing import PackingError, pack
from rolechain.statements.revocation import REVOCATION, deny_before, time_of
from tests.cdk.test_nag import PACKS, findings
from tests.features.conftest import Deploy

Json = dict[str, Any]
SINCE, BEFORE, AFTER = "2026-11-01T00:00:00Z", "2026-10-31T23:59:59Z", "2026-11-01T00:00:01Z"
DENY: Json = {
    "Effect": "Deny",
    "Action": ["*"],
    "Resource": ["*"],
    "Condition": {"DateLessThan": {"aws:TokenIssueTime": SINCE}},
}


def chain(since: str | None = SINCE, **target: Any) -> Chain:
    return Chain(
        "revoked",
        organization="o-exampleorg1",
        revoked_before=since,
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=ChainRole("222222222222", external_id="jump-1"),
        targets=ChainRole("333333333333", **target),
    )


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """The templates of the revoked chain, by account."""
    folder = tmp_path_factory.mktemp("revoked")
    app = quick_app(folder)
    RoleChain(app, "revoked", chain=chain())
    app.synth()
    return {each.account or "": dict(each.body) for each in templates_in(folder)}


def revoking(template: Json) -> list[Json]:
    """The statements of a template's policies that deny."""
    policies = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::ManagedPolicy"]
    statements = [one for each in policies for one in each["Properties"]["PolicyDocument"]["Statement"]]
    return [each for each in statements if each["Effect"] == "Deny"]


def test_every_role_ends_its_sessions(templates: dict[str, Json]) -> None:
    """Source, middle and target have the same deny, in a policy of its own."""
    # CDK writes lists of one as their one member.
    deny = {**DENY, "Action": "*", "Resource": "*"}
    assert [revoking(template) for template in templates.values()] == [[deny]] * 3
    policies = [pack(chain(), role).own for role in chain().roles]
    assert [[each.id for each in own] for own in policies] == [["Revoked"]] * 3
    assert [pack(chain(None), role).own for role in chain().roles] == [()] * 3


def test_the_owner_of_an_existing_role_is_told() -> None:
    """The statement is among those to add."""
    declared = chain(existing=True)
    assert statements_for(declared, declared.targets[0])["permissions"] == [DENY]


def test_there_must_be_room() -> None:
    """The policy is one of those that a role may have."""
    many = [f"arn:aws:iam::333333333333:policy/p{number}" for number in range(10)]
    declared = chain(managed_policies=many)
    with pytest.raises(PackingError, match="needs 11 managed policies, and the quota is 10"):
        pack(declared, declared.targets[0])


@pytest.mark.parametrize("pack_of", PACKS, ids=lambda pack: pack.__name__)
def test_nag(pack_of: Any) -> None:
    """No pack reports the deny."""
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    RoleChain(app, "revoked", chain=chain())
    assert findings(pack_of(app), app) == []


def test_the_proof_says_since_when(templates: dict[str, Json]) -> None:
    """The hops of new sessions are proven."""
    proof = prove(chain(), templates)
    assert passes(proof, strict=True)
    assert [hop.verdict for hop in proof.hops] == ["allow", "allow"]
    assert last_line("revoked", proof).endswith(
        "; it is revoked: sessions issued before 2026-11-01T00:00:00Z are denied everything"
    )
    assert proof.to_json()["revoked_before"] == SINCE
    assert "revoked_before" not in prove(chain(None), templates).to_json()


def test_targets_by_unit(tmp_path: Path) -> None:
    """The policy in the template of a stack set is that of the role which it makes, in whatever account."""
    declared = replace(
        chain(), targets=[ChainRole(role="fleet", organizational_units=["r-ab12/ou-ab12-11111111"])]
    )
    app = quick_app(tmp_path)
    RoleChain(app, "revoked", chain=declared, proof=False)
    app.synth()
    proof = prove(declared, templates_in(tmp_path))
    assert proof.findings == ()
    assert [hop.verdict for hop in proof.hops] == ["allow", "allow"]
    later = prove(replace(declared, revoked_before=AFTER), templates_in(tmp_path))
    assert {each.rule for each in later.findings} == {"RC35"}


def test_templates_of_an_earlier_revocation(templates: dict[str, Json]) -> None:
    """Sessions between the two times are not ended."""
    proof = prove(chain(AFTER), templates)
    assert [(each.rule, each.message) for each in proof.findings] == [
        ("RC35", f"{role.arn} does not end its sessions issued before {AFTER}") for role in chain().roles
    ]
    assert not proof.proven


def test_templates_of_a_later_revocation(templates: dict[str, Json]) -> None:
    """What is denied more than is declared is not claimed to work."""
    for since in (BEFORE, None):
        proof = prove(chain(since), templates)
        assert {each.rule for each in proof.findings} == {"RC00"}
        assert [hop.verdict for hop in proof.hops] == ["unknown", "unknown"]
        assert not passes(proof, strict=True)


LESS: dict[str, Callable[[Json], object]] = {
    "no deny": lambda each: each.update(Effect="Allow"),
    "one action": lambda each: each.update(Action="sts:*"),
    "one resource": lambda each: each.update(Resource="arn:aws:s3:::bucket"),
    "not these": lambda each: (each.pop("Action"), each.update(NotAction="sts:AssumeRole")),
    "not that": lambda each: (each.pop("Resource"), each.update(NotResource="arn:aws:s3:::bucket")),
    "another condition": lambda each: each["Condition"].update(Bool={"aws:SecureTransport": "true"}),
    "another key": lambda each: each.update(Condition={"DateLessThan": {"aws:CurrentTime": SINCE}}),
    "another operator": lambda each: each.update(Condition={"DateEquals": {"aws:TokenIssueTime": SINCE}}),
    "an earlier time": lambda each: each.update(Condition={"DateLessThan": {"aws:TokenIssueTime": BEFORE}}),
    "an offset": lambda each: each.update(
        Condition={"DateLessThan": {"aws:TokenIssueTime": "2026-11-01T00:00:00+05:00"}}
    ),
    "of all": lambda each: each.update(
        Condition={"ForAllValues:DateLessThan": {"aws:TokenIssueTime": SINCE}}
    ),
}


@pytest.mark.parametrize("less", LESS.values(), ids=LESS)
@pytest.mark.parametrize("account", ["111111111111", "222222222222", "333333333333"])
def test_less_than_declared(templates: dict[str, Json], account: str, less: Callable[[Json], object]) -> None:
    """A deny that leaves some of the sessions alone fails the proof."""
    changed = copy.deepcopy(templates)
    less(revoking(changed[account])[0])
    proof = prove(chain(), changed)
    assert not proof.proven
    assert [each.rule for each in proof.findings if each.message.endswith(f"issued before {SINCE}")] == [
        "RC35"
    ]


def test_new_sessions_walk(deploy: Deploy) -> None:
    """A time that has passed leaves what is walked now alone, and every check of the live test holds."""
    deployed = deploy(chain("2020-01-01T00:00:00Z"))
    assert "assumed-role/revoked-target/" in deployed.walk(deployed.chain.hops_to("333333333333"))
    reports = verify(deployed.chain, session=deployed.source(), session_name=session_name(deployed.chain))
    assert all(report.ok for report in reports)


def test_old_sessions_are_refused(deploy: Deploy) -> None:
    """The first hop is refused, and error and live test say since when the chain is revoked."""
    deployed = deploy(chain("2999-01-01T00:00:00Z"))
    said = "the chain is revoked: sessions issued before 2999-01-01T00:00:00Z are denied everything"
    with pytest.raises(HopError, match=said) as caught:
        deployed.walk(deployed.chain.hops_to("333333333333"))
    assert caught.value.index == 1
    assert caught.value.cause in (Cause.EXPLICIT_DENY, Cause.IDENTITY_POLICY)
    first = verify(deployed.chain, session=deployed.source())[0]
    assert (first.index, first.verdict) == (1, "refused")
    assert said in first.detail


def test_a_revocation_that_the_chain_does_not_declare(deploy: Deploy) -> None:
    """What the command or the console put on a role is said where its policies may be read."""
    deployed = deploy(chain(None))
    iam = deployed.iam("111111111111")
    document = {"Version": "2012-10-17", "Statement": [deny_before("2999-01-01T00:00:00Z")]}
    iam.put_role_policy(RoleName="revoked-source", PolicyName=REVOCATION, PolicyDocument=json.dumps(document))
    try:
        readers = [deployed.organization.session("111111111111")]
        first = verify(deployed.chain, session=deployed.source(), readers=readers)[0]
    finally:
        iam.delete_role_policy(RoleName="revoked-source", PolicyName=REVOCATION)
    said = "revoked-source is revoked: its sessions issued before 2999-01-01T00:00:00Z are denied everything"
    assert (first.verdict, said in first.detail) == ("refused", True), first.detail


def test_a_time_that_is_none() -> None:
    """The model checks what YAML does."""
    with pytest.raises(ChainError, match="is not a time in UTC to the second"):
        chain("2026-11-01")


def test_it_is_read_from_a_file(tmp_path: Path) -> None:
    """The key of chain.yaml is the chain's own."""
    file = tmp_path / "chain.yaml"
    file.write_text(
        f'name: deploy\nrevoked_before: "{SINCE}"\nsource: {{account: "111111111111"}}\n'
        'targets: {account: "333333333333"}\n'
    )
    assert Chain.load(file).revoked_before == SINCE


@pytest.mark.parametrize(
    ("statement", "time"),
    [
        (DENY, SINCE),
        ({**DENY, "Sid": "A", "Action": "*", "Resource": "*"}, SINCE),
        ({**DENY, "Condition": {"DateLessThan": {"aws:TokenIssueTime": [SINCE]}}}, SINCE),
        # The console writes milliseconds, which a chain does not.
        ({**DENY, "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-11-01T00:00:00.000Z"}}}, None),
        ({**DENY, "Condition": {**DENY["Condition"], "Bool": {"aws:SecureTransport": "true"}}}, None),
        ({**DENY, "Action": ["s3:*"]}, None),
        ({**DENY, "Condition": "unresolved"}, None),
        ("unresolved", None),
    ],
)
def test_what_an_import_takes_for_one(statement: Any, time: str | None) -> None:
    """Only what a chain can say is found as its revocation."""
    assert time_of(statement) == time
