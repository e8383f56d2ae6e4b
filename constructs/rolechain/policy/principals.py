"""The Principal element of a trust policy, and how strongly it names a caller.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rolechain.iam import limits
from rolechain.iam.arn import account_of, is_arn, partition_of, resource_of, root_of
from rolechain.iam.glob import has_wildcard
from rolechain.policy.caller import Caller
from rolechain.policy.elements import PolicyError, Unresolved, mapping, shown, texts, unresolved
from rolechain.policy.logic import Ternary
from rolechain.policy.trust_problem import NO_PRINCIPAL, TrustProblem, refused_element, refused_principal

KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
_PLACEHOLDER = re.compile(r"<[^<>]+>")
_AWS = (limits.ACCOUNT, limits.ACCOUNT_ROOT, limits.ROLE_OR_USER, limits.SESSION, limits.UNIQUE_ID)


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
        if caller.account in named or f"arn:{partition}:iam::{caller.account}:root" in named:
            return _ACCOUNT
        return None

    def problems(self) -> list[TrustProblem]:
        """What IAM would refuse about it in a trust policy."""
        if self.none_listed:
            return [refused_element("names no Principal", "name whom it lets in", NO_PRINCIPAL)]
        found = [_problem_of_aws(value) for value in sorted(self.aws)]
        found += [_problem_of_service(value) for value in sorted(self.services)]
        found += [_problem_of_provider(value) for value in sorted(self.federated)]
        return [problem for problem in found if problem]


def _problem_of_aws(value: str) -> TrustProblem | None:
    # What is not known of a name or an account stands in it as <name>, and is right for all that is known.
    known = _PLACEHOLDER.sub("0" * 12, value)
    if any(pattern.fullmatch(known) for pattern in _AWS):
        return None
    fault, cure = _fault_of_aws(value, known)
    return refused_principal("AWS", value, fault, cure)


def _fault_of_aws(value: str, known: str) -> tuple[str, str]:
    """What is wrong with an AWS principal, and what to write instead."""
    account = account_of(known)
    resource = resource_of(known)
    if variable := _fault_of_text(value):
        return variable
    if has_wildcard([value]):
        root = root_of(value) if account.isdigit() else "the account's root"
        return (
            "holds a wildcard",
            f"name one principal; for several, {root} with ArnLike aws:PrincipalArn {value}",
        )
    if limits.SERVICE_OF_ANY_PARTITION.fullmatch(known):
        return "is a service", f'write {{"Service": "{value}"}}'
    if limits.PROVIDER.fullmatch(known):
        return "is an identity provider", f'write {{"Federated": "{value}"}}'
    if known.isascii() and known.isdigit():
        return f"has {len(known)} digits", "write the 12 digits of an account's id, in quotes"
    if not is_arn(known):
        return (
            "is neither an ARN nor an account's id",
            "write the ARN of a role or user, or its account's root",
        )
    if not limits.ACCOUNT.fullmatch(account):
        return f"has the account {account!r}", "write the 12 digits of the account's id"
    if resource.startswith("group/"):
        root = f"arn:{partition_of(known)}:iam::{account}:root"
        return (
            "is a group, which is no principal",
            f"name its users, or {root} with a condition on a tag of theirs",
        )
    if resource.lower() == "root":
        return "does not write root as IAM does", f"write arn:{partition_of(known)}:iam::{account}:root"
    return (
        "is no role, user, session or account",
        f"write arn:{partition_of(known)}:iam::{account}:role/<path and name>",
    )


def _problem_of_service(value: str) -> TrustProblem | None:
    known = _PLACEHOLDER.sub("0" * 12, value)
    if limits.SERVICE_OF_ANY_PARTITION.fullmatch(known):
        return None
    fault, cure = _fault_of_text(value) or (
        ("holds a wildcard", "name each service, such as lambda.amazonaws.com")
        if has_wildcard([value])
        else ("is no service principal", f"write {_meant(value, known)}")
    )
    return refused_principal("Service", value, fault, cure)


def _meant(value: str, known: str) -> str:
    """What may be meant by what is no service."""
    if any(pattern.fullmatch(known) for pattern in _AWS):
        return f'{{"AWS": "{value}"}}'
    named = f"{value.lower()}.amazonaws.com"
    return (
        named if "." not in value and limits.SERVICE.fullmatch(named) else "one such as lambda.amazonaws.com"
    )


def _problem_of_provider(value: str) -> TrustProblem | None:
    known = _PLACEHOLDER.sub("0" * 12, value)
    if not (fault := _fault_of_text(value)):
        if has_wildcard([value]):
            fault = "holds a wildcard", "name one provider"
        elif not limits.PROVIDER.fullmatch(known) and not limits.DOMAIN.fullmatch(known):
            fault = (
                "is no identity provider",
                "write its ARN, arn:aws:iam::<account>:oidc-provider/<host> or …:saml-provider/<name>",
            )
    return refused_principal("Federated", value, *fault) if fault else None


def _fault_of_text(value: str) -> tuple[str, str] | None:
    """A variable of a policy or a template that nothing fills in."""
    if "${" in value:
        return "holds ${, which nothing fills in here", "write the value out; in a template, with Fn::Sub"
    return None


def is_unique_id(value: str) -> bool:
    """Whether ``value`` is an id such as AROA… or AIDA…, which IAM shows where the principal was deleted."""
    return bool(limits.UNIQUE_ID.fullmatch(value))


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
