"""What a proof says in text, line by line: at synth, in tests and in the last line of the command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Finding, Level
from rolechain.proof.report import Proof


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
    words = [
        f"chain {name} is proven{source}: {hops} can be taken, and nothing else gets in than by {entrances}",
        *proof.premises,
    ]
    line = ", if ".join(words)
    if others := {changer.who for changer in proof.changers or () if not changer.declared and changer.surely}:
        line += f", and {counted(len(others), 'principal')} of the templates may change it"
    if here := proof.parts:
        line += f"; here are {', '.join(here)}, and the other roles are taken as declared"
    warnings = sum(finding.level is Level.WARNING for finding in proof.findings)
    if warnings:
        line += f"; {counted(warnings, 'warning')}"
    return f"{line}, which --strict does not allow" if strict and not passes(proof, strict=True) else line


def passes(proof: Proof, *, strict: bool) -> bool:
    """Whether no finding stands against it: no error, and with ``strict`` no warning and no premise either."""
    return proof.proven and not (strict and (proof.findings or proof.premises))


def finding_lines(finding: Finding, where: Callable[[SourceLocation], str] = str) -> Iterator[str]:
    """A finding: its level, rule and place, the message, and what to write instead."""
    place = f" {where(finding.place)}" if finding.place else ""
    yield f"{finding.level.value} {finding.rule}{place}"
    yield f"  {finding.message}"
    yield f"  cure: {finding.remediation}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 hop``, ``2 hops``."""
    return f"{number} {noun}{'s' if number != 1 else ''}"


def tally(findings: Iterable[Finding]) -> str:
    """How many findings of each level there are: ``2 errors, 1 warning``; ``no finding``."""
    levels = [finding.level for finding in findings]
    counts = [counted(levels.count(level), level.value) for level in Level if level in levels]
    return ", ".join(counts) or "no finding"
