"""The table of the calls that were made, and what stands below it."""

from __future__ import annotations

import pytest

from rolechain.cli.output import console, show_reports
from rolechain.runtime import Cause, HopReport
from rolechain.runtime.report import Outcome

ROLES = [f"arn:aws:iam::{digit * 12}:role/rolechain/{'a-long-name-' * 4}{digit}" for digit in "1234"]
TOLD = "hop 1 of 2 refused: " + "told at length " * 20


def report(index: int, expected: Outcome, verdict: Outcome, detail: str = "") -> HopReport:
    cause = Cause.TRUST_POLICY if verdict is Outcome.REFUSED else None
    return HopReport(index, ROLES[index - 1], ROLES[index], expected, verdict, cause, 4.2, detail)


REPORTS = [
    report(1, Outcome.ALLOWED, Outcome.REFUSED, TOLD),
    report(2, Outcome.ALLOWED, Outcome.UNDECIDED, "not tried: x was not reached"),
    report(2, Outcome.REFUSED, Outcome.UNDECIDED, "not tried: x was not reached"),
    report(3, Outcome.REFUSED, Outcome.REFUSED),
]


def test_a_line_for_each_call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal nothing is wrapped, why stands below the rows, and what was not tried is one line."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    show_reports(console(), REPORTS)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")]
    first, second, third, fourth = (role.rsplit("/", 1)[1] for role in ROLES)
    assert lines == [
        ["hop", "caller", "→", "callee", "account", "verdict", "decided", "by", "ms"],
        ["1", first, "→", second, "2" * 12, "✗", "refused", "trust", "policy", "4"],
        [third, "→", fourth, "4" * 12, "✓", "refused", "trust", "policy", "4"],
        ["✗", first, "→", second, f"({'2' * 12}):", "expected", "allowed"],
        TOLD.split(),
        ["✗", "not", "tried:", "x", "was", "not", "reached:", "2", "calls"],
    ]


@pytest.mark.parametrize(
    ("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True), ("CI", False)]
)
def test_colours_without_a_terminal(
    variable: str, coloured: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FORCE_COLOR has colours written into a file; nothing moves there in any case."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = console()
    show_reports(screen, REPORTS)
    assert ("\x1b[31m" in capsys.readouterr().out) is coloured
    assert not screen.is_interactive
