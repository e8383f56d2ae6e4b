"""The guardrails of a chain as policies of AWS Organizations."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_organizations as organizations
from constructs import Construct

from rolechain.iam.limits import TARGET_OF_POLICY
from rolechain.model.chain import Chain
from rolechain.statements.guardrails import GuardrailError, guardrails


class ChainGuardrails(Construct):
    """Control policies that keep others from assuming, changing or using a chain's roles.

    Both types of control policies have to be enabled in the organization; see ``rolechain.statements.guardrails``.

    Args:
        scope: a stack of the management account, or of a delegated administrator for policies.
        id: the construct's id.
        chain: the chain.
        name: what the policies' names begin with, which are unique in the organization. Default: the chain's name.
        targets: the ids of accounts, organizational units or the root to attach the policies to.
        administrators: the ARNs of the principals that may change the roles. Default: those of the chain.
        administration: whether nobody else may assume the administrators, update stacks, or change identity providers
            and assignments. Default: False.
        source_ip: the networks from which alone sessions of the roles may call AWS. Default: any.
        source_vpc: the VPCs from which they may as well. Default: any.

    Attributes:
        policies: the resource of each policy, by its name.

    Raises:
        GuardrailError: a target or network is none, or the policies do not fit the quotas of Organizations.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        chain: Chain,
        targets: Sequence[str],
        name: str | None = None,
        administrators: Sequence[str] | None = None,
        administration: bool = False,
        source_ip: Sequence[str] = (),
        source_vpc: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        for target in targets:
            if not TARGET_OF_POLICY.fullmatch(target):
                raise GuardrailError(
                    f"{target!r} is no target of a policy: write the id of an account, a unit (ou-…) or the root (r-…)"
                )
        if not targets:
            raise GuardrailError("targets is empty: write the ids of accounts, units or the root")
        self.policies: dict[str, organizations.CfnPolicy] = {}
        for each in guardrails(
            chain,
            administrators=administrators,
            administration=administration,
            source_ip=source_ip,
            source_vpc=source_vpc,
        ):
            kind = each.name.removeprefix(f"{chain.name}-")
            policy = f"{name or chain.name}-{kind}"
            self.policies[policy] = organizations.CfnPolicy(
                self,
                kind,
                name=policy,
                type=each.type,
                description=f"Guardrails of the chain {chain.name}",
                content=each.content,
                target_ids=list(targets),
            )
