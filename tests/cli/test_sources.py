"""Chains that are entered at several source roles."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

import boto3
import pytest

FIRST, SECOND = (
    "arn:aws:iam::620000000001:role/rolechain/open-source-1",
    "arn:aws:iam::620000000002:role/rolechain/open-ci",
)
GIVEN = ("--session-tag", "Stage=dev", "--source-identity", "ann")
WORDS = ("whoami", "--json", "--target", "620000000004", *GIVEN)


@pytest.fixture
def shell(shell_of: Callable[[Any], Any], featured: Any) -> Any:
    """A shell for the chain of two source roles, as the first one's administrator."""
    return shell_of(featured)


def entered(said: Any) -> list[str]:
    """The roles of a walk."""
    assert said.code == 0, said.err
    return [hop["role_arn"].rsplit("/", 1)[1] for hop in json.loads(said.out)["hops"]]


def test_each_enters_at_the_source_role_that_names_it(shell: Any) -> None:
    """Without a choice the walk goes over the source role that lets the session in, with its external id."""
    assert entered(shell(*WORDS)) == ["open-source-1", "open-middle", "open-target"]
    shell.environment.setenv("AWS_ACCESS_KEY_ID", "620000000002")
    assert entered(shell(*WORDS)) == ["open-ci", "open-middle", "open-target"]


def test_a_session_inside_goes_on_from_there(shell: Any, featured: Any) -> None:
    """A session of a source role that is not the first one goes on from it."""
    administrator = featured.organization.session("620000000002").client("sts")
    given = administrator.assume_role(RoleArn=SECOND, RoleSessionName="inside", ExternalId="build-7")
    for name, key in (
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ):
        shell.environment.setenv(name, given["Credentials"][key])
    assert entered(shell(*WORDS)) == ["open-middle", "open-target"]


def test_who_belongs_to_none_has_to_choose(shell: Any) -> None:
    """A session that no source role names is told in one line which there are."""
    shell.environment.setenv("AWS_ACCESS_KEY_ID", "620000000009")
    said = shell(*WORDS)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: chain open has several source roles, and it is not clear which one "
        f"arn:aws:iam::620000000009:user/administrator assumes: name one of {FIRST}, {SECOND} with --source\n"
    )


@pytest.mark.parametrize("named", [SECOND, "open-ci", "620000000002"])
def test_a_source_role_is_named(shell: Any, named: str) -> None:
    """A role's ARN, its name or its account means it; whether it lets the session in is its own matter."""
    said = shell(*WORDS, "--source", named)
    assert said.code == 1
    assert f"arn:aws:iam::620000000001:user/administrator may not assume {SECOND}: AccessDenied" in said.err
    shell.environment.setenv("AWS_ACCESS_KEY_ID", "620000000002")
    assert entered(shell(*WORDS, "--source", named)) == ["open-ci", "open-middle", "open-target"]


def test_a_source_role_that_is_none(shell: Any) -> None:
    """One line says which there are."""
    said = shell(*WORDS, "--source", "open-middle")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"rolechain: chain open has no source role 'open-middle': name one of {FIRST}, {SECOND} with --source\n"
    )


def test_verify_tries_every_source(shell: Any, keys: Any) -> None:
    """The source role that does not name the session refuses it; with a profile of its account it is taken too."""

    def rows(*more: str) -> list[tuple[str, str, str]]:
        said = shell("verify", "--target", "620000000004", *GIVEN, *more)
        assert said.code == 0, said.out
        return re.findall(r"^ *(\d?)  +(\S.*?) +\d{12} +([✓✗] \w+) +\w+ \w+ +\d+ *$", said.out, re.MULTILINE)

    altered = [
        "without session tag Project",
        "with session tag Project=not-allowed",
        "without session tag Stage",
        "with session tag Stage=not-allowed",
        "without source identity",
        "with source identity not-allowed",
    ]
    assert rows() == [
        ("1", "administrator of 620000000001 → open-source-1", "✓ allowed"),
        ("2", "open-source-1 → open-middle", "✓ allowed"),
        ("3", "open-middle → open-target", "✓ allowed"),
        ("", "administrator of 620000000001 → open-ci", "✓ refused"),
        ("", "open-source-1 → open-target", "✓ refused"),
        *(("", f"open-source-1 → open-middle, {each}", "✓ refused") for each in altered),
    ]
    config = shell.folder / "config"
    config.write_text(f"[profile ci]\n{keys('620000000002')}")
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    assert rows("--account-profile", "620000000002=ci") == [
        ("1", "administrator of 620000000001 → open-source-1", "✓ allowed"),
        ("1", "administrator of 620000000002 → open-ci", "✓ allowed"),
        ("2", "open-source-1 → open-middle", "✓ allowed"),
        ("2", "open-ci → open-middle", "✓ allowed"),
        ("3", "open-middle → open-target", "✓ allowed"),
        ("", "open-source-1 → open-target", "✓ refused"),
        ("", "open-ci → open-target", "✓ refused"),
        *(("", f"open-source-1 → open-middle, {each}", "✓ refused") for each in altered),
    ]


@pytest.fixture
def config(shell: Any, keys: Any) -> Any:
    """A config file with a profile of each source account, and no keys in the environment."""
    file = shell.folder / "config"
    file.write_text("".join(f"[profile base{number}]\n{keys(f'62000000000{number}')}" for number in (1, 2)))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    shell.environment.setenv("AWS_CONFIG_FILE", str(file))
    shell.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    return file


def arn_of(profile: str) -> str:
    return str(boto3.Session(profile_name=profile).client("sts").get_caller_identity()["Arn"])


def test_profiles_for_each_source(shell: Any, config: Any) -> None:
    """Each source role has its own set, and what config files cannot pass is given by the command, and said."""
    said = shell("profiles", "--profile", "base1", "--target", "620000000004", *GIVEN)
    assert (said.code, said.err) == (0, "")
    why = (
        "calls rolechain credential-process: AWS's config files cannot pass the session tag Project and the session "
        "tag Stage and a source identity\n"
    )
    assert said.out == (
        f"{config}: wrote profiles open-source-1, open-middle-from-open-source-1, open-target-from-open-source-1, "
        "open-ci, open-middle-from-open-ci, open-target-from-open-ci\n"
        f"profile open-middle-from-open-source-1 {why}profile open-middle-from-open-ci {why}"
    )
    assert arn_of("open-target-from-open-source-1").startswith(
        "arn:aws:sts::620000000004:assumed-role/open-target/rolechain-"
    )


def test_profiles_of_one_source(shell: Any, config: Any) -> None:
    """With --source there is one set, under the plain names, and it enters there."""
    words = ("profiles", "--profile", "base2", "--source", "open-ci", "--target", "620000000004")
    said = shell(*words, *GIVEN, "--session-name", "ci-1")
    assert said.out.startswith(f"{config}: wrote profiles open-ci, open-middle, open-target\n")
    assert arn_of("open-target") == "arn:aws:sts::620000000004:assumed-role/open-target/ci-1"


def test_profiles_of_the_command(shell: Any, config: Any, organization: Any) -> None:
    """Where all profiles call the command, it is told the source role and what was given."""
    assert shell("profiles", "--target", "620000000004", *GIVEN).code == 0
    shell.environment.setenv("AWS_ACCESS_KEY_ID", "620000000002")
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", organization.secret_access_key)
    assert "/open-target/" in arn_of("open-target-from-open-ci")
