"""A diagram as a page that needs nothing else: what decides each hop is shown beside it.

Everything that templates hold is escaped, and the page's policy lets nothing be loaded and no other script run.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from pathlib import Path

from rolechain.diagram.diagram import Arrow, ArrowKind, Box, Diagram, Half, mark, verdict_words, words_of
from rolechain.diagram.svg import STYLE, svg
from rolechain.graph.finding import Finding
from rolechain.policy.elements import printable

_STYLE = STYLE + Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
_LEGEND = (
    "✓✓ beside a hop: the caller's policies allow it, and the callee's trust policy lets the caller in. "
    "✗ refused, ? not known. Dotted and grey: a shortcut that must be refused. Thick and red: an open door."
)


def page(diagram: Diagram) -> str:
    """The diagram as an HTML page, in which a click, the pointer or the keyboard shows what decides."""
    body = [f"<header><h1>{said(diagram.title)}</h1>{summary(diagram)}</header>", "<main>", figure(diagram)]
    body += [
        '<section id="details"><h2>What decides</h2><p class="legend">Choose an arrow or a box.</p>',
        *(arrow_details(number, arrow, diagram) for number, arrow in enumerate(diagram.arrows)),
        *(box_details(number, box) for number, box in enumerate(diagram.boxes)),
        "</section></main>",
    ]
    return document(diagram.title, "\n".join(body), kind="picture")


def document(title: str, body: str, *, kind: str) -> str:
    """A page that loads nothing.

    Args:
        title: its title, as text.
        body: what it shows, as HTML.
        kind: ``picture`` for one that shows details where they are asked for, ``report`` for one that shows all.
    """
    policy = (
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{said(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f'<body class="{kind}">\n{body}\n<script>{_SCRIPT}</script>\n</body>\n</html>\n'
    )


def said(words: object) -> str:
    """A line of text as HTML, its control characters escaped."""
    return escape(printable(str(words)), quote=True)


def summary(diagram: Diagram) -> str:
    """What was proven or found, in a line."""
    return f'<p class="summary {"good" if diagram.good else "bad"}">{said(diagram.summary)}</p>'


def figure(diagram: Diagram, *, lists: bool = True) -> str:
    """The picture, with what its signs mean, and a field to search it; ``lists`` adds who may change the chain."""
    left = f"<p>Left out: {said(diagram.left_out)}.</p>" if diagram.left_out else ""
    return (
        '<form role="search" hidden><label for="search">Search roles and accounts</label> '
        '<input id="search" type="search" autocomplete="off"> '
        '<output for="search" aria-live="polite"></output></form>\n'
        f'<figure tabindex="0" role="region" aria-label="Picture">{svg(diagram, interactive=True)}</figure>\n'
        f'<p class="legend">{_LEGEND}</p>{left}{changers(diagram) if lists else ""}'
    )


def changers(diagram: Diagram) -> str:
    """Who may change the chain; nothing where nobody is known."""
    if not diagram.changers:
        return ""
    rows = (
        f'<li class="{"good" if declared else "doubt"}">{said(words)}</li>'
        for words, declared in diagram.changers
    )
    return f"<h2>Who may change the chain</h2><ul>{''.join(rows)}</ul>"


def arrow_details(number: int, arrow: Arrow, diagram: Diagram) -> str:
    """Both sides of a hop beside each other, the decisive statements marked."""
    caller, callee = diagram.boxes[arrow.caller], diagram.boxes[arrow.callee]
    alike = max(len(caller.members), len(callee.members))
    folded = ""
    if alike > 1 and arrow.kind is not ArrowKind.ENTRANCE:
        folded = f"<p>One of {alike} that differ in nothing but account, name and external id.</p>"
    sides = "".join(
        _half(half, words)
        for half, words in (
            (arrow.permission, f"What {caller.name} may call"),
            (arrow.trust, f"Whom {callee.name} trusts"),
        )
        if half
    )
    return (
        f'<article id="arrow-{number}-details" tabindex="-1"><h3>{said(words_of(arrow, diagram))}</h3>'
        f'<p>{said(arrow.reason)}</p>{folded}<div class="sides">{sides}</div></article>'
    )


def _half(half: Half, words: str) -> str:
    statements = "".join(
        f'<div class="statement{" decisive" if each.decisive else ""}"><p>{said(each.place)}'
        f"{' <strong>decides</strong>' if each.decisive else ''}</p><pre>{escape(each.text)}</pre></div>"
        for each in half.statements
    )
    none = "<p>No statement about it.</p>"
    return (
        f'<section class="half {half.verdict.value.replace("_", "-")}"><h4>{mark(half.verdict)} {said(words)}'
        f" <span>{said(verdict_words(half.verdict)[2:])}</span></h4>{statements or none}</section>"
    )


def box_details(number: int, box: Box) -> str:
    """Whom a box stands for, and what is wrong there."""
    members = "".join(f"<li>{said(each)}</li>" for each in box.members)
    return (
        f'<article id="box-{number}-details" class="of-box" tabindex="-1"><h3>{said(box.title)} '
        f"<small>{said(box.kind.value)}, {said(box.heading)}</small></h3>"
        f'<ul class="members">{members}</ul>{findings(box.findings)}</article>'
    )


def findings(found: Iterable[Finding]) -> str:
    """Findings with what to write instead."""
    return "".join(
        f'<div class="finding {each.level.value}"><p><strong>{each.level.value} {each.rule}</strong> '
        f"{said(each.place or '')}</p><p>{said(each.message)}</p><p>Fix: {said(each.remediation)}</p></div>"
        for each in found
    )


def _hash(text: str) -> str:
    """What a Content-Security-Policy names a style or a script by."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
