"""A role between the source and the targets."""

from __future__ import annotations

from constructs import Construct

from rolechain.cdk.chain_role import ChainRoleConstruct, declared_here
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole


class MiddleRole(ChainRoleConstruct):
    """A middle role of a chain, assumed by the role before it and assuming the one behind it.

    Args:
        scope: the stack, or a construct in one, of the account that the chain declares for it.
        id: the construct's id.
        chain: the chain.
        role: singles one out where the account holds several: its name, or the declared role.
        proof: whether the synth proves the chain, as far as its roles are in the app; None where whoever makes
            several registers the proof.

    Raises:
        PlacementError: the chain declares no such role, or several, for the stack's account.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        role: str | ChainRole | None = None,
        proof: bool | None = True,
    ) -> None:
        declared = declared_here(scope, chain, "middle", chain.middle, role)
        super().__init__(scope, id, chain=chain, kind="middle", declared=declared, proof=proof)
