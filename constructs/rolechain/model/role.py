"""A role of a chain, its permissions besides its hops, and the quotas of IAM that it keeps to."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rolechain.iam.arn import account_of, iam_arn
from rolechain.iam.limits import POLICIES_OF_ROLE, TRUST_POLICY_CHARACTERS
from rolechain.model.entry_principal import Entrance
from rolechain.model.session_policy import compact
from rolechain.model.session_values import HasSessionValues, SessionTags, SourceIdentity, several
from rolechain.model.stack_set import StackSet

Trust = Literal["principal_arn", "role_arn", "account", "organization"]
"""How a role's trust policy names its caller.

``principal_arn``: the caller's account, restricted by ``ArnEquals aws:PrincipalArn`` to the caller's role. Stacks
deploy in any order, and a caller that is deleted and created again can still assume the role.

``role_arn``: the caller's role itself. IAM refuses the policy while that role does not exist, so its stack
must be deployed first, and a caller that is created again is locked out until the trust policy is updated.

``account``: every role of the caller's account whose own policies allow the call. IAM users are excluded.

``organization``: every role of the chain's organization whose own policies allow the call. IAM users are excluded.
"""

DEFAULT_PATH = "/rolechain/"
ANY_ACCOUNT = "*"
"""The account of a target by organizational unit, as an ARN pattern writes it; no account has this id."""


@dataclass(frozen=True)
class Permission:
    """A permission of a role in its own account: one statement of a managed policy.

    Attributes:
        actions: IAM actions, such as ``ssm:GetParameter``.
        resources: the ARNs that they apply to.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def __init__(self, actions: str | Iterable[str], resources: str | Iterable[str]) -> None:
        for name, value in (("actions", actions), ("resources", resources)):
            object.__setattr__(self, name, several(value))


@dataclass(frozen=True)
class ChainRole(HasSessionValues):
    """A role that a chain declares.

    Its ``Chain`` validates it, and fills in its name and partition where they are left out.

    Attributes:
        account: the id of the account that holds it, 12 digits; ``*`` of a target by organizational unit.
        role: its name, 64 characters at most; default ``<chain>-source``, ``-middle`` or ``-target``.
        alias: a short name by which ``hops_to`` and ``--target`` select it; for a target only, unique in the chain.
        path: its IAM path, beginning and ending with ``/``; together with the name 64 characters at most,
            or the console cannot switch to it.
        description: shown by IAM; 1,000 characters at most.
        assumed_by: the entrances of the chain; for a source role only.
        replaces: the ARN of the role that this one takes the place of, while both are deployed: a role with the same
            keys, which the same roles may assume and which may assume the same. For a middle role only.
        existing: whether the role exists already: it is not created and never changed.
        third_party: whether its account belongs to a third party: the hop out of it needs an external id, and has
            no condition on the organization.
        external_id: the external id that the hop into this role must pass, 2 to 1,224 characters.
        session_tags: the session tags that the hop into this role passes: allowed values by key, or ``SessionTag``.
        transitive_tag_keys: the keys of the tags that later hops inherit.
        source_identity: the source identity that the hop into this role sets, which every later hop inherits.
        duration_seconds: the duration of the session of the hop into this role, 900 to 3,600 seconds; an hour by
            default. STS limits a chained session to an hour.
        policy: a session policy that the hop into this role passes, as a mapping or as JSON: the session is limited
            to what both the role and the policy allow.
        policy_arns: up to 10 managed policies, of the role's account or AWS's own, that limit the session likewise;
            an action must be allowed by one of these or by ``policy``.
        trust: how the trust policy names the caller.
        organizational_units: in place of an account, the paths of organizational units
            (``r-ab12/ou-ab12-11111111``; a root alone is the whole organization): a stack set creates the role in
            each of their accounts, those of units within them included. For a target only.
        exclude: the ids of accounts of these units that get no role and cannot be reached.
        stack_set: the options of that stack set.
        caller_organizational_units: paths of organizational units, one of which must hold the caller's account.
        permissions_boundary: the ARN of a managed policy, or the name of one in the role's account, that limits
            the role's permissions.
        managed_policies: names of AWS managed policies, or ARNs of any, to attach.
        permissions: statements of a managed policy of the role's own.
        max_session_duration: in seconds, 3,600 to 43,200. A chained session lasts an hour at most,
            independent of it.
        partition: ``aws``, ``aws-cn``, …; that of the chain.
        member_of: the target by organizational unit whose role in one account this is; ``in_account`` sets it.
    """

    account: str = ""
    role: str = ""
    path: str = DEFAULT_PATH
    description: str | None = None
    alias: str | None = field(default=None, kw_only=True)
    assumed_by: Sequence[Entrance] = field(default=(), kw_only=True)
    replaces: str | None = field(default=None, kw_only=True)
    existing: bool = field(default=False, kw_only=True)
    third_party: bool = field(default=False, kw_only=True)
    external_id: str | None = field(default=None, kw_only=True)
    session_tags: SessionTags = field(default=(), kw_only=True)
    transitive_tag_keys: Sequence[str] = field(default=(), kw_only=True)
    source_identity: SourceIdentity | str | Iterable[str] | None = field(default=None, kw_only=True)
    duration_seconds: int | None = field(default=None, kw_only=True)
    policy: Mapping[str, Any] | str | None = field(default=None, kw_only=True)
    policy_arns: Sequence[str] = field(default=(), kw_only=True)
    trust: Trust = field(default="principal_arn", kw_only=True)
    organizational_units: Sequence[str] = field(default=(), kw_only=True)
    exclude: Sequence[str] = field(default=(), kw_only=True)
    stack_set: StackSet | None = field(default=None, kw_only=True)
    caller_organizational_units: Sequence[str] = field(default=(), kw_only=True)
    permissions_boundary: str | None = field(default=None, kw_only=True)
    managed_policies: Sequence[str] = field(default=(), kw_only=True)
    permissions: Sequence[Permission] = field(default=(), kw_only=True)
    max_session_duration: int = field(default=3600, kw_only=True)
    partition: str = field(default="", kw_only=True)
    member_of: ChainRole | None = field(default=None, kw_only=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in (
            "assumed_by",
            "managed_policies",
            "permissions",
            "policy_arns",
            "transitive_tag_keys",
            "organizational_units",
            "exclude",
            "caller_organizational_units",
        ):
            self._set(name, several(getattr(self, name)))
        if self.organizational_units and self.account in ("", ANY_ACCOUNT):
            self._set("account", ANY_ACCOUNT)
        elif self.organizational_units:
            warnings.warn(
                "organizational_units of a role with an account is called caller_organizational_units now",
                DeprecationWarning,
                stacklevel=3,
            )
            units = (*self.caller_organizational_units, *self.organizational_units)
            self._set("caller_organizational_units", units)
            self._set("organizational_units", ())
        self._set_session_values()
        if self.policy is not None:
            self._set("policy", compact(self.policy))

    @property
    def entrances(self) -> tuple[Entrance, ...]:
        """The entrances, one principal each."""
        return tuple(one for entrance in self.assumed_by for one in entrance.each())

    @property
    def by_unit(self) -> bool:
        """Whether it stands for a role in each account of organizational units."""
        return bool(self.organizational_units)

    def in_account(self, account: str) -> ChainRole:
        """The role that a target by organizational unit is in one account."""
        return replace(
            self,
            account=account,
            alias=None,
            organizational_units=(),
            exclude=(),
            stack_set=None,
            member_of=self,
        )

    @property
    def arn(self) -> str:
        """The role's ARN, path included; of a target by organizational unit the pattern ``arn:aws:iam::*:role/…``."""
        return iam_arn(self.partition, self.account, f"role{self.path}{self.role}")

    @property
    def replaced(self) -> ChainRole | None:
        """The role that this one takes the place of, if it names one."""
        if self.replaces is None:
            return None
        path, _, name = self.replaces.partition(":role")[2].rpartition("/")
        return replace(self, account=account_of(self.replaces), path=f"{path}/", role=name, replaces=None)

    @property
    def resource(self) -> str:
        """What Resource names the role by: its ARN, with 12 ``?`` for the account of a target by organizational unit.

        They match every account id and nothing else; AwsSolutions-IAM5 of cdk-nag refuses any ``*``.
        """
        return self.in_account("?" * 12).arn if self.by_unit else self.arn

    @property
    def account_root(self) -> str:
        """The ARN of the role's account in a trust policy."""
        return iam_arn(self.partition, self.account, "root")

    @property
    def boundary_arn(self) -> str | None:
        """The ARN of the permissions boundary, if the role has one."""
        if self.permissions_boundary is None or self.permissions_boundary.startswith("arn:"):
            return self.permissions_boundary
        return iam_arn(self.partition, self.account, f"policy/{self.permissions_boundary}")

    @property
    def managed_policy_arns(self) -> tuple[str, ...]:
        """The ARNs of ``managed_policies``."""
        aws = iam_arn(self.partition, "aws", "policy/")
        return tuple(name if name.startswith("arn:") else f"{aws}{name}" for name in self.managed_policies)


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
