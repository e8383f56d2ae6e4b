"""Log files that are damaged are said, counted, and never a traceback."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rolechain import Chain, ChainRole
from rolechain.cli import demo
from rolechain.trail import TrailError, TrailFiles, log_files, sessions_query
from tests.trail.conftest import traced, walks_of
from tests.trail.organizations import TOKEN, Organization

EVENT = {
    "eventID": "1",
    "eventTime": "2026-11-01T00:00:00Z",
    "eventSource": "s3.amazonaws.com",
    "eventName": "X",
    "userIdentity": {"type": "Root"},
}
LOG = json.dumps({"Records": [EVENT, {**EVENT, "eventID": "2"}]}).encode()


def read(*paths: Path) -> TrailFiles:
    files = TrailFiles()
    files.read(log_files(map(str, paths)))
    files.ask(sessions_query([]))
    return files


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", LOG[:-40], "is cut off: the last record has no end"),
        ("a.json", LOG[:-2], "is cut off: the last record has no end"),
        ("a.json.gz", gzip.compress(LOG)[:-12], "is cut off: the gzip has no end"),
        ("a.json.gz", gzip.compress(LOG)[:12] + b"\xff\xff" + gzip.compress(LOG)[14:], "is damaged: no gzip"),
        ("a.json.gz", b"no gzip at all", "is no gzip, whatever its name says"),
        ("a.json", b"", 'is no log file of CloudTrail, which begins with {"Records":'),
        (
            "a.json",
            b'{"digestStartTime": "x"}',
            'is no log file of CloudTrail, which begins with {"Records":',
        ),
        ("a.json", b'{"Records": "x"}', 'is no log file of CloudTrail, which begins with {"Records":'),
        ("a.json", LOG.replace(b'"2"', b'"2'), "is damaged: no JSON"),
        ("a.json", LOG.replace(b"}, {", b"}} {"), "is damaged: no JSON"),
    ],
)
def test_damaged(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    """A damaged file is named with what is wrong, and the others are read."""
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.json.gz").write_bytes(gzip.compress(LOG))
    files = read(tmp_path)
    assert [str(each) for each in files.unread] == [f"{tmp_path / name}: {reason}"]
    assert (files.files, files.events) == (1, 2)


def test_a_gzip_bomb(tmp_path: Path) -> None:
    """A small gzip of a large text is not unpacked further than the limit, and is said; so is a large plain file."""
    import zlib

    packer = zlib.compressobj(wbits=31)
    blanks = b" " * 2**20
    with (tmp_path / "bomb.json.gz").open("wb") as file:
        for _ in range(1024):
            file.write(packer.compress(blanks))
        file.write(packer.flush())
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**30)
    (tmp_path / "two.json.gz").write_bytes(gzip.compress(LOG[:20]) + gzip.compress(LOG[20:]) + b"\0" * 8)
    files = read(tmp_path)
    reason = "holds more than 256 MiB of text, which no log file of CloudTrail does"
    assert [str(each) for each in files.unread] == [
        f"{tmp_path / name}: {reason}" for name in ("bomb.json.gz", "large.json")
    ]
    assert (files.files, files.events) == (1, 2)


def test_no_gzip_by_that_name(tmp_path: Path) -> None:
    """What a file is decides how it is read, and not its name."""
    (tmp_path / "plain.json.gz").write_bytes(LOG)
    (tmp_path / "zipped.json").write_bytes(gzip.compress(LOG))
    (tmp_path / "empty.json").write_bytes(b'{"Records":[]}')
    files = read(tmp_path)
    assert (files.unread, files.files, files.events) == ([], 3, 4)


def test_strange_records(tmp_path: Path) -> None:
    """Records that are no events, and those of nobody, are counted; other fields of a wrong type are unknown."""
    strange = {**EVENT, "eventID": "3", "requestParameters": ["y"], "errorCode": {"a": 1}}
    of_nobody = {**EVENT, "eventID": "4", "userIdentity": "x"}
    (tmp_path / "a.json").write_text(
        json.dumps({"Records": [EVENT, strange, of_nobody, 7, "text", None, {}]})
    )
    files = read(tmp_path)
    assert files.events == 2
    assert [str(each) for each in files.unread] == [
        "5 records: lack what every event has, such as its time or its identity"
    ]


def test_links(tmp_path: Path) -> None:
    """A link that leads nowhere, or to itself, is a file that cannot be read; linked folders are read once."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.json").write_bytes(LOG)
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, target in {
        "gone.json": "nowhere",
        "loop.json": "loop.json",
        "folder": ".",
        "b": "../elsewhere",
    }.items():
        (folder / name).symlink_to(target)
    files = read(folder)
    assert [str(each) for each in files.unread] == [
        f"{folder / 'gone.json'}: No such file or directory",
        f"{folder / 'loop.json'}: Too many levels of symbolic links",
    ]
    assert (files.files, files.events) == (1, 2)


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose files are not known is an error, and not taken for empty."""

    def refused(path: str) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(TrailError, match="cannot be read: Permission denied"):
        list(log_files([str(tmp_path)]))


def test_digests_are_no_logs(tmp_path: Path) -> None:
    """The digests beside the logs are left out."""
    for folder in ("CloudTrail", "CloudTrail-Digest"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.json.gz").write_bytes(gzip.compress(LOG))
    assert [path.parent.name for path in log_files([str(tmp_path)])] == ["CloudTrail"]


def test_no_such_file(tmp_path: Path) -> None:
    """A path that is not there is an error."""
    with pytest.raises(TrailError, match="gone is not there: name log files of CloudTrail"):
        list(log_files([str(tmp_path / "gone")]))


def test_parts_say_nothing_false(organization: Organization, logs: Path) -> None:
    """With half of the files no walk is taken for declared that is not: what is lacking makes it unknown."""
    verdicts = {each[-1]: each[0] for each in organization.walks}
    files = sorted(log_files([str(logs)]))
    for part in (files[::2], files[1::2], files[: len(files) // 20]):
        for walk in traced(organization, *part).walks:
            if walk.verdict == "declared":
                # A session that assumed another one, which is not in the files, may end a walk there.
                assert verdicts.get(walk.last.id, "declared") == "declared"


def test_twice_and_out_of_order(organization: Organization, logs: Path, tmp_path: Path) -> None:
    """Files that are read twice, in another order, give the same walks and the same numbers of calls."""
    organization.write(tmp_path, twice=1.0)
    assert walks_of(traced(organization, tmp_path, logs)) == organization.walks


def test_no_token_is_kept(organization: Organization, logs: Path) -> None:
    """The session tokens of the events are not even in the database."""
    assert any(TOKEN in json.dumps(record) for _, record in organization.records)
    with TrailFiles() as files:
        files.read(log_files([str(logs)]))
        rows = files.ask("SELECT * FROM cloudtrail")
    assert len(rows) >= len(organization.records)
    assert TOKEN not in str(rows)


def test_without_duckdb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where DuckDB is not installed, the extra is named, and the demo goes without the trace."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(TrailError, match=r"needs DuckDB: pip install 'rolechain\[trace\]'"):
        TrailFiles()
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    chain = Chain("c", source=ChainRole("111111111111", existing=True), targets=ChainRole("222222222222"))
    assert demo._traced(Console(), chain, tmp_path) is None
