"""The proof at synth, as a plugin of CDK's validation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from rolechain import Chain
from rolechain.cdk import ChainProof, RoleChain

ENTRY = "AssumeRolePolicyDocument.Statement.0"


@pytest.fixture
def app(tmp_path: Path) -> cdk.App:
    return cdk.App(
        analytics_reporting=False, builtin_cloud_formation_validation=False, outdir=str(tmp_path / "cdk.out")
    )


def reported(app: cdk.App) -> list[dict[str, Any]]:
    """What a synth that fails reports of the chain."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
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
