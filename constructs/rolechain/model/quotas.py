"""The IAM quotas in the accounts of a chain."""

from __future__ import annotations

from dataclasses import dataclass

from rolechain.iam.limits import POLICIES_OF_ROLE, TRUST_POLICY_CHARACTERS


@dataclass(frozen=True)
class Quotas:
    """The quotas of IAM that AWS raises on request.

    Source: IAM User Guide, "IAM and STS quotas".

    Attributes:
        role_trust_policy_length: characters of a trust policy, 2,048 to 8,192.
        managed_policies_per_role: the maximum number of managed policies attached to a role, 10 to 25.
    """

    role_trust_policy_length: int = TRUST_POLICY_CHARACTERS
    managed_policies_per_role: int = POLICIES_OF_ROLE
