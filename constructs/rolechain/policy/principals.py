"""The Principal element of a trust policy, and how strongly it names a caller.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rolechain.policy.caller import Caller
from rolechain.policy.elements import PolicyError, Unresolved, mapping, shown, texts, unresolved
from rolechain.policy.logic import Ternary

KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
_ORPHAN = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}", re.ASCII)


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
    """

    written: tuple[str, ...]
    everyone: bool
    aws: frozenset[str]
    services: frozenset[str]
    unknown: bool
    federated: frozenset[str] = frozenset()
    unknown_federated: bool = False

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
        if caller.account in named or f"arn:{partition}:iam::{caller.account}:root" in named:
            return _ACCOUNT
        return None

    def problems(self) -> list[str]:
        """What IAM would refuse about it in a trust policy."""
        return [
            f"Principal {value} holds a wildcard: name one principal, its account's root, or *"
            for value in sorted(self.aws | self.services)
            if set(value) & set("*?")
        ]


def is_unique_id(value: str) -> bool:
    """Whether ``value`` is an id such as AROA… or AIDA…, which IAM shows where the principal was deleted."""
    return bool(_ORPHAN.fullmatch(value))


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
    )
