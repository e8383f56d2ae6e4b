"""Who gets in besides by a declared hop: every declared entrance does, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import CARRYING, ENTERING, admitted, surely_allowed
from rolechain.graph.edges import Edge, edges
from rolechain.graph.examples import Example, decided, example_of
from rolechain.graph.finding import Finding, Level
from rolechain.graph.language import Language, TooLarge
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.trusted_access import TrustedAccess, shown, trusted_access
from rolechain.graph.values import OneValue
from rolechain.iam import condition_keys as keys_of
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.policy import Policy
from rolechain.policy.elements import listed
from rolechain.policy.logic import Ternary, any_of
from rolechain.proof.declared import Declared
from rolechain.statements.builder import trust_statements
from rolechain.statements.trust_policy import entrance_statements


@dataclass(frozen=True)
class EntranceRecord:
    """A principal that the trust policy of a role lets in by other than a declared hop.

    Attributes:
        role: the ARN of the role.
        who: the account id, ARN, pattern, service or provider; ``*`` for everyone.
        words: the same in words.
        declared: whether the chain declares it.
        place: the statement.
    """

    role: str
    who: str
    words: str
    declared: bool
    place: SourceLocation

    @classmethod
    def of(cls, access: TrustedAccess, *, declared: bool) -> EntranceRecord:
        """The principal of an access."""
        return cls(access.role.arn, access.who, access.words, declared, access.place)


def trusted(declared: Declared, graph: RoleGraph) -> Iterator[tuple[TrustedAccess, bool]]:
    """Whom a chain's roles let in besides the declared callers, each with whether it is a declared entrance."""
    for role in graph.roles:
        if role.arn not in declared.roles:
            continue
        if role.arn in declared.callees and all(
            declared.writes(role, statement) for statement in role.trust.policy.allows
        ):
            continue
        for access in trusted_access(role):
            is_declared = declared.writes(role, access.statement) or not declared.undeclared(
                role, access.requests, access.action
            )
            if not (is_declared and (access.who, role.arn) in declared.hops):
                yield access, is_declared


def undeclared(
    declared: Declared, graph: RoleGraph, found: list[tuple[TrustedAccess, bool]]
) -> Iterator[Finding]:
    """A finding for each trust statement that lets in somebody who is not declared; ``found`` is of ``trusted``."""
    inner = [
        edge
        for edge in edges(graph)
        if edge.callee.arn in declared.roles and (edge.caller.arn, edge.callee.arn) not in declared.hops
    ]
    by_place: dict[SourceLocation, list[TrustedAccess]] = {}
    for access, is_declared in found:
        if not is_declared:
            by_place.setdefault(access.place, []).append(access)
    for edge in inner:
        at_entrance = edge.callee.arn not in declared.callees
        if at_entrance and edge.caller.arn in declared.roles and edge.trust not in by_place:
            yield _of_edge(edge)
    for place, at in by_place.items():
        names = [
            edge.caller.arn
            for edge in inner
            if edge.trust == place and edge.decision and edge.decision.allowed
        ]
        yield _of_access(declared, place, at, list(dict.fromkeys(names)))


def _of_access(
    declared: Declared, place: SourceLocation, at: list[TrustedAccess], names: list[str]
) -> Finding:
    role = at[0].role
    words = listed([access.words for access in at])
    already = f"; {listed(names)} can assume it already" if names else ""
    for access in at:
        outside = declared.undeclared(role, access.requests, access.action)
        if example := shown(role, access.statement, outside):
            such = f", such as {example.words}" if _is_written(example, role) else ""
            message = f"{role.arn} lets in {words}, which the chain does not declare{such}{already}"
            return Finding("RC05", Level.ERROR, place, message, _remedy(declared, role))
    message = f"{role.arn} cannot be shown to be closed to {words}{already}"
    return Finding("RC00", Level.ERROR, place, message, _remedy(declared, role))


def _is_written(example: Example, role: RoleRecord) -> bool:
    """Whether all that the words of an example name stands in the trust policy, so that nothing of it is made up."""
    written = json.dumps(role.trust.document, default=str)
    texts = (
        each for value in example.context.values() for each in ([value] if isinstance(value, str) else value)
    )
    return all(text in written for text in texts if text in example.words)


def _of_edge(edge: Edge) -> Finding:
    certain = edge.decision is not None and edge.decision.allowed
    reason = edge.decision.reason if edge.decision else ""
    return Finding(
        "RC05" if certain else "RC00",
        Level.ERROR,
        edge.permission or edge.trust,
        f"{edge.caller.arn} {'can' if certain else 'may be able to'} assume {edge.callee.arn}, and the chain declares "
        f"no such hop: {reason}",
        f"take {edge.callee.arn} out of what {edge.caller.arn} may assume, or close the trust policy to it",
    )


def _remedy(declared: Declared, role: RoleRecord) -> str:
    if declared.roles[role.arn] in declared.chain.sources:
        return "declare it in the chain (assumed_by), or take it out of the trust policy"
    statements = json.dumps(trust_statements(declared.chain, declared.roles[role.arn]), ensure_ascii=False)
    return f"let the trust policy hold these statements and no others: {statements}"


_WHO = (keys_of.PRINCIPAL_ARN, keys_of.SERVICE, keys_of.PROVIDER)


def missing_entrances(declared: Declared, graph: RoleGraph) -> Iterator[Finding]:
    """The declared entrances that a source role's trust policy does not let in."""
    organization = declared.chain.organization
    for source in declared.chain.sources:
        for role in graph.by_arn.get(source.arn, ()):
            if declared.writes_all(role):
                continue
            for entrance in source.entrances:
                works = _works(entrance, source, role, organization)
                if works is not True:
                    yield _finding(entrance, source, role, works, organization)


def _finding(
    entrance: Entrance, source: ChainRole, role: RoleRecord, works: bool | None, organization: str | None
) -> Finding:
    place = SourceLocation(role.place.template, role.place.logical_id, part=role.trust.place.part)
    words = f"the entrance {entrance.kind} {entrance.value} of {source.arn}"
    if works is None:
        message = f"whether {words} works cannot be decided"
        remedy = "write what cannot be known as a plain value"
        return Finding("RC00", Level.ERROR, place, message, remedy)
    message = f"{words} is declared, and its trust policy does not let it in"
    statements = entrance_statements([entrance], source, organization)
    written = ", ".join(json.dumps(each, ensure_ascii=False) for each in statements)
    return Finding("RC08", Level.ERROR, place, message, f"write into its trust policy: {written}")


def _works(entrance: Entrance, source: ChainRole, role: RoleRecord, organization: str | None) -> Ternary:
    """Whether somebody gets in as whom the entrance stands for, with what it brings, choosing everything else well."""
    statements = entrance_statements([entrance], source, organization)
    wanted = Policy.parse({"Version": "2012-10-17", "Statement": statements})
    surely = partial(surely_allowed, wanted, role.callee)
    entering = [(action, one) for action in ENTERING for one in surely(action)]
    kinds = {one.kind for _, one in entering}
    for action, _ in CARRYING:
        carried = admitted(role.trust.policy, role.callee, action, alone=True).values()
        for one in surely(action):
            if one.kind in kinds and not any(both([one], others) for others in carried):
                return False
    return any_of(_lets_in(role, one, action) for action, one in entering)


def _lets_in(role: RoleRecord, wanted: Requests, action: str) -> Ternary:
    somebody = wanted
    for key in _WHO:
        values = wanted.values.get(key)
        with suppress(TooLarge):
            if isinstance(values, OneValue) and (text := values.texts.example()) is not None:
                only = OneValue(Language(frozenset({text})), absent=False)
                somebody = somebody.where(key, only) or somebody
    answer: Ternary = False
    for index, entering in admitted(role.trust.policy, role.callee, action).items():
        for one in entering:
            if found := one & somebody:
                statement = next(each for each in role.trust.policy.statements if each.index == index)
                example = example_of(found, [statement], role.callee.constants)
                if example and decided(example, role.arn, role.trust.policy):
                    return True
                answer = None
    return answer
