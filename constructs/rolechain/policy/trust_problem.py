"""What IAM refuses about a statement of a trust policy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NO_PRINCIPAL = "Missing required field Principal"
FOREIGN_ACTION = "AssumeRole policy may only specify STS AssumeRole actions."


class Subject(StrEnum):
    """What the problem is about."""

    PRINCIPAL = "principal"
    ELEMENT = "element"


@dataclass(frozen=True)
class TrustProblem:
    """One thing that IAM refuses with MalformedPolicyDocument.

    Attributes:
        subject: whether a principal is written wrongly, or an element of the statement.
        message: what is wrong, with the value; it reads on from the name of the trust policy where the subject is an
            element.
        cure: what to write instead.
        refusal: IAM's own text.
    """

    subject: Subject
    message: str
    cure: str
    refusal: str

    def __str__(self) -> str:
        return f"{self.message}: {self.cure}"


def invalid_principal(kind: str, value: str) -> str:
    """IAM's text about a principal that it refuses, or does not find; it writes the kind in capitals."""
    return f'Invalid principal in policy: "{kind.upper()}":"{value}"'


def refused_principal(kind: str, value: str, fault: str, cure: str) -> TrustProblem:
    """A principal that IAM refuses.

    Args:
        kind: under which it stands: ``AWS``, ``Service``, ``Federated``.
        value: the principal.
        fault: what is wrong with it.
        cure: what to write instead.
    """
    return TrustProblem(
        Subject.PRINCIPAL,
        f"Principal {value} {fault}, which IAM refuses",
        cure,
        invalid_principal(kind, value),
    )


def refused_element(fault: str, cure: str, refusal: str) -> TrustProblem:
    """An element of a statement that IAM refuses, or misses."""
    return TrustProblem(Subject.ELEMENT, f"{fault}, which IAM refuses there", cure, refusal)
