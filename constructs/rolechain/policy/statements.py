"""Both halves of every hop, and the entrances, as IAM policy statements.

The trust policy of a callee and the permission of its caller are derived here from one ``Chain``, in IAM's
own JSON, so that they match by construction and can be proven without a synthesis.
"""

from __future__ import annotations

from collections.abc import Callable

from rolechain.chain import Chain
from rolechain.hop import Hop
from rolechain.policy.entrance_statements import entrance_statement
from rolechain.policy.hop_trust import hop_trust
from rolechain.policy.request import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy.writing import Statement, allow, one_or_all
from rolechain.role import ChainRole

__all__ = [
    "Statement",
    "entrance_statement",
    "own_statements",
    "permission_statements",
    "statements_for",
    "trust_statements",
]


def trust_statements(chain: Chain, callee: ChainRole) -> list[Statement]:
    """The statements of ``callee``'s trust policy: those of the hops into it, or one for each entrance."""
    if hops := chain.calls_into(callee):
        return hop_trust(hops, chain.organization)
    return [entrance_statement(entrance, callee) for entrance in callee.assumed_by]


def permission_statements(chain: Chain, caller: ChainRole) -> list[Statement]:
    """The statements that let ``caller`` make its hops: one for each external id, callees in order.

    What carries tags or a source identity on stands in statements of its own, as sts:ExternalId is not known to be
    there when sts:TagSession and sts:SetSourceIdentity are decided.
    """
    hops = chain.calls_of(caller)
    callees: dict[str | None, list[str]] = {}
    for hop in hops:
        callees.setdefault(hop.external_id, []).append(hop.callee.arn)
    statements = [
        allow(
            "AssumeCallees" if number == 1 else f"AssumeCallees{number}",
            ASSUME_ROLE,
            {"StringEquals": {"sts:ExternalId": external_id}} if external_id else {},
            Resource=one_or_all(arns),
        )
        for number, (external_id, arns) in enumerate(callees.items(), 1)
    ]
    carried: list[tuple[str, str, Callable[[Hop], bool]]] = [
        ("TagSessions", TAG_SESSION, lambda hop: hop.carries_tags),
        ("SetSourceIdentity", SET_SOURCE_IDENTITY, lambda hop: hop.carries_source_identity),
    ]
    for sid, action, carries in carried:
        if arns := [hop.callee.arn for hop in hops if carries(hop)]:
            statements.append(allow(sid, action, {}, Resource=one_or_all(arns)))
    return statements


def statements_for(chain: Chain, role: ChainRole) -> dict[str, list[Statement]]:
    """What the owner of a role that exists already has to add on its side.

    Returns:
        The statements by where they belong: ``trust_policy`` and ``permissions``; an empty list where nothing is
        to be added.
    """
    return {
        "trust_policy": trust_statements(chain, role),
        "permissions": permission_statements(chain, role),
    }


def own_statements(role: ChainRole) -> list[Statement]:
    """What ``role`` may do beyond its hops, as it declares it."""
    return [
        {"Effect": "Allow", "Action": list(permission.actions), "Resource": list(permission.resources)}
        for permission in role.permissions
    ]
