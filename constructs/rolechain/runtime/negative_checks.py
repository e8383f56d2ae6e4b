"""What a deployed chain must refuse: each shortcut, and each hop with something left out or sent wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rolechain.model.chain import Chain
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.runtime.hop import Hop, as_hop

_UNLIKELY = ("not-allowed", "rolechain-verify", "x1")


@dataclass(frozen=True)
class NegativeCheck:
    """One call that must be refused.

    Attributes:
        caller: who makes it.
        callee: the role that it asks for.
        index: the place of the hop that ends in that role.
        call: what it passes.
        altered: what it leaves out or sends wrong, in words; empty for a shortcut.
    """

    caller: ChainRole
    callee: ChainRole
    index: int
    call: Hop
    altered: str = ""


def negative_checks(
    chain: Chain, sources: Sequence[ChainRole], hops: Sequence[DeclaredHop]
) -> Iterator[NegativeCheck]:
    """Each caller with each role further on than its own hop leads; then the hop into each role, altered.

    ``sources`` can call, and ``hops`` can be taken, with all that the chain leaves open chosen.
    """
    calls = {hop.callee.arn: as_hop(hop) for hop in hops}
    callers = [*((source, 0) for source in sources), *((role, at) for at, role in enumerate(chain.middle, 1))]
    last = len(chain.middle) + 1
    for caller, place in callers:
        for index, callee in enumerate(chain.middle[place + 1 :], place + 2):
            yield NegativeCheck(caller, callee, index, calls[callee.arn])
        for target in chain.targets if place + 1 < last else ():
            yield NegativeCheck(caller, target, last, calls[target.arn])
    # A trust policy names the callers that are asked for the same in one statement: one of them tries it for all.
    alike = {(hop.callee.arn, hop.caller.third_party): hop for hop in reversed(hops)}
    for hop in reversed(alike.values()):
        for altered, call in _alterations(hop):
            yield NegativeCheck(hop.caller, hop.callee, hop.index, call, altered)


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
    """A value that is not allowed; None where every one that is tried here is."""
    return next((value for value in _UNLIKELY if not declared.allows(value)), None)
