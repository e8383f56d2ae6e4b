"""The role where a chain is entered."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from rolechain.cdk.chain_role import ChainRoleConstruct, PlacementError, declared_here
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole


class SourceRole(ChainRoleConstruct):
    """A source role of a chain, which may assume the first middle role.

    Args:
        scope: the stack, or a construct in one, of the account that the chain declares for it.
        id: the construct's id.
        chain: the chain.
        role: singles one out where the account holds several: its name, or the declared role.
        assumed_by: who may enter here, besides those that the chain declares: any principals of CDK. The proof knows
            what the chain declares alone, and reports whoever else gets in.
        proof: whether the synth proves the chain, as far as its roles are in the app; None where whoever makes
            several registers the proof.

    Raises:
        PlacementError: the chain declares no such role, or several, for the stack's account, or nobody may enter.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        role: str | ChainRole | None = None,
        proof: bool | None = True,
        assumed_by: iam.IPrincipal | Sequence[iam.IPrincipal] = (),
    ) -> None:
        declared = declared_here(scope, chain, "source", chain.sources, role)
        principals = list(assumed_by) if isinstance(assumed_by, Sequence) else [assumed_by]
        if not principals and not declared.assumed_by:
            raise PlacementError(
                f"nobody may enter chain {chain.name}: name who assumes its source role {declared.role}, in "
                "chain.yaml (assumed_by) or with SourceRole(assumed_by=…)"
            )
        super().__init__(
            scope, id, chain=chain, kind="source", declared=declared, assumed_by=principals, proof=proof
        )
