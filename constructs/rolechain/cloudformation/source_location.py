"""A location in a template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class SourceLocation:
    """A resource of a template, and a part of it.

    Attributes:
        template: the template's name: its stack, or its file.
        logical_id: the resource; empty for the template as a whole.
        statement: the statement of the policy in question, counted from 0.
        part: which property or document of the resource, such as ``AssumeRolePolicyDocument``.
    """

    template: str
    logical_id: str = ""
    statement: int | None = None
    part: str = ""

    @property
    def resource(self) -> tuple[str, str]:
        """The resource alone: its template's name and its logical id."""
        return self.template, self.logical_id

    def __str__(self) -> str:
        words = [self.template, self.logical_id, self.part]
        if self.statement is not None:
            words.append(f"statement {self.statement}")
        return " ".join(word for word in words if word)
