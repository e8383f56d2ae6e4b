"""The table of hops taken and shortcuts refused."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table

from rolechain.runtime import HopReport
from rolechain.runtime.report import Outcome


def report_table(reports: Iterable[HopReport]) -> Table:
    """A row for each report: who called for what, what was expected and happened, who decided, how long."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("hop", "caller", "callee", "expected", "verdict", "decided by"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms", justify="right")
    for report in reports:
        colour = "green" if report.ok else "red"
        table.add_row(
            str(report.index),
            _short(report.caller),
            _short(report.callee),
            report.expected.value,
            f"[{colour}]{'✓' if report.ok else '✗'} {report.verdict.value}[/]",
            _decided_by(report),
            f"{report.milliseconds:.0f}",
        )
        if not report.ok:
            table.add_row("", f"[red]{report.detail}[/]")
    return table


def _decided_by(report: HopReport) -> str:
    if report.cause:
        return report.cause.value.replace("_", " ")
    return "both halves" if report.verdict is Outcome.ALLOWED else ""


def _short(arn: str) -> str:
    """An ARN as people say it: the account, and the name of the role, session or user."""
    account, resource = arn.split(":", 5)[4:]
    kind, _, name = resource.partition("/")
    if kind == "assumed-role":
        name = name.split("/")[0]
    elif kind == "role":
        name = name.rsplit("/", 1)[-1]
    return f"{account} {name or kind}"
