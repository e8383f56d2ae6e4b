"""A value that is not known before deployment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.policy.elements import UNRESOLVED


@dataclass(frozen=True)
class Unresolved:
    """A value of a template that cannot be known before it is deployed.

    Attributes:
        function: the intrinsic function, such as ``Fn::GetAtt``.
        reason: why it is not known.
        place: its location.
        asks: the names of the parameters or of the pseudo parameter AWS::Region whose value would settle it; ``ssm:``
            stands before the name of what Systems Manager holds, ``import:`` before that of an export.
        text: the value with ``<region>`` in it, where nothing but the region of a text is not known.
    """

    function: str
    reason: str
    place: SourceLocation | None = None
    asks: tuple[str, ...] = ()
    text: str | None = None

    def __str__(self) -> str:
        return f"{UNRESOLVED}{self.function} ({self.reason})"


class EmptyDefault(str):
    """A text that is made with the default of a parameter, which is empty: often a form that is still to be filled in.

    Attributes:
        parameters: the names of the parameters.
        asks: those of them whose value the user can give.
    """

    parameters: tuple[str, ...]
    asks: tuple[str, ...]

    @classmethod
    def of(cls, text: str, parameters: Iterable[str], asks: Iterable[str]) -> EmptyDefault:
        """``text`` as one."""
        made = cls(text)
        made.parameters, made.asks = tuple(dict.fromkeys(parameters)), tuple(dict.fromkeys(asks))
        return made

    def unresolved(self, place: SourceLocation | None) -> Unresolved:
        """What stands in its place where it is no answer."""
        names = " and ".join(self.parameters)
        return Unresolved(f"Ref {names}", f"the default of parameter {names} is empty", place, self.asks)


def made_with(text: str, parts: Iterable[object]) -> str:
    """``text``, which is made of ``parts``: an ``EmptyDefault`` where one of them is."""
    empty = [part for part in parts if isinstance(part, EmptyDefault)]
    if not empty:
        return text
    parameters = (name for part in empty for name in part.parameters)
    return EmptyDefault.of(text, parameters, (name for part in empty for name in part.asks))
