"""One role of a chain, and what it may do beyond its hops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rolechain.iam.arn import iam_arn
from rolechain.model.entry_principal import Entrance
from rolechain.model.session_policy import compact
from rolechain.model.session_values import HasSessionValues, SessionTags, SourceIdentity, several

Trust = Literal["principal_arn", "role_arn", "account", "organization"]
"""How a role's trust policy names its caller.

``principal_arn``: the caller's account, closed by ``ArnEquals aws:PrincipalArn`` on the caller's role. Stacks
deploy in any order, and a caller that is deleted and made again still gets in.

``role_arn``: the caller's role itself. IAM refuses the policy while that role does not exist, so its stack
must be deployed first, and a caller that is made again is locked out until the trust policy is written again.

``account``: every role of the caller's account that its own policies allow to. IAM users are kept out.

``organization``: every role of the chain's organization likewise.
"""

DEFAULT_PATH = "/rolechain/"


@dataclass(frozen=True)
class Permission:
    """What a role may do in its own account: one statement of a managed policy.

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

    It is checked as a part of its ``Chain``, which also fills in the role's name and partition where they
    are left out.

    Attributes:
        account: the id of the account that holds it, 12 digits.
        role: its name, 64 characters at most; default ``<chain>-source``, ``-middle`` or ``-target``.
        path: its IAM path, beginning and ending with ``/``; together with the name 64 characters at most,
            or the console cannot switch to it.
        description: shown by IAM; 1,000 characters at most.
        assumed_by: who may enter the chain here; for a source role only.
        existing: whether the role is there already: it is not created and never changed.
        third_party: whether its account belongs to somebody else, so that the hop out of it needs an external id and
            no condition on the organization.
        external_id: what the hop into this role must pass as ``sts:ExternalId``, 2 to 1,224 characters.
        session_tags: what the hop into this role passes as session tags: allowed values by key, or ``SessionTag``.
        transitive_tag_keys: which of them the later hops inherit.
        source_identity: what the hop into this role sets as source identity, which stays for every later hop.
        duration_seconds: how long the session of the hop into this role lasts, 900 to 3,600 seconds; an hour if it
            is left out. STS gives no chained session more.
        policy: a session policy that the hop into this role passes, as a mapping or as JSON: its session does what
            the role may do and the policy allows.
        policy_arns: up to 10 managed policies, of the role's account or AWS's own, that limit the session likewise;
            what any of them or ``policy`` allows is left to it.
        trust: how the trust policy names the caller.
        organizational_units: paths of organizational units (``r-ab12/ou-ab12-11111111``), in one of which the
            caller's account must lie.
        permissions_boundary: the ARN of a managed policy, or the name of one in the role's account, that limits
            whatever the role is granted.
        managed_policies: names of AWS managed policies, or ARNs of any, to attach.
        permissions: statements of a managed policy of the role's own.
        max_session_duration: in seconds, 3,600 to 43,200. A chained session lasts an hour at most whatever
            stands here.
        partition: ``aws``, ``aws-cn``, …; that of the chain.
    """

    account: str
    role: str = ""
    path: str = DEFAULT_PATH
    description: str | None = None
    assumed_by: Sequence[Entrance] = field(default=(), kw_only=True)
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
    permissions_boundary: str | None = field(default=None, kw_only=True)
    managed_policies: Sequence[str] = field(default=(), kw_only=True)
    permissions: Sequence[Permission] = field(default=(), kw_only=True)
    max_session_duration: int = field(default=3600, kw_only=True)
    partition: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for name in (
            "assumed_by",
            "managed_policies",
            "permissions",
            "policy_arns",
            "transitive_tag_keys",
            "organizational_units",
        ):
            self._set(name, several(getattr(self, name)))
        self._set_session_values()
        if self.policy is not None:
            self._set("policy", compact(self.policy))

    @property
    def entrances(self) -> tuple[Entrance, ...]:
        """Who may enter here, one principal each."""
        return tuple(one for entrance in self.assumed_by for one in entrance.each())

    @property
    def arn(self) -> str:
        """The role's ARN, path included."""
        return iam_arn(self.partition, self.account, f"role{self.path}{self.role}")

    @property
    def account_root(self) -> str:
        """The ARN that stands for the role's whole account in a trust policy."""
        return iam_arn(self.partition, self.account, "root")

    @property
    def boundary_arn(self) -> str | None:
        """The ARN of the permissions boundary; None where the role has none."""
        if self.permissions_boundary is None or self.permissions_boundary.startswith("arn:"):
            return self.permissions_boundary
        return iam_arn(self.partition, self.account, f"policy/{self.permissions_boundary}")
