"""The check of the documents' commands lets no wrong one pass."""

from __future__ import annotations

import pytest

from tests.repository.documents.commands import check, command_lines


@pytest.mark.parametrize(
    "line",
    [
        "rolechian verify",
        "rolechain verfiy",
        "rolechain verify --no-such-option",
        "rolechain exec -- unheard-of",
        "make everything",
        "npx cdk deploy --no-such-option",
        "pip install 'rolechain[no-such-extra]'",
        "pip install something-else",
        "aws cloudformation no-such-operation",
        "aws s3 no-such-command",
        ".venv/bin/python -m pytest tests/no-such-folder",
        "ROLECHAIN_NO_SUCH_VARIABLE=1 make test",
        'eval "$(rolechain no-such-command)"',
        "make test | unheard-of",
        "make test && unheard-of",
    ],
)
def test_a_wrong_command(line: str) -> None:
    """A program, a command, an option, an extra, a target or a path that there is not fails the check."""
    with pytest.raises((AssertionError, ImportError, SystemExit)):
        check(line)


def test_what_is_a_line() -> None:
    """A line goes on behind a backslash; comments and blank lines are none."""
    assert command_lines("# a remark\n\nmake \\\n    test\n") == ["make      test"]
