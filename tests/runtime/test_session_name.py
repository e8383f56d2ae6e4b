"""The default session name: who, where, and always legal."""

from __future__ import annotations

import getpass
import re
import socket
from typing import Any

import pytest

from rolechain.runtime.hop import default_session_name


@pytest.mark.parametrize(
    ("user", "host", "name"),
    [
        ("ann", "build-7.example.org", "rolechain-ann@build-7"),
        ("CORP\\änn b", "höst", "rolechain-CORP--nn-b@h-st"),
        ("u" * 80, "h", "rolechain-" + "u" * 54),
    ],
)
def test_it_says_who_and_where(monkeypatch: pytest.MonkeyPatch, user: str, host: str, name: str) -> None:
    """User and host, with what STS refuses replaced, 64 characters at most."""
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert default_session_name() == name
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII)


def test_a_function_is_named_by_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Lambda the function is who is at work."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "deployer")
    assert default_session_name() == "rolechain-deployer"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user id that no name belongs to is no obstacle."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    monkeypatch.setattr(socket, "gethostname", lambda: "h")
    assert default_session_name() == "rolechain-uid4711@h"


def test_the_call_passes_it(sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hop that names no session name goes out with this one."""
    from rolechain.runtime import chain_session

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "deployer")
    chain_session("arn:aws:iam::222222222222:role/x", session=base).client("s3").list_buckets()
    assert sts.calls[0].parameters["RoleSessionName"] == "rolechain-deployer"
