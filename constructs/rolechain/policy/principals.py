"""Principals: the callers of AssumeRole, and the Principal element of a trust policy, which names them.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from rolechain.iam.arn import iam_arn, partition_of
from rolechain.policy.elements import PolicyError, Unresolved, mapping, shown, texts, unresolved
from rolechain.policy.logic import Ternary

KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


CallerKind = Literal["role-session", "user", "root", "service"]


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        kind: a role's session, an IAM user, an account's root user, or an AWS service.
        arn: the session's, user's or root's ARN; for a service its principal, ``lambda.amazonaws.com``.
        account: the caller's account id; empty for a service.
        role_arn: for a session, the ARN of its role, path included.
        unique_id: the AROA or AIDA id of the role or user, without a session's name.
        in_management_account: the organization's management account is exempt from service control policies.
    """

    kind: CallerKind
    arn: str
    account: str = ""
    role_arn: str | None = None
    unique_id: str | None = None
    in_management_account: bool = False

    @property
    def partition(self) -> str | None:
        """The partition that its credentials belong to; None for a service."""
        return None if self.kind == "service" else partition_of(self.arn)


class Strength(IntEnum):
    """How a principal names a caller; the stronger, the less the caller's own side has to grant."""

    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


Match = tuple[Strength, Ternary]

# Found here once: under Python 3.11, to look a member up in its enum takes longer than to ask a condition.
_ACCOUNT, _ROLE, _DIRECT = Strength
ANYONE: tuple[Match, ...] = ((_DIRECT, None),)
"""What a principal matches of which nothing is known."""


@dataclass(frozen=True)
class Principals:
    """Whom a statement names.

    Attributes:
        written: the values as the document lists them.
        everyone: whether it names ``*``.
        aws: ARNs, account ids and unique ids.
        services: service principals.
        federated: identity providers.
        unknown_federated: whether a CloudFormation intrinsic stands among those.
        unknown: whether a CloudFormation intrinsic, or a canonical user, stands among them.
        none_listed: whether the element holds no principal at all, as in ``{"AWS": []}``.
    """

    written: tuple[str, ...]
    everyone: bool
    aws: frozenset[str]
    services: frozenset[str]
    unknown: bool
    federated: frozenset[str] = frozenset()
    unknown_federated: bool = False
    none_listed: bool = False

    def match(self, caller: Caller, partition: str) -> tuple[Match, ...]:
        """The strongest way in which the statement names ``caller``, and a stronger one that is not known.

        Args:
            caller: who calls.
            partition: that of the role which is to be assumed.
        """
        strength = self._strength(caller, partition)
        known: tuple[Match, ...] = () if strength is None else ((strength, True),)
        return known + ANYONE if self.unknown and strength is not _DIRECT else known

    def _strength(self, caller: Caller, partition: str) -> Strength | None:
        if self.everyone:
            return _DIRECT
        if caller.kind == "service":
            return _DIRECT if caller.arn in self.services else None
        named = self.aws
        if caller.arn in named or (caller.kind == "user" and caller.unique_id in named):
            return _DIRECT
        if caller.kind == "role-session" and (caller.role_arn in named or caller.unique_id in named):
            return _ROLE
        if caller.account in named or iam_arn(partition, caller.account, "root") in named:
            return _ACCOUNT
        return None


def parse(element: Any) -> Principals:
    """The principals that stand in a Principal element.

    Raises:
        PolicyError: it is neither ``*`` nor an object of principals by their kind.
    """
    if intrinsic := unresolved(element):
        return Principals((str(intrinsic),), False, frozenset(), frozenset(), True)
    if isinstance(element, str):
        if element != "*":
            raise PolicyError(f'Principal is {shown(element)}: write "*" or an object such as {{"AWS": "…"}}')
        return Principals(("*",), True, frozenset(), frozenset(), False)
    values = {
        kind: texts(value, f"Principal {kind}")
        for kind, value in mapping(element, "Principal", KINDS).items()
    }
    # An empty text names nobody: the CDK's bootstrap template writes one.
    aws = frozenset(value for value in values.get("AWS", ()) if isinstance(value, str) and value)
    services = frozenset(value for value in values.get("Service", ()) if isinstance(value, str) and value)
    return Principals(
        written=tuple(str(value) for listed in values.values() for value in listed if value),
        everyone="*" in aws,
        aws=aws - {"*"},
        services=services,
        # Which account a canonical user stands for is not known.
        unknown=any(values.get("CanonicalUser", ()))
        or any(
            isinstance(value, Unresolved) for kind in ("AWS", "Service") for value in values.get(kind, ())
        ),
        federated=frozenset(
            value for value in values.get("Federated", ()) if isinstance(value, str) and value
        ),
        unknown_federated=any(isinstance(value, Unresolved) for value in values.get("Federated", ())),
        none_listed=not any(values.values()),
    )
