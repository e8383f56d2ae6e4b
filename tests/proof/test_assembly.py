"""A cloud assembly read as templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from rolechain import Chain
from rolechain.cdk import RoleChain, declare_order
from rolechain.proof import AssemblyError, prove, role_graph_of, templates_in
from stacks import AccountStack

ROOT = Path(__file__).parents[2]
Synth = Callable[[Callable[[cdk.App], None]], Path]


@pytest.fixture
def synth(tmp_path: Path) -> Synth:
    """Synthesizes an app into a folder, without telemetry and without the built-in validator."""

    def make(compose: Callable[[cdk.App], None]) -> Path:
        app = cdk.App(
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
            outdir=str(tmp_path / "cdk.out"),
        )
        compose(app)
        return Path(app.synth().directory)

    return make


def _compose(app: cdk.App, chain: Chain) -> None:
    stacks = {
        account: AccountStack(app, f"{chain.name}-{account}", chain=chain, account=account)
        for account in chain.accounts
    }
    declare_order(chain, stacks)


def test_the_chain_of_this_repository_is_proven(synth: Synth) -> None:
    """What the repository's stacks synthesize into is proven to be the chain of chain.yaml, closed."""
    chain = Chain.load(ROOT / "chain.yaml")
    proof = prove(chain, synth(lambda app: _compose(app, chain)))
    assert proof.proven, proof.findings
    assert [hop.verdict for hop in proof.hops] == ["allow", "allow"]
    assert [(entrance.who, entrance.declared) for entrance in proof.entrances] == [
        ("lambda.amazonaws.com", True)
    ]


def test_a_role_that_is_added_beside_the_chain_is_found(synth: Synth) -> None:
    """One more principal in a real app is found where it stands."""
    chain = Chain.load(ROOT / "chain.yaml")

    def compose(app: cdk.App) -> None:
        roles = RoleChain(app, "jump", chain=chain, proof=False).roles
        roles[chain.targets[0].arn].role.assume_role_policy.add_statements(  # type: ignore[union-attr]
            iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[iam.AccountPrincipal("999999999999")])
        )

    proof = prove(chain, synth(compose))
    (finding,) = (finding for finding in proof.findings if finding.rule == "RC05")
    assert finding.place is not None
    assert (finding.place.template, finding.place.statement) == ("jump-333333333333", 1)
    assert "every principal of account 999999999999 that its own account allows" in finding.message


def test_stages_nested_stacks_and_dependencies_are_read(synth: Synth) -> None:
    """The stacks of a stage and nested stacks come with their account, region and order."""

    def compose(app: cdk.App) -> None:
        env = cdk.Environment(account="111111111111", region="eu-west-1")
        first = cdk.Stack(app, "First", env=env)
        role = iam.Role(
            first, "Role", role_name="first", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
        )
        nested = cdk.NestedStack(first, "Nested")
        iam.Role(nested, "Role", role_name="nested", assumed_by=iam.ArnPrincipal(role.role_arn))
        second = cdk.Stack(app, "Second")
        iam.Role(second, "Role", role_name="second", assumed_by=iam.AccountPrincipal("111111111111"))
        second.add_stack_dependency(first)
        stage = cdk.Stage(app, "Prod", env=cdk.Environment(account="222222222222", region="eu-west-1"))
        third = cdk.Stack(stage, "Third")
        iam.Role(third, "Role", role_name="third", assumed_by=iam.ArnPrincipal(role.role_arn))

    templates = {template.stack_name: template for template in templates_in(synth(compose))}
    assert {name: (each.account, each.region) for name, each in templates.items()} == {
        "First": ("111111111111", "eu-west-1"),
        "Second": (None, None),
        "Prod-Third": ("222222222222", "eu-west-1"),
    }
    assert templates["Second"].dependencies == ("First",)
    roles = {role.name: role for role in role_graph_of(templates.values()).roles}
    assert set(roles) == {"first", "nested", "second", "third"}
    assert roles["nested"].account == "111111111111"
    for name in ("nested", "third"):
        document = roles[name].trust.document
        assert document is not None
        assert document["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:role/first"}


def test_a_folder_without_a_manifest_is_no_assembly(tmp_path: Path) -> None:
    """The wrong folder is said in one line, with what to name."""
    with pytest.raises(AssemblyError) as caught:
        templates_in(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no manifest.json: name the folder that cdk synth wrote, such as cdk.out"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no JSON object"),
        (None, "cannot be read"),
        ('{"Resources": {}, "Resources": {}}', "the key 'Resources' occurs twice"),
    ],
)
def test_a_broken_file_is_said(text: str | None, says: str, tmp_path: Path) -> None:
    """A template that is missing or no JSON object is said in one line."""
    artifact: dict[str, Any] = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "a.json"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"a": artifact}}))
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(AssemblyError, match=says):
        templates_in(tmp_path)
