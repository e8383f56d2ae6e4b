"""One AssumeRole request, with every policy that applies to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rolechain.iam.arn import account_of, partition_of
from rolechain.iam.sts_actions import ASSUME_ROLE
from rolechain.policy.context import ContextValue
from rolechain.policy.document import Policy
from rolechain.policy.principals import Caller


@dataclass(frozen=True)
class Callee:
    """The role that is to be assumed.

    Attributes:
        arn: its ARN, path included.
        trust_policy: its trust policy.
        rcps: the resource control policies above its account, one sequence a level from the root down; None
            where there are none.
        in_management_account: whether its account is the organization's management account, which is exempt from
            resource control policies.
    """

    arn: str
    trust_policy: Policy
    rcps: Sequence[Sequence[Policy]] | None = None
    in_management_account: bool = False

    @property
    def account(self) -> str:
        """The id of the role's account."""
        return account_of(self.arn)

    @property
    def partition(self) -> str:
        """The role's partition."""
        return partition_of(self.arn)


@dataclass(frozen=True)
class Request:
    """One AssumeRole call.

    Attributes:
        caller: who calls.
        callee: the role that is to be assumed.
        context: the request's condition keys, whose names are not case-sensitive.
        actions: every action that the call uses; each must be allowed on both sides.
        identity_policies: the caller's inline and managed policies.
        permissions_boundary: the caller's permissions boundary, if any.
        session_policies: those passed when the caller's session was created, of which one must allow; None where
            none were passed.
        scps: the service control policies above the caller's account, one sequence a level from the root
            down to the account; None where there are none.
    """

    caller: Caller
    callee: Callee
    context: Mapping[str, ContextValue]
    actions: Sequence[str] = (ASSUME_ROLE,)
    identity_policies: Sequence[Policy] = ()
    permissions_boundary: Policy | None = None
    session_policies: Sequence[Policy] | None = None
    scps: Sequence[Sequence[Policy]] | None = None

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies of both sides, those of the session and of the organization among them."""
        boundary = (self.permissions_boundary,) if self.permissions_boundary else ()
        levels = (*(self.scps or ()), *(self.callee.rcps or ()))
        own = (self.callee.trust_policy, *self.identity_policies, *boundary, *(self.session_policies or ()))
        return (*own, *(policy for level in levels for policy in level))

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys, in lower case, that these policies ask for."""
        return frozenset().union(*(policy.keys for policy in self.policies))


def parameter_keys(
    session_name: str,
    *,
    external_id: str | None,
    source_identity: str | None,
    tags: Mapping[str, str],
    transitive_tag_keys: Sequence[str],
) -> dict[str, ContextValue]:
    """The condition keys that the parameters of an AssumeRole call give.

    Args:
        session_name: the session's name.
        external_id: the external id, if one is passed.
        source_identity: the source identity, if one is passed.
        tags: the session tags that are passed.
        transitive_tag_keys: those of them that later sessions inherit, and those that the caller's session hands on.
    """
    given: dict[str, ContextValue | None] = {
        "sts:RoleSessionName": session_name,
        "sts:ExternalId": external_id,
        "sts:SourceIdentity": source_identity,
        "aws:TagKeys": list(tags) or None,
        "sts:TransitiveTagKeys": list(transitive_tag_keys) or None,
        **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
    }
    return {key: value for key, value in given.items() if value is not None}
