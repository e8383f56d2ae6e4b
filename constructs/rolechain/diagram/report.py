"""The proof of a chain as a report to sign: one page that needs nothing else, on A4."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rolechain.diagram.diagram import ArrowKind, Diagram
from rolechain.diagram.drawing import diagram_of_chain
from rolechain.diagram.page import (
    arrow_details,
    box_details,
    changers,
    document,
    figure,
    findings,
    said,
    summary,
)
from rolechain.graph.finding import Level
from rolechain.model.chain import Chain
from rolechain.policy import Verdict
from rolechain.proof import Proof
from rolechain.proof.report import counted, tally
from rolechain.proof.rules import RULES, Rule

_NOT_CLAIMED = (
    "that the accounts hold what was read: what is changed since, or otherwise than by what was read, is not seen",
    "who may change the chain besides the principals that were read, such as the accounts' administrators",
    "that a service or resource control policy that was not read lets the hops be taken: it can only refuse",
    "that a hop works whose conditions depend on the moment of the call, such as an address or a time",
    "what a session of a role may do",
)

_ABOUT: Mapping[str, str] = {
    "RC09": r"TagSession|PrincipalTag|RequestTag",
    "RC10": "SourceIdentity",
    "RC11": "SourceIdentity",
    "RC12": "TagSession|TransitiveTagKeys",
    "RC14": "MultiFactorAuth",
    "RC24": "PrincipalOrgPaths",
    "RC25": "IfExists",
    "RC26": "ForAllValues",
    "RC31": "RESOURCE_CONTROL_POLICY",
    "RC34": "CloudFormation::StackSet",
    "RC37": "Federated",
}
"""What templates hold if there is anything that a rule could be broken by; the other rules are about every chain."""


@dataclass(frozen=True)
class Provenance:
    """Where a report comes from.

    Attributes:
        when: the date and time in UTC, by ISO 8601.
        who: who made it.
        source: what was read, in words.
        versions: the version of each program, by its name.
        commit: the commit of the chain's file; None where it is in no repository.
        hashes: the SHA-256 of each file that was read, by its name.
    """

    when: str
    who: str
    source: str
    versions: Mapping[str, str]
    commit: str | None
    hashes: Mapping[str, str]


def report(chain: Chain, proof: Proof, provenance: Provenance, *, source: str = "") -> str:
    """The report as an HTML page.

    Args:
        chain: the chain.
        proof: its proof, which holds the graph that it was made from.
        provenance: where it comes from.
        source: what it was proven from, with a blank before.
    """
    diagram = diagram_of_chain(chain, proof, source=source)
    body = "\n".join(_sections(chain, proof, diagram, provenance))
    return document(f"Report on {diagram.title}", f"<main>{body}</main>", kind="report")


def _sections(chain: Chain, proof: Proof, diagram: Diagram, provenance: Provenance) -> Iterator[str]:
    yield f"<h1>Report on {said(diagram.title)}</h1>{summary(diagram)}"
    yield _facts(provenance)
    yield f"<h2>What is claimed</h2><p>{said(_claim(chain, proof))}</p>"
    if premises := (*proof.premises, *(each.removeprefix("assuming ") for each in proof.assumptions)):
        yield f"<p>Taken for granted:</p>{_list(premises)}"
    if proof.temporary:
        yield f"<p>Entrances that close, at {said(proof.now or '')}:</p>{_list(proof.temporary)}"
    yield f"<h2>What is not claimed</h2>{_list(_NOT_CLAIMED)}"
    yield f"<h2>The picture</h2>{figure(diagram, lists=False)}"
    for heading, kinds in (
        ("The hops", (ArrowKind.HOP,)),
        ("Who gets in besides", (ArrowKind.ENTRANCE, ArrowKind.OPEN)),
        ("Shortcuts", (ArrowKind.REFUSED,)),
    ):
        numbers = [number for number, arrow in enumerate(diagram.arrows) if arrow.kind in kinds]
        details = (arrow_details(number, diagram.arrows[number], diagram) for number in numbers)
        yield f"<h2>{heading}</h2>{''.join(details) or '<p>None.</p>'}"
    yield (
        changers(diagram)
        or "<h2>Who may change the chain</h2><p>Nobody among the principals that were read.</p>"
    )
    yield f"<h2>Findings</h2><p>{tally(proof.findings).capitalize()}.</p>{findings(proof.findings)}"
    yield _rules(proof)
    boxes = (box_details(number, replace(box, findings=())) for number, box in enumerate(diagram.boxes))
    yield f"<h2>Who is in the picture</h2>{''.join(boxes)}"
    rows = "".join(
        f"<tr><td>{said(name)}</td><td><code>{said(digest)}</code></td></tr>"
        for name, digest in provenance.hashes.items()
    )
    yield (
        '<h2>What was read</h2><table><thead><tr><th scope="col">file</th><th scope="col">SHA-256</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    yield '<div class="sign"><p>Date</p><p>Signature</p></div>'


def _facts(provenance: Provenance) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    rows = {
        "made at": provenance.when,
        "made by": provenance.who,
        "from": provenance.source,
        "commit": provenance.commit or "none: the chain's file is in no repository",
        "versions": versions,
    }
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{said(words)}</dd>' for name, words in rows.items())}</dl>"


def _claim(chain: Chain, proof: Proof) -> str:
    """What the proof says, and no more."""
    if not proof.proven:
        return (
            f"Chain {chain.name} is not proven ({tally(proof.findings)}). Nothing is claimed of who gets in."
        )
    hops = [hop.verdict for hop in proof.hops]
    unknown = len(hops) - hops.count(Verdict.ALLOW)
    works = f"each of the {counted(len(hops), 'declared hop')} can be taken as the chain declares it"
    if unknown:
        works = f"whether {unknown} of the {counted(len(hops), 'declared hop')} can be taken is not known"
    entrances = counted(sum(each.declared for each in proof.entrances), "declared entrance")
    about = (
        f" Of its roles this is about {', '.join(proof.parts)}; the others are taken as declared."
        if proof.parts
        else ""
    )
    return (
        f"By what was read, nobody gets into a role of chain {chain.name} but by its declared hops and by {entrances}, "
        f"whether what was read holds the caller or not; {works}; no hop takes session tags or a source identity that "
        f"the chain does not declare; and no rule of level error is broken.{about}"
    )


def _rules(proof: Proof) -> str:
    bodies = [template.body for template in proof.graph.templates.values()] if proof.graph else []
    roles = proof.graph.roles if proof.graph else ()
    held = [record.document for role in roles for record in (role.trust, *role.policies)]
    text = json.dumps([*bodies, *held], default=str)
    rows = "".join(
        f'<tr><td class="word">{rule.id}</td><td>{said(rule.title)}</td><td class="word {style}">{words}</td></tr>'
        for rule in RULES
        for words, style in [_result(rule, proof, text)]
    )
    return (
        '<h2>The rules</h2><table><thead><tr><th scope="col">rule</th><th scope="col">what is asked for</th>'
        f'<th scope="col">result</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _result(rule: Rule, proof: Proof, text: str) -> tuple[str, str]:
    """Whether a rule is broken, in words, and how they are shown.

    Where something that matters is not known, no rule is said to pass.
    """
    levels = {each.level for each in proof.findings if each.rule == rule.id}
    if levels:
        return ("✗ fail", "bad") if Level.ERROR in levels else ("! warning", "doubt")
    if any(each.rule == "RC00" and each.level is Level.ERROR for each in proof.findings):
        return "? not known", "doubt"
    if rule.id in _ABOUT and not re.search(_ABOUT[rule.id], text, re.IGNORECASE):
        return "not applicable", ""
    return "✓ pass", "good"


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{said(each)}</li>' for each in lines)}</ul>"
