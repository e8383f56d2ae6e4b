"""In which order roles that name each other can be deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolechain.cloudformation.template import Json
from rolechain.graph.role_graph import RoleRecord
from rolechain.iam.arn import root_of
from rolechain.model.chain import Chain
from rolechain.proof.rules import principals
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC20",
    "a role that a trust policy names directly is deployed before it, by a stack dependency or DependsOn; one "
    "outside the templates is declared as existing",
    prevents="Invalid principal in policy, when the stack is deployed",
    source="IAM User Guide, Troubleshoot IAM roles; JSON policy elements: IAM role principals",
)
def deploy_order(context: RuleContext) -> Violations:
    """A role's ARN as principal, of which it is not proven that the role exists by then."""
    for entry in context.entries:
        if entry.role.imported:
            continue  # its owner adds the statement when the caller is there
        for arn in principals.role_arns(entry):
            named = context.roles.get(arn)
            if named is None or named.imported:
                if (
                    context.chain is None
                    or _exists(context.chain, arn)
                    or (named and arn in context.declared)
                ):
                    continue
                root = root_of(arn)
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts {arn} itself, which no template creates",
                    f'write "Principal": {{"AWS": "{root}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{arn}"}}}}, or '
                    "declare it under assumed_by where it exists already",
                )
            elif named is not entry.role and not _comes_first(context, named, entry.role):
                here = named.place.template == entry.role.place.template
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts {arn} itself, and nothing makes {named.place} come first",
                    f"add DependsOn: {named.place.logical_id}"
                    if here
                    else f"make the stack {entry.role.place.template} depend on {named.place.template}",
                )


def _exists(chain: Chain, arn: str) -> bool:
    """Whether a chain declares that a role is there already, as an entrance or as one of its own."""
    entrances = (entrance for source in chain.sources for entrance in source.entrances)
    return any(each.kind == "arn" and each.value == arn for each in entrances) or any(
        role.existing and role.arn == arn for role in chain.roles
    )


def _comes_first(context: RuleContext, named: RoleRecord, role: RoleRecord) -> bool:
    if named.place.template == role.place.template:
        return named.place.logical_id in _waits_for(context, role)
    return named.place.template in _before(context, role.place.template)


def _before(context: RuleContext, name: str) -> set[str]:
    """The templates that are deployed before one."""
    found: set[str] = set()
    waiting = [name]
    for current in waiting:
        template = context.graph.templates.get(current)
        for earlier in template.dependencies if template else ():
            if earlier not in found:
                found.add(earlier)
                waiting.append(earlier)
    return found


def _waits_for(context: RuleContext, role: RoleRecord) -> set[str]:
    """The resources of its template that a role waits for, directly or by way of others."""
    template = context.graph.templates.get(role.place.template)
    listed = template.body.get("Resources") if template else None
    resources: Mapping[str, Json] = listed if isinstance(listed, Mapping) else {}
    found = set(role.depends_on)
    waiting = list(found)
    for current in waiting:
        for earlier in _depends_on(resources.get(current)):
            if earlier not in found:
                found.add(earlier)
                waiting.append(earlier)
    return found


def _depends_on(resource: Json) -> Iterator[str]:
    written = resource.get("DependsOn") if isinstance(resource, Mapping) else None
    for name in written if isinstance(written, list) else [written]:
        if isinstance(name, str):
            yield name
