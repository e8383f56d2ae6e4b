"""The proof of a chain from what its accounts hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from rolechain.live.account import Account
from rolechain.live.template import document_by_arn, template_of
from rolechain.model.chain import Chain
from rolechain.proof import Finding, Level, Proof, prove

UNREAD, ORDER = "RC00", "RC20"
ASSUMPTION = "assuming that no service control policy or resource control policy refuses a hop"


def prove_live(
    chain: Chain,
    accounts: Iterable[Account],
    unread: Mapping[str, str] | None = None,
    *,
    scope: Literal["chain", "app"] = "chain",
) -> Proof:
    """Proves a chain from what its accounts hold, by the same rules as from templates.

    Args:
        chain: the chain.
        accounts: what was read.
        unread: why an account could not be read, by its id.
        scope: as of ``rolechain.proof.prove``.

    Returns:
        The proof; it fails where an account of the chain was not read.
    """
    held = list(accounts)
    documents = {**document_by_arn(held), **chain.policy_documents}
    proof = prove(
        replace(chain, policy_documents=documents), [template_of(account) for account in held], scope=scope
    )
    missing = dict.fromkeys(
        sorted(set(chain.accounts) - {account.id for account in held}), "it was not asked for"
    )
    findings = tuple(
        Finding(
            UNREAD,
            Level.ERROR,
            None,
            f"account {account} could not be read: {reason}",
            f"give credentials that may read IAM in {account}",
        )
        for account, reason in {**missing, **(unread or {})}.items()
    )
    # Roles that are there already need no order of deployment.
    found = (finding for finding in proof.findings if finding.rule != ORDER)
    return replace(proof, findings=(*findings, *found), assumptions=(*proof.assumptions, ASSUMPTION))


def chain_with_documents(chain: Chain, accounts: Iterable[Account]) -> Chain:
    """A chain with the documents of AWS's own policies, as the accounts hold them."""
    return replace(chain, policy_documents={**document_by_arn(accounts), **chain.policy_documents})
