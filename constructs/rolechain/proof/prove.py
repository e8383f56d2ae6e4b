"""The proof of a chain, and the audit of any templates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Literal

from rolechain.cloudformation.assembly import templates_in
from rolechain.cloudformation.parameter_values import ParameterError, with_values
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Template
from rolechain.graph.access import ASSUME
from rolechain.graph.administrators import TAKEN_FOR_GRANTED, Changer, changers
from rolechain.graph.calls import request_between
from rolechain.graph.edges import edges
from rolechain.graph.finding import Finding, Level
from rolechain.graph.language import patience
from rolechain.graph.narrowing import written
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.template_reader import role_graph_of
from rolechain.graph.trusted_access import TrustedAccess, trusted_access
from rolechain.iam.arn import is_arn
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.iam.partitions import partition_of
from rolechain.model.chain import Chain
from rolechain.policy import Verdict, decide
from rolechain.proof.containment import EntranceRecord, trusted, undeclared
from rolechain.proof.declared import Declared
from rolechain.proof.entrances import missing_entrances
from rolechain.proof.hops import HopProof, missing_roles, proven_hops
from rolechain.proof.relevance import of_chain
from rolechain.proof.report import Proof, sorted_findings
from rolechain.proof.rules import check

_MOST = 3
"""How many roles, or ways to change them, a finding names."""

Templates = Iterable[Template] | Mapping[str, Mapping[str, Any]] | str | PathLike[str]
"""Templates, template bodies by name (a name of 12 digits is the account), or the folder that cdk synth wrote."""


def prove(
    chain: Chain,
    templates: Templates,
    *,
    scope: Literal["chain", "app"] = "chain",
    parts: Collection[str] | None = None,
) -> Proof:
    """Proves that a chain is closed, or says exactly where it is not.

    Every declared hop and entrance works, nobody else gets in, and every rule holds.

    Args:
        chain: the chain.
        templates: the templates.
        scope: ``chain`` for findings about roles that neither belong to the chain nor lead to it to be warnings;
            ``app`` for all to be as bad as they are in an audit.
        parts: the ARNs of the roles that the templates are to create; the others are taken as the chain declares
            them. None for all of them.

    Raises:
        AssemblyError: a folder is given that is no cloud assembly.
    """
    return prove_world(chain, role_graph_of(_listed(templates), chain, parts), scope=scope, parts=parts)


def prove_world(
    chain: Chain,
    world: RoleGraph,
    *,
    scope: Literal["chain", "app"] = "chain",
    parts: Collection[str] | None = None,
) -> Proof:
    """``prove``, of templates that were read already."""
    with patience():
        return _proven(chain, world, scope, parts)


def _proven(
    chain: Chain, world: RoleGraph, scope: Literal["chain", "app"], parts: Collection[str] | None
) -> Proof:
    hops = list(proven_hops(chain, world))
    declared = Declared(chain)
    found = list(trusted(declared, world))
    others = changers(chain, world)
    findings = [
        *_unknown(chain, world),
        *missing_roles(chain, world),
        *(finding for _, of_hop in hops for finding in of_hop),
        *missing_entrances(chain, declared, world),
        *undeclared(chain, declared, world, found),
        *(finding for changer in others for finding in _of_changer(chain, changer)),
        *(check(world, chain) if scope == "app" else of_chain(check(world, chain), chain, world)),
    ]
    return Proof(
        parts=_names(chain, parts),
        hops=tuple(hop for hop, _ in hops),
        entrances=tuple(_entrance(access, declared=is_declared) for access, is_declared in found),
        findings=sorted_findings(findings),
        assumptions=(*world.assumptions, TAKEN_FOR_GRANTED),
        changers=others,
    )


def _of_changer(chain: Chain, changer: Changer) -> Iterator[Finding]:
    """What is said of somebody who may change a chain and is not declared to."""
    if changer.declared:
        return
    level = Level.WARNING if chain.administrators is None else Level.ERROR
    verb = "change" if changer.rule == "RC38" else "act as"
    roles = _shortened(changer.roles)
    first = next((means for means in changer.means if means.unknown is None), changer.means[0])
    ways = _shortened(tuple(dict.fromkeys(means.words for means in changer.means)))
    cure = "let nobody else call it"
    if changer.who.startswith("arn:"):
        cure = f"take that away, or declare {changer.who} under administrators"
    if changer.surely:
        yield Finding(changer.rule, level, first.place, f"{changer.who} may {verb} {roles}: {ways}", cure)
    else:
        words = f"whether {changer.who} may {verb} {roles} is not known: {first.unknown} is not"
        yield Finding("RC00", level, first.place, words, cure)


def _shortened(texts: Sequence[str]) -> str:
    """Some texts, of many the first ones and how many more there are."""
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return ("; " if any("," in text for text in texts) else ", ").join(texts[:_MOST]) + more


def _names(chain: Chain, parts: Collection[str] | None) -> tuple[str, ...]:
    """The roles that a proof is about, where it is not about all of them."""
    if parts is None or all(role.arn in parts or role.existing for role in chain.roles):
        return ()
    return tuple(f"{role.role} ({role.account})" for role in chain.roles if role.arn in parts)


def audit(
    templates: Templates,
    accounts: Mapping[str, str] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    region: str | None = None,
) -> Proof:
    """Every AssumeRole that templates allow, whom they let in, and every rule that they break; no chain is declared.

    Args:
        templates: the templates.
        accounts: the account of each template that is not given with one, by the template's name.
        parameters: the value of each parameter, in place of its default, for every template that declares it; a list
            for one that takes a list. By the name under which Systems Manager holds a value, that value.
        region: the region of each template that is not given with one.

    Raises:
        AssemblyError: a folder is given that is no cloud assembly.
        ParameterError: no template declares a parameter, one does not take the value, or the region is none.
    """
    if region is not None and partition_of(region) is None:
        raise ParameterError(f"{region!r} is no region: write one such as us-east-1")
    placed = [
        replace(
            template,
            account=(accounts or {}).get(template.name, template.account),
            region=template.region or region,
        )
        for template in _listed(templates)
    ]
    given = with_values(placed, parameters or {})
    with patience():
        return _audited(role_graph_of(given))


def _audited(world: RoleGraph) -> Proof:
    inner = [
        HopProof(edge.caller.arn, edge.callee.arn, decision.verdict, decision.reason)
        for edge in edges(world)
        if (decision := edge.hindered or edge.decision)
    ]
    return Proof(
        hops=(*inner, *_refused(world, {(hop.caller, hop.callee) for hop in inner}), *_outward(world)),
        entrances=tuple(
            _entrance(access, declared=False) for role in world.roles for access in trusted_access(role)
        ),
        findings=sorted_findings([*world.unknown, *check(world, None)]),
        assumptions=world.assumptions,
    )


def _listed(templates: Templates) -> list[Template]:
    if isinstance(templates, (str, PathLike)):
        return list(templates_in(templates))
    if isinstance(templates, Mapping):
        return [
            Template(name, body, account=name if len(name) == 12 and name.isdecimal() else None)
            for name, body in templates.items()
        ]
    return list(templates)


def _unknown(chain: Chain, world: RoleGraph) -> Iterator[Finding]:
    """What could not be resolved; where no role of the chain depends on it, it is a warning."""
    places: set[tuple[str, str]] = set()
    accounts = {None, *chain.accounts}
    for role in chain.roles:
        for record in world.by_arn.get(role.arn, ()):
            places.add((record.place.template, ""))
            policies = (record.trust, *record.policies, *([record.boundary] if record.boundary else []))
            places |= {_resource(record.place), *(_resource(policy.place) for policy in policies)}
    for finding in world.unknown:
        of_chain = finding.place is None or _resource(finding.place) in places
        if finding in world.roaming and finding.place is not None:
            template = world.templates.get(finding.place.template)
            of_chain = of_chain or template is None or template.account in accounts
        yield finding if of_chain else replace(finding, level=Level.WARNING)


def _resource(place: SourceLocation) -> tuple[str, str]:
    return place.template, place.logical_id


def _entrance(access: TrustedAccess, *, declared: bool) -> EntranceRecord:
    return EntranceRecord(access.role.arn, access.who, access.words, declared, access.place)


def _refused(world: RoleGraph, known: Collection[tuple[str, str]]) -> Iterator[HopProof]:
    """The hops that one of two roles names and the other one refuses, with the reason.

    Args:
        world: the roles.
        known: the caller and the callee of each hop that is allowed, or may be.
    """
    for caller, callee in dict.fromkeys(_named(world)):
        if (caller.arn, callee.arn) in known or not (is_arn(caller.arn) and is_arn(callee.arn)):
            continue
        decision = decide(request_between(caller, callee, world))
        if decision.verdict in (Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY):
            yield HopProof(caller.arn, callee.arn, decision.verdict, decision.reason)


def _named(world: RoleGraph) -> Iterator[tuple[RoleRecord, RoleRecord]]:
    """A caller and a callee of which one names the other by its ARN: in a permission, or in the trust policy."""
    for role in world.roles:
        for record in role.policies:
            for statement in record.policy.allows:
                if (
                    statement.actions.match(ASSUME)
                    and statement.resources
                    and not statement.resources.negated
                ):
                    for arn in statement.resources.written:
                        yield from ((role, callee) for callee in world.by_arn.get(arn, ()))
        for statement in role.trust.policy.allows:
            principals = statement.principals.aws if statement.principals else frozenset()
            if statement.actions.match(ASSUME):
                asked = {each.literal or "" for each in written(statement, PRINCIPAL_ARN, {})}
                for arn in sorted(principals | asked):
                    yield from ((caller, role) for caller in world.by_arn.get(arn, ()))


def _outward(world: RoleGraph) -> Iterator[HopProof]:
    """What the roles of the templates may assume outside of them, as far as their own side says."""
    for role in world.roles:
        for record in role.policies:
            for statement in record.policy.allows:
                if statement.actions.match(ASSUME) is False or statement.resources is None:
                    continue
                for resource in statement.resources.written:
                    if resource not in world.by_arn:
                        outside = f"all but {resource}" if statement.resources.negated else resource
                        reason = f"{record.name} allows it, and the trust policy is not in the templates"
                        yield HopProof(role.arn, outside, Verdict.UNKNOWN, reason)
