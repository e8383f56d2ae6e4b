"""What the proof, the audit or a rule has found."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import StrEnum

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.policy.elements import printable


class Level(StrEnum):
    """How bad a finding is: an error fails a synth, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that cannot be known.

    Attributes:
        rule: the rule's id, ``RC01`` to ``RC41``; ``RC00`` for what cannot be resolved or decided.
        level: how bad it is.
        place: where it stands; None where it is nowhere in the templates, such as a role that is missing.
        message: what is wrong, with the values.
        remediation: what to write instead.
    """

    rule: str
    level: Level
    place: SourceLocation | None
    message: str
    remediation: str

    def __post_init__(self) -> None:
        # Names and values of a template may hold anything; a finding is one line.
        object.__setattr__(self, "message", printable(self.message))
        object.__setattr__(self, "remediation", printable(self.remediation))

    @property
    def cure(self) -> str:
        """The remediation, by its former name."""
        warnings.warn("Finding.cure is called remediation now", DeprecationWarning, stacklevel=2)
        return self.remediation
