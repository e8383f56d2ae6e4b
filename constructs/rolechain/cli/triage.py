"""Which findings of an audit count, by the rules and levels of options, acknowledgements and a baseline."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError
from rolechain.proof import Finding, Level
from rolechain.proof.rules import RULES, UNKNOWN

TITLES = {rule.id: rule.title for rule in (UNKNOWN, *RULES)}
"""What each rule asks for, by its id."""
RULE_IDS = tuple(TITLES)
OFF = "off"
_FORMAT = "rolechain-baseline/v1"


class TriageError(RolechainError, ValueError):
    """A baseline or an acknowledgement cannot be used."""

    usage = True


@dataclass(frozen=True)
class Acknowledged:
    """A finding that a template acknowledges.

    Attributes:
        finding: the finding.
        reason: why it is accepted, as the template says.
    """

    finding: Finding
    reason: str


@dataclass(frozen=True)
class Triage:
    """The findings of an audit, sorted out.

    Attributes:
        counted: those that count.
        acknowledged: those that a template acknowledges.
        known: those of the baseline.
        left_out: how many are of rules that are not chosen.
    """

    counted: tuple[Finding, ...]
    acknowledged: tuple[Acknowledged, ...] = ()
    known: tuple[Finding, ...] = ()
    left_out: int = 0


def rule_ids(text: str) -> tuple[str, ...]:
    """The rules of ``RC01,RC04``, for argparse."""
    found = tuple(each.strip().upper() for each in text.split(","))
    for each in found:
        if each not in RULE_IDS:
            raise argparse.ArgumentTypeError(
                f"{each!r} is not a rule: write one of {RULE_IDS[0]} to {RULE_IDS[-1]}, several with commas"
            )
    return found


def level(text: str) -> tuple[str, str]:
    """The rule and level of ``RC29=off``, for argparse."""
    name, _, value = text.partition("=")
    levels = (*Level, OFF)
    if value not in levels:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not RULE=LEVEL: write a rule, =, and one of {', '.join(levels)}"
        )
    (rule,) = rule_ids(name)
    return rule, value


def triaged(
    findings: Iterable[Finding],
    *,
    only: Collection[str] = (),
    levels: Mapping[str, str] | None = None,
    metadata: Callable[[Finding], Iterable[Any]] = lambda _: (),
    baseline: Collection[str] = (),
) -> Triage:
    """The findings, sorted out.

    Args:
        findings: what was found.
        only: the rules that are chosen; empty for all of them.
        levels: the level of each rule that is given one: ``error``, ``warning``, or ``off`` to leave it out.
        metadata: gives the Metadata of the resource and the template that a finding is about.
        baseline: the fingerprints of those that are known.

    Raises:
        TriageError: a template's acknowledgement is not written as it has to be.
    """
    counted: list[Finding] = []
    acknowledged: list[Acknowledged] = []
    known: list[Finding] = []
    left_out = 0
    for finding in findings:
        given = (levels or {}).get(finding.rule)
        if (only and finding.rule not in only) or given == OFF:
            left_out += 1
            continue
        finding = replace(finding, level=Level(given)) if given else finding
        reason = next((text for each in metadata(finding) if (text := _reason(each, finding))), None)
        if reason is not None:
            acknowledged.append(Acknowledged(finding, reason))
        elif fingerprint(finding) in baseline:
            known.append(finding)
        else:
            counted.append(finding)
    return Triage(tuple(counted), tuple(acknowledged), tuple(known), left_out)


def _reason(metadata: Any, finding: Finding) -> str | None:
    """Why a resource's Metadata accepts a finding; None if it does not.

    It is written ``rolechain: {acknowledge: [{rule: RC04, reason: …}]}``.
    """
    own = metadata.get("rolechain") if isinstance(metadata, Mapping) else None
    listed = own.get("acknowledge", []) if isinstance(own, Mapping) else [] if own is None else None
    for each in listed if isinstance(listed, list) else [None]:
        rule, reason = (each.get("rule"), each.get("reason")) if isinstance(each, Mapping) else (None, None)
        if rule not in RULE_IDS or not isinstance(reason, str) or not reason.strip():
            place = finding.place
            where = f"{place.template} {place.logical_id}".strip() if place else "a template"
            raise TriageError(
                f"the Metadata of {where} acknowledges {each!r}: write under rolechain, acknowledge, a list of "
                "{rule: RC04, reason: why it is accepted}"
            )
        if rule == finding.rule:
            return reason.strip()
    return None


def fingerprint(finding: Finding) -> str:
    """What tells a finding from others: lines move and statements are reordered, and it stays the same."""
    place = finding.place
    where = [place.template, place.logical_id, place.part] if place else ["", "", ""]
    return hashlib.sha256("\n".join([finding.rule, *where, finding.message]).encode()).hexdigest()


def written_baseline(findings: Sequence[Finding]) -> str:
    """The text of a baseline that knows these findings."""
    listed = sorted(
        {fingerprint(each): {"rule": each.rule, "message": each.message} for each in findings}.items(),
        key=lambda item: (item[1]["rule"], item[1]["message"], item[0]),
    )
    return json.dumps({"format": _FORMAT, "findings": dict(listed)}, ensure_ascii=False, indent=2) + "\n"


def read_baseline(path: Path) -> frozenset[str]:
    """The fingerprints that a baseline knows.

    Raises:
        TriageError: the file cannot be read, or is not a baseline.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TriageError(f"{path} cannot be read: {error.strerror}: name a baseline, or write one") from None
    except (ValueError, RecursionError):
        document = None
    known = document.get("findings") if isinstance(document, Mapping) else None
    if not isinstance(known, Mapping) or document.get("format") != _FORMAT:
        raise TriageError(f"{path} is not a baseline: write one with --write-baseline {path}")
    return frozenset(known)
