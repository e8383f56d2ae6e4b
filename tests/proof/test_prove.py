"""What a proof finds: each break and each open door at its place, with its cure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Verdict
from rolechain.proof import Finding, Proof, SourceLocation, Template, audit, prove
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]
TRUST = "AssumeRolePolicyDocument"


def _engine(proof: Proof) -> list[Finding]:
    """The errors that come from the engine, and not from a rule."""
    return [
        finding
        for finding in proof.findings
        if finding.rule in ("RC00", "RC05", "RC08") and finding.level == "error"
    ]


def _statements(templates: list[Template], number: int, logical_id: str = "Role0") -> list[Json]:
    properties = templates[number].body["Resources"][logical_id]["Properties"]
    found: list[Json] = properties[TRUST if logical_id.startswith("Role") else "PolicyDocument"]["Statement"]
    return found


def _stranger(account: str, resource: Any, name: str = "stranger", **properties: Any) -> Json:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": resource}],
    }
    trust = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            TRUST: {"Version": "2012-10-17", "Statement": trust},
            "Policies": [{"PolicyName": "hop", "PolicyDocument": document}],
            **properties,
        },
    }


def test_a_chain_as_declared_is_proven(chain: Chain, templates: list[Template]) -> None:
    """Every hop is allowed, the declared entrance stands there in words, and there are no findings."""
    proof = prove(chain, templates)
    assert proof.proven
    assert [(hop.caller, hop.callee, hop.verdict) for hop in proof.hops] == [
        (hop.caller.arn, hop.callee.arn, "allow") for hop in chain.hops()
    ]
    (entrance,) = proof.entrances
    assert (entrance.role, entrance.who, entrance.words, entrance.declared, entrance.place) == (
        chain.source.arn,
        "lambda.amazonaws.com",
        "the service lambda.amazonaws.com",
        True,
        SourceLocation("111111111111", "Role0", 0, TRUST),
    )
    assert [finding for finding in proof.findings if finding.level == "error"] == []


def test_templates_are_taken_by_account_too(chain: Chain, templates: list[Template]) -> None:
    """A mapping from account ids to template bodies is enough."""
    assert prove(chain, {template.name: template.body for template in templates}).proven


def test_a_missing_permission_is_named_with_the_statement_to_write(
    chain: Chain, templates: list[Template]
) -> None:
    """A hop without its caller's half fails at the caller, with the exact statement as the cure."""
    _statements(templates, 1, "Hops0").clear()
    first, second = _engine(prove(chain, templates))
    assert (first.rule, first.place) == ("RC08", SourceLocation("222222222222", "Role0"))
    middle = chain.middle[0]
    statements = permission_statements(chain, middle)
    assert first.remediation == f"write into the permission of deploy-middle: {json.dumps(statements[0])}"
    assert second.remediation == f"write into the permission of deploy-middle: {json.dumps(statements[1])}"
    assert first.message.startswith(
        f"hop 2 from {middle.arn} to {chain.targets[0].arn} does not work: no identity policy of the caller allows"
    )


def test_a_missing_trust_is_named_with_the_statement_to_write(
    chain: Chain, templates: list[Template]
) -> None:
    """A hop without its callee's half fails at the callee, with the exact statement as the cure."""
    service = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    _statements(templates, 2)[0] = service
    (statement,) = trust_statements(chain, chain.targets[0])
    door, missing = _engine(prove(chain, templates))
    assert (door.rule, door.place) == ("RC05", SourceLocation("333333333333", "Role0", 0, TRUST))
    assert (missing.rule, missing.place) == ("RC08", SourceLocation("333333333333", "Role0", 0, TRUST))
    assert missing.remediation == f"write into the trust policy of deploy-target: {json.dumps(statement)}"


def test_both_halves_missing_are_two_findings(chain: Chain, templates: list[Template]) -> None:
    """Where caller and callee both lack their half, both are told."""
    _statements(templates, 1, "Hops0").clear()
    _statements(templates, 2).clear()
    found = [
        finding.place
        for finding in _engine(prove(chain, templates))
        if chain.targets[0].arn in finding.message
    ]
    assert found == [
        SourceLocation("222222222222", "Role0"),
        SourceLocation("333333333333", "Role0", None, TRUST),
    ]


def test_a_role_that_is_missing_is_named(chain: Chain, templates: list[Template]) -> None:
    """A declared role that no template creates is one error of no place, and its hops are unknown."""
    proof = prove(chain, templates[:-1])
    (finding,) = _engine(proof)
    target = chain.targets[1].arn
    assert (finding.rule, finding.place) == ("RC08", None)
    assert finding.message == f"the chain declares {target}, and no template creates it"
    assert (
        finding.remediation
        == "add the role deploy-target with path /rolechain/ to a stack of account 444444444444"
    )
    assert [hop.verdict for hop in proof.hops] == ["allow", "allow", "unknown"]


def test_a_missing_entrance_is_a_hop_that_does_not_work(chain: Chain, templates: list[Template]) -> None:
    """A declared entrance that the source role's trust leaves out is an error."""
    _statements(templates, 0).clear()
    (finding,) = _engine(prove(chain, templates))
    assert (finding.rule, finding.place) == ("RC08", SourceLocation("111111111111", "Role0", None, TRUST))
    assert finding.message == (
        "the entrance service lambda.amazonaws.com of arn:aws:iam::111111111111:role/rolechain/deploy-source is "
        "declared, and its trust policy does not let it in"
    )


def test_an_unknown_policy_of_a_caller_leaves_its_hops_open(chain: Chain, templates: list[Template]) -> None:
    """A managed policy that is not at hand may deny the hop: that cannot be decided, and fails the proof."""
    elsewhere = ["arn:aws:iam::222222222222:policy/elsewhere"]
    templates[1].body["Resources"]["Role0"]["Properties"]["ManagedPolicyArns"] = elsewhere
    proof = prove(chain, templates)
    assert [hop.verdict for hop in proof.hops] == ["allow", "unknown", "unknown"]
    assert {finding.rule for finding in _engine(proof)} == {"RC00"}


def test_a_permissions_boundary_breaks_a_hop(chain: Chain, templates: list[Template]) -> None:
    """A boundary that does not allow AssumeRole is named as what refuses."""
    resources = templates[1].body["Resources"]
    resources["Boundary"] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
            }
        },
    }
    resources["Role0"]["Properties"]["PermissionsBoundary"] = {"Ref": "Boundary"}
    found = _engine(prove(chain, templates))
    assert [finding.place for finding in found] == [
        SourceLocation("222222222222", "Boundary", 0, "PolicyDocument")
    ] * 2
    assert found[0].remediation == f"let the boundary allow sts:AssumeRole on {chain.targets[0].arn}"


def test_a_stranger_in_the_app_is_named_with_the_open_statement(
    chain: Chain, templates: list[Template]
) -> None:
    """A role of the same app that gets in is named beside the statement that lets it in."""
    del _statements(templates, 2)[0]["Condition"]["ArnEquals"]
    templates[1].body["Resources"]["Stranger"] = _stranger("222222222222", "*")
    (finding,) = _engine(prove(chain, templates))
    assert (finding.rule, finding.place) == ("RC05", SourceLocation("333333333333", "Role0", 0, TRUST))
    assert finding.message == (
        "arn:aws:iam::333333333333:role/rolechain/deploy-target lets in every principal of account 222222222222 in "
        "organization o-exampleorg1 that its own account allows, which the chain does not declare; "
        "arn:aws:iam::222222222222:role/stranger can assume it already"
    )
    (statement,) = trust_statements(chain, chain.targets[0])
    assert (
        finding.remediation
        == f"let the trust policy hold these statements and no others: {json.dumps([statement])}"
    )


def test_a_stranger_who_is_kept_out_is_no_finding(chain: Chain, templates: list[Template]) -> None:
    """A role that may call everything does not get in where the trust policies are closed to it."""
    templates[1].body["Resources"]["Stranger"] = _stranger("222222222222", "*")
    assert _engine(prove(chain, templates)) == []


def test_an_external_id_closes_nothing(chain: Chain, templates: list[Template]) -> None:
    """What a caller may choose, such as an external id, keeps nobody out."""
    statement = _statements(templates, 3)[0]
    statement["Condition"] = {
        "StringEquals": {"sts:ExternalId": "ext-1", "aws:PrincipalOrgID": "o-exampleorg1"}
    }
    (finding,) = _engine(prove(chain, templates))
    assert (finding.rule, finding.place) == ("RC05", SourceLocation("444444444444", "Role0", 0, TRUST))


def test_the_middle_cannot_be_skipped(chain: Chain, templates: list[Template]) -> None:
    """A target that also lets the source in is open, even while the source may not call it."""
    root = {"AWS": chain.source.arn}
    _statements(templates, 2).append({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root})
    (finding,) = _engine(prove(chain, templates))
    assert (finding.rule, finding.place) == ("RC05", SourceLocation("333333333333", "Role0", 1, TRUST))
    assert f"lets in the principal {chain.source.arn}, which the chain does not declare" in finding.message


def test_a_way_back_through_a_declared_entrance_is_found(templates_of: TemplatesOf) -> None:
    """A target that may re-enter at the source by a declared entrance makes a circle, told at its permission."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.account("333333333333")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    templates = templates_of(chain)
    assert _engine(prove(chain, templates)) == []
    back = _stranger("333333333333", chain.source.arn)["Properties"]["Policies"]
    templates[2].body["Resources"]["Role0"]["Properties"]["Policies"] = back
    (finding,) = _engine(prove(chain, templates))
    assert (finding.rule, finding.place) == (
        "RC05",
        SourceLocation("333333333333", "Role0", 0, "Policies[0]"),
    )
    assert "the chain declares no such hop" in finding.message


def test_a_stranger_of_a_declared_account_may_enter(templates_of: TemplatesOf) -> None:
    """A role that comes in by a declared entrance is no finding: that is what was declared."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.account("333333333333")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    templates = templates_of(chain)
    templates[2].body["Resources"]["App"] = _stranger("333333333333", chain.source.arn)
    assert _engine(prove(chain, templates)) == []


def test_a_principal_tag_of_the_role_closes_unless_sessions_may_be_tagged(
    chain: Chain, templates: list[Template]
) -> None:
    """A condition on a role's tag keeps other roles out, but not one whose session may be given any tag."""
    condition = {"StringEquals": {"aws:PrincipalTag/team": "core", "aws:PrincipalOrgID": "o-exampleorg1"}}
    _statements(templates, 2)[0]["Condition"] = condition
    stranger = _stranger("222222222222", "*", Tags=[{"Key": "team", "Value": "other"}])
    templates[1].body["Resources"]["Stranger"] = stranger
    told = "stranger can assume it already"
    assert not any(told in finding.message for finding in _engine(prove(chain, templates)))
    stranger["Properties"][TRUST]["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    assert any(told in finding.message for finding in _engine(prove(chain, templates)))


def test_what_another_role_leaves_open_is_a_warning(chain: Chain, templates: list[Template]) -> None:
    """An unresolved value of a role that has no part in the chain does not fail its proof."""
    stranger = _stranger("222222222222", {"Ref": "Nobody"})
    proof = prove(
        chain, [replace(templates[0]), *templates[1:], Template("app", {"Resources": {"X": stranger}})]
    )
    found = {(finding.level, finding.place) for finding in proof.findings if finding.rule == "RC00"}
    assert found == {("warning", SourceLocation("app", "X", 0, "Policies[0]"))}
    assert _engine(proof) == []


def test_the_report_is_one_document(chain: Chain, templates: list[Template]) -> None:
    """As JSON, a proof holds what a machine needs, and nothing that JSON cannot say."""
    del _statements(templates, 2)[0]["Condition"]
    report = json.loads(json.dumps(prove(chain, templates).to_json()))
    assert report["proven"] is False
    assert report["hops"][0] == {
        "caller": chain.source.arn,
        "callee": chain.middle[0].arn,
        "verdict": "allow",
        "reason": "statement 0 (AllowCaller) of the trust policy lets "
        "arn:aws:sts::111111111111:assumed-role/deploy-source/rolechain in",
    }
    assert report["entrances"][0]["who"] == "lambda.amazonaws.com"
    assert set(report["findings"][0]) == {
        "rule",
        "level",
        "template",
        "logical_id",
        "statement",
        "message",
        "cure",
    }


@pytest.mark.parametrize(
    ("trusted", "resource", "refused"),
    [
        (
            "arn:aws:iam::111111111111:role/other",
            "arn:aws:iam::111111111111:role/b",
            "no statement of the trust policy",
        ),
        (
            "arn:aws:iam::222222222222:role/a",
            "arn:aws:iam::111111111111:role/c",
            "no identity policy of the caller",
        ),
    ],
)
def test_an_audit_names_half_a_hop(trusted: str, resource: str, refused: str) -> None:
    """A hop that one role names and the other refuses is listed, with the side that refuses it."""

    def role(name: str, principal: Json, *policies: Json) -> Json:
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        inline = [
            {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": each}}
            for each in policies
        ]
        document = {"Version": "2012-10-17", "Statement": [trust]}
        properties = {"RoleName": name, "AssumeRolePolicyDocument": document, "Policies": inline}
        return {"Type": "AWS::IAM::Role", "Properties": properties}

    account = trusted.split(":")[4] if trusted.endswith("/a") else "111111111111"
    own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource}
    caller = {"Resources": {"A": role("a", {"Service": "lambda.amazonaws.com"}, own)}}
    callee = {"Resources": {"B": role("b", {"AWS": trusted})}}
    templates = [Template("one", caller, account=account), Template("two", callee, account="111111111111")]
    (hop,) = [each for each in audit(templates).hops if each.verdict is not Verdict.UNKNOWN]
    assert (hop.caller, hop.callee) == (f"arn:aws:iam::{account}:role/a", "arn:aws:iam::111111111111:role/b")
    assert hop.verdict is Verdict.IMPLICIT_DENY
    assert refused in hop.reason
