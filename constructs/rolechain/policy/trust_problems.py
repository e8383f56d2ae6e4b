"""What IAM refuses in a trust policy, with MalformedPolicyDocument."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rolechain.iam import limits
from rolechain.iam.arn import account_of, iam_arn, is_arn, partition_of, resource_of, root_of
from rolechain.iam.glob import has_wildcard
from rolechain.iam.sts_actions import is_of_sts
from rolechain.policy.principals import Principals
from rolechain.policy.statement import Statement

_PLACEHOLDER = re.compile(r"<[^<>]+>")
_AWS = (limits.ACCOUNT, limits.ACCOUNT_ROOT, limits.ROLE_OR_USER, limits.SESSION, limits.UNIQUE_ID)

_Fault = tuple[str, str]
"""What is wrong, and what to write instead."""
_UNFILLED = "holds ${, which nothing fills in here", "write the value out; in a template, with Fn::Sub"


class Subject(StrEnum):
    """What the problem is about."""

    PRINCIPAL = "principal"
    ELEMENT = "element"


@dataclass(frozen=True)
class TrustProblem:
    """One thing that IAM refuses.

    Attributes:
        subject: whether a principal is invalid, or an element of the statement.
        message: what is wrong, with the value; where the subject is an element, it continues a sentence that begins
            with the name of the trust policy.
        remediation: what to write instead.
        refusal: IAM's own text.
    """

    subject: Subject
    message: str
    remediation: str
    refusal: str

    def __str__(self) -> str:
        return f"{self.message}: {self.remediation}"


def invalid_principal(kind: str, value: str) -> str:
    """IAM's text about a principal that it refuses, or does not find; it writes the kind in capitals."""
    return f'Invalid principal in policy: "{kind.upper()}":"{value}"'


def trust_problems(statement: Statement) -> list[TrustProblem]:
    """What IAM refuses about a statement of a trust policy; nothing where the whole statement is not known."""
    return [] if statement.unread else list(_problems(statement))


def _problems(statement: Statement) -> Iterator[TrustProblem]:
    if statement.not_principal:
        yield _refused_element(
            "holds NotPrincipal",
            "name whom it lets in with Principal, and keep others out by a condition on aws:PrincipalArn",
            "Allow with NotPrincipal is not allowed."
            if statement.effect == "Allow"
            else "AssumeRole policy must not contain NotPrincipal field.",
        )
    elif statement.principals is None or statement.principals.none_listed:
        yield _refused_element(
            "names no Principal", "name whom it lets in", "Missing required field Principal"
        )
    else:
        yield from _of_principals(statement.principals)
    if statement.resources is not None:
        name = "NotResource" if statement.resources.negated else "Resource"
        yield _refused_element(
            f"holds {name}",
            f"remove {name}: a trust policy is about its own role",
            f"Has prohibited field {name}",
        )
    actions = statement.actions
    for item in () if actions.negated else actions.written:
        if not is_of_sts(item) and (item.lower() in actions.exact or has_wildcard([item])):
            yield _refused_element(
                f"names the action {item}, none of STS's",
                "write sts:AssumeRole, or another action of STS's, such as sts:TagSession",
                "AssumeRole policy may only specify STS AssumeRole actions.",
            )


def _refused_element(fault: str, remediation: str, refusal: str) -> TrustProblem:
    return TrustProblem(Subject.ELEMENT, f"{fault}, which IAM refuses there", remediation, refusal)


def _of_principals(principals: Principals) -> Iterator[TrustProblem]:
    for kind in principals.empty:
        message = f"Principal {kind} holds an empty text, which IAM refuses"
        remediation = "name whom it lets in, or leave the text out"
        yield TrustProblem(Subject.PRINCIPAL, message, remediation, invalid_principal(kind, ""))
    for kind, values, fault_of in (
        ("AWS", principals.aws, _fault_of_aws),
        ("Service", principals.services, _fault_of_service),
        ("Federated", principals.federated, _fault_of_provider),
    ):
        for value in sorted(values):
            # A part that is not known is written <name>; it counts as valid.
            known = _PLACEHOLDER.sub("0" * 12, value)
            if kind == "AWS" and _is_aws(known):
                continue
            if fault := _UNFILLED if "${" in value else fault_of(value, known):
                message = f"Principal {value} {fault[0]}, which IAM refuses"
                yield TrustProblem(Subject.PRINCIPAL, message, fault[1], invalid_principal(kind, value))


def _fault_of_aws(value: str, known: str) -> _Fault:
    account, resource, partition = account_of(known), resource_of(known), partition_of(known)
    root = iam_arn(partition, account, "root")
    if has_wildcard([value]):
        one = root_of(value) if account.isdigit() else "the account's root"
        remediation = f"name one principal; for several, {one} with ArnLike aws:PrincipalArn {value}"
        return "holds a wildcard", remediation
    if limits.SERVICE_OF_ANY_PARTITION.fullmatch(known):
        return "is a service", f'write {{"Service": "{value}"}}'
    if limits.PROVIDER.fullmatch(known):
        return "is an identity provider", f'write {{"Federated": "{value}"}}'
    if known.isascii() and known.isdigit():
        return f"has {len(known)} digits", "write the 12 digits of an account's id, in quotes"
    if not is_arn(known):
        remediation = "write the ARN of a role or user, or its account's root"
        return "is neither an ARN nor an account's id", remediation
    if not limits.ACCOUNT.fullmatch(account):
        return f"has the account {account!r}", "write the 12 digits of the account's id"
    if resource.startswith("group/"):
        remediation = f"name its users, or {root} with a condition on a tag of theirs"
        return "is a group, which is not a principal", remediation
    if resource.lower() == "root":
        return "does not write root as IAM does", f"write {root}"
    any_role = iam_arn(partition, account, "role/<path and name>")
    return "is not a role, user, session or account", f"write {any_role}"


def _fault_of_service(value: str, known: str) -> _Fault | None:
    if limits.SERVICE_OF_ANY_PARTITION.fullmatch(known):
        return None
    if has_wildcard([value]):
        return "holds a wildcard", "name each service, such as lambda.amazonaws.com"
    meant = f"{value.lower()}.amazonaws.com"
    if _is_aws(known):
        meant = f'{{"AWS": "{value}"}}'
    elif "." in value or not limits.SERVICE.fullmatch(meant):
        meant = "one such as lambda.amazonaws.com"
    return "is not a service principal", f"write {meant}"


def _fault_of_provider(value: str, known: str) -> _Fault | None:
    if has_wildcard([value]):
        return "holds a wildcard", "name one provider"
    if limits.PROVIDER.fullmatch(known) or limits.DOMAIN.fullmatch(known):
        return None
    remediation = "write its ARN, arn:aws:iam::<account>:oidc-provider/<host> or …:saml-provider/<name>"
    return "is not an identity provider", remediation


def _is_aws(known: str) -> bool:
    return any(pattern.fullmatch(known) for pattern in _AWS)
