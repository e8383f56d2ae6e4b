"""Sessions that are kept in a cache: who shares them, and what a broken cache costs."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.utils import JSONFileCache

from rolechain import ChainError
from rolechain.runtime import FileCache, Hop, HopError, chain_session
from rolechain.runtime.hop_credentials import HopCredentials, line_up
from rolechain.runtime.session_cache import warm_session
from rolechain.runtime.sts import Sts

MIDDLE = "arn:aws:iam::222222222222:role/middle"
SECOND = "arn:aws:iam::222222222222:role/second"
TARGET = "arn:aws:iam::333333333333:role/target"


def key(session: Any) -> str:
    """The access key id that a request would be signed with now."""
    return str(session.get_credentials().get_frozen_credentials().access_key)


@pytest.fixture
def chain(sts: Any, base: Any, clock: Any) -> Any:
    """Makes the credentials of the last of some hops, as a process of its own would, over one cache."""
    kept: dict[str, Any] = {}

    def make(*hops: str | Hop) -> HopCredentials:
        declared = [Hop(hop) if isinstance(hop, str) else hop for hop in hops]
        return line_up(
            declared, sts=Sts(base, "us-east-1", clock=clock), session=base, cache=kept, uniform=min
        )

    make.kept = kept  # type: ignore[attr-defined]
    return make


def read(credentials: HopCredentials) -> str:
    """The access key id that a request would be signed with now."""
    return str(credentials.get_frozen_credentials().access_key)


@pytest.mark.parametrize("kind", ["dict", "botocore", "folder", "text"])
def test_a_warm_cache_costs_no_call(sts: Any, base: Any, tmp_path: Path, kind: str) -> None:
    """Any mapping serves, botocore's own file cache too, or a path, which makes the project's."""
    caches: dict[str, Any] = {
        "dict": {},
        "botocore": JSONFileCache(str(tmp_path)),
        "folder": tmp_path / "c",
        "text": str(tmp_path / "d"),
    }
    for _ in range(3):
        assert key(chain_session(MIDDLE, TARGET, session=base, cache=caches[kind])) == "ASIAtarget.1"
    assert len(sts.calls) == 2


@pytest.mark.parametrize("cache", [5, True, object()])
def test_what_is_no_cache_is_refused(base: Any, cache: Any) -> None:
    """A cache that cannot be one is said at once."""
    with pytest.raises(
        ChainError, match=r"^cache: .* is not a cache: pass a mapping, or the path of a folder$"
    ):
        chain_session(MIDDLE, session=base, cache=cache)


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        ("", "'' is not a folder: name one, or pass None"),
        ("~nobody-of-that-name/x", "begins with a home folder that is not known: write the whole path"),
    ],
)
def test_a_folder_that_is_not_meant_is_refused(base: Any, cache: str, message: str) -> None:
    """A variable that is not set does not put sessions into the current folder."""
    with pytest.raises(ChainError, match=message):
        chain_session(MIDDLE, session=base, cache=cache)


def test_a_file_is_no_folder(base: Any, tmp_path: Path) -> None:
    """The path of a file is refused before anything is written."""
    (tmp_path / "x").write_text("")
    with pytest.raises(ChainError, match="is a file: name a folder"):
        chain_session(MIDDLE, session=base, cache=tmp_path / "x")


def test_hops_are_shared_up_to_where_they_part(sts: Any, base: Any) -> None:
    """Two chains over one cache share the hops that they have in common, and those only."""
    kept: dict[str, Any] = {}
    key(chain_session(MIDDLE, TARGET, session=base, cache=kept))
    key(chain_session(MIDDLE, SECOND, TARGET, session=base, cache=kept))
    assert sts.seen == [
        ("AKIABASE", "middle"),
        ("ASIAmiddle.1", "target"),
        ("ASIAmiddle.1", "second"),
        ("ASIAsecond.1", "target"),
    ]


def test_another_source_is_never_served(sts: Any, base: Any) -> None:
    """Two sources that share a cache get a session each."""
    sts.arns["AKIAOTHER"] = "arn:aws:iam::999999999999:user/other"
    kept: dict[str, Any] = {}
    other = boto3.Session("AKIAOTHER", "s", region_name="eu-central-1")
    assert key(chain_session(MIDDLE, session=base, cache=kept)) == "ASIAmiddle.1"
    assert key(chain_session(MIDDLE, session=other, cache=kept)) == "ASIAmiddle.2"
    assert [caller for caller, _ in sts.seen] == ["AKIABASE", "AKIAOTHER"]


def test_a_corrupt_entry_is_a_miss(sts: Any, clock: Any, chain: Any) -> None:
    """An entry that is not whole costs a call, and is replaced."""
    read(chain(TARGET))
    (entry,) = chain.kept.values()
    del entry["Credentials"]["SessionToken"]
    assert read(chain(TARGET)) == "ASIAtarget.2"
    assert read(chain(TARGET)) == "ASIAtarget.2"


def test_swapped_entries_are_not_served(sts: Any, base: Any, tmp_path: Path) -> None:
    """An entry serves under its own key alone: two swapped files do not make the middle's session the target's."""
    folder = tmp_path / "c"
    key(chain_session(MIDDLE, TARGET, session=base, cache=folder))
    one, two = folder.glob("*.json")
    texts = one.read_text(), two.read_text()
    one.write_text(texts[1])
    two.write_text(texts[0])
    assert key(chain_session(MIDDLE, TARGET, session=base, cache=folder)) == "ASIAtarget.2"
    assert sts.seen[2:] == [("AKIABASE", "middle"), ("ASIAmiddle.2", "target")]


def test_a_warm_session_is_bound_to_its_key(base: Any) -> None:
    """Whoever reads without botocore is served no swapped entry either."""
    kept: dict[str, Any] = {}
    key(chain_session(MIDDLE, TARGET, session=base, cache=kept))
    known: dict[str, Any] = {"access_key": "AKIABASE", "region_name": "eu-central-1", "cache": kept}
    assert warm_session([MIDDLE, TARGET], **known)
    one, two = kept
    kept[one], kept[two] = kept[two], kept[one]
    assert warm_session([MIDDLE], **known) is None
    assert warm_session([MIDDLE, TARGET], **known) is None


def test_an_entry_of_the_future_is_not_served(sts: Any, clock: Any, chain: Any) -> None:
    """Where the clock was set back since it was written, nobody knows how old a session is."""
    read(chain(TARGET))
    clock.now -= 7200
    assert read(chain(TARGET)) == "ASIAtarget.2"


class _Broken(dict[str, Any]):
    """A cache whose service is down."""

    def __getitem__(self, key: str) -> Any:
        raise ConnectionError("the cache is down")

    def __setitem__(self, key: str, value: Any) -> None:
        raise ConnectionError(f"cannot write {value}")


def test_a_cache_that_fails_costs_a_call_only(sts: Any, base: Any, caplog: Any) -> None:
    """A cache that raises is told in the log, without what was to be written, and the hop is taken."""
    assert key(chain_session(MIDDLE, session=base, cache=_Broken())) == "ASIAmiddle.1"
    assert "could not be read (ConnectionError)" in caplog.text
    assert "could not be written (ConnectionError)" in caplog.text
    assert "secret-of" not in caplog.text


def test_another_process_renewed_it(sts: Any, clock: Any, chain: Any) -> None:
    """What is due is first looked for in the cache: two sessions over one cache renew once."""
    one, two = chain(TARGET), chain(TARGET)
    read(one), read(two)
    clock.now += 46 * 60
    assert (read(one), read(two)) == ("ASIAtarget.2", "ASIAtarget.2")
    assert len(sts.calls) == 2


def test_an_entry_that_is_over_is_not_served(sts: Any, clock: Any, chain: Any) -> None:
    """A session that ended while nobody looked is taken anew."""
    read(chain(TARGET))
    clock.now += 3600
    assert read(chain(TARGET)) == "ASIAtarget.2"


def test_throttled_with_a_due_entry_serves_it_and_backs_off(sts: Any, clock: Any, chain: Any) -> None:
    """A new process that is throttled with 12 minutes left serves the entry, and makes no call for 300 s."""
    read(chain(TARGET))
    clock.now += 48 * 60
    sts.script("target", *[sts.error("Throttling", "Rate exceeded")] * 5)
    other = chain(TARGET)
    for second in (0, 1, 298.9):
        clock.now += second
        assert read(other) == "ASIAtarget.1"
    assert len(sts.calls) == 2
    clock.now += 0.1
    assert read(other) == "ASIAtarget.1"
    assert len(sts.calls) == 3


def test_a_revoked_middle_from_the_cache_heals(sts: Any, clock: Any, chain: Any) -> None:
    """A middle that was revoked since it was kept is taken again once, and replaced in the cache."""
    read(chain(MIDDLE))
    clock.now += 60
    sts.allows = lambda _caller, call: call.access_key != "ASIAmiddle.1"
    assert read(chain(MIDDLE, TARGET)) == "ASIAtarget.1"
    assert sts.seen[1:] == [("ASIAmiddle.1", "target"), ("AKIABASE", "middle"), ("ASIAmiddle.2", "target")]
    assert read(chain(MIDDLE)) == "ASIAmiddle.2"


def test_a_session_that_the_endpoint_does_not_know_heals(sts: Any, clock: Any, chain: Any) -> None:
    """A kept middle whose role was made again, so that its session is unknown, is taken again."""
    read(chain(MIDDLE))
    clock.now += 60
    del sts.arns["ASIAmiddle.1"]
    sts.arns["ASIAmiddle.0"] = "taken"
    assert read(chain(MIDDLE, TARGET)) == "ASIAtarget.1"


def test_a_rejected_session_is_not_taken_from_the_cache_again(sts: Any, base: Any) -> None:
    """After a service has rejected the session the hop is taken, though the cache still holds it."""
    kept: dict[str, Any] = {}
    client = chain_session(TARGET, session=base, cache=kept).client("s3")
    client.list_buckets()
    sts.rejected_by_s3.add("ASIAtarget.1")
    with pytest.raises(client.exceptions.ClientError):
        client.list_buckets()
    client.list_buckets()
    assert key(chain_session(TARGET, session=base, cache=kept)) == "ASIAtarget.2"
    assert len(sts.seen) == 2


def test_a_code_is_not_asked_for_what_is_kept(sts: Any, base: Any) -> None:
    """With the session in the cache nobody is asked for an MFA code."""
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return "123456"

    hop = Hop(MIDDLE, serial_number="GAHT12345678", token_code=ask)
    kept: dict[str, Any] = {}
    for _ in range(2):
        assert key(chain_session(hop, session=base, cache=kept)) == "ASIAmiddle.1"
    assert asked == [1]


def _cold(folder: str, start: Any, told: Any) -> None:
    """What each process does."""
    start.wait()
    session = chain_session(
        MIDDLE, SECOND, TARGET, session=boto3.Session("AKIABASE", "s", region_name="us-east-1"), cache=folder
    )
    told.put(key(session))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_eight_cold_processes_make_one_call_a_hop(sts: Any, base: Any, tmp_path: Path) -> None:
    """Processes that start together on a cold file cache make three calls for three hops between them."""
    processes = multiprocessing.get_context("fork")
    start, told = processes.Barrier(8), processes.Queue()
    running = [processes.Process(target=_cold, args=(str(tmp_path), start, told)) for _ in range(8)]
    for process in running:
        process.start()
    assert {told.get(timeout=60) for _ in running} == {"ASIAtarget.1"}
    for process in running:
        process.join()
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "second"), ("ASIAsecond.1", "target")]
    assert len(FileCache(tmp_path)) == 3


def test_a_warm_session_is_read_without_botocore(sts: Any, base: Any, tmp_path: Path) -> None:
    """What the cache holds can be read in a process that never imports botocore."""
    key(chain_session(MIDDLE, TARGET, session=base, cache=tmp_path))
    code = (
        "import sys; from rolechain.runtime.session_cache import warm_session;"
        f"found = warm_session([{MIDDLE!r}, {TARGET!r}], access_key='AKIABASE', region_name='eu-central-1',"
        f" cache={str(tmp_path)!r}); print(found.access_key, sorted(m for m in sys.modules if 'boto' in m))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "ASIAtarget.1 []\n"


def test_what_is_due_is_not_warm(sts: Any, clock: Any, chain: Any) -> None:
    """A session that is due, or another source's, has to be asked for."""
    read(chain(TARGET))
    about: dict[str, Any] = {"region_name": "us-east-1", "cache": chain.kept, "clock": clock}
    found = warm_session([TARGET], access_key="AKIABASE", **about)
    assert found is not None
    assert found.access_key == "ASIAtarget.1"
    assert warm_session([TARGET], access_key="AKIAOTHER", **about) is None
    clock.now += 45 * 60
    assert warm_session([TARGET], access_key="AKIABASE", **about) is None


def test_a_refused_hop_is_not_kept(sts: Any, base: Any, tmp_path: Path) -> None:
    """A refusal leaves no entry."""
    sts.allows = lambda _caller, _call: False
    with pytest.raises(HopError):
        key(chain_session(MIDDLE, session=base, cache=tmp_path))
    assert len(FileCache(tmp_path)) == 0
