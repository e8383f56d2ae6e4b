"""Both halves of every hop, and the entrances, as IAM policy statements in JSON.

The trust policy of a callee and the permissions of its caller are derived from one ``Chain``, so that they match by
construction and can be proven without a synthesis.
"""

from __future__ import annotations

from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.statements.permissions_policy import hop_permission_statements
from rolechain.statements.revocation import deny_before
from rolechain.statements.statement_json import StatementJson
from rolechain.statements.trust_policy import entrance_statements, hop_trust_statements

__all__ = ["StatementJson", "own_statements", "permission_statements", "statements_for", "trust_statements"]


def trust_statements(chain: Chain, callee: ChainRole) -> list[StatementJson]:
    """The statements of ``callee``'s trust policy: those of the hops into it, or one for each entrance."""
    if hops := chain.calls_into(callee):
        return hop_trust_statements(hops, chain.organization)
    return entrance_statements(callee.assumed_by, callee, chain.organization)


def permission_statements(chain: Chain, caller: ChainRole) -> list[StatementJson]:
    """The statements that let ``caller`` make its hops, each callee by its ARN or its units; ``pack`` packs them."""
    return hop_permission_statements(chain.calls_of(caller), chain.organization)


def statements_for(chain: Chain, role: ChainRole) -> dict[str, list[StatementJson]]:
    """The statements that the owner of an existing role has to add to it.

    Returns:
        The statements under ``trust_policy`` and ``permissions``; an empty list where there is nothing to add.
    """
    revoked = [deny_before(chain.revoked_before)] if chain.revoked_before else []
    return {
        "trust_policy": trust_statements(chain, role),
        "permissions": [*permission_statements(chain, role), *revoked],
    }


def own_statements(role: ChainRole) -> list[StatementJson]:
    """The statements of the permissions that ``role`` declares besides its hops."""
    return [
        {"Effect": "Allow", "Action": list(permission.actions), "Resource": list(permission.resources)}
        for permission in role.permissions
    ]
