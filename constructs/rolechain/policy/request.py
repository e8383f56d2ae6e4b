"""One AssumeRole request, with everything that its decision depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rolechain.iam.arn import account_of, partition_of
from rolechain.policy.caller import Caller, CallerKind
from rolechain.policy.context import ContextValue
from rolechain.policy.document import Policy

__all__ = [
    "ASSUME_ROLE",
    "SET_SOURCE_IDENTITY",
    "TAG_SESSION",
    "Callee",
    "Caller",
    "CallerKind",
    "ContextValue",
    "Request",
]

ASSUME_ROLE, TAG_SESSION, SET_SOURCE_IDENTITY = "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"


@dataclass(frozen=True)
class Callee:
    """The role that is to be assumed.

    Attributes:
        arn: its ARN, path included.
        trust_policy: who may assume it.
        rcps: the resource control policies above its account, one sequence a level from the root down; None
            where there are none.
        in_management_account: the management account is exempt from resource control policies.
    """

    arn: str
    trust_policy: Policy
    rcps: Sequence[Sequence[Policy]] | None = None
    in_management_account: bool = False

    @property
    def account(self) -> str:
        """The id of the account that holds the role."""
        return account_of(self.arn)

    @property
    def partition(self) -> str:
        """The partition that holds the role."""
        return partition_of(self.arn)


@dataclass(frozen=True)
class Request:
    """One AssumeRole call.

    Attributes:
        caller: who calls.
        callee: the role that is to be assumed.
        context: the request's condition keys; a missing key is absent. Names are matched without case.
        actions: every action that the call uses; each must pass on both sides.
        identity_policies: the caller's own policies, inline and managed.
        permissions_boundary: the caller's boundary; None where it has none.
        session_policies: those passed when the caller's session was made, which allow together; None where
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
