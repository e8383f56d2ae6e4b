"""The table of hops taken and shortcuts refused."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table

from rolechain.runtime import HopReport
from rolechain.runtime.report import Outcome


def report_table(reports: Iterable[HopReport]) -> Table:
    """A row for each report: who called for what, what came of it, who decided, how long it took.

    The hops that are allowed stand first, then what must be refused; a row that is not as expected says why.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("hop")
    table.add_column("caller → callee", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("decided by", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    declared = True
    for report in sorted(reports, key=lambda report: report.expected is not Outcome.ALLOWED):
        if declared and report.expected is not Outcome.ALLOWED:
            table.add_section()
            declared = False
        call = f"{_name(report.caller)} → {_name(report.callee)}"
        if report.altered:
            call += f", {report.altered}"
        table.add_row(
            str(report.index) if declared else "",
            call if report.ok else f"{call}\n[red]expected: {report.expected.value}; {report.detail}[/]",
            f"[green]✓ {report.verdict.value}[/]" if report.ok else f"[red]✗ {report.verdict.value}[/]",
            _decided_by(report),
            f"{report.milliseconds:.0f}",
        )
    return table


def _decided_by(report: HopReport) -> str:
    if report.cause:
        return report.cause.value.replace("_", " ")
    return "both halves" if report.verdict is Outcome.ALLOWED else ""


def _name(arn: str) -> str:
    """An ARN as people say it: the role's name, or a user of an account."""
    account, resource = arn.split(":", 5)[4:]
    kind, _, name = resource.partition("/")
    if kind == "assumed-role":
        return name.split("/")[0]
    return name.rsplit("/", 1)[-1] if kind == "role" else f"{name or kind} of {account}"
