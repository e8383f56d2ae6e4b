"""Every feature of a chain in the templates that the constructs make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NagPack, NIST80053R5Checks, PCIDSS321Checks

from rolechain import Chain, ChainRole
from rolechain.cdk import PlacementError, RoleChain, TargetRole
from rolechain.proof import prove
from rolechain.statements.builder import trust_statements

Json = dict[str, Any]
MINIMIZING = {"@aws-cdk/aws-iam:minimizePolicies": True}
ROOT = Path(__file__).parents[2]
PACKS = [AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks]


def app_of(folder: Path) -> cdk.App:
    """An app as users have it, which merges the statements that can be merged."""
    return cdk.App(
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        context=MINIMIZING,
        outdir=str(folder),
    )


def every_feature() -> Chain:
    """Two sources, three middle roles and twenty targets, with every feature that can stand together."""
    return Chain.load(ROOT / "examples" / "every-feature.yaml")


def resources(app: cdk.App, kind: str) -> list[tuple[str, Json]]:
    """The resources of a type in every template of an app, with their stack's name."""
    return [
        (stack.stack_name, resource["Properties"])
        for stack in app.synth().stacks
        for resource in stack.template["Resources"].values()
        if resource["Type"] == kind
    ]


def test_the_templates_hold_the_statements_as_they_are_derived(tmp_path: Path) -> None:
    """Trust policies keep each action in a statement of its own, though CDK merges statements that are alike."""
    chain, app = every_feature(), app_of(tmp_path)
    RoleChain(app, "deploy", chain=chain)
    made = {(stack[-12:], role["RoleName"]): role for stack, role in resources(app, "AWS::IAM::Role")}
    for role in (role for role in (*chain.middle, *chain.targets) if not role.existing):
        found = made[role.account, role.role]["AssumeRolePolicyDocument"]["Statement"]
        for wanted, statement in zip(trust_statements(chain, role), found, strict=True):
            assert statement["Action"] == wanted["Action"]
            assert statement["Principal"] == wanted["Principal"]
            assert statement["Condition"] == wanted["Condition"]
    assert made["222222222222", "release-middle-1"]["PermissionsBoundary"] == (
        "arn:aws:iam::aws:policy/PowerUserAccess"
    )


def test_every_feature_is_proven(tmp_path: Path) -> None:
    """Nothing is found in what is synthesized of the largest chain, but that one role trusts its caller by ARN."""
    chain, app = every_feature(), app_of(tmp_path)
    RoleChain(app, "deploy", chain=chain)
    app.synth()
    proof = prove(chain, tmp_path)
    assert proof.proven
    assert [(finding.rule, finding.message.split(" trusts ")[0]) for finding in proof.findings] == [
        ("RC21", chain.middle[2].arn)
    ]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.__name__)
def test_cdk_nag_finds_nothing(pack: type[NagPack], tmp_path: Path) -> None:
    """Nothing of the largest chain is reported, and nothing is acknowledged."""
    app = app_of(tmp_path)
    RoleChain(app, "deploy", chain=every_feature())
    assert [violation.rule_name for violation in pack(app).validate_scope(app).violations] == []


def existing() -> Chain:
    return Chain(
        "deploy",
        source=ChainRole("111111111111", "old-source", path="/", existing=True),
        middle=[ChainRole("222222222222", trust="role_arn")],
        targets=[ChainRole("333333333333"), ChainRole("444444444444", "old-target", path="/", existing=True)],
    )


def test_existing_roles_are_left_alone(app: cdk.App) -> None:
    """No stack touches a role that exists already; what its owner has to add is said at synth."""
    made = RoleChain(app, "deploy", chain=existing())
    assert list(made.stacks) == ["222222222222", "333333333333"]
    notes = Annotations.from_stack(made.stacks["222222222222"]).find_info(
        "*",
        Match.string_like_regexp(
            "old-(source|target) exists already and is not changed; its owner has to add: "
        ),
    )
    assert len(notes) == 2
    (source,) = [str(note.entry.data) for note in notes if "old-source" in str(note.entry.data)]
    assert '{"permissions": [{"Sid": "AssumeCallees"' in source
    assert "role/rolechain/deploy-middle" in source


def test_an_existing_role_has_no_construct(make_stack: Callable[[str], cdk.Stack]) -> None:
    """A construct for a role that exists already is refused."""
    with pytest.raises(
        PlacementError, match="old-target exists already, so chain deploy leaves it to its owner"
    ):
        TargetRole(make_stack("444444444444"), "Target", chain=existing())


def test_a_thousand_targets_fit(make_stack: Callable[[str], cdk.Stack], tmp_path: Path) -> None:
    """The policies of a caller of a thousand roles fit in the template, and what was chosen is said."""
    from rolechain.cdk import MiddleRole
    from rolechain.statements.packing import length_of

    chain = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole(f"{300000000000 + number}") for number in range(1000)],
    )
    app = app_of(tmp_path)
    stack = cdk.Stack(app, "Middle", env=cdk.Environment(account="222222222222", region="us-east-1"))
    MiddleRole(stack, "Middle", chain=chain)
    lengths = [
        length_of(policy["PolicyDocument"]["Statement"])
        for _, policy in resources(app, "AWS::IAM::ManagedPolicy")
    ]
    assert 1 < len(lengths) <= 10
    assert max(lengths) <= 6144
    said = Annotations.from_stack(stack).find_info(
        "*", Match.string_like_regexp("the 1000 callees of deploy-middle")
    )
    assert len(said) == 1
