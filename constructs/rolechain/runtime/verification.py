"""The live test of a deployed chain: each hop is taken, each shortcut is tried and must be refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import boto3

from rolechain.chain import Chain
from rolechain.choices import choose
from rolechain.errors import ChainError, Problem
from rolechain.policy import Caller
from rolechain.policy.caller import CallerKind
from rolechain.role import ChainRole
from rolechain.runtime.attempts import Patience, identified, is_session_of, try_call
from rolechain.runtime.call import HopCall
from rolechain.runtime.causes import Cause
from rolechain.runtime.diagnosis import Diagnostician
from rolechain.runtime.hop import Hop, as_hop
from rolechain.runtime.limits import problems_of_chain
from rolechain.runtime.report import HopReport, Outcome
from rolechain.runtime.sts import Signer, Sts


def verify(
    chain: Chain,
    *,
    session: boto3.Session | None = None,
    wait: float = 0,
    readers: Iterable[boto3.Session] = (),
    session_tags: Mapping[str, str] | None = None,
    source_identity: str | None = None,
) -> list[HopReport]:
    """Takes a deployed chain hop by hop, and tries what it must not allow.

    A session that already is a source role goes on from there; any other assumes the first source role first,
    which is reported as index 0. The hops of other source roles cannot be tried from there and are left out. A hop
    that fails does not end the report: what hangs on it is reported as not tried, all else is tried. The sessions
    that come of it are dropped.

    What is not as expected is looked into: where the sessions that were come by, or ``readers``, may read the
    two roles (``iam:GetRole``, the reading of their policies), the detail says which side decided and by which
    statement.

    Args:
        chain: the chain as it was deployed.
        session: where to start; by default a new ``boto3.Session()``. Its region is used, else the chain's.
        wait: for how many seconds in all a hop that is denied is tried again, as IAM's changes take up to a
            minute to be seen everywhere.
        readers: further sessions, each of which may read the roles of its account.
        session_tags: the values of the session tags that the chain leaves open, by key.
        source_identity: who is behind the sessions, where the chain leaves it open.

    Returns:
        The way in, if it was taken; the declared hops in order; each pair of roles that skips one in between;
        and each hop that passes an external id, without it.

    Raises:
        ChainError: ``wait`` is no number of seconds, the session's region lies in another partition, or a value
            that the chain leaves open is missing or not allowed.
        HopError: the session has no credentials that work, so nothing could be tried.
    """
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 <= wait < float("inf"):
        raise ChainError([Problem(("wait",), f"{wait!r} is no number of seconds: write 0 or more")])
    start = session or boto3.Session()
    return list(walk(chain, start, Patience(wait), tuple(readers), session_tags, source_identity))


def walk(
    chain: Chain,
    session: boto3.Session,
    patience: Patience,
    readers: Sequence[boto3.Session] = (),
    session_tags: Mapping[str, str] | None = None,
    source_identity: str | None = None,
) -> Iterator[HopReport]:
    """The reports of ``verify``, as they come."""
    hops = choose(chain.hops(), session_tags, source_identity)
    calls = {hop.callee.arn: as_hop(hop) for hop in hops}
    region = session.region_name or chain.region
    if problems := list(problems_of_chain([Hop(chain.source.arn)], region)):
        raise ChainError(problems)
    sts = Sts(session, region)
    trial = _Trial(chain, calls, sts, patience, Diagnostician(session, sts, readers, chain.organization))
    yield from trial.enter(session)
    taken = [hop for hop in hops if hop.index > 1 or hop.caller == trial.source]
    for hop in taken:
        yield trial.take(hop.caller, hop.callee, hop.index)
    for caller, callee, index in _shortcuts(chain, trial.source):
        yield trial.refuse(caller, callee, index)
    for hop in taken:
        if hop.external_id:
            yield trial.refuse(hop.caller, hop.callee, hop.index, without_external_id=True)


def _shortcuts(chain: Chain, source: ChainRole) -> Iterator[tuple[ChainRole, ChainRole, int]]:
    """Each caller with each role further on than its own hop leads, and the index of the hop that ends there."""
    line = (source, *chain.middle)
    for number, caller in enumerate(line[:-1]):
        for index, callee in enumerate(line[number + 2 :], number + 2):
            yield caller, callee, index
        for target in chain.targets:
            yield caller, target, len(line)


_NOT_OF_THE_ROLES = {Cause.SERVICE_CONTROL_POLICY, Cause.RESOURCE_CONTROL_POLICY, Cause.SOURCE_CREDENTIALS}
"""Causes that the policies of the two roles say nothing about."""


class _Trial:
    """The roles of a chain that were reached so far, and the calls made from them.

    Attributes:
        source: the source role that the walk starts from.
    """

    def __init__(
        self,
        chain: Chain,
        calls: Mapping[str, Hop],
        sts: Sts,
        patience: Patience,
        diagnostician: Diagnostician,
    ) -> None:
        self.source = chain.source
        self._sources = chain.sources
        self._calls = calls
        self._total = len(chain.middle) + 1
        self._sts = sts
        self._patience = patience
        self._diagnostician = diagnostician
        self._reached: dict[str, Signer] = {}

    def enter(self, session: boto3.Session) -> Iterator[HopReport]:
        """Goes on from a session of a source role, or assumes the first of them."""
        call = self._call(self.source, 0)
        start = identified(call, call.starting_signer(session))
        self._diagnostician.meet(start)
        for source in self._sources:
            if is_session_of(start.arn or "", source.partition, source.account, source.role):
                self.source = source
                self._reached[source.arn] = start
                return
        yield self._try(call, start, _stranger(start.arn or ""), Outcome.ALLOWED, self.source)

    def take(self, caller: ChainRole, callee: ChainRole, index: int) -> HopReport:
        """Takes a declared hop."""
        return self._from(caller, self._call(callee, index), Outcome.ALLOWED, callee)

    def refuse(
        self, caller: ChainRole, callee: ChainRole, index: int, *, without_external_id: bool = False
    ) -> HopReport:
        """Tries what must be refused."""
        report = self._from(
            caller,
            self._call(callee, index, without_external_id=without_external_id),
            Outcome.REFUSED,
            callee,
        )
        return replace(report, without_external_id=without_external_id)

    def _call(self, callee: ChainRole, index: int, *, without_external_id: bool = False) -> HopCall:
        hop = self._calls.get(callee.arn) or Hop(callee.arn)
        hop = replace(hop, external_id=None) if without_external_id else hop
        return HopCall(hop, self._sts, index, self._total)

    def _from(self, caller: ChainRole, call: HopCall, expected: Outcome, callee: ChainRole) -> HopReport:
        if signer := self._reached.get(caller.arn):
            return self._try(call, signer, _session_of(caller, signer), expected, callee)
        detail = f"not tried: {caller.arn} was not reached"
        return HopReport(call.index, caller.arn, callee.arn, expected, Outcome.UNDECIDED, None, 0.0, detail)

    def _try(
        self, call: HopCall, signer: Signer, caller: Caller, expected: Outcome, callee: ChainRole
    ) -> HopReport:
        report, given = try_call(
            call,
            signer,
            caller=caller.role_arn or caller.arn,
            expected=expected,
            index=call.index,
            until=self._patience,
        )
        if given:
            reached = Signer(given.access_key, given.secret_key, given.token, given.arn)
            self._reached[callee.arn] = reached
            self._diagnostician.meet(reached)
        if report.ok or report.verdict is Outcome.UNDECIDED or report.cause in _NOT_OF_THE_ROLES:
            return report
        found = self._diagnostician.explain(call, caller, refused=report.verdict is Outcome.REFUSED)
        if found is None:
            return report
        cause = found.cause if report.cause is Cause.UNKNOWN and found.cause else report.cause
        return replace(report, cause=cause, detail=f"{report.detail}; {found.words}")


def _session_of(role: ChainRole, signer: Signer) -> Caller:
    return Caller("role-session", signer.arn or "", role.account, role.arn)


def _stranger(arn: str) -> Caller:
    """Whoever the session is that the test starts from; of a role session the role's path is not known."""
    account, resource = arn.split(":", 5)[4:]
    kinds: dict[str, CallerKind] = {"user": "user", "root": "root"}
    return Caller(kinds.get(resource.partition("/")[0], "role-session"), arn, account)
