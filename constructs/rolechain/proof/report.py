"""What a proof or an audit says, to a machine and in text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.administrators import Changer
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import RoleGraph
from rolechain.policy import Verdict
from rolechain.proof.entrances import EntranceRecord
from rolechain.proof.hops import HopProof

_DEFAULT = re.compile(r"assuming ([A-Za-z0-9]+) = (.*) \(.*\)", re.DOTALL)
"""How the default of a parameter is taken for granted; see ``Resolver``."""


@dataclass(frozen=True)
class Proof:
    """What was proven of a chain, or found without one.

    Attributes:
        hops: each declared hop; in an audit, every AssumeRole that the policies allow or may allow.
        entrances: who is let in besides, in words.
        findings: what is wrong or cannot be known, in the order of the places.
        assumptions: what was taken for granted, in words.
        parts: the roles that the proof is about, where the others are taken as declared.
        changers: who of the templates may change the chain's roles or act as them, those who are declared too; None
            in an audit.
        revoked_before: the time before which the chain ends its sessions, if any.
        temporary: the entrances that close at a time, in words: what they open, and until when.
        now: the time of the proof, where an entrance closes at one.
        names: what each role, user and group is called whose ARN is not known before deployment, by what stands for
            that.
        graph: the roles that it was made from; None where they are not at hand.
    """

    hops: tuple[HopProof, ...]
    entrances: tuple[EntranceRecord, ...]
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    changers: tuple[Changer, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    graph: RoleGraph | None = field(default=None, repr=False, compare=False)
    revoked_before: str | None = None
    temporary: tuple[str, ...] = ()
    now: str | None = None

    @property
    def proven(self) -> bool:
        """Whether nothing is wrong and nothing that matters is unknown; warnings do not count."""
        return not any(finding.level is Level.ERROR for finding in self.findings)

    @property
    def premises(self) -> tuple[str, ...]:
        """The parameters' defaults that it depends on: ``Open stays no``."""
        found = (_DEFAULT.fullmatch(each) for each in self.assumptions)
        return tuple(dict.fromkeys(f"{match[1]} stays {match[2]}" for match in found if match))

    def to_json(self) -> dict[str, Any]:
        """The report as one document for a machine."""
        return {
            "proven": self.proven,
            "hops": [
                {key: value for key, value in vars(hop).items() if key != "accounts" or value}
                | {"verdict": hop.verdict.value}
                for hop in self.hops
            ],
            "entrances": [
                {name: value for name, value in vars(entrance).items() if name != "place"}
                | _place(entrance.place)
                for entrance in self.entrances
            ],
            "findings": [
                {
                    "rule": finding.rule,
                    "level": finding.level.value,
                    **_place(finding.place),
                    "message": finding.message,
                    "cure": finding.remediation,
                }
                for finding in self.findings
            ],
            "assumptions": list(self.assumptions),
            **({"now": self.now, "temporary": list(self.temporary)} if self.temporary else {}),
            **({"revoked_before": self.revoked_before} if self.revoked_before else {}),
            **({} if self.changers is None else {"changers": [_changer(each) for each in self.changers]}),
        }


def _place(place: SourceLocation | None) -> dict[str, Any]:
    return {name: getattr(place, name, None) for name in ("template", "logical_id", "statement")}


def _changer(changer: Changer) -> dict[str, Any]:
    return {
        "who": changer.who,
        "rule": changer.rule,
        "roles": list(changer.roles),
        "means": [means.words for means in changer.means],
        "declared": changer.declared,
        "known": changer.surely,
    }


def sorted_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each finding once, in the order of the places; what stands nowhere comes first."""
    return tuple(sorted(dict.fromkeys(findings), key=_order))


def _order(finding: Finding) -> tuple[str, str, str, int, str, str]:
    place = finding.place
    if place is None:
        return ("", "", "", -1, finding.rule, finding.message)
    statement = -1 if place.statement is None else place.statement
    return (place.template, place.logical_id, place.part, statement, finding.rule, finding.message)


def last_line(name: str, proof: Proof, *, source: str = "", strict: bool = False) -> str:
    """The line that says it all.

    Args:
        name: the chain's name.
        proof: the proof.
        source: where the templates come from, with a blank before.
        strict: whether warnings, and what depends on a parameter's default, fail the proof.
    """
    if not proof.proven:
        return f"chain {name} is not proven{source}: {tally(proof.findings)}"
    hops, entrances = counted(len(proof.hops), "hop"), counted(len(proof.entrances), "declared entrance")
    known = sum(hop.verdict is Verdict.ALLOW for hop in proof.hops)
    closed = f"nothing else gets in than by {entrances}"
    said = f"chain {name} is proven{source}: {hops} can be taken, and {closed}"
    if unknown := len(proof.hops) - known:
        said = f"chain {name}{source}: {closed}; whether {unknown} of {hops} can be taken is not known"
    words = [said, *proof.premises]
    line = ", if ".join(words)
    if others := {changer.who for changer in proof.changers or () if not changer.declared and changer.surely}:
        line += f", and {counted(len(others), 'principal')} of the templates may change it"
    if proof.revoked_before:
        line += f"; it is revoked: sessions issued before {proof.revoked_before} are denied everything"
    if here := proof.parts:
        line += f"; here are {', '.join(here)}, and the other roles are taken as declared"
    warnings = sum(finding.level is Level.WARNING for finding in proof.findings)
    if warnings:
        line += f"; {counted(warnings, 'warning')}"
    return f"{line}, which --strict does not allow" if strict and not passes(proof, strict=True) else line


def passes(proof: Proof, *, strict: bool) -> bool:
    """Whether no finding stands against it: no error, and with ``strict`` no warning and no premise either."""
    return proof.proven and not (strict and (proof.findings or proof.premises))


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding: its level, rule and place, the message, and what to write instead."""
    yield f"{finding.level.value} {finding.rule} {finding.place or ''}".rstrip()
    yield f"  {finding.message}"
    yield f"  fix: {finding.remediation}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 hop``, ``2 hops``."""
    return f"{number} {noun}{'s' if number != 1 else ''}"


def tally(findings: Iterable[Finding]) -> str:
    """How many findings of each level there are: ``2 errors, 1 warning``; ``no finding``."""
    levels = [finding.level for finding in findings]
    counts = [counted(levels.count(level), level.value) for level in Level if level in levels]
    return ", ".join(counts) or "no finding"
