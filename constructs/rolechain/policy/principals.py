"""The callers of AssumeRole, and the Principal element of a trust policy.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from rolechain.iam.arn import iam_arn, partition_of
from rolechain.policy.elements import Intrinsic, PolicyError, intrinsic_of, mapping, shown, texts
from rolechain.policy.logic import Ternary

KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


CallerKind = Literal["role-session", "user", "root", "service"]


@dataclass(frozen=True)
class Caller:
    """The principal that makes an AssumeRole call.

    Attributes:
        kind: a role's session, an IAM user, an account's root user, or an AWS service.
        arn: the session's, user's or root's ARN; for a service its principal, ``lambda.amazonaws.com``.
        account: the caller's account id; empty for a service.
        role_arn: for a session, the ARN of its role, path included.
        unique_id: the AROA or AIDA id of the role or user, without a session's name.
        in_management_account: whether the account is the organization's management account, which is exempt from
            service control policies.
    """

    kind: CallerKind
    arn: str
    account: str = ""
    role_arn: str | None = None
    unique_id: str | None = None
    in_management_account: bool = False

    @property
    def partition(self) -> str | None:
        """The partition of the caller's credentials; None for a service."""
        return None if self.kind == "service" else partition_of(self.arn)


class Strength(IntEnum):
    """How strongly a principal names a caller: the stronger, the fewer of its own policies must allow the call."""

    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


Match = tuple[Strength, Ternary]

# Looked up once: under Python 3.11 the lookup of an enum member takes longer than the test of a condition.
_ACCOUNT, _ROLE, _DIRECT = Strength
ANYONE: tuple[Match, ...] = ((_DIRECT, None),)
"""The match of a principal that is not known."""


@dataclass(frozen=True)
class Principals:
    """The principals that a statement names.

    Attributes:
        written: the values as the document lists them.
        everyone: whether it names ``*``.
        aws: ARNs, account ids and unique ids.
        services: service principals.
        federated: identity providers.
        unknown_federated: whether a CloudFormation intrinsic stands among those.
        unknown: whether a CloudFormation intrinsic, or a canonical user, stands among them.
        none_listed: whether the element lists no principal, as in ``{"AWS": []}``.
        empty: the kinds of principals among which an empty text stands; IAM refuses it.
    """

    written: tuple[str, ...]
    everyone: bool
    aws: frozenset[str]
    services: frozenset[str]
    unknown: bool
    federated: frozenset[str] = frozenset()
    unknown_federated: bool = False
    none_listed: bool = False
    empty: tuple[str, ...] = ()

    def match(self, caller: Caller, partition: str) -> tuple[Match, ...]:
        """How the statement names ``caller``: the strongest match, and ``ANYONE`` where a stronger one is not known.

        Args:
            caller: who calls.
            partition: the partition of the role that is to be assumed.
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
    """The principals of a Principal element.

    Raises:
        PolicyError: it is neither ``*`` nor an object of principals by their kind.
    """
    if intrinsic := intrinsic_of(element):
        return Principals((str(intrinsic),), False, frozenset(), frozenset(), True)
    if isinstance(element, str):
        if element != "*":
            raise PolicyError(f'Principal is {shown(element)}: write "*" or an object such as {{"AWS": "…"}}')
        return Principals(("*",), True, frozenset(), frozenset(), False)
    values = {
        kind: texts(value, f"Principal {kind}")
        for kind, value in mapping(element, "Principal", KINDS).items()
    }

    def known(kind: str) -> frozenset[str]:
        # An empty string names nobody.
        return frozenset(value for value in values.get(kind, ()) if isinstance(value, str) and value)

    def has_unknown(kind: str) -> bool:
        return any(isinstance(value, Intrinsic) for value in values.get(kind, ()))

    return Principals(
        written=tuple(str(value) for listed in values.values() for value in listed if value),
        everyone="*" in known("AWS"),
        aws=known("AWS") - {"*"},
        services=known("Service"),
        # The account of a canonical user is not known.
        unknown=any(values.get("CanonicalUser", ())) or has_unknown("AWS") or has_unknown("Service"),
        federated=known("Federated"),
        unknown_federated=has_unknown("Federated"),
        none_listed=not any(values.values()),
        empty=tuple(kind for kind, listed in values.items() if "" in listed),
    )
