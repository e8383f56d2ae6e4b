"""The cache that is kept in files: who can read it, and what damage to it does."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rolechain.errors import RolechainError
from rolechain.runtime import FileCache, default_cache_folder


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    """A cache whose folder is not there yet."""
    return FileCache(tmp_path / "a" / "cache")


def test_only_the_owner_can_read_it(cache: FileCache) -> None:
    """Folder, entry and lock are closed to all others whatever the umask is."""
    before = os.umask(0)
    try:
        cache["key"] = {"Credentials": {}}
        with cache.lock("key"):
            pass
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in cache.folder.iterdir()}
    assert modes == {"key.json": 0o600, "key.lock": 0o600}
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


def test_it_is_a_mapping(cache: FileCache) -> None:
    """What is written is read, listed and removed as in any mapping."""
    assert list(cache) == []
    cache["a"] = {"n": 1}
    cache["a"] = {"n": 2}
    cache["b"] = {"n": 3}
    assert dict(cache) == {"a": {"n": 2}, "b": {"n": 3}}
    assert len(cache) == 2
    del cache["a"]
    assert "a" not in cache
    with pytest.raises(KeyError):
        del cache["a"]


@pytest.mark.parametrize("damage", ["", "{", "[" * 100_000, '{"n": 1', "[]", "null", "\x00", "\ufffd"])
def test_a_damaged_entry_is_missing(cache: FileCache, damage: str) -> None:
    """What cannot be read as an entry is as good as not there, and is replaced."""
    cache["a"] = {"n": 1}
    (cache.folder / "a.json").write_text(damage)
    assert "a" not in cache
    cache["a"] = {"n": 2}
    assert cache["a"] == {"n": 2}


def test_an_entry_that_others_may_touch_is_missing(cache: FileCache) -> None:
    """What somebody else could have read or planted is not used, a link included."""
    cache["a"] = {"n": 1}
    (cache.folder / "b.json").symlink_to(cache.folder / "a.json")
    assert "b" not in cache
    (cache.folder / "a.json").chmod(0o644)
    assert "a" not in cache


def test_a_failed_write_leaves_the_entry_and_nothing_else(cache: FileCache) -> None:
    """An entry that cannot be written leaves the old one whole and no file behind."""
    cache["a"] = {"n": 1}
    with pytest.raises(TypeError):
        cache["a"] = {"n": object()}
    (cache.folder / "b.json").mkdir()
    with pytest.raises(OSError, match="irectory"):
        cache["b"] = {"n": 1}
    assert cache["a"] == {"n": 1}
    assert sorted(path.name for path in cache.folder.iterdir()) == ["a.json", "b.json"]


@pytest.mark.parametrize("key", ["../a", "a/b", "", "a" * 129, "a.b", "ä"])
def test_a_key_cannot_leave_the_folder(cache: FileCache, key: str) -> None:
    """A key that is no plain name is refused."""
    with pytest.raises(ValueError, match="is not a key of a file cache"):
        cache[key] = {}


def test_what_is_over_is_removed(cache: FileCache) -> None:
    """Sessions older than any lasts go with the next write, their locks and what a crash has left with them."""
    old = "0" * 64
    cache[old] = {"n": 1}
    with cache.lock(old):
        pass
    (cache.folder / ".new-rolechain-x").write_text("{")
    for path in cache.folder.iterdir():
        os.utime(path, (0, 0))
    cache["new"] = {"n": 2}
    assert [path.name for path in cache.folder.iterdir()] == ["new.json"]


def test_files_of_others_are_left_alone(cache: FileCache) -> None:
    """In a folder that holds more than sessions nothing else is removed, however old, and nothing else is a key."""
    cache["new"] = {"n": 1}
    names = ["package.json", "poetry.lock", "notes.txt", "my notes.json", ".new-idea", f"{'0' * 40}.json"]
    for name in names:
        (cache.folder / name).write_text("{}")
        os.utime(cache.folder / name, (0, 0))
    cache["new"] = {"n": 2}
    assert sorted(path.name for path in cache.folder.iterdir()) == sorted([*names, "new.json"])
    assert "my notes" not in list(cache)


def test_what_was_put_in_the_way_is_not_opened(cache: FileCache, tmp_path: Path) -> None:
    """A link in the place of a lock makes no file elsewhere, and a pipe in the place of an entry keeps nobody."""
    cache["a"] = {"n": 1}
    (cache.folder / "a.lock").symlink_to(tmp_path / "elsewhere")
    with cache.lock("a"):
        pass
    assert not (tmp_path / "elsewhere").exists()
    os.mkfifo(cache.folder / "b.json", 0o600)
    assert "b" not in cache


def test_a_lock_keeps_others_waiting(cache: FileCache) -> None:
    """Whoever asks for the same key waits, whoever asks for another does not."""
    order: list[str] = []

    def wait() -> None:
        with cache.lock("a"):
            order.append("second")

    thread = threading.Thread(target=wait)
    with cache.lock("a"):
        thread.start()
        with cache.lock("b"):
            order.append("other")
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["other", "first", "second"]


def test_a_holder_that_is_stopped_does_not_keep_others(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has waited for the bound goes on without the lock, and the log says so in one line."""
    code = (
        "import sys, time; from rolechain.runtime import FileCache\n"
        f"with FileCache({str(cache.folder)!r}).lock('a'): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            holder.send_signal(signal.SIGSTOP)
            monkeypatch.setattr("rolechain.runtime.file_cache.LOCK_SECONDS", 0.05)
            entered = []
            with cache.lock("a"):
                entered.append(1)
            with cache.lock("b"):
                entered.append(2)
        finally:
            holder.kill()
    assert entered == [1, 2]
    (line,) = caplog.messages
    assert "another holds the lock" in line


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777, 0o707])
def test_a_folder_that_is_open_to_others_is_not_used(
    cache: FileCache, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is read from it or written into it, and one line says what to do."""
    cache["a"] = {"n": 1}
    cache.folder.chmod(mode)
    assert "a" not in cache
    cache["b"] = {"n": 1}
    with cache.lock("b"):
        pass
    assert [path.name for path in cache.folder.iterdir()] == ["a.json"]
    assert caplog.messages == [
        f"{cache.folder} is open to other users and is not used: chmod 700 {cache.folder}"
    ]
    cache.folder.chmod(0o700)
    assert cache["a"] == {"n": 1}


def test_a_folder_of_somebody_else_is_not_used(
    cache: FileCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner could put any session there."""
    cache["a"] = {"n": 1}
    mine = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: mine + 1)
    assert "a" not in cache
    (line,) = caplog.messages
    assert line == f"{cache.folder} belongs to another user and is not used: name a folder of your own"


def test_a_folder_that_cannot_be_made_costs_the_lock_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be written the lock says so and lets through."""
    (tmp_path / "file").write_text("")
    entered = []
    with FileCache(tmp_path / "file" / "cache").lock("a"):
        entered.append(1)
    assert entered == [1]
    assert "cannot be locked" in caplog.text


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux XDG_CACHE_HOME is honoured."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_folder() == Path("/somewhere/rolechain")
    monkeypatch.setenv("HOME", "/home/ann")
    for unset in ("", "relative/to/wherever"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert default_cache_folder() == Path("/home/ann/.cache/rolechain")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user id need not have a home folder."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    with pytest.raises(
        RolechainError, match="no home folder to keep sessions in: set HOME or XDG_CACHE_HOME"
    ):
        default_cache_folder()


def test_an_entry_is_plain_json(cache: FileCache) -> None:
    """Other tools can read the file."""
    cache["a"] = {"n": 1}
    assert json.loads((cache.folder / "a.json").read_text()) == {"n": 1}
