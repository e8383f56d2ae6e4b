"""What a picture of a chain, or of any roles, shows: who is in it, who may assume whom, and what decides it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from rolechain.policy import Verdict
from rolechain.proof import Finding

MARKS = {Verdict.ALLOW: "✓", Verdict.UNKNOWN: "?"}
"""What stands for a verdict; ``✗`` for every refusal."""


def mark(verdict: Verdict) -> str:
    """The sign of a verdict."""
    return MARKS.get(verdict, "✗")


class BoxKind(StrEnum):
    """What a box stands for."""

    ROLE = "role"
    ENTRANCE = "entrance"
    THIRD_PARTY = "third party"
    OPEN_DOOR = "open door"
    OUTSIDE = "outside of the templates"


class ArrowKind(StrEnum):
    """What an arrow stands for."""

    HOP = "hop"
    ENTRANCE = "entrance"
    REFUSED = "refused shortcut"
    OPEN = "open door"


@dataclass(frozen=True)
class ShownStatement:
    """A statement of one side of a hop.

    Attributes:
        text: the statement as JSON, of which long lists of resources are shortened.
        place: where it stands.
        decisive: whether it decides that side.
    """

    text: str
    place: str
    decisive: bool


@dataclass(frozen=True)
class Half:
    """One side of a hop: what the caller's policies, or the callee's trust policy, say to it.

    Attributes:
        verdict: what that side decides, whatever the other says.
        statements: its statements about the hop; none where no policy is at hand.
    """

    verdict: Verdict
    statements: tuple[ShownStatement, ...]


@dataclass(frozen=True)
class Box:
    """A principal, or several that are alike but for their accounts, names and external ids.

    Attributes:
        kind: what it stands for.
        name: what it is called.
        heading: the account, or what stands for one.
        members: the ARNs of those that it stands for, or who they are in words.
        findings: what is wrong, or not known, with its resource.
    """

    kind: BoxKind
    name: str
    heading: str
    members: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of its findings."""
        return tuple(sorted({each.rule for each in self.findings}))

    @property
    def title(self) -> str:
        """Its name, and how many it stands for."""
        return f"{self.name} × {len(self.members)}" if len(self.members) > 1 else self.name  # noqa: RUF001


@dataclass(frozen=True)
class Arrow:
    """Somebody who may assume a role, or may not.

    Attributes:
        kind: what it stands for.
        caller: the number of the caller's box.
        callee: the number of the callee's box.
        verdict: the decision.
        reason: why, in a line.
        index: the number of the hop, counted from 1; 0 for anything else.
        permission: the caller's side; None where it is not the caller's policies that decide.
        trust: the callee's side; None where it is not at hand.
    """

    kind: ArrowKind
    caller: int
    callee: int
    verdict: Verdict
    reason: str
    index: int = 0
    permission: Half | None = None
    trust: Half | None = None

    @property
    def label(self) -> str:
        """What stands beside it: the hop's number, then the verdict of either side, and the whole if it is another."""
        if self.kind is ArrowKind.ENTRANCE:
            return ""
        if self.kind is not ArrowKind.HOP:
            words = "refused" if self.kind is ArrowKind.REFUSED else "open"
            return f"{words}?" if self.verdict is Verdict.UNKNOWN else words
        sides = [half.verdict for half in (self.permission, self.trust) if half]
        whole = mark(self.verdict) if set(sides) != {self.verdict} else ""
        return " ".join(filter(None, (str(self.index or ""), "".join(map(mark, sides)), whole)))


@dataclass(frozen=True)
class Diagram:
    """A picture before it is laid out.

    Attributes:
        title: the name of what it shows.
        summary: what was proven or found, in a line.
        good: whether nothing is wrong.
        boxes: who is in it.
        arrows: who may assume whom.
        changers: who may change the chain, in words, each with whether that is as declared.
        left_out: what is not drawn, in words; empty where all is.
    """

    title: str
    summary: str
    good: bool
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    changers: tuple[tuple[str, bool], ...] = ()
    left_out: str = ""

    def accounts(self) -> Iterator[tuple[str, Iterable[int]]]:
        """The numbers of the boxes of each account; of what stands for several accounts, each by itself."""
        found: dict[Hashable, list[int]] = {}
        for number, box in enumerate(self.boxes):
            found.setdefault(number if len(box.members) > 1 else box.heading, []).append(number)
        for numbers in found.values():
            yield self.boxes[numbers[0]].heading, numbers


def words_of(arrow: Arrow, diagram: Diagram) -> str:
    """An arrow in a line: who may assume whom, or may not."""
    caller, callee = diagram.boxes[arrow.caller].title, diagram.boxes[arrow.callee].title
    if arrow.kind is ArrowKind.HOP:
        number = f" {arrow.index}" if arrow.index else ""
        return f"hop{number}: {caller} → {callee}, {verdict_words(arrow.verdict)}"
    if arrow.kind is ArrowKind.REFUSED:
        refused = "not known to be refused" if arrow.verdict is Verdict.UNKNOWN else "refused"
        return f"shortcut: {caller} → {callee}, {refused}"
    return f"{arrow.kind.value}: {caller} → {callee}"


def verdict_words(verdict: Verdict) -> str:
    """A verdict with its sign."""
    words = {Verdict.ALLOW: "allowed", Verdict.UNKNOWN: "not known", Verdict.EXPLICIT_DENY: "denied"}
    return f"{mark(verdict)} {words.get(verdict, 'refused')}"
