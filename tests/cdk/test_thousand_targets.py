"""A chain of 1,000 targets, as it is synthesized with CDK's built-in CloudFormation validator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from rolechain import Chain, ChainRole, Entrance, Permission
from rolechain.cdk import RoleChain

Json = dict[str, Any]
Templates = dict[str, Json]

# One worker makes the templates, for all the tests.
pytestmark = pytest.mark.xdist_group("a thousand targets")

MIDDLE = "222222222222"
# As in cdk.json: what the validator finds fails the synth.
STRICT = {"@aws-cdk/core:validateAgainstDefaultRules": True}


def target(account: int) -> ChainRole:
    """A target with an external id, permissions of its own and a managed policy."""
    return ChainRole(
        f"{account}",
        external_id="deploy-1",
        managed_policies=["ReadOnlyAccess"],
        permissions=[
            Permission(["ssm:GetParameter"], [f"arn:aws:ssm:us-east-1:{account}:parameter/app"]),
        ],
    )


CHAIN = Chain(
    "deploy",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole(MIDDLE)],
    targets=[target(300000000000 + number) for number in range(1000)],
)


def synthesized(chain: Chain, folder: Path, *, validated: bool) -> Templates:
    """The templates of a chain, by the name of their stack, as they stand in files."""
    app = cdk.App(
        outdir=str(folder),
        analytics_reporting=False,
        builtin_cloud_formation_validation=validated,
        context=STRICT,
    )
    RoleChain(app, "deploy", chain=chain)
    app.synth()
    suffix = ".template.json"
    return {
        file.name.removesuffix(suffix): json.loads(file.read_text()) for file in folder.glob(f"*{suffix}")
    }


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """What the validator has let through."""
    return synthesized(CHAIN, tmp_path_factory.mktemp("thousand"), validated=True)


def resources(template: Json, kind: str) -> Iterator[tuple[str, Json]]:
    """The resources of a type, by their logical id."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource["Properties"]


def length(value: Json) -> int:
    """The characters of a policy or a template, as AWS counts them: without blanks."""
    return len(json.dumps(value, separators=(",", ":")))


def test_each_template_fits(templates: Templates) -> None:
    """There is one stack for each account, and each keeps CloudFormation's quotas."""
    assert len(templates) == 1002
    for template in templates.values():
        assert length(template) <= 1_000_000
        assert len(template["Resources"]) <= 500
        assert len(template.get("Parameters", {})) <= 200
        assert len(template.get("Outputs", {})) <= 200


def test_each_role_fits(templates: Templates) -> None:
    """Each role keeps IAM's quotas on its names, its trust policy, its session and what is attached to it."""
    roles = [
        (template, name, role)
        for template in templates.values()
        for name, role in resources(template, "AWS::IAM::Role")
    ]
    assert len(roles) == 1002
    for template, name, role in roles:
        assert len(role["Path"] + role["RoleName"]) <= 64
        assert len(role["Description"]) <= 1000
        assert len(role["Tags"]) <= 50
        assert 3600 <= role["MaxSessionDuration"] <= 43_200
        assert length(role["AssumeRolePolicyDocument"]) <= 2048
        policies = [policy for _, policy in resources(template, "AWS::IAM::ManagedPolicy")]
        attached = [policy for policy in policies if {"Ref": name} in policy["Roles"]]
        assert len(attached) == len(policies)
        assert len(attached) + len(role.get("ManagedPolicyArns", [])) <= 10
        assert "Policies" not in role
        assert list(resources(template, "AWS::IAM::Policy")) == []


def test_each_policy_fits(templates: Templates) -> None:
    """Each managed policy keeps IAM's quota, and together they lead to every target."""
    for template in templates.values():
        for _, policy in resources(template, "AWS::IAM::ManagedPolicy"):
            assert length(policy["PolicyDocument"]) <= 6144
    hops = [policy for _, policy in resources(templates[f"deploy-{MIDDLE}"], "AWS::IAM::ManagedPolicy")]
    assert len(hops) > 1
    accounts = [
        account
        for policy in hops
        for statement in policy["PolicyDocument"]["Statement"]
        for account in statement["Condition"]["StringEquals"]["aws:ResourceAccount"]
    ]
    assert sorted(accounts) == [role.account for role in CHAIN.targets]


def test_one_target_more_or_less(templates: Templates, tmp_path: Path) -> None:
    """One target among the others changes one policy and has one stack; nothing else is touched.

    Read the other way round, it is one target less.
    """
    targets = list(CHAIN.targets)
    targets.insert(500, target(444444444444))
    more = synthesized(replace(CHAIN, targets=targets), tmp_path / "more", validated=False)
    assert more.keys() - templates.keys() == {"deploy-444444444444"}
    assert templates.keys() <= more.keys()
    changed = [name for name, template in templates.items() if more[name] != template]
    assert changed == [f"deploy-{MIDDLE}"]
    before, after = templates[changed[0]]["Resources"], more[changed[0]]["Resources"]
    assert before.keys() == after.keys()
    (policy,) = [name for name in before if before[name] != after[name]]
    assert before[policy]["Type"] == "AWS::IAM::ManagedPolicy"
    assert "444444444444" in json.dumps(after[policy])


def test_the_validator_would_report(tmp_path: Path) -> None:
    """A name that is too long fails the synth, so the validator did look."""
    chain = replace(CHAIN, targets=CHAIN.targets[:1])
    app = cdk.App(outdir=str(tmp_path / "cdk.out"), analytics_reporting=False, context=STRICT)
    made = RoleChain(app, "deploy", chain=chain).roles[chain.targets[0].arn]
    resource = made.role.node.default_child
    assert isinstance(resource, iam.CfnRole)
    resource.add_property_override("RoleName", "x" * 65)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
