"""How a session is kept: what its key holds, and what a damaged entry is worth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rolechain.runtime import Hop
from rolechain.runtime.session_cache import cache_key, entry_of, read_entry
from rolechain.runtime.session_credentials import SessionCredentials

MIDDLE = "arn:aws:iam::222222222222:role/middle"
SECOND = "arn:aws:iam::222222222222:role/second"
TARGET = "arn:aws:iam::333333333333:role/target"


def _keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    plain = Hop(TARGET)
    yield cache_key("A", "r", [plain])
    yield cache_key("B", "r", [plain])
    yield cache_key("A", "s", [plain])
    yield cache_key("A", "r", [Hop(MIDDLE), plain])
    yield cache_key("A", "r", [Hop(MIDDLE, external_id="before"), plain])
    for change in (
        {"role_arn": SECOND},
        {"session_name": "me"},
        {"external_id": "x1"},
        {"duration_seconds": 900},
        {"policy": "{}"},
        {"policy_arns": ["arn:aws:iam::aws:policy/A"]},
        {"tags": {"a": "b"}},
        {"tags": {"a": "c"}},
        {"tags": {"a": "b"}, "transitive_tag_keys": ["a"]},
        {"source_identity": "ann"},
        {"serial_number": "GAHT12345678", "token_code": lambda: "123456"},
    ):
        yield cache_key("A", "r", [replace(plain, **change)])
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    yield cache_key("A", "r", [plain])
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    yield cache_key("A", "r", [plain])


def test_every_parameter_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys differ by source, region, endpoint, the hops before, and each parameter of the hop."""
    keys = list(_keys(monkeypatch))
    assert len(set(keys)) == len(keys) == 18
    assert all(len(each) == 64 for each in keys)


def test_a_key_stays_from_process_to_process() -> None:
    """Nothing random goes into a key."""
    code = (
        "from rolechain.runtime.session_cache import cache_key; from rolechain.runtime.hop import Hop;"
        f"print(cache_key('A', 'r', [Hop({TARGET!r}, session_name='me', tags={{'b': '1', 'a': '2'}})]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_an_entry_is_read_as_it_was_written() -> None:
    """The form is botocore's, can be written as JSON, and loses nothing."""
    session = SessionCredentials("k", "s", "t", 1_800_003_600.25, 1_800_000_000.5, "arn:x")
    entry = entry_of(session)
    assert read_entry(json.loads(json.dumps(entry))) == session
    assert entry["Credentials"]["Expiration"] == "2027-01-15T09:00:00.250000+00:00"


@pytest.mark.parametrize(
    "damage",
    [
        lambda e: e.pop("Credentials"),
        lambda e: e["Credentials"].pop("SessionToken"),
        lambda e: e["Credentials"].update(SecretAccessKey=""),
        lambda e: e["Credentials"].update(AccessKeyId=5),
        lambda e: e["Credentials"].update(Expiration="soon"),
        lambda e: e["Credentials"].update(Expiration=None),
        lambda e: e.update(Credentials=[]),
        lambda e: e.update(AssumedRoleUser="x"),
        lambda e: e.update(ObtainedAt={}),
    ],
)
def test_a_corrupt_entry_is_none(damage: Any) -> None:
    """An entry that is not whole is not used in part."""
    entry = entry_of(SessionCredentials("k", "s", "t", 1_800_003_600.0, 1_800_000_000.0, "arn:x"))
    assert read_entry(entry)
    damage(entry)
    assert read_entry(entry) is None


@pytest.mark.parametrize("entry", [None, "", [], 5, {}])
def test_what_is_no_entry_is_none(entry: Any) -> None:
    """Whatever else a cache holds under the key is not used."""
    assert read_entry(entry) is None


def test_an_entry_of_another_writer_is_read() -> None:
    """A moment as botocore keeps it in memory is read, and without the time it was given an hour is assumed."""
    session = SessionCredentials("k", "s", "t", 1_800_003_600.0, 1_800_000_000.0)
    entry = entry_of(session)
    del entry["ObtainedAt"], entry["AssumedRoleUser"]
    entry["Credentials"]["Expiration"] = datetime.fromtimestamp(1_800_003_600, UTC)
    assert read_entry(entry) == session


@pytest.mark.parametrize("name", ["AccessKeyId", "SecretAccessKey", "SessionToken"])
def test_an_entry_that_no_request_can_carry_is_missing(name: str) -> None:
    """A line break in a key or token is damage: an HTTP client would repeat it in its error."""
    entry = entry_of(SessionCredentials("key", "secret", "token", 2.0, 1.0, None))
    assert read_entry(entry) is not None
    entry["Credentials"][name] += "\n"
    assert read_entry(entry) is None
