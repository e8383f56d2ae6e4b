"""What IAM refuses to create: names that are too long or taken, and policies that are too large."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from rolechain.cloudformation.conditions import exclude
from rolechain.cloudformation.resources import UNPLACED, stand_in
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.iam.limits import (
    CONSOLE_CHARACTERS,
    INLINE_POLICY_CHARACTERS,
    MANAGED_POLICY_CHARACTERS,
    PATH_CHARACTERS,
    ROLE_NAME_CHARACTERS,
    length_of_document,
)
from rolechain.policy.elements import UNRESOLVED
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC17",
    "a role's name has 64 characters at most, its path 512, both 64 for the console; no two roles of an account "
    "share a name, whatever its case",
    prevents="the role cannot be created, or the console cannot switch to it",
    source="IAM User Guide, IAM and STS quotas; Switch to a role (console)",
)
def role_name(context: RuleContext) -> Violations:
    switched = {entry.arn for entry in context.entries if entry.delegated}
    for role in context.graph.roles:
        path = "" if "<" in role.path else role.path  # a placeholder stands in one that is not known
        size = len(path) + len(role.name)
        if len(role.name) > ROLE_NAME_CHARACTERS:
            message = f"the role name {role.name} has {len(role.name)} characters"
            yield Violation(role.place, message, f"shorten it to {ROLE_NAME_CHARACTERS}")
        elif len(path) > PATH_CHARACTERS:
            message = f"the path of {role.name or role.place.logical_id} has {len(path)} characters"
            yield Violation(role.place, message, f"shorten it to {PATH_CHARACTERS}")
        elif size > CONSOLE_CHARACTERS and role.name and role.arn in (context.declared or switched):
            yield Violation(
                role.place,
                f"{path}{role.name} has {size} characters, and the console switches to no role with more than "
                f"{CONSOLE_CHARACTERS}",
                f"shorten path or name by {size - CONSOLE_CHARACTERS}",
            )
    for first, second, regions in _clashes(context):
        if regions is None:
            yield Violation(
                second.place,
                f"{second.name} is the name of another role of {_account(second)}: {first.name} of {first.place}",
                "rename one: IAM compares names without case and path",
            )


@rule(
    "RC33",
    "a role with a name is created in one region's stack per account",
    prevents="the second region's stack fails, as IAM is global and the name is taken",
    source="AWS CloudFormation, AWS::IAM::Role: RoleName",
)
def one_region(context: RuleContext) -> Violations:
    for first, second, regions in _clashes(context):
        if regions is None:
            continue
        one, other = regions
        if second.place.template.startswith(f"{first.place.template}/"):
            template, logical_id, _ = first.place.template.rsplit("/", 2)
            yield Violation(
                SourceLocation(template, logical_id),
                f"the stack set creates the role {second.name} in {one} and in {other}, where the name is taken",
                f"write one region: Regions: [{one}]",
            )
            continue
        yield Violation(
            second.place,
            f"{second.name} is created in {_account(second)} from {one} and from {other}",
            f"leave it to {first.place.template}, or leave RoleName out",
        )


def _account(role: RoleRecord) -> str:
    return f"account {role.account}" if role.account else f"template {role.place.template}"


def _clashes(context: RuleContext) -> Iterator[tuple[RoleRecord, RoleRecord, Sequence[str | None] | None]]:
    """Each role whose name is taken, after the role that has it; and the regions of both where these differ."""
    seen: dict[tuple[str, str], list[RoleRecord]] = {}
    for role in context.graph.roles:
        if role.name and not role.imported:
            taken = seen.setdefault((role.account or role.place.template, role.name.lower()), [])
            for first in taken:
                one_stack = first.place.template == role.place.template
                if first.place != role.place and not (one_stack and exclude(first.requires, role.requires)):
                    templates = (context.graph.templates.get(each.place.template) for each in (first, role))
                    one, other = (template.region if template else None for template in templates)
                    differ = one is not None and other is not None and one != other
                    yield first, role, (one, other) if differ else None
                    break
            taken.append(role)


@rule(
    "RC18",
    "a trust policy has 2,048 characters at most",
    prevents="LimitExceeded: Cannot exceed quota for ACLSizePerRole",
    source="IAM User Guide, IAM and STS quotas: role trust policy length",
)
def trust_size(context: RuleContext) -> Violations:
    most = context.quotas.role_trust_policy_length
    for role in _created(context):
        if (size := _size(role.trust)) > most:
            yield Violation(
                role.trust.place,
                f"the trust policy of {role.arn} has {size:,} characters, {size - most:,} too many",
                "let statements with equal conditions share one, with their principals in a list, or ask AWS for a "
                "higher quota (8,192 at most)",
            )


@rule(
    "RC19",
    "a managed policy has 6,144 characters at most, a role 10 of them, and 10,240 characters of inline policies",
    prevents="LimitExceeded: Cannot exceed quota for PolicySize",
    source="IAM User Guide, IAM and STS quotas: managed and inline policy length, policies attached to a role",
)
def policy_size(context: RuleContext) -> Violations:
    reported: set[SourceLocation] = set()
    most = context.quotas.managed_policies_per_role
    for role in _created(context):
        for record in role.policies:
            own = not record.inline and ":iam::aws:policy/" not in record.name
            size = _size(record) if own else 0
            if size > MANAGED_POLICY_CHARACTERS and record.place not in reported:
                reported.add(record.place)
                yield Violation(
                    record.place,
                    f"the managed policy {record.name} has {size:,} characters, "
                    f"{size - MANAGED_POLICY_CHARACTERS:,} too many",
                    f"spread its statements over {-(-size // MANAGED_POLICY_CHARACTERS)} policies",
                )
        attached = sum(not record.inline and UNRESOLVED not in record.name for record in role.policies)
        if attached > most:
            yield Violation(
                role.place,
                f"{role.arn} has {attached} managed policies",
                f"attach {most} at most, or ask AWS for a higher quota (25 at most)",
            )
        inline = sum(_size(record) for record in role.policies if record.inline)
        if inline > INLINE_POLICY_CHARACTERS:
            yield Violation(
                role.place,
                f"the inline policies of {role.arn} have {inline:,} characters together, "
                f"{inline - INLINE_POLICY_CHARACTERS:,} too many",
                "move statements into managed policies",
            )


def _created(context: RuleContext) -> Iterator[RoleRecord]:
    return (role for role in context.graph.roles if not role.imported)


def _size(record: PolicyRecord) -> int:
    """Its characters as IAM counts them, without blanks; what is not known counts for nothing, an account for 12."""
    if record.document is None:
        return 0
    texts = json.dumps(record.document, ensure_ascii=False, default=lambda _: 0)
    if "<" in texts:
        account = stand_in(record.place.template)
        name = rf"{re.escape(account[:-1])}\.[^<>]*>"
        texts = re.sub(f"{name}|{UNPLACED}", "", texts.replace(account, "0" * 12))
    return length_of_document(json.loads(texts))
