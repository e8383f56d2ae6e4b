"""A target in every account of organizational units, by a service-managed stack set."""

from __future__ import annotations

from aws_cdk import Aws, Stack
from constructs import Construct

from rolechain.cdk.chain_proof import prove_at_synth
from rolechain.cdk.chain_role import PlacementError, TargetRole
from rolechain.cdk.member_stack_set import member_stack_set, member_template
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.model.stack_set import StackSet


class TargetStackSet(Construct):
    """A target that a chain declares by organizational unit: a stack set creates it in every account of the units.

    Accounts that join get the role, and accounts that leave lose it. The template holds no account's id, so that it is
    the same however many there are. A stack set never goes to the management account: declare its role as a target of
    its own.

    Args:
        scope: a stack of the management account or of a delegated administrator, or a construct in one.
        id: the construct's id.
        chain: the chain.
        target: singles one out where the chain declares several by organizational unit: its name, or the role.
        proof: whether the synth proves the chain, as far as its roles are in the app; None if the caller registers
            the proof.

    Attributes:
        declared: what the chain says of the target.
        template: the template of each account.
        resource: the stack set.

    Raises:
        PlacementError: the chain declares no such target, or several, or the stack set for another account.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        target: str | ChainRole | None = None,
        proof: bool | None = True,
    ) -> None:
        self.declared = declared = _declared_here(scope, chain, target)
        super().__init__(scope, id)
        if proof is not None:
            prove_at_synth(self, chain, declared, proof=proof)
        target_role = declared.in_account(Aws.ACCOUNT_ID)
        self.template = member_template(
            f"Role {declared.role} of the chain {chain.name}",
            lambda stack: TargetRole(stack, declared.role, chain=chain, role=target_role, proof=None),
        )
        self.resource = member_stack_set(
            self,
            self.template,
            name=chain.stack_set_name(declared),
            units=declared.organizational_units,
            exclude=declared.exclude,
            # A role is global: a second region would create it again.
            regions=[chain.region],
            options=declared.stack_set or StackSet(),
        )


def _declared_here(scope: Construct, chain: Chain, wanted: str | ChainRole | None) -> ChainRole:
    """The one target by organizational unit whose stack set belongs into the stack of ``scope``."""
    stack = Stack.of(scope)
    name = wanted.role if isinstance(wanted, ChainRole) else wanted
    targets = [role for role in chain.targets if role.by_unit]
    found = [role for role in targets if name in (None, role.role)]
    if len(found) != 1:
        declared = " or ".join(repr(role.role) for role in targets) or "none"
        which = f"several targets by organizational unit: single one out with target={declared}"
        none = f"no target by organizational unit{f' named {name}' if name else ''}: it has {declared}"
        raise PlacementError(f"chain {chain.name} declares {which if found else none}")
    account = chain.administrator_account(found[0])
    if stack.account != account:
        raise PlacementError(
            f"the stack set of {found[0].role} belongs into account {account}, and stack {stack.node.path} is of "
            f"{stack.account if stack.account.isdecimal() else 'no account'}: give it env=Environment(account=…), or "
            "declare stack_set: {administrator_account: …}"
        )
    return found[0]
