"""Which findings are about a chain, in an app that holds much else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.edges import Edge, links
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.traversal import reachable
from rolechain.iam.arn import account_of, name_of
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole

_IAM = "AWS::IAM::"
_TRUST = "AssumeRolePolicyDocument"


def of_chain(findings: Iterable[Finding], chain: Chain, graph: RoleGraph) -> Iterator[Finding]:
    """Findings, those about roles that neither belong to a chain nor can reach it as warnings.

    What stands nowhere, in a template as a whole, or in a resource that is none of IAM's is about the chain.
    """
    listed = list(findings)
    if all(finding.level is Level.WARNING for finding in listed):
        yield from listed
        return
    near = _near(chain, graph)
    names = {name_of(arn).lower() for arn in near}
    roles = [role for role in graph.roles if role.arn in near or role.name.lower() in names]
    places = {place.resource for role in roles for place in _of(role)}
    for finding in listed:
        apart = finding.place is not None and _is_apart(finding.place, places, names, graph)
        yield replace(finding, level=Level.WARNING) if apart else finding


def unknown(chain: Chain, graph: RoleGraph, *, everywhere: bool = False) -> Iterator[Finding]:
    """What could not be resolved; where no role of the chain depends on it, it is a warning.

    Of a statement that is not known no rule says whom it lets in. So it is as bad as what a rule would say: an error
    where its role may lead to the chain, or everywhere.
    """
    accounts = {None, *(role.account for role in chain.roles)}
    places = {
        place.resource
        for role in chain.roles
        for record in graph.by_arn.get(role.arn, ())
        for place in (SourceLocation(record.place.template), *_of(record))
    }
    near: set[str] = set()
    for finding in graph.unknown:
        of_chain = finding.place is None or finding.place.resource in places
        if finding in graph.roaming and finding.place is not None:
            template = graph.templates.get(finding.place.template)
            of_chain = of_chain or template is None or template.account in accounts
        if (
            not of_chain
            and finding.place
            and finding.place.part == _TRUST
            and finding.place.statement is not None
        ):
            near = near or ({role.arn for role in graph.roles} if everywhere else _near(chain, graph))
            at = finding.place.resource
            of_chain = any(role.arn in near and role.trust.place.resource == at for role in graph.roles)
        yield finding if of_chain else replace(finding, level=Level.WARNING)


def _near(chain: Chain, graph: RoleGraph) -> set[str]:
    """The ARNs of the chain's roles, and of every role that may lead to one of them."""
    callers: dict[str, set[str]] = {}
    declared = {role.arn: role for role in chain.roles}
    for edge in links(graph):
        if not _is_welcome(edge, declared):
            callers.setdefault(edge.callee.arn, set()).add(edge.caller.arn)
    return {*declared, *reachable(declared, lambda arn: callers.get(arn, ()))}


def _is_welcome(edge: Edge, declared: Mapping[str, ChainRole]) -> bool:
    """Whether a role gets in as one of an account or organization that the chain lets in as a whole."""
    callee = declared.get(edge.callee.arn)
    if callee is None or edge.caller.arn in declared:
        return False
    account = account_of(edge.caller.arn)
    return callee.trust in ("account", "organization") or any(
        entrance.kind == "account" and entrance.value == account for entrance in callee.entrances
    )


def _is_apart(place: SourceLocation, places: set[tuple[str, str]], names: set[str], graph: RoleGraph) -> bool:
    """Whether a place is in a resource of IAM that is none of the chain's and names none of its roles."""
    template = graph.templates.get(place.template)
    resources = template.body.get("Resources") if template else None
    resource = resources.get(place.logical_id) if isinstance(resources, Mapping) else None
    if not isinstance(resource, Mapping) or place.resource in places:
        return False
    if not str(resource.get("Type")).startswith(_IAM):
        return False
    if resource.get("Type") == f"{_IAM}Role":
        return True
    text = json.dumps(resource, default=str).lower()
    return not any(name in text for name in names)


def _of(role: RoleRecord) -> Iterator[SourceLocation]:
    yield from (role.place, role.trust.place, *(record.place for record in role.policies))
    if role.boundary:
        yield role.boundary.place
