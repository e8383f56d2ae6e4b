"""A value that is not known before deployment."""

from __future__ import annotations

from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation


@dataclass(frozen=True)
class Unresolved:
    """A value of a template that cannot be known before it is deployed.

    Attributes:
        function: the intrinsic function, such as ``Fn::GetAtt``.
        reason: why it is not known.
        place: its location.
        asks: the names of the parameters, of the pseudo parameter AWS::Region or of what Systems Manager holds, whose
            value would settle it.
    """

    function: str
    reason: str
    place: SourceLocation | None = None
    asks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"an unresolved {self.function} ({self.reason})"
