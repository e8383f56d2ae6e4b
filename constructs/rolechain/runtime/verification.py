"""The live test of a deployed chain: each hop is taken, and what must be refused is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import boto3

from rolechain.errors import ChainError, Problem
from rolechain.iam.arn import account_of, resource_type_of
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.hop import choose
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.policy import Caller
from rolechain.policy.principals import CallerKind
from rolechain.runtime.attempts import Patience, try_call
from rolechain.runtime.call import HopCall
from rolechain.runtime.diagnosis import Diagnostician, Inheritance
from rolechain.runtime.entry import (
    closed_entrance,
    entered_by,
    lack_of_mfa,
    lets_in,
    role_of,
    source_of,
    way_in,
)
from rolechain.runtime.error_classification import Cause
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop, as_hop
from rolechain.runtime.limits import problems_of_chain
from rolechain.runtime.report import HopReport, Outcome
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts


def verify(
    chain: Chain,
    *,
    session: boto3.Session | None = None,
    wait: float = 0,
    readers: Iterable[boto3.Session] = (),
    sources: Iterable[boto3.Session] = (),
    session_tags: Mapping[str, str] | None = None,
    source_identity: str | None = None,
    session_name: str | None = None,
) -> list[HopReport]:
    """Takes a deployed chain hop by hop, and tries what it must not allow.

    A session that already is a source role goes on from there; any other assumes the source role first, which is
    hop 1. Of several source roles it assumes those that name it in ``assumed_by``, or name nobody and
    are of its account; where none does, those of its account, else the first. The others must refuse it, unless they
    exist already. A hop that fails does not end the report: what hangs on it is reported as not tried, all else is
    tried. The sessions that come of it are dropped.

    What is not as expected is looked into: where the sessions that were come by, or ``readers``, may read the
    two roles (``iam:GetRole``, the reading of their policies), the detail says which side decided and by which
    statement.

    Args:
        chain: the chain as it was deployed. A target by organizational unit is left out: in its place put the
            role of one account, ``replace(chain, targets=[target.in_account(…)])``.
        session: where to start; by default a new ``boto3.Session()``. Its region is used, else the chain's.
        wait: for how many seconds in all a hop that is denied is tried again, as IAM's changes take up to a
            minute to be seen everywhere.
        readers: further sessions, each of which may read the roles of its account.
        sources: further sessions to start from, each of a source role or of who is let in at one. The hop of a
            source role that no session reaches is left out.
        session_tags: the values of the session tags that the chain leaves open, by key.
        source_identity: who is behind the sessions, where the chain leaves it open.
        session_name: what the sessions are called; by default it says who is at work, and where.

    Returns:
        The ways in that were tried; the declared hops in order; each pair of roles that skips one in between;
        and each hop with one thing that it declares left out, or sent with a value that is not allowed.

    Raises:
        ChainError: ``wait`` is not a number of seconds, the session's region lies in another partition, or a value
            that the chain leaves open is missing or not allowed; or the session is of a middle role or a target.
        HopError: a session has no credentials that work, so nothing could be tried.
    """
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 <= wait < float("inf"):
        raise ChainError([Problem(("wait",), f"{wait!r} is not a number of seconds: write 0 or more")])
    declared = [hop for hop in chain.hops() if not hop.callee.by_unit]
    hops = choose(declared, session_tags, source_identity, entering=True)
    sessions = (session or boto3.Session(), *sources)
    way_of = partial(way_in, tags=session_tags, source_identity=source_identity)
    return list(walk(chain, hops, sessions, Patience(wait), tuple(readers), session_name, way_of))


def walk(
    chain: Chain,
    hops: Sequence[DeclaredHop],
    sessions: Sequence[boto3.Session],
    patience: Patience,
    readers: Sequence[boto3.Session] = (),
    session_name: str | None = None,
    way_of: Callable[[ChainRole, str], Hop] = way_in,
) -> Iterator[HopReport]:
    """The reports of ``verify``, as they come, of hops with all that the chain leaves open chosen.

    The region of the first session is used, and it makes the calls that sources must refuse.
    """
    calls = {hop.callee.arn: as_hop(hop) for hop in hops}
    start = sessions[0]
    region = start.region_name or chain.region
    if problems := list(problems_of_chain([Hop(chain.source.arn, session_name=session_name)], region)):
        raise ChainError(problems)
    sts = Sts(start, region)
    diagnostician = Diagnostician(start, sts, readers, chain.organization)
    trial = _Trial(chain, sts, patience, diagnostician, session_name, way_of)
    yield from trial.enter(sessions)
    taken = [hop for hop in hops if hop.index > 1 or hop.caller in trial.sources]
    for hop in taken:
        yield trial.take(hop, calls[hop.callee.arn])
    for check in _refusals(chain, trial.sources, taken):
        yield trial.refuse(check)


_UNLIKELY = ("not-allowed", "rolechain-verify", "x1")
_NOT_OF_THE_ROLES = {
    Cause.SESSION_POLICY,
    Cause.SERVICE_CONTROL_POLICY,
    Cause.RESOURCE_CONTROL_POLICY,
    Cause.SOURCE_CREDENTIALS,
}
"""Causes that the policies of the two roles say nothing about."""


@dataclass
class _Trial:
    """The roles of a chain that were reached so far, and the calls made from them.

    Attributes:
        sources: the source roles that a session was of, or was to reach.
        _before: how many calls come before the first declared hop: 1 where a source role is assumed, else 0.
    """

    chain: Chain
    sts: Sts
    patience: Patience
    diagnostician: Diagnostician
    session_name: str | None
    way_of: Callable[[ChainRole, str], Hop]
    sources: list[ChainRole] = field(default_factory=list)
    _before: int = 0
    _reached: dict[str, SessionCredentials] = field(default_factory=dict)
    _unlimited: dict[str, SessionCredentials | None] = field(default_factory=dict)
    _inherited: dict[str, Inheritance] = field(default_factory=dict)

    def enter(self, sessions: Sequence[boto3.Session]) -> Iterator[HopReport]:
        """Goes on from the sessions of source roles, and tries the other source roles."""
        chain = self.chain
        call = self._call(Hop(chain.source.arn), 0)
        starts = [call.identified(call.starting_signer(session)) for session in sessions]
        inside: dict[str, SessionCredentials] = {}
        entering: dict[str, SessionCredentials] = {}
        for number, start in enumerate(starts):
            arn = start.arn or ""
            self.diagnostician.meet(start)
            if own := role_of(chain, arn):
                if own in chain.sources:
                    inside.setdefault(own.arn, start)
                elif not number:
                    message = (
                        f"it is of {own.arn} already, a role further on: start from a session outside of the chain, "
                        "or of a source role"
                    )
                    raise ChainError([Problem(("session",), message)])
                continue
            # A further session may be there to read policies only.
            invited = [source for source in chain.sources if lets_in(source, arn)]
            for source in invited if number else entered_by(chain, arn):
                entering.setdefault(source.arn, start)
        if not inside and not entering:
            entering[chain.source.arn] = starts[0]
        self._before = int(bool(entering.keys() - inside.keys()))
        for source in chain.sources:
            if source.arn in inside:
                self.sources.append(source)
                self._reached[source.arn] = inside[source.arn]
            elif source.arn in entering:
                self.sources.append(source)
                yield self._enter(source, entering[source.arn], Outcome.ALLOWED)
            elif not source.existing:
                yield self._enter(source, starts[0], Outcome.REFUSED)

    def take(self, hop: DeclaredHop, call: Hop) -> HopReport:
        """Takes a declared hop."""
        signer = self._reached.get(hop.caller.arn)
        declared = self._call(call, self._before + hop.index)
        report = self._from(hop.caller, declared, Outcome.ALLOWED, signer)
        if signer and report.ok and (call.policy or call.policy_arns):
            # A session that no session policy limits; None where it cannot be had, or calls nobody.
            whole = None
            if self.chain.calls_of(hop.callee):
                with suppress(HopError):
                    whole = replace(declared, hop=replace(declared.hop, policy=None, policy_arns=())).make(
                        signer
                    )
                    self.diagnostician.meet(whole)
            self._unlimited[hop.callee.arn] = whole
        return report

    def refuse(self, check: _Refusal) -> HopReport:
        """Tries what must be refused, without session policies: a caller may omit them."""
        call = self._call(check.call, self._before + check.index)
        caller = check.caller.arn
        signer = self._unlimited.get(caller, self._reached.get(caller))
        report = self._from(check.caller, call, Outcome.REFUSED, signer)
        return replace(report, altered=check.altered)

    def _call(self, hop: Hop, index: int) -> HopCall:
        named = replace(hop, session_name=self.session_name) if self.session_name else hop
        return HopCall(named, self.sts, index, self._before + len(self.chain.middle) + 1)

    def _enter(self, source: ChainRole, start: SessionCredentials, expected: Outcome) -> HopReport:
        arn = start.arn or ""
        if own := source_of(self.chain, arn):
            caller = _session_of(own, start)
        else:
            # Of a role session from outside, the role's path is not known.
            kinds: dict[str, CallerKind] = {"user": "user", "root": "root"}
            kind = kinds.get(resource_type_of(arn), "role-session")
            caller = Caller(kind, arn, account_of(arn))
        advice = closed_entrance(source, arn) or lack_of_mfa(source, arn, temporary=bool(start.token))
        return self._try(self._call(self.way_of(source, arn), 1), start, caller, expected, advice)

    def _from(
        self,
        caller: ChainRole,
        call: HopCall,
        expected: Outcome,
        signer: SessionCredentials | None,
    ) -> HopReport:
        if signer:
            return self._try(call, signer, _session_of(caller, signer), expected)
        detail = f"not tried: {caller.arn} was not reached"
        return HopReport(
            call.index, caller.arn, call.hop.role_arn, expected, Outcome.UNDECIDED, None, 0.0, detail
        )

    def _try(
        self,
        call: HopCall,
        signer: SessionCredentials,
        caller: Caller,
        expected: Outcome,
        advice: str | None = None,
    ) -> HopReport:
        report, given = try_call(
            call,
            signer,
            caller=caller.role_arn or caller.arn,
            expected=expected,
            index=call.index,
            until=self.patience,
            advice=advice,
        )
        inherited = self._inherited.get(caller.role_arn or "", Inheritance())
        if given:
            self._inherited[call.hop.role_arn] = inherited.after(call.hop)
            self._reached[call.hop.role_arn] = given
            self.diagnostician.meet(given)
        if report.ok or report.verdict is Outcome.UNDECIDED or report.cause in _NOT_OF_THE_ROLES:
            return report
        found = self.diagnostician.explain(call, caller, inherited, refused=report.verdict is Outcome.REFUSED)
        if found is None:
            return report
        cause = found.cause if report.cause is Cause.UNKNOWN and found.cause else report.cause
        detail = "; ".join(filter(None, (found.lacking, report.detail, found.words)))
        return replace(report, cause=cause, detail=detail)


def _session_of(role: ChainRole, signer: SessionCredentials) -> Caller:
    return Caller("role-session", signer.arn or "", role.account, role.arn)


@dataclass(frozen=True)
class _Refusal:
    """A call that must be refused; ``altered`` says what it leaves out or sends wrong, and is empty for a shortcut."""

    caller: ChainRole
    index: int
    call: Hop
    altered: str = ""


def _refusals(chain: Chain, sources: Sequence[ChainRole], hops: Sequence[DeclaredHop]) -> Iterator[_Refusal]:
    """Each caller with each role further on than its own hop leads; then the hop into each role, altered.

    ``sources`` can call, and ``hops`` can be taken, with all that the chain leaves open chosen.
    """
    calls = {hop.callee.arn: as_hop(hop) for hop in hops}
    for place, callers in enumerate((sources, *chain.positions[1:-1])):
        for caller in callers:
            for index, callees in enumerate(chain.positions[place + 2 :], place + 2):
                for callee in callees:
                    if not callee.by_unit:
                        yield _Refusal(caller, index, calls[callee.arn])
    # A trust policy names the callers that are asked for the same in one statement: one of them tries it for all.
    alike = {(hop.callee.arn, hop.caller.third_party): hop for hop in reversed(hops)}
    for hop in reversed(alike.values()):
        for altered, call in _alterations(hop):
            yield _Refusal(hop.caller, hop.index, call, altered)


def _alterations(hop: DeclaredHop) -> Iterator[tuple[str, Hop]]:
    """Everything that a hop declares, left out once and sent wrong once where only some values are allowed."""
    call = as_hop(hop)
    if hop.external_id:
        yield "without external id", replace(call, external_id=None)
    for tag in hop.callee.tags:
        if tag.required:
            yield f"without session tag {tag.key}", _with_tag(call, tag.key, None)
        if wrong := _wrong(tag):
            yield f"with session tag {tag.key}={wrong}", _with_tag(call, tag.key, wrong)
    if identity := hop.callee.identity:
        if identity.required:
            yield "without source identity", replace(call, source_identity=None)
        if wrong := _wrong(identity):
            yield f"with source identity {wrong}", replace(call, source_identity=wrong)


def _with_tag(call: Hop, key: str, value: str | None) -> Hop:
    others = {each: given for each, given in (call.tags or {}).items() if each != key}
    kept = [each for each in call.transitive_tag_keys if each != key or value]
    return replace(call, tags=others | ({key: value} if value else {}) or None, transitive_tag_keys=kept)


def _wrong(declared: SessionTag | SourceIdentity) -> str | None:
    return next((value for value in _UNLIKELY if not declared.allows(value)), None)
