"""What the commands say where there is no session to start from, and where AWS cannot be reached."""

from __future__ import annotations

from typing import Any

import pytest

COMMANDS = [("whoami",), ("exec", "--", "true"), ("env",), ("credential-process",), ("console",)]


@pytest.mark.parametrize("words", [*COMMANDS, ("whoami", "--every-target"), ("verify",)])
def test_no_credentials_at_all(shell: Any, words: tuple[str, ...]) -> None:
    """Where no credentials are found, one line says how to give some."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    shell.environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    said = shell(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "rolechain: no AWS credentials were found: name a profile with --profile, or sign in with aws sso login\n"
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_a_network_that_fails(shell: Any, words: tuple[str, ...]) -> None:
    """Where STS cannot be reached the credentials are not blamed."""
    shell.environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    shell.environment.setenv("AWS_MAX_ATTEMPTS", "1")
    said = shell(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert "credentials could not be checked to call arn:aws:iam::111111111111:role/rolechain/" in said.err
    assert "EndpointConnectionError: Could not connect to the endpoint URL" in said.err
    assert "no working credentials" not in said.err


@pytest.mark.parametrize("region", ["us-east-1a", "us-east1", "nowhere", "us_east_1"])
@pytest.mark.parametrize("words", [*COMMANDS, ("verify",), ("revoke", "--yes")])
def test_a_region_that_is_none(shell: Any, words: tuple[str, ...], region: str) -> None:
    """A region that does not exist is refused before any call, whoever names it."""
    shell.environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    expected = f"rolechain: {region!r} is not a region: name one such as us-east-1 with --region\n"
    command, *rest = words
    said = shell(command, "--region", region, *rest)
    assert (said.code, said.out, said.err) == (2, "", expected)
    shell.environment.setenv("AWS_REGION", region)
    said = shell(*words)
    assert (said.code, said.out, said.err) == (2, "", expected)
