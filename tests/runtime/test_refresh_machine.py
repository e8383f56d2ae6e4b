"""Any order of time passing, failures, rejections and threads: no call too many, no expired session served."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rolechain.runtime.error_classification import Cause
from rolechain.runtime.errors import HopError
from rolechain.runtime.refreshable_credentials import RefreshableCredentials
from rolechain.runtime.session_cache import CacheSlot, read_entry
from rolechain.runtime.session_credentials import SessionCredentials

BACK_OFF, MEMORY = 300.0, 1.0
"""What the jitter gives here: always the least."""


class Process:
    """One of the processes that share a cache, and what is known of it without looking into it."""

    def __init__(self, machine: RefreshMachine) -> None:
        self.held: SessionCredentials | None = None
        self.quiet_until = 0.0
        self.quiet_with: str | None = None
        self.refresh = RefreshableCredentials(
            machine.take,
            slot=(lambda: CacheSlot(machine.kept, "key")) if machine.shared else None,
            clock=lambda: machine.now,
            monotonic=lambda: machine.now,
            uniform=min,
        )


class RefreshMachine(RuleBasedStateMachine):
    """The credentials of one hop in two processes, with and without a cache between them."""

    @initialize(lifetime=st.sampled_from([60, 900, 1200, 3600, 5400, 43200]), shared=st.booleans())
    def begin(self, lifetime: int, shared: bool) -> None:
        """Nothing is at hand."""
        self.now, self.lifetime, self.shared = 1_800_000_000.0, float(lifetime), shared
        self.kept: dict[str, Any] = {}
        self.fails: HopError | None = None
        self.calls = 0
        self.rejected: set[str] = set()
        self.processes = [Process(self), Process(self)]
        self.pool = ThreadPoolExecutor(4)

    def teardown(self) -> None:
        """The threads end."""
        if hasattr(self, "pool"):
            self.pool.shutdown()

    def take(self) -> SessionCredentials:
        """The call."""
        self.calls += 1
        if self.fails:
            raise self.fails.copy()
        number = self.calls
        return SessionCredentials(
            f"key{number}", f"s{number}", f"t{number}", self.now + self.lifetime, self.now
        )

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 30.0, 60.0, 299.0, 300.0, 900.0, 2700.0, 3600.0, 43200.0]))
    def pass_time(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds

    @rule(which=st.integers(0, 1), edge=st.sampled_from(["advisory_at", "mandatory_at", "expires_at"]))
    def come_to_an_edge(self, which: int, edge: str) -> None:
        """A window of the session at hand begins."""
        held = self.processes[which].refresh.held
        if held:
            self.now = max(self.now, getattr(held, edge))

    @rule()
    def be_throttled(self) -> None:
        """From now on calls fail in a way that may pass."""
        self.fails = HopError("slow", index=1, total=1, role_arn="a", cause=Cause.THROTTLED, recoverable=True)

    @rule()
    def be_refused(self) -> None:
        """From now on calls fail in a way that waiting does not change."""
        self.fails = HopError("no", index=1, total=1, role_arn="a", code="AccessDenied", denied=True)

    @rule()
    def be_mended(self) -> None:
        """From now on calls succeed."""
        self.fails = None

    @rule(which=st.integers(0, 1))
    def reject(self, which: int) -> None:
        """A service says that the session at hand is over."""
        process = self.processes[which]
        held = process.refresh.held
        if held:
            process.refresh.invalidate(held.access_key)
            self.rejected.add(f"{which} {held.access_key}")
            process.held = None
            if process.quiet_with == "back-off":
                process.quiet_until = 0.0

    @rule(which=st.integers(0, 1), old=st.integers(0, 50))
    def reject_another(self, which: int, old: int) -> None:
        """A service rejects a session that is not the one at hand, and nothing comes of it."""
        held = self.processes[which].refresh.held
        if held is None or held.access_key != f"key{old}":
            self.processes[which].refresh.invalidate(f"key{old}")
            assert self.processes[which].refresh.held is held

    @rule(which=st.integers(0, 1), threads=st.integers(1, 4))
    def read(self, which: int, threads: int) -> None:
        """Threads read together: all get a session that serves, or an error, for one call at most."""
        process, before = self.processes[which], self.calls
        held = process.held
        valid = held is not None and self.now < held.expires_at
        quiet = held is not None and (self.now < held.advisory_at)
        backing_off = self.now < process.quiet_until
        results = list(self.pool.map(lambda _: self._get(process.refresh), range(threads)))
        made = self.calls - before
        got = [result for result in results if isinstance(result, SessionCredentials)]
        for result in got:
            assert self.now < result.expires_at, "an expired session was served"
            assert f"{which} {result.access_key}" not in self.rejected, "a rejected session was served"
            number = result.access_key.removeprefix("key")
            assert (result.secret_key, result.token) == (f"s{number}", f"t{number}"), "two answers were mixed"
        if quiet:
            assert made == 0, "a session that is not due was renewed"
            assert {result.access_key for result in got} == {held.access_key}  # type: ignore[union-attr]
        if backing_off:
            assert made == 0, "a call was made during the back-off"
        elif not quiet and not self.shared:
            assert made >= 1, "a session that is due was not renewed"
        if self.fails is None:
            assert made <= 1, "threads did not share a call"
            if not backing_off:
                assert len(got) == threads, "an error was raised though STS answers"
        elif not self.fails.recoverable:
            assert made <= 1, "a refusal was not remembered"
        elif valid:
            assert made <= 1, "a failing renewal was tried again at once"
            assert len(got) == threads or process.quiet_with == "refusal", (
                "a session that serves was kept back"
            )
        self._note(process, made)

    @staticmethod
    def _get(refresh: RefreshableCredentials) -> SessionCredentials | HopError:
        try:
            return refresh.get()
        except HopError as error:
            return error

    def _note(self, process: Process, made: int) -> None:
        process.held = process.refresh.held
        if not made:
            return
        process.quiet_until, process.quiet_with = 0.0, None
        if self.fails is None:
            return
        if not self.fails.recoverable:
            process.quiet_until, process.quiet_with = self.now + MEMORY, "refusal"
        elif process.held and self.now < process.held.expires_at:
            until = self.now + BACK_OFF
            if self.now < process.held.mandatory_at:
                until = min(until, process.held.mandatory_at)
            process.quiet_until, process.quiet_with = min(until, process.held.expires_at), "back-off"

    @invariant()
    def only_whole_sessions_are_kept(self) -> None:
        """What is in the cache can be read."""
        for key, kept in getattr(self, "kept", {}).items():
            assert read_entry(kept) is not None
            assert kept["Key"] == key


TestRefreshMachine = RefreshMachine.TestCase
TestRefreshMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
