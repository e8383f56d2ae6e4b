"""What is known of the proofs of one app, and what was said of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import Stage

from rolechain.model.chain import Chain

if TYPE_CHECKING:
    from rolechain.cdk.constructs_proof import ConstructsProof


@dataclass
class Proofs:
    """What is known of the proofs of one app.

    Attributes:
        registered: those that constructs registered.
        asked: the chains that the app proves for itself.
        said: what was printed.
    """

    registered: list[ConstructsProof] = field(default_factory=list)
    asked: list[Chain] = field(default_factory=list)
    said: set[str] = field(default_factory=set)


_by_app: dict[str, Proofs] = {}
"""By the name that an app has in CDK's process: CDK hands out one app as several objects of Python."""


def proofs_of(app: Stage) -> Proofs:
    """What is known of the proofs of an app."""
    reference: str = app.__jsii_ref__.ref  # type: ignore[attr-defined] # the object of CDK's process
    return _by_app.setdefault(reference, Proofs())


def say(app: Stage, lines: list[str]) -> None:
    """Prints lines on standard error, once for each app."""
    said = proofs_of(app).said
    text = "\n".join(lines)
    if text not in said:
        said.add(text)
        announce(text)


def announce(text: str) -> None:
    """Prints something on standard error."""
    print(f"rolechain: {text}", file=sys.stderr)
