"""Prints the rules as Markdown: ``python -m rolechain.proof.rules > docs/rules.md``."""

from __future__ import annotations

from rolechain.proof.rules import RULES

_HEAD = """\
# The rules

What can be wrong with a role chain, and is found in its templates before anything is deployed. An error fails the
proof; a warning is shown. Without a declared chain (`rolechain audit`) the rules that need one stay silent. A finding
says where it stands, what is wrong with the values, and what to write instead. What cannot be resolved or decided is
reported as RC00, an error; in an audit a warning where who is let in does not depend on it.

| rule | what is asked for | prevents | level | source |
|---|---|---|---|---|
"""


def page() -> str:
    """The page, as Markdown."""
    rows = ((rule.id, rule.title, rule.prevents, ", ".join(rule.levels), rule.source) for rule in RULES)
    return _HEAD + "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows
    )


if __name__ == "__main__":
    print(page(), end="")
