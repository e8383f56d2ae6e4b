"""Where the constructs may stand, and what they say where they may not."""

from collections.abc import Callable
from dataclasses import replace

import aws_cdk as cdk
import pytest

from rolechain import Chain, ChainRole
from rolechain.cdk import MiddleRole, PlacementError, RoleChain, SourceRole, TargetRole

MakeStack = Callable[[str], cdk.Stack]


def test_a_stack_of_another_account(minimal: Chain, make_stack: MakeStack) -> None:
    """A role is not made in an account for which the chain does not declare it."""
    with pytest.raises(PlacementError) as caught:
        SourceRole(make_stack("999999999999"), "Source", chain=minimal)
    assert str(caught.value) == (
        "chain deploy declares no source role in account 999999999999 of stack Stack999999999999: "
        "it has deploy-source in 111111111111"
    )


def test_a_stack_without_an_account(minimal: Chain, app: cdk.App) -> None:
    """A stack that is deployed to whatever account cannot hold a role that is declared for one."""
    with pytest.raises(
        PlacementError, match=r"stack Anywhere has no account: give it env=Environment\(account=…\)"
    ):
        MiddleRole(cdk.Stack(app, "Anywhere"), "Middle", chain=minimal)


def test_an_account_with_two_targets(maximal: Chain, make_stack: MakeStack) -> None:
    """Where an account holds several targets, one is singled out by name or as declared."""
    stack = make_stack("333333333333")
    with pytest.raises(PlacementError, match="single one out with role='deploy-target' or 'other'"):
        TargetRole(stack, "Target", chain=maximal)
    assert TargetRole(stack, "One", chain=maximal, role="other").declared.role == "other"
    assert TargetRole(stack, "Two", chain=maximal, role=maximal.targets[0]).declared.role == "deploy-target"


def test_a_role_of_another_name(minimal: Chain, make_stack: MakeStack) -> None:
    """A name that the chain does not declare is said with those that it does."""
    with pytest.raises(PlacementError, match="declares no target role named other in account 333333333333"):
        TargetRole(make_stack("333333333333"), "Target", chain=minimal, role="other")


def test_nobody_may_enter(minimal: Chain, make_stack: MakeStack) -> None:
    """A source role that nobody could assume is refused."""
    chain = replace(minimal, sources=[ChainRole("111111111111")])
    with pytest.raises(
        PlacementError, match="nobody may enter chain deploy: name who assumes its source role"
    ):
        SourceRole(make_stack("111111111111"), "Source", chain=chain)


def test_one_stack_per_account(maximal: Chain, app: cdk.App) -> None:
    """The facade makes a stack for each account, named after its own id, and a construct for each role."""
    chain = RoleChain(app, "jump", chain=maximal)
    assert [stack.stack_name for stack in chain.stacks.values()] == [
        "jump-111111111111",
        "jump-222222222222",
        "jump-444444444444",
        "jump-333333333333",
        "jump-555555555555",
    ]
    assert {stack.region for stack in chain.stacks.values()} == {"eu-central-1"}
    assert list(chain.roles) == [
        role.arn for account in maximal.accounts for role in maximal.roles if role.account == account
    ]


def test_the_chain_in_a_stage(minimal: Chain, app: cdk.App) -> None:
    """In a stage the stacks carry the stage's name."""
    stage = cdk.Stage(app, "Prod")
    chain = RoleChain(stage, "jump", chain=minimal)
    assert chain.stacks["111111111111"].stack_name == "Prod-jump-111111111111"


def test_stacks_deploy_in_any_order_by_default(minimal: Chain, app: cdk.App) -> None:
    """Trust by principal_arn needs no order between the stacks."""
    stacks = RoleChain(app, "jump", chain=minimal).stacks
    assert [stack.dependencies for stack in stacks.values()] == [[], [], []]


def test_trust_by_role_arn_declares_the_order(maximal: Chain, app: cdk.App) -> None:
    """The stack of a role that names its caller waits for the caller's stack, and only that one."""
    stacks = RoleChain(app, "jump", chain=maximal).stacks
    assert {account: [wait.account for wait in stack.dependencies] for account, stack in stacks.items()} == {
        "111111111111": [],
        "222222222222": [],
        "333333333333": [],
        "444444444444": ["222222222222"],
        "555555555555": ["444444444444"],
    }


def test_an_order_that_goes_round_in_a_circle(app: cdk.App) -> None:
    """Two accounts whose roles trust each other's by ARN cannot be deployed, which is said."""
    from rolechain import Entrance

    chain = Chain(
        "x",
        source=ChainRole("1" * 12, assumed_by=[Entrance.account("9" * 12)]),
        middle=[ChainRole("2" * 12, trust="role_arn")],
        targets=[ChainRole("1" * 12, trust="role_arn")],
    )
    with pytest.raises(
        PlacementError, match="accounts 111111111111 and 222222222222 would wait for each other"
    ):
        RoleChain(app, "x", chain=chain)


def test_trust_by_role_arn_in_one_account(app: cdk.App) -> None:
    """In one stack the role that names its caller is made after the caller's role."""
    from aws_cdk.assertions import Template

    from rolechain import Entrance

    chain = Chain(
        "x",
        source=ChainRole("1" * 12, assumed_by=[Entrance.account("9" * 12)]),
        middle=[ChainRole("1" * 12, trust="role_arn")],
        targets=[ChainRole("3" * 12)],
    )
    made = RoleChain(app, "x", chain=chain)
    stack = made.stacks["1" * 12]
    resources = Template.from_stack(stack).to_json()["Resources"]
    source, middle = (
        stack.get_logical_id(made.roles[role.arn].role.node.default_child)  # type: ignore[arg-type]
        for role in (chain.source, chain.middle[0])
    )
    assert resources[middle]["DependsOn"] == [source]
    assert "DependsOn" not in resources[source]


def test_roles_that_cdk_is_kept_from_making(minimal: Chain, app: cdk.App) -> None:
    """Where an app has its roles made elsewhere, a role that is read is refused with the cure."""
    cdk.aws_iam.Role.customize_roles(app)
    made = RoleChain(app, "jump", chain=minimal)
    with pytest.raises(
        PlacementError,
        match=r"customize_roles keeps CDK from making .*/deploy-target: .* declare the role as existing",
    ):
        assert made.roles[minimal.targets[0].arn].role
