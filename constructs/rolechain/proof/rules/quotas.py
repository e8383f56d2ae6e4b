"""How long policies may be, and how many a role takes."""

from __future__ import annotations

from collections.abc import Iterator

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.iam.limits import INLINE_POLICY_CHARACTERS, MANAGED_POLICY_CHARACTERS, length_of_document
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC18",
    "a trust policy has 2,048 characters at most",
    prevents="LimitExceeded: Cannot exceed quota for ACLSizePerRole",
    source="IAM User Guide, IAM and STS quotas: role trust policy length",
)
def trust_size(survey: RuleContext) -> Violations:
    """A trust policy beyond the quota that an account has by default."""
    most = survey.quotas.role_trust_policy_length
    for role in _created(survey):
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
def policy_size(survey: RuleContext) -> Violations:
    """Policies beyond the quotas that an account has by default."""
    reported: set[SourceLocation] = set()
    most = survey.quotas.managed_policies_per_role
    for role in _created(survey):
        for record in _managed(role.policies):
            size = _size(record)
            if size > MANAGED_POLICY_CHARACTERS and record.place not in reported:
                reported.add(record.place)
                yield Violation(
                    record.place,
                    f"the managed policy {record.name} has {size:,} characters, "
                    f"{size - MANAGED_POLICY_CHARACTERS:,} too many",
                    f"spread its statements over {-(-size // MANAGED_POLICY_CHARACTERS)} policies",
                )
        attached = sum(not record.inline for record in role.policies)
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


def _created(survey: RuleContext) -> Iterator[RoleRecord]:
    """The roles whose policies are written here."""
    return (role for role in survey.world.roles if not role.imported)


def _managed(policies: tuple[PolicyRecord, ...]) -> Iterator[PolicyRecord]:
    for record in policies:
        if not record.inline and ":iam::aws:policy/" not in record.name:
            yield record


def _size(record: PolicyRecord) -> int:
    """Its characters as IAM counts them, without blanks; what is not resolved counts for nothing."""
    return 0 if record.document is None else length_of_document(record.document)
