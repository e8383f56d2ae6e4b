"""What the chain leaves open, given on the command line: session tags, source identity, session name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

TARGET = ("--target", "620000000004")
GIVEN = ("--session-tag", "Stage=dev", "--source-identity", "ann")


@pytest.fixture
def shell(shell_of: Callable[[Any], Any], featured: Any) -> Any:
    """A shell for the chain that leaves things open."""
    return shell_of(featured)


def test_the_calls_pass_what_was_given(shell: Any) -> None:
    """A chain that asks for a tag and a source identity is walked, and its sessions have the name that was given."""
    said = shell("whoami", *TARGET, *GIVEN, "--session-name", "ann smith", "--json")
    assert said.err == ""
    assert json.loads(said.out)["arn"] == "arn:aws:sts::620000000004:assumed-role/open-target/ann-smith"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            [],
            "chain open asks for the session tag Stage (dev, test-*): give it with --session-tag Stage=VALUE "
            "and a source identity (ann, bob): give it with --source-identity NAME",
        ),
        (
            ["--session-tag", "Stage=prod", "--source-identity", "ann"],
            "--session-tag Stage: 'prod' is not allowed: the chain allows dev, test-*",
        ),
        (
            ["--session-tag", "Stage=dev", "--source-identity", "eve"],
            "--source-identity: 'eve' is not allowed: the chain allows ann, bob",
        ),
        (
            [*GIVEN, "--session-tag", "Project=gemini"],
            "--session-tag Project: 'gemini' is not allowed: the chain allows apollo",
        ),
        (
            [*GIVEN, "--session-tag", "Team=a"],
            "--session-tag Team: no hop of this path passes it: the chain declares Project, Stage",
        ),
        (
            [*GIVEN, "--session-tag", "Stage=test-1"],
            "--session-tag gives Stage twice: remove one of the two",
        ),
    ],
)
@pytest.mark.parametrize(
    "command", [("whoami",), ("env",), ("credential-process",), ("verify",), ("profiles",)]
)
def test_what_the_chain_does_not_take(
    shell: Any, command: tuple[str, ...], words: list[str], expected: str
) -> None:
    """What is missing or not allowed is said in one line with the option that gives it, before any call."""
    shell.environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = shell(*command, *TARGET, *words)
    assert (said.code, said.out, said.err) == (2, "", f"rolechain: {expected}\n")


def test_a_tag_without_a_value(shell: Any) -> None:
    """A tag is written as its key, = and its value."""
    said = shell("whoami", *TARGET, "--session-tag", "Stage")
    assert (said.code, said.out) == (2, "")
    assert "argument --session-tag: 'Stage' is not of the form Project=apollo" in said.err


def test_each_choice_is_kept_by_itself(shell: Any) -> None:
    """A kept session serves who asks for the same, and nobody who asks for another tag, identity or name."""
    words = ("credential-process", *TARGET, "--source", "620000000001", *GIVEN)
    first = shell(*words)
    assert first.code == 0
    others = [
        (*words[:-4], "--session-tag", "Stage=test-1", "--source-identity", "ann"),
        (*words[:-1], "bob"),
        (*words, "--session-name", "other"),
    ]
    seen = [shell(*each) for each in others]
    assert [each.code for each in seen] == [0, 0, 0]
    assert len({first.out, *(each.out for each in seen)}) == 4
    assert shell(*words).out == first.out
