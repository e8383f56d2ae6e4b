"""What the commands show to people: a proof or an audit, and the table of hops taken and refused."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from rolechain.cli.streams import printable
from rolechain.iam.arn import account_of, name_of, resource_of, session_names
from rolechain.policy import Verdict
from rolechain.proof import (
    AccessChange,
    Changer,
    EntranceRecord,
    Finding,
    HopProof,
    Level,
    Proof,
    SourceLocation,
)
from rolechain.proof.report import counted, last_line, passes
from rolechain.runtime import HopReport
from rolechain.runtime.report import Outcome

_BOOTSTRAP = re.compile(r"role/cdk-\w+-[a-z-]+-role-\d{12}-[a-z0-9-]+")
NOT_TRIED = "not tried: "
"""The beginning of a report's detail where the call was not made."""
_UNLIMITED = 10_000
_GOOD, _BAD, _DOUBTFUL, _PLAIN = ("✓", "green"), ("✗", "red"), ("!", "yellow"), ("•", "")


class ProofText:
    """Writes the parts of a proof or an audit, each under its heading, and leaves out those that are empty.

    What is ``judged`` is declared: an undeclared entrance is wrong. ``verbose`` folds no findings.
    """

    def __init__(
        self,
        where: Callable[[SourceLocation], str] = str,
        names: Mapping[str, str] | None = None,
        *,
        verbose: bool = True,
    ) -> None:
        self._console = Console(highlight=False)
        self._where = where
        self._names = names or {}
        self._verbose = verbose

    def name(self, arn: str) -> str:
        """A principal as people call it: by its logical id where its ARN is not known."""
        return self._names.get(arn) or short(arn)

    def proof(self, name: str, proof: Proof, source: str, *, strict: bool) -> None:
        """Everything that a proof says.

        Args:
            name: the chain's name.
            proof: the proof.
            source: what it was proven from, with a blank before.
            strict: whether warnings fail it.
        """
        self.hops("hops", proof.hops)
        self.entrances("entrances", proof.entrances, judged=True)
        self.items(f"entrances that close, at {proof.now}", proof.temporary)
        self.changers("who may change the chain", proof.changers or ())
        self.assumptions(proof.assumptions)
        self.findings(proof.findings)
        self.verdict(last_line(name, proof, source=source, strict=strict), good=passes(proof, strict=strict))

    def hops(self, heading: str, hops: Sequence[HopProof]) -> None:
        """A line for each hop, with the reason below it where it is not allowed."""
        self._heading(heading, hops)
        for hop in hops:
            unknown = hop.verdict is Verdict.UNKNOWN
            mark = _GOOD if hop.verdict is Verdict.ALLOW else ("?", "yellow") if unknown else _BAD
            where = f", in {hop.accounts}" if hop.accounts else ""
            self._item(mark, f"{self.name(hop.caller)} → {self.name(hop.callee)}{where}")
            if hop.verdict is not Verdict.ALLOW:
                self._line((f"      {hop.reason}", "dim"))

    def entrances(self, heading: str, entrances: Iterable[EntranceRecord], *, judged: bool) -> None:
        """A line for each role and those whom it lets in."""
        listed = list(dict.fromkeys((each.role, each.words, each.declared) for each in entrances))
        self._heading(heading, listed)
        for role, words, declared in listed:
            said = "" if declared or not judged else ", which is not declared"
            mark = (_GOOD if declared else _BAD) if judged else _PLAIN
            self._item(mark, f"{self.name(role)} lets in {words}{said}")

    def changers(self, heading: str, changers: Sequence[Changer]) -> None:
        """A line for each principal that may change the chain or act as its roles."""
        self._heading(heading, changers)
        for changer in changers:
            verb = "change" if changer.rule == "RC38" else "act as"
            roles = (
                counted(len(changer.roles), "role") if len(changer.roles) > 1 else self.name(changer.roles[0])
            )
            said = ", as is declared" if changer.declared else ""
            said += "" if changer.surely else ", which is not known"
            self._item(
                _GOOD if changer.declared else _DOUBTFUL, f"{self.name(changer.who)} may {verb} {roles}{said}"
            )

    def findings(self, findings: Sequence[Finding], heading: str = "findings") -> None:
        """Rule and place of each finding, the message, and below it what to write instead.

        The warnings about the roles of CDK's bootstrap are one line for each account and rule, unless all is asked for.
        """
        self._heading(heading, findings)
        folded: Counter[tuple[str, str]] = Counter()
        for finding in findings:
            is_bootstraps = finding.place and _BOOTSTRAP.fullmatch(finding.place.logical_id)
            if finding.place and is_bootstraps and finding.level is Level.WARNING and not self._verbose:
                folded[finding.place.template, finding.rule] += 1
                continue
            style = "bold red" if finding.level is Level.ERROR else "bold yellow"
            place = f" {self._where(finding.place)}" if finding.place else ""
            self._line((f"  {finding.level.value} {finding.rule}", style), (place, "bold"))
            self._line((f"      {finding.message}", ""))
            self._line(("      fix: ", "green"), (finding.remediation, ""))
        for (account, rule), number in sorted(folded.items()):
            words = f": {counted(number, 'time')} of CDK's bootstrap roles, which --verbose prints"
            self._line((f"  warning {rule}", "bold yellow"), (f" {account}", "bold"), (words, ""))

    def called(self, called: Mapping[str, int]) -> None:
        """What was called in AWS, by permissions of the same names."""
        self.assumptions(
            [f"{action}: {counted(number, 'time')}" for action, number in sorted(called.items())],
            "called, by permissions of the same names",
        )

    def changes(self, heading: str, changes: Sequence[AccessChange]) -> None:
        """A line for each change of access, with the place and what shows it below."""
        self._heading(heading, changes)
        for change in changes:
            self._item(_BAD if change.certain else _DOUBTFUL, change.words)
            shown = f", for example: {change.witness}" if change.witness else ", which cannot be ruled out"
            self._line((f"      {self._where(change.place)}{shown}", "dim"))

    def items(self, heading: str, lines: Sequence[str], *, bad: bool = False) -> None:
        """A line for each of something."""
        self._heading(heading, lines)
        for line in lines:
            self._item(_BAD if bad else _PLAIN, line)

    def assumptions(self, assumptions: Sequence[str], heading: str = "taken for granted") -> None:
        """What was taken for granted."""
        self._heading(heading, assumptions)
        for words in assumptions:
            self._line((f"  {words.removeprefix('assuming ')}", "dim"))

    def verdict(self, words: str, *, good: bool) -> None:
        """The last line, which sums up."""
        self._line((words, "bold green" if good else "bold red"))

    def _heading(self, heading: str, listed: Sequence[object]) -> None:
        if listed:
            self._line((heading, "bold"))

    def _item(self, mark: tuple[str, str], words: str) -> None:
        self._line((f"  {mark[0]} ", mark[1]), (words, ""))

    def _line(self, *parts: tuple[str, str]) -> None:
        # Text of a template is not markup, and a line is not wrapped.
        text = Text.assemble(*((printable(words), style) for words, style in parts))
        self._console.print(text, soft_wrap=True)


def short(arn: str) -> str:
    """A role as people call it: its path and name, and its account; anything else as it is."""
    resource = resource_of(arn)
    if not resource.startswith("role/") or set(arn) & set("*?"):
        return arn
    return f"{resource.removeprefix('role/')} ({account_of(arn)})"


def console(*, stderr: bool = False) -> Console:
    """A standard stream for people: as wide as its terminal, and of no width where it has none.

    NO_COLOR and FORCE_COLOR count; nothing moves in a job of CI.
    """
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        width=None if is_terminal else _UNLIMITED,
        force_interactive=is_terminal and not os.environ.get("CI"),
    )


def status(screen: Console, doing: str) -> AbstractContextManager[object]:
    """Shows what is being done while it is, where that may be drawn."""
    return screen.status(f"{doing} …") if screen.is_interactive else nullcontext()


def show_reports(screen: Console, reports: Sequence[HopReport]) -> None:
    """A row for each call that was made: who called for what, where, what came of it, who decided, how long it took.

    The hops that are allowed stand first, then what must be refused. Below the rows stands why one is not as expected,
    and what was not tried.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("hop", no_wrap=True)
    table.add_column("caller → callee", overflow="fold")
    for heading in ("account", "verdict", "decided by"):
        table.add_column(heading, no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    tried = [report for report in reports if not report.detail.startswith(NOT_TRIED)]
    allowed = [report for report in tried if report.expected is Outcome.ALLOWED]
    refused = [report for report in tried if report.expected is not Outcome.ALLOWED]
    for part in filter(None, (allowed, refused)):
        for report in part:
            mark, style = _GOOD if report.ok else _BAD
            both = "both halves" if report.verdict is Outcome.ALLOWED else ""
            table.add_row(
                str(report.index) if part is allowed else "",
                _call(report),
                account_of(report.callee),
                Text(f"{mark} {report.verdict.value}", style),
                report.cause.value.replace("_", " ") if report.cause else both,
                f"{report.milliseconds:.0f}",
            )
        table.add_section()
    screen.print(table)
    for report in tried:
        if not report.ok:
            line = Text(
                f"✗ {_call(report)} ({account_of(report.callee)}): expected {report.expected.value}", "red"
            )
            screen.print(line, soft_wrap=True)
            screen.print(Text(f"  {printable(report.detail)}"), soft_wrap=True)
    left = Counter(report.detail for report in reports if report.detail.startswith(NOT_TRIED))
    for detail, calls in left.items():
        screen.print(Text(f"✗ {printable(detail)}: {counted(calls, 'call')}", "red"), soft_wrap=True)


def _call(report: HopReport) -> str:
    return f"{_name(report.caller)} → {_name(report.callee)}" + (
        f", {report.altered}" if report.altered else ""
    )


def _name(arn: str) -> str:
    """An ARN as people say it: the role's name, or a user of an account."""
    if session := session_names(arn):
        return session[0]
    kind, _, name = resource_of(arn).partition("/")
    return name_of(name) if kind == "role" else f"{name or kind} of {account_of(arn)}"


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal; lines that are printed appear above it."""
    # Lines are left as long as they are, as without a terminal.
    console = Console(stderr=True, soft_wrap=True)
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # What goes into a pipe must not be drawn on the terminal instead.
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
