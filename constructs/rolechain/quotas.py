"""How much room IAM gives policies in the accounts of a chain."""

from __future__ import annotations

from dataclasses import dataclass, fields

DEFAULT_TRUST_POLICY_LENGTH, MOST_TRUST_POLICY_LENGTH = 2048, 8192
DEFAULT_POLICIES_PER_ROLE, MOST_POLICIES_PER_ROLE = 10, 25
MANAGED_POLICY_LENGTH = 6144
"""Characters of a managed policy without blanks; AWS does not raise it."""


@dataclass(frozen=True)
class Quotas:
    """The quotas of IAM that AWS raises on request; IAM User Guide, IAM and STS quotas.

    Attributes:
        role_trust_policy_length: characters of a trust policy, 2,048 to 8,192.
        managed_policies_per_role: how many managed policies may be attached to a role, 10 to 25.
    """

    role_trust_policy_length: int = DEFAULT_TRUST_POLICY_LENGTH
    managed_policies_per_role: int = DEFAULT_POLICIES_PER_ROLE


QUOTA_NAMES = tuple(each.name for each in fields(Quotas))
QUOTA_LIMITS = {
    "role_trust_policy_length": (DEFAULT_TRUST_POLICY_LENGTH, MOST_TRUST_POLICY_LENGTH),
    "managed_policies_per_role": (DEFAULT_POLICIES_PER_ROLE, MOST_POLICIES_PER_ROLE),
}
"""What each may be: AWS's default, and the most that it gives."""
