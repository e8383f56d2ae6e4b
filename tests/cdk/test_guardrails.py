"""The guardrails of a chain as policies of Organizations, and the proof of a chain beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import ChainGuardrails, RoleChain
from rolechain.cdk.app import quick_app
from rolechain.proof import prove
from rolechain.statements.guardrails import GuardrailError, guardrails

MANAGEMENT = "999999999999"
CHAIN = Chain(
    "deploy",
    organization="o-exampleorg1",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    targets=[ChainRole("333333333333")],
    administrators=[],
)


def test_each_policy_is_a_resource(
    make_stack: Callable[[str], cdk.Stack], template_of: Callable[[cdk.Stack], Any]
) -> None:
    """Each policy is attached to each target, under an id that its content does not change."""
    stack = make_stack(MANAGEMENT)
    made = ChainGuardrails(stack, "Guardrails", chain=CHAIN, targets=["r-ab12", "111111111111"])
    assert list(made.policies) == ["deploy-service-control", "deploy-resource-control"]
    assert template_of(stack)["Resources"] == {
        logical_id: {
            "Type": "AWS::Organizations::Policy",
            "Properties": {
                "Name": each.name,
                "Type": each.type,
                "Description": "Guardrails of the chain deploy",
                "Content": each.content,
                "TargetIds": ["r-ab12", "111111111111"],
            },
        }
        for logical_id, each in zip(
            ("Guardrailsservicecontrol324B6233", "GuardrailsresourcecontrolE8F7A8D2"),
            guardrails(CHAIN),
            strict=True,
        )
    }


def test_several_in_one_organization(make_stack: Callable[[str], cdk.Stack]) -> None:
    """The names of policies are unique in an organization: other guardrails of the chain have another name."""
    made = ChainGuardrails(
        make_stack(MANAGEMENT), "Units", chain=CHAIN, name="units", targets=["ou-ab12-11111111"]
    )
    assert [policy.name for policy in made.policies.values()] == list(made.policies)
    assert list(made.policies) == ["units-service-control", "units-resource-control"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["prod"], "'prod' is no target of a policy: write the id of an account, a unit"),
        ([], "targets is empty: write the ids of accounts, units or the root"),
    ],
)
def test_targets_are_ids(make_stack: Callable[[str], cdk.Stack], targets: list[str], message: str) -> None:
    """What is no id of Organizations is refused in one line."""
    with pytest.raises(GuardrailError, match=message):
        ChainGuardrails(make_stack(MANAGEMENT), "Guardrails", chain=CHAIN, targets=targets)


@pytest.mark.parametrize("guarded", [False, True])
def test_the_chain_is_proven_with_its_guardrails(tmp_path: Any, guarded: bool) -> None:
    """A role that may do anything beside the target is an error without the guardrails, and none with them."""
    app = quick_app(tmp_path)
    roles = RoleChain(app, "deploy", chain=CHAIN, proof=False)
    stack = roles.stacks["333333333333"]
    trusted = cdk.aws_iam.AccountPrincipal("777777777777")
    cdk.aws_iam.Role(stack, "Ops", role_name="ops", assumed_by=trusted).add_to_policy(
        cdk.aws_iam.PolicyStatement(actions=["*"], resources=["*"])
    )
    organization = cdk.Stack(app, "organization", env=cdk.Environment(account=MANAGEMENT, region="us-east-1"))
    if guarded:
        ChainGuardrails(organization, "Guardrails", chain=CHAIN, targets=["r-ab12"], administration=True)
    app.synth()
    proof = prove(CHAIN, tmp_path)
    assert proof.proven is guarded, proof.findings
    assert [each.rule for each in proof.changers or () if not each.declared] == ([] if guarded else ["RC38"])
