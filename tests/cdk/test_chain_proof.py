"""The proof at synth, as a plugin of CDK's validation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from constructs import Construct, RootConstruct

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import ChainProof, MiddleRole, RoleChain, SourceRole, TargetRole, add_roles

ENTRY = "AssumeRolePolicyDocument.Statement.0"


@pytest.fixture
def app(tmp_path: Path) -> cdk.App:
    return cdk.App(
        analytics_reporting=False, builtin_cloud_formation_validation=False, outdir=str(tmp_path / "cdk.out")
    )


def reported(app: cdk.App) -> list[dict[str, Any]]:
    """What a synth that fails reports of the chain."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth(force=True)
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    plugins = [each for each in report["pluginReports"] if each["pluginName"] == "rolechain deploy"]
    return [violation for plugin in plugins for violation in plugin["violations"]]


def role(chain: RoleChain, arn: str) -> iam.CfnRole:
    resource = chain.roles[arn].role.node.default_child
    assert isinstance(resource, iam.CfnRole)
    return resource


def test_a_closed_chain_is_said_to_be_proven(
    app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str]
) -> None:
    """The synth goes through, and says in one line what was proven."""
    RoleChain(app, "deploy", chain=minimal)
    app.synth()
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("rolechain")]
    assert line == (
        "rolechain: chain deploy is proven: 2 hops can be taken, and nothing else gets in than by 1 declared entrance"
    )


def test_an_entrance_that_closes_is_said_once(
    app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str]
) -> None:
    """The synth says what it opens and until when, below the line of the proof."""
    ann = Entrance.arn("arn:aws:iam::777777777777:user/ann", mfa=True, until="2999-01-01T00:00Z")
    chain = replace(minimal, sources=[replace(minimal.source, assumed_by=[ann])])
    RoleChain(app, "deploy", chain=chain)
    app.synth()
    app.synth(force=True)
    first, second = [
        line for line in capfd.readouterr().err.splitlines() if "proven" in line or "until" in line
    ]
    assert first.startswith("rolechain: chain deploy is proven: ")
    assert second.startswith(
        "  arn:aws:iam::777777777777:user/ann gets into arn:aws:iam::111111111111:role/rolechain/deploy-source "
        "until 2999-01-01T00:00:00Z, and from there into "
    )


def test_a_condition_that_is_taken_away(app: cdk.App, minimal: Chain) -> None:
    """Removing one condition by an escape hatch fails the synth with the rule, the place and the cure."""
    chain = RoleChain(app, "deploy", chain=minimal)
    role(chain, minimal.middle[0].arn).add_property_override(f"{ENTRY}.Condition.ArnEquals", None)
    by_rule = {violation["ruleName"]: violation for violation in reported(app)}
    assert {"RC05", "RC06"} <= set(by_rule)
    opened = by_rule["RC05"]
    assert "lets in every principal of account 111111111111" in opened["description"]
    assert "arn:aws:iam::111111111111:role/rolechain/deploy-source" in opened["suggestedFix"]
    assert "deploy-222222222222/deploy-middle/Default/Resource" in json.dumps(opened)


def test_a_hop_that_lost_a_half(app: cdk.App, minimal: Chain) -> None:
    """A permission that is overridden fails the synth, and says which hop does not work."""
    chain = RoleChain(app, "deploy", chain=minimal)
    resource = chain.roles[minimal.middle[0].arn].node.find_child("Hops")
    assert isinstance(resource, iam.CfnManagedPolicy)
    resource.add_property_override(
        "PolicyDocument.Statement.0.Resource", "arn:aws:iam::333333333333:role/other"
    )
    descriptions = [violation["description"] for violation in reported(app)]
    assert any("RC08: hop 2 from" in text and "does not work" in text for text in descriptions)


def test_a_role_that_is_missing(app: cdk.App, minimal: Chain) -> None:
    """A declared role that no stack makes fails the synth, although it stands nowhere."""
    fewer = replace(minimal, targets=[*minimal.targets, replace(minimal.targets[0], role="second")])
    RoleChain(app, "deploy", chain=minimal, proof=False)
    cdk.Validations.of(app).add_plugins(ChainProof(fewer))
    assert "rolechain" in {violation["ruleName"] for violation in reported(app)}


def test_a_stranger_in_the_same_app(app: cdk.App, minimal: Chain) -> None:
    """Another stack's role that was let into the chain is found."""
    chain = RoleChain(app, "deploy", chain=minimal)
    target = chain.roles[minimal.targets[0].arn].role
    target.assume_role_policy.add_statements(  # type: ignore[union-attr]
        iam.PolicyStatement(
            actions=["sts:AssumeRole"],
            principals=[iam.ArnPrincipal("arn:aws:iam::111111111111:role/rolechain/deploy-source")],
        )
    )
    assert "RC05" in {violation["ruleName"] for violation in reported(app)}


def test_warnings_fail_a_strict_synth_only(app: cdk.App, minimal: Chain) -> None:
    """A chained role with a session of more than an hour is a warning, and fails where warnings are to."""
    (target,) = minimal.targets
    chain = replace(minimal, targets=[replace(target, max_session_duration=7200)])
    RoleChain(app, "deploy", chain=chain, proof=False)
    proof = ChainProof(chain, strict=True)
    cdk.Validations.of(app).add_plugins(proof)
    assert {(violation["ruleName"], violation["severity"]) for violation in reported(app)} == {
        ("RC15", "warning"),
        ("rolechain", "error"),
    }


def test_warnings_do_not_fail_a_synth(app: cdk.App, minimal: Chain) -> None:
    """The same warning lets an ordinary synth pass."""
    (target,) = minimal.targets
    chain = replace(minimal, targets=[replace(target, max_session_duration=7200)])
    RoleChain(app, "deploy", chain=chain)
    app.synth()


def test_stages_are_proven_too(app: cdk.App, minimal: Chain) -> None:
    """A chain that is deployed by a stage is found in its assembly."""
    stage = cdk.Stage(app, "Prod")
    RoleChain(stage, "deploy", chain=minimal)
    app.synth()


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that the proof printed, without the findings under them."""
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("rolechain")]


PROVEN = "rolechain: chain deploy is proven: 2 hops can be taken, and nothing else gets in than by 1 declared entrance"


def stack(app: Construct, account: str) -> cdk.Stack:
    """The stack of an account."""
    return cdk.Stack(app, f"deploy-{account}", env=cdk.Environment(account=account, region="us-east-1"))


def test_an_opt_out_beside_others(app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str]) -> None:
    """Where one construct opts out and others do not, the chain is proven whole, and the opt-out is said."""
    for account in minimal.accounts:
        add_roles(stack(app, account), chain=minimal, account=account, proof=account != "222222222222")
    app.synth()
    assert said(capfd) == [
        "rolechain: chain deploy: proof=False of deploy-222222222222 leaves nothing out, as another of its "
        "constructs asks for the proof",
        PROVEN,
    ]


def test_an_opt_out_hides_nothing(app: cdk.App, minimal: Chain) -> None:
    """A role that is open fails the synth although it opts out, where another construct of its chain does not."""
    SourceRole(stack(app, "111111111111"), "Source", chain=minimal)
    middle = MiddleRole(stack(app, "222222222222"), "Middle", chain=minimal, proof=False)
    middle.role.node.default_child.add_property_override(f"{ENTRY}.Condition", None)  # type: ignore[union-attr]
    assert "RC05" in {violation["ruleName"] for violation in reported(app)}


@pytest.mark.parametrize("on_stage", [False, True], ids=["app", "stage"])
@pytest.mark.parametrize("proof", [False, True])
@pytest.mark.parametrize("first", [False, True], ids=["behind", "before"])
def test_a_proof_of_the_apps_own(
    app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str], on_stage: bool, proof: bool, first: bool
) -> None:
    """The app's own proof takes the place of the constructs' one, wherever it is added: one line, and its terms."""

    def add() -> None:
        cdk.Validations.of(scope).add_plugins(ChainProof(minimal, scope="app"))

    scope = cdk.Stage(app, "Prod") if on_stage else app
    if first:
        add()
    RoleChain(scope, "deploy", chain=minimal, proof=proof)
    if not first:
        add()
    elsewhere = stack(app, "999999999999")
    iam.CfnRole(
        elsewhere,
        "Open",
        assume_role_policy_document={
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        },
    )
    assert [violation["ruleName"] for violation in reported(app)].count("RC01") == 1
    assert said(capfd) == ["rolechain: chain deploy is not proven: 1 error"]


def test_the_apps_own_proof_of_all_roles(
    app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str]
) -> None:
    """Beside the constructs of some roles, the app's own proof asks for all: its word is the only one."""
    MiddleRole(stack(app, "222222222222"), "Middle", chain=minimal)
    cdk.Validations.of(app).add_plugins(ChainProof(minimal))
    assert [violation["ruleName"] for violation in reported(app)].count("RC08") >= 2
    (line,) = said(capfd)
    assert line.startswith("rolechain: chain deploy is not proven: ")


def test_a_synth_that_skips_the_constructs_validation(
    app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str]
) -> None:
    """The proof runs all the same."""
    RoleChain(app, "deploy", chain=minimal)
    app.synth(skip_validation=True)
    assert said(capfd) == [PROVEN]


def test_a_second_synth_reports_the_same(
    app: cdk.App, minimal: Chain, capfd: pytest.CaptureFixture[str]
) -> None:
    """Findings stand in the report of each synth, and are printed once."""
    chain = RoleChain(app, "deploy", chain=minimal)
    role(chain, minimal.middle[0].arn).add_property_override(f"{ENTRY}.Condition.ArnEquals", None)
    assert reported(app) == reported(app) != []
    assert len(said(capfd)) == 1


def test_a_stack_without_an_app(minimal: Chain, capfd: pytest.CaptureFixture[str]) -> None:
    """CDK makes an app for such a stack, where the roles of a chain are proven together."""
    chain = replace(minimal, targets=[ChainRole("222222222222")])
    alone = cdk.Stack(env=cdk.Environment(account="222222222222", region="us-east-1"))
    MiddleRole(alone, "Middle", chain=chain)
    TargetRole(alone, "Target", chain=chain)
    Template.from_stack(alone)
    assert said(capfd) == [
        f"{PROVEN}; here are deploy-middle (222222222222), deploy-target (222222222222), and the other roles are "
        "taken as declared"
    ]


@pytest.mark.parametrize("proof", [True, False])
def test_a_tree_without_an_app(minimal: Chain, capfd: pytest.CaptureFixture[str], proof: bool) -> None:
    """Where CDK validates nothing, it is said that the chain is not proven."""
    MiddleRole(stack(RootConstruct("Tree"), "222222222222"), "Middle", chain=minimal, proof=proof)
    assert said(capfd) == [
        "rolechain: chain deploy is not proven: Tree/deploy-222222222222/Middle stands in no App"
    ]
