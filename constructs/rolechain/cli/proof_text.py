"""A proof or an audit, as it is shown to people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.text import Text

from rolechain.policy import Verdict
from rolechain.proof import Changer, EntranceRecord, Finding, HopProof, Level, SourceLocation
from rolechain.proof.report import counted, tally

__all__ = ["ProofText", "counted", "short", "tally"]

Where = Callable[[SourceLocation], str]
"""Says where a place is."""

_MARKS = {Verdict.ALLOW: ("✓", "green"), Verdict.UNKNOWN: ("?", "yellow")}
_REFUSED = ("✗", "red")


class ProofText:
    """Writes the parts of a report, each under its head, and leaves out those that are empty.

    Args:
        console: where to.
        where: says where a finding stands.
    """

    def __init__(self, console: Console, where: Where = str) -> None:
        self._console = console
        self._where = where

    def hops(self, head: str, hops: Iterable[HopProof], *, broken: Verdict | None = None) -> None:
        """A line for each hop, with the reason below it where it is not allowed.

        Args:
            head: what they are.
            hops: the hops.
            broken: a verdict that is as bad as a refusal; in an audit, what is not known is nothing wrong.
        """
        listed = list(hops)
        self._head(head, listed)
        for hop in listed:
            mark, style = _REFUSED if hop.verdict is broken else _MARKS.get(hop.verdict, _REFUSED)
            self._line((f"  {mark} ", style), (f"{short(hop.caller)} → {short(hop.callee)}", ""))
            if hop.verdict is not Verdict.ALLOW:
                self._line((f"      {hop.reason}", "dim"))

    def entrances(self, head: str, entrances: Iterable[EntranceRecord], *, judged: bool) -> None:
        """A line for each role and those whom it lets in.

        Args:
            head: what they are.
            entrances: who is let in, and where.
            judged: whether one that is not declared is wrong; in an audit nothing is declared.
        """
        listed = list(dict.fromkeys((each.role, each.words, each.declared) for each in entrances))
        self._head(head, listed)
        for role, words, declared in listed:
            mark = (("  ✓ ", "green") if declared else ("  ✗ ", "red")) if judged else ("  • ", "")
            said = "" if declared or not judged else ", which is not declared"
            self._line(mark, (f"{short(role)} lets in {words}{said}", ""))

    def changers(self, head: str, changers: Iterable[Changer]) -> None:
        """A line for each of those who may change the chain or act as its roles.

        Args:
            head: what they are.
            changers: who they are.
        """
        listed = list(changers)
        self._head(head, listed)
        for changer in listed:
            mark = ("  ✓ ", "green") if changer.declared else ("  ! ", "yellow")
            verb = "change" if changer.rule == "RC38" else "act as"
            roles = counted(len(changer.roles), "role") if len(changer.roles) > 1 else short(changer.roles[0])
            said = ", as is declared" if changer.declared else ""
            words = f"{short(changer.who)} may {verb} {roles}{said}"
            self._line(mark, (words if changer.surely else f"{words}, which is not known", ""))

    def findings(self, findings: Sequence[Finding]) -> None:
        """What is wrong: rule and place, the message, and below it what to write instead."""
        self._head("findings", findings)
        for finding in findings:
            style = "bold red" if finding.level is Level.ERROR else "bold yellow"
            place = f" {self._where(finding.place)}" if finding.place else ""
            self._line((f"  {finding.level.value} {finding.rule}", style), (place, "bold"))
            self._line((f"      {finding.message}", ""))
            self._line(("      cure: ", "green"), (finding.remediation, ""))

    def assumptions(self, assumptions: Sequence[str]) -> None:
        """What was taken for granted."""
        self._head("taken for granted", assumptions)
        for words in assumptions:
            self._line((f"  {words.removeprefix('assuming ')}", "dim"))

    def verdict(self, words: str, *, good: bool) -> None:
        """The last line, which says it all."""
        self._line((words, "bold green" if good else "bold red"))

    def _head(self, head: str, listed: Sequence[object]) -> None:
        if listed:
            self._line((head, "bold"))

    def _line(self, *parts: tuple[str, str]) -> None:
        # Texts of templates are no markup, and a line stays one wherever it goes.
        self._console.print(Text.assemble(*parts), soft_wrap=True)


def short(arn: str) -> str:
    """A role as people call it: its path and name, and its account; anything else as it is."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam" or not parts[5].startswith("role/") or set(arn) & set("*?"):
        return arn
    return f"{parts[5].removeprefix('role/')} ({parts[4]})"
