"""The proof of a chain from what its accounts hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from rolechain.graph.policy_reader import UNKNOWN_RULE
from rolechain.graph.role_graph import RoleGraph
from rolechain.graph.template_reader import role_graph_of
from rolechain.iam.arn import account_of
from rolechain.live.account import Account
from rolechain.live.organization import Organization
from rolechain.live.reach import reaching
from rolechain.live.template import document_by_arn, template_of
from rolechain.model.chain import Chain
from rolechain.policy import Verdict
from rolechain.proof import Finding, Level, Proof
from rolechain.proof.prove import prove_chain


def prove_live(
    chain: Chain,
    accounts: Iterable[Account],
    unread: Mapping[str, str] | None = None,
    *,
    organization: Organization | str = "it was not asked for",
    scope: Literal["chain", "app"] = "chain",
    now: datetime | None = None,
) -> Proof:
    """Proves a chain from what its accounts hold, by the same rules as from templates.

    Args:
        chain: the chain.
        accounts: what was read.
        unread: why an account could not be read, by its id.
        organization: what was read of the organization, or why it could not be read. Whether a hop works is not known
            then, as a control policy may refuse it, and the proof fails.
        scope: as of ``rolechain.proof.prove``.
        now: likewise.

    Returns:
        The proof; it fails where an account of the chain, or what binds it, was not read.
    """
    held = list(accounts)
    near = reaching(chain, held) if scope == "chain" else held
    templates = [template_of(account) for account in near]
    limits = organization.limits() if isinstance(organization, Organization) else {}

    def read(of: Chain, parts: Collection[str] | None) -> RoleGraph:
        graph = role_graph_of(templates, chain_with_documents(of, held), parts)
        return replace(graph, limits=limits, unknown=(*graph.unknown, *_unknown_boundaries(of, graph)))

    parts = None
    if any(target.by_unit for target in chain.targets):
        # The accounts of organizational units are not read: their roles are taken as declared, and the proof says so.
        parts = {role.arn for role in chain.roles if not role.by_unit}
    proof = prove_chain(chain, read, (account.id for account in held), scope=scope, parts=parts, now=now)
    missing = dict.fromkeys(
        sorted(set(chain.accounts) - {account.id for account in held}), "it was not asked for"
    )
    findings = [
        Finding(
            UNKNOWN_RULE,
            Level.ERROR,
            None,
            f"account {account} could not be read: {reason}",
            f"give credentials that may read IAM in {account}",
        )
        for account, reason in {**missing, **(unread or {})}.items()
    ]
    if unbound := [account for account in chain.accounts if account not in limits]:
        reason = f"account {unbound[0]} is none of the organization's"
        reason = organization if isinstance(organization, str) else reason
        message = f"whether a control policy of the organization refuses a hop is not known: {reason}"
        remedy = "give credentials that may read the organization, in its management account"
        findings.append(Finding(UNKNOWN_RULE, Level.ERROR, None, message, remedy))
    if isinstance(organization, Organization) and chain.organization not in (None, organization.id):
        found = organization.id or "no organization"
        message = f"the accounts are of {found}, and the chain declares {chain.organization}"
        findings.append(
            Finding("RC08", Level.ERROR, None, message, "declare the organization of the accounts")
        )
    hops = tuple(
        replace(hop, verdict=Verdict.UNKNOWN, reason=f"{hop.reason}, if no control policy refuses it")
        if hop.verdict is Verdict.ALLOW
        and not {account_of(hop.caller), account_of(hop.callee)} <= limits.keys()
        else hop
        for hop in proof.hops
    )
    return replace(proof, hops=hops, findings=(*findings, *proof.findings))


def _unknown_boundaries(chain: Chain, graph: RoleGraph) -> Iterator[Finding]:
    """What is there leaves nothing to assume of a boundary, as templates do."""
    arns = {role.arn for role in chain.roles}
    for role in graph.roles:
        boundary = role.boundary
        if role.arn in arns and not role.imported and boundary and boundary.document is None:
            message = (
                f"{role.arn} has the permissions boundary {boundary.name}, whose document is not at hand"
            )
            remedy = "give its document under policy_documents"
            yield Finding(UNKNOWN_RULE, Level.ERROR, role.place, message, remedy)


def chain_with_documents(chain: Chain, accounts: Iterable[Account]) -> Chain:
    """A chain with the documents of AWS's own policies, as the accounts hold them."""
    return replace(chain, policy_documents={**document_by_arn(accounts), **chain.policy_documents})
