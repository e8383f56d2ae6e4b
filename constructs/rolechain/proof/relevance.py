"""Which findings are about a chain, in an app that holds much else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rolechain.chain import Chain
from rolechain.proof.calls import account_of
from rolechain.proof.edges import links
from rolechain.proof.finding import Finding, Level
from rolechain.proof.place import Place
from rolechain.proof.world import RoleRecord, World


def of_chain(findings: Iterable[Finding], chain: Chain, world: World) -> Iterator[Finding]:
    """Findings, those about roles that neither belong to a chain nor can reach it as warnings.

    What stands nowhere, or in a template as a whole, is about the chain.
    """
    listed = list(findings)
    if all(finding.level is Level.WARNING for finding in listed):
        yield from listed
        return
    places = _places(chain, world)
    roles = {_resource(place) for role in world.roles for place in _of(role)}
    for finding in listed:
        place = finding.place and _resource(finding.place)
        apart = place is not None and place in roles and place not in places
        yield replace(finding, level=Level.WARNING) if apart else finding


def _places(chain: Chain, world: World) -> set[tuple[str, str]]:
    """The resources of the chain's roles, and of every role that may lead to one of them."""
    callers: dict[str, set[str]] = {}
    for edge in links(world):
        callers.setdefault(edge.callee.arn, set()).add(edge.caller.arn)
    near = {role.arn for role in chain.roles}
    waiting = list(near)
    while waiting:
        for arn in callers.get(waiting.pop(), ()):
            if arn not in near:
                near.add(arn)
                waiting.append(arn)
    names = {(account_of(arn), arn.rsplit("/", 1)[-1].lower()) for arn in near}
    return {
        _resource(place)
        for role in world.roles
        if role.arn in near or (role.account, role.name.lower()) in names
        for place in _of(role)
    }


def _of(role: RoleRecord) -> Iterator[Place]:
    yield from (role.place, role.trust.place, *(record.place for record in role.policies))
    if role.boundary:
        yield role.boundary.place


def _resource(place: Place) -> tuple[str, str]:
    return place.template, place.logical_id
