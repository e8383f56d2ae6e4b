"""The constructs' ids, which deployed stacks depend on."""

from collections.abc import Callable

import aws_cdk as cdk
from constructs import Construct

from rolechain import Chain
from rolechain.cdk import RoleChain, SourceRole, TargetRole

MakeStack = Callable[[str], cdk.Stack]


def ids(construct: Construct) -> list[str]:
    """The paths of everything that a construct holds and that becomes a part of a template."""
    elements = [child for child in construct.node.find_all() if isinstance(child, cdk.CfnElement)]
    return [child.node.path.removeprefix(construct.node.path + "/") for child in elements]


def test_the_ids_of_a_role(maximal: Chain, make_stack: MakeStack) -> None:
    """A change of one of these ids would replace a deployed role."""
    assert ids(SourceRole(make_stack("111111111111"), "Source", chain=maximal)) == [
        "Resource",
        "Hops",
    ]
    target = TargetRole(make_stack("333333333333"), "Target", chain=maximal, role="deploy-target")
    assert ids(target) == ["Resource", "Permissions"]


def test_the_ids_of_a_chain(maximal: Chain, app: cdk.App) -> None:
    """In a chain's stacks each role stands under its own name, so that others may come and go."""
    stacks = RoleChain(app, "jump", chain=maximal).stacks.values()
    paths = [f"{stack.node.id}/{path}" for stack in stacks for path in ids(stack)]
    assert [path for path in paths if path.endswith("/Resource")] == [
        "jump-111111111111/entry/Resource",
        "jump-222222222222/deploy-middle-1/Resource",
        "jump-444444444444/second/Resource",
        "jump-333333333333/deploy-target/Resource",
        "jump-333333333333/other/Resource",
        "jump-555555555555/third/Resource",
    ]


def test_the_logical_ids_of_a_chain(minimal: Chain, app: cdk.App) -> None:
    """The logical ids follow from the construct ids."""
    stacks = RoleChain(app, "jump", chain=minimal).stacks
    roles = [
        stack.get_logical_id(child)
        for stack in stacks.values()
        for child in stack.node.find_all()
        if isinstance(child, cdk.CfnResource) and child.cfn_resource_type == "AWS::IAM::Role"
    ]
    assert roles == ["deploysourceA305993C", "deploymiddle62437949", "deploytarget6D80D829"]
