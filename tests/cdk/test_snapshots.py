"""A minimal and a maximal snapshot of each construct; what is relevant to security is asserted elsewhere."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from rolechain import Chain
from rolechain.cdk import MiddleRole, RoleChain, SourceRole, TargetRole

Json = dict[str, Any]
MakeStack = Callable[[str], cdk.Stack]
TemplateOf = Callable[[cdk.Stack], Json]


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.with_defaults(extension_class=JSONSnapshotExtension)


@pytest.fixture(params=["minimal", "maximal"])
def chain(request: pytest.FixtureRequest) -> Chain:
    found: Chain = request.getfixturevalue(request.param)
    return found


def test_source_role(
    chain: Chain, make_stack: MakeStack, template_of: TemplateOf, snapshot: SnapshotAssertion
) -> None:
    """The template of a source role."""
    stack = make_stack(chain.source.account)
    SourceRole(stack, "Source", chain=chain)
    assert template_of(stack) == snapshot


def test_middle_role(
    chain: Chain, make_stack: MakeStack, template_of: TemplateOf, snapshot: SnapshotAssertion
) -> None:
    """The template of the last middle role."""
    stack = make_stack(chain.middle[-1].account)
    MiddleRole(stack, "Middle", chain=chain)
    assert template_of(stack) == snapshot


def test_target_role(
    chain: Chain, make_stack: MakeStack, template_of: TemplateOf, snapshot: SnapshotAssertion
) -> None:
    """The template of the first target role."""
    stack = make_stack(chain.targets[0].account)
    TargetRole(stack, "Target", chain=chain, role=chain.targets[0])
    assert template_of(stack) == snapshot


def test_role_chain(chain: Chain, app: cdk.App, template_of: TemplateOf, snapshot: SnapshotAssertion) -> None:
    """The templates of a whole chain."""
    made = RoleChain(app, "jump", chain=chain)
    assert {account: template_of(stack) for account, stack in made.stacks.items()} == snapshot
