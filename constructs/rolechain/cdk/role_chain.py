"""A whole chain, one stack for each account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from aws_cdk import Annotations, Environment, Stack
from constructs import Construct

from rolechain.cdk.chain_proof import prove_at_synth
from rolechain.cdk.chain_role import ChainRoleConstruct, MiddleRole, PlacementError, SourceRole, TargetRole
from rolechain.cdk.target_stack_set import TargetStackSet
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.statements.builder import statements_for


class RoleChain(Construct):
    """A chain's roles, in one stack for each account in which any is created.

    Args:
        scope: the app or stage.
        id: the construct's id, which begins the stacks' names: ``<id>-<account>``.
        chain: the chain.
        proof: whether the synth proves it.

    Attributes:
        stacks: the stack of each account.
        roles: the construct of each role, by the role's declared ARN.
        stack_sets: the stack set of each target by organizational unit, likewise.

    Raises:
        PlacementError: nobody may enter, or the order of deployment goes round in a circle.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        proof: bool = True,
    ) -> None:
        super().__init__(scope, id)
        self.stacks: dict[str, Stack] = {}
        self.roles: dict[str, ChainRoleConstruct] = {}
        self.stack_sets: dict[str, TargetStackSet] = {}
        for account in chain.deployed_accounts:
            # Beside this construct rather than in it, as CDK names only direct children of an app or stage plainly.
            stack = AccountStack(scope, f"{id}-{account}", chain=chain, account=account, proof=None)
            self.stacks[account] = stack
            self.roles |= {made.declared.arn: made for made in stack.roles.values()}
            self.stack_sets |= {made.declared.arn: made for made in stack.stack_sets.values()}
        prove_at_synth(self, chain, proof=proof)
        declare_order(chain, self.stacks)


def declare_order(chain: Chain, stacks: Mapping[str, Stack]) -> None:
    """Makes the stack of every role that trusts its caller by ARN wait for the caller's stack.

    IAM refuses a trust policy that names a role which does not exist (``Invalid principal in policy``).
    Roles that trust by ``principal_arn``, the default, need no order.

    Args:
        chain: the chain.
        stacks: the stack of each account.

    Raises:
        PlacementError: accounts would wait for each other.
    """
    needs: dict[str, set[str]] = {}
    for hop in chain.hops():
        created = not (hop.caller.existing or hop.callee.existing)
        account = chain.deployment_account(hop.callee)
        if created and hop.callee.trust == "role_arn" and hop.caller.account != account:
            needs.setdefault(account, set()).add(hop.caller.account)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        one, other = sorted(set(error.args[1]))[:2]
        raise PlacementError(
            f"the stacks of accounts {one} and {other} would wait for each other, since roles of both "
            "trust by role_arn: let one of them trust by principal_arn"
        ) from None
    for account, callers in needs.items():
        for caller in sorted(callers):
            stacks[account].add_stack_dependency(stacks[caller])


class AccountStack(Stack):
    """The roles that a chain declares for one account, in a stack.

    Args:
        scope: the app or stage.
        id: the stack's id and name.
        chain: the chain.
        account: the id of the account.
        proof: as of ``add_roles``.

    Attributes:
        roles: the constructs, by the role's name.
        stack_sets: the stack sets of targets by organizational unit, by the role's name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        account: str,
        proof: bool | None = True,
    ) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account=account, region=chain.region),
            description=f"Roles of the chain {chain.name} in account {account}",
        )
        self.roles = add_roles(self, chain=chain, account=account, proof=proof)
        self.stack_sets = {
            target.role: TargetStackSet(
                self, f"{target.role}-stack-set", chain=chain, target=target, proof=None
            )
            for target in chain.targets
            if target.by_unit and chain.administrator_account(target) == account
        }
        for stack_set in self.stack_sets.values():
            for hop in chain.calls_into(stack_set.declared) if stack_set.declared.trust == "role_arn" else ():
                if hop.caller.account == account and hop.caller.role in self.roles:
                    stack_set.resource.node.add_dependency(self.roles[hop.caller.role].role)


def add_roles(
    scope: Construct, *, chain: Chain, account: str, proof: bool | None = True
) -> dict[str, ChainRoleConstruct]:
    """Makes every role that ``chain`` declares for ``account`` and that does not exist yet, in ``scope``.

    Each construct's id is the role's name: another role that comes or goes leaves it as it is.

    Args:
        scope: the stack, or a construct in one.
        chain: the chain, all of whose roles are to be in the app.
        account: the id of the account.
        proof: whether the synth proves the chain; None if the caller registers the proof.

    Returns:
        The constructs, by the role's name.
    """
    made: dict[str, ChainRoleConstruct] = {}
    kinds = (SourceRole, *(MiddleRole for _ in chain.middle), TargetRole)
    for make, roles in zip(kinds, chain.positions, strict=True):
        for role in [role for role in roles if role.account == account and not role.existing]:
            made[role.role] = make(scope, role.role, chain=chain, role=role, proof=None)
    if proof is not None:
        prove_at_synth(scope, chain, proof=proof)
    for callee in made.values():
        for hop in chain.calls_into(callee.declared) if callee.declared.trust == "role_arn" else ():
            if hop.caller.account == account and hop.caller.role in made:
                # IAM refuses a trust policy that names a role which does not exist yet.
                callee.role.node.add_dependency(made[hop.caller.role].role)
    for role in [role for role in chain.roles if role.existing]:
        if (neighbour := _neighbour(chain, role)) and neighbour.account == account:
            asked = {where: words for where, words in statements_for(chain, role).items() if words}
            Annotations.of(made[neighbour.role]).add_info_v2(
                f"rolechain:existing:{role.arn}",
                f"{role.arn} exists already and is not changed; its owner has to add: {json.dumps(asked)}",
            )
    return made


def _neighbour(chain: Chain, existing: ChainRole) -> ChainRole | None:
    """The first role next to an existing one that is created here."""
    ends = [hop.caller for hop in chain.calls_into(existing)] + [
        hop.callee for hop in chain.calls_of(existing)
    ]
    return next((role for role in ends if not role.existing), None)
