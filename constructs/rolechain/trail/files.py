"""CloudTrail's log files, read into DuckDB.

Source: CloudTrail User Guide, "CloudTrail log file examples" and "CloudTrail record contents".
"""

from __future__ import annotations

import os
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError
from rolechain.trail.query import TABLE

Row = dict[str, Any]

_MEMORY = "512MB"
_BATCH_BYTES = 2**25
_MOST_MEBIBYTES = 256
"""The largest text of a log file; those that CloudTrail writes have some tens of MiB."""
_IDENTITY = (
    "STRUCT(type VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, accessKeyId VARCHAR, invokedBy VARCHAR, "
    "sessionContext STRUCT(attributes STRUCT(mfaAuthenticated VARCHAR), sessionIssuer STRUCT(arn VARCHAR), "
    "sourceIdentity VARCHAR))"
)
_TEXTS = "eventTime, eventSource, eventName, sourceIPAddress, errorCode, errorMessage, eventID, sharedEventID"
_COLUMNS = "".join(f"{name}: 'VARCHAR', " for name in _TEXTS.split(", ")) + (
    f"userIdentity: '{_IDENTITY}', requestParameters: 'JSON', responseElements: 'JSON'"
)
# Parameters and answers count for STS alone, and the session token of an answer never leaves the file.
_SELECTED = f"""
SELECT {_TEXTS}, userIdentity,
  CASE WHEN eventSource = 'sts.amazonaws.com' THEN requestParameters::VARCHAR END AS requestParameters,
  CASE WHEN eventSource = 'sts.amazonaws.com' THEN json_merge_patch(responseElements,
    '{{"credentials": {{"sessionToken": null, "secretAccessKey": null}}}}')::VARCHAR END AS responseElements
FROM read_json($files, format = 'array', columns = {{{_COLUMNS}}}, maximum_object_size = 4194304, ignore_errors = true)
"""  # noqa: S608 - constants
_HEAD = re.compile(rb'\s*\{\s*"Records"\s*:\s*(?=\[)')
_TAIL = re.compile(rb"(?<=\])\s*\}\s*\Z")


class TrailError(RolechainError):
    """Events cannot be read or asked."""


class NoLogFilesError(TrailError, LookupError):
    """There are no log files where a path leads."""

    usage = True


@dataclass(frozen=True)
class Unread:
    """A file, an account or a part of one whose events are not known.

    Attributes:
        place: the file, or the account.
        reason: why.
    """

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class TrailFiles:
    """The events of CloudTrail's log files, in a database of the ``with`` block.

    A file is read whole or not at all: what is cut off, damaged or no log file is in ``unread``.

    Attributes:
        events: how many events were read; one that lies in two files counts twice.
        files: how many files.
        unread: the others.

    Raises:
        TrailError: DuckDB is not installed.
    """

    def __init__(self) -> None:
        try:
            import duckdb
        except ModuleNotFoundError as error:
            raise TrailError(
                "reading CloudTrail's files needs DuckDB: pip install 'rolechain[trace]'"
            ) from error
        self.events, self.files = 0, 0
        self.unread: list[Unread] = []
        self._folder = tempfile.TemporaryDirectory(prefix="rolechain-trace-")
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "temp_directory": self._folder.name,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._database = duckdb.connect(config=settings)
        self._refused: type[Exception] = duckdb.Error
        columns = ", ".join(f"{name} VARCHAR" for name in _TEXTS.split(", "))
        self._database.execute(
            f"CREATE TABLE {TABLE} ({columns}, userIdentity {_IDENTITY}, "
            "requestParameters VARCHAR, responseElements VARCHAR)"
        )

    def __enter__(self) -> TrailFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._folder.cleanup()

    def read(self, paths: Iterable[Path], advance: Callable[[], None] = lambda: None) -> None:
        """Reads files, several at a time; ``advance`` is called once for each."""
        batches = list(_batches(paths))
        with ThreadPoolExecutor(2, thread_name_prefix="rolechain-trail") as pool:
            for batch, unread in zip(batches, pool.map(self._read_batch, batches), strict=True):
                self.files += len(batch) - len(unread)
                self.unread += unread
                for _ in batch:
                    advance()

    def _read_batch(self, paths: Sequence[Path]) -> list[Unread]:
        """Reads some files at once, and each alone where that fails."""
        unread = []
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            arrays: dict[str, Path] = {}
            for path in paths:
                array = Path(folder, f"{len(arrays)}.json")
                try:
                    array.write_bytes(_records(path))
                    arrays[str(array)] = path
                except (OSError, ValueError) as error:
                    reason = getattr(error, "strerror", None) or str(error)
                    unread.append(Unread(str(path), reason))
            if arrays and not self._insert(list(arrays)):
                unread += [
                    Unread(str(path), "is damaged: no JSON")
                    for array, path in arrays.items()
                    if not self._insert([array])
                ]
        return unread

    def _insert(self, arrays: list[str]) -> bool:
        with self._database.cursor() as cursor:
            try:
                cursor.execute(f"INSERT INTO {TABLE} {_SELECTED}", {"files": arrays})
            except self._refused:
                return False
        return True

    def ask(self, sql: str) -> list[Row]:
        """The answer to a query, a mapping a row.

        Raises:
            TrailError: DuckDB refuses it.
        """
        try:
            # Every identity has a type or, where AWS itself acts, the service; a text in its place has neither.
            whole = (
                "eventID IS NOT NULL AND eventTime IS NOT NULL "
                "AND COALESCE(userIdentity.type, userIdentity.invokedBy, userIdentity.accountId) IS NOT NULL"
            )
            events = f"SELECT COUNT(*) FILTER ({whole}), COUNT(*) FROM {TABLE}"  # noqa: S608 - constants
            counted = self._database.execute(events).fetchone()
            self.events, records = counted or (0, 0)
            if records > self.events:
                self.unread.append(
                    Unread(
                        f"{records - self.events} records",
                        "lack what every event has, such as its time or its identity",
                    )
                )
            answer = self._database.execute(sql)
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        except self._refused as error:
            raise TrailError(f"DuckDB could not answer: {str(error).splitlines()[0]}") from error


def log_files(names: Iterable[str]) -> Iterator[Path]:
    """The log files that paths name: files as they are, and those below folders by their suffix.

    The digests, which CloudTrail writes into a folder beside its logs, are none.

    Raises:
        NoLogFilesError: there is no such file or folder, or the folder holds no log files.
        TrailError: a folder cannot be read.
    """
    for name in names:
        path = Path(name)
        files = list(_below(path)) if path.is_dir() else [path]
        if not files or not path.exists():
            what = "holds no log files" if files != [path] else "is not there"
            raise NoLogFilesError(f"{name} {what}: name log files of CloudTrail, or folders of them")
        yield from files


def _below(folder: Path) -> Iterator[Path]:
    """The log files below a folder; one that links lead to twice is read once."""

    def refuse(error: OSError) -> None:
        raise TrailError(f"{error.filename} cannot be read: {error.strerror}") from error

    seen: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in seen or Path(place).name == "CloudTrail-Digest":
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if name.endswith((".json", ".json.gz")))


def _batches(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Files in groups whose texts fit into memory together, by what gzip usually saves."""
    total = 0

    def number(path: Path) -> int:
        nonlocal total
        size = path.stat().st_size if path.exists() else 0
        total += size * (12 if path.suffix == ".gz" else 1) + 2**12
        return total // _BATCH_BYTES

    for _, batch in groupby(paths, number):
        yield list(batch)


def _records(path: Path) -> memoryview:
    """The array of records of a file, as JSON."""
    with path.open("rb") as file:
        content = file.read(_MOST_MEBIBYTES * 2**20 + 1)
    content = _unzipped(content) if content[:2] == b"\x1f\x8b" else content
    if len(content) > _MOST_MEBIBYTES * 2**20:
        raise ValueError(
            f"holds more than {_MOST_MEBIBYTES} MiB of text, which no log file of CloudTrail does"
        )
    head = _HEAD.match(content)
    if head is None:
        raise ValueError(
            "is no gzip, whatever its name says"
            if path.suffix == ".gz" and not content.lstrip().startswith((b"{", b"["))
            else 'is no log file of CloudTrail, which begins with {"Records":'
        )
    tail = _TAIL.search(content, max(head.end(), len(content) - 64))
    if tail is None:
        raise ValueError("is cut off: the last record has no end")
    return memoryview(content)[head.end() : tail.start()]


def _unzipped(content: bytes) -> bytes:
    """The text of a gzip of one or several members, no more of it than tells that it is too large."""
    members: list[bytes] = []
    room = _MOST_MEBIBYTES * 2**20 + 1
    while content and room:
        # zlib checks the header, the length and the checksum of a gzip.
        member = zlib.decompressobj(wbits=31)
        try:
            members.append(member.decompress(content, room))
        except zlib.error:
            raise ValueError("is damaged: no gzip") from None
        room -= len(members[-1])
        if room and not member.eof:
            raise ValueError("is cut off: the gzip has no end")
        content = member.unused_data.lstrip(b"\0")
    return b"".join(members)


def write_records(path: Path, records: Iterable[str | Mapping[str, Any]]) -> None:
    """Writes records as a log file; texts are JSON already."""
    import gzip
    import json

    texts = (record if isinstance(record, str) else json.dumps(record) for record in records)
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.write('{"Records":[' + ",".join(texts) + "]}")
