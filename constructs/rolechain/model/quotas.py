"""How much room IAM gives policies in the accounts of a chain."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rolechain.iam.limits import (
    MOST_POLICIES_OF_ROLE,
    MOST_TRUST_POLICY_CHARACTERS,
    POLICIES_OF_ROLE,
    TRUST_POLICY_CHARACTERS,
)


@dataclass(frozen=True)
class Quotas:
    """The quotas of IAM that AWS raises on request; IAM User Guide, IAM and STS quotas.

    Attributes:
        role_trust_policy_length: characters of a trust policy, 2,048 to 8,192.
        managed_policies_per_role: how many managed policies may be attached to a role, 10 to 25.
    """

    role_trust_policy_length: int = TRUST_POLICY_CHARACTERS
    managed_policies_per_role: int = POLICIES_OF_ROLE


QUOTA_NAMES = tuple(each.name for each in fields(Quotas))
QUOTA_LIMITS = {
    "role_trust_policy_length": (TRUST_POLICY_CHARACTERS, MOST_TRUST_POLICY_CHARACTERS),
    "managed_policies_per_role": (POLICIES_OF_ROLE, MOST_POLICIES_OF_ROLE),
}
"""What each may be: AWS's default, and the most that it gives."""
