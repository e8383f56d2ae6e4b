"""The declared entrances: whether each is let in by its source role."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import CARRYING, ENTERING, admitted, surely_allowed
from rolechain.graph.examples import decided, example_of
from rolechain.graph.finding import Finding, Level
from rolechain.graph.language import Language
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.values import OneValue
from rolechain.iam import condition_keys as keys_of
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.policy import Policy
from rolechain.policy.logic import Ternary, any_of
from rolechain.proof.declared import Declared
from rolechain.statements.trust_policy import entrance_statements

MISSING, UNKNOWN = "RC08", "RC00"
_WHO = (keys_of.PRINCIPAL_ARN, keys_of.SERVICE, keys_of.PROVIDER)


def missing_entrances(chain: Chain, declared: Declared, world: RoleGraph) -> Iterator[Finding]:
    """The declared entrances that a source role's trust policy does not let in."""
    for source in chain.sources:
        for role in world.by_arn.get(source.arn, ()):
            if declared.writes_all(role):
                continue
            for entrance in source.entrances:
                works = _works(entrance, source, role, chain.organization)
                if works is not True:
                    yield _finding(entrance, source, role, works, chain)


def _finding(
    entrance: Entrance, source: ChainRole, role: RoleRecord, works: bool | None, chain: Chain
) -> Finding:
    place = SourceLocation(role.place.template, role.place.logical_id, part=role.trust.place.part)
    words = f"the entrance {entrance.kind} {entrance.value} of {source.arn}"
    if works is None:
        message = f"whether {words} works cannot be decided"
        remedy = "write what cannot be known as a plain value"
        return Finding(UNKNOWN, Level.ERROR, place, message, remedy)
    message = f"{words} is declared, and its trust policy does not let it in"
    statements = entrance_statements([entrance], source, chain.organization)
    written = ", ".join(json.dumps(each, ensure_ascii=False) for each in statements)
    return Finding(MISSING, Level.ERROR, place, message, f"write into its trust policy: {written}")


def _works(entrance: Entrance, source: ChainRole, role: RoleRecord, organization: str | None) -> Ternary:
    """Whether somebody gets in as whom the entrance stands for, with what it brings, choosing everything else well."""
    statements = entrance_statements([entrance], source, organization)
    wanted = Policy.parse({"Version": "2012-10-17", "Statement": statements})
    enters = any_of(
        _lets_in(role, one, action)
        for action in ENTERING
        for one in surely_allowed(wanted, role.callee, action)
    )
    carries = all(
        any(
            both([one], others)
            for others in admitted(role.trust.policy, role.callee, action, alone=True).values()
        )
        for action, _ in CARRYING
        for one in surely_allowed(wanted, role.callee, action)
        if one.kind in _kinds(wanted, role)
    )
    return enters if carries else False


def _kinds(wanted: Policy, role: RoleRecord) -> set[str]:
    """The kinds of callers that an entrance stands for."""
    return {one.kind for action in ENTERING for one in surely_allowed(wanted, role.callee, action)}


def _lets_in(role: RoleRecord, wanted: Requests, action: str) -> Ternary:
    somebody = wanted
    for key in _WHO:
        values = wanted.values.get(key)
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
