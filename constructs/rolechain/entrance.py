"""Who may enter a chain: the principals that the source role trusts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

EntranceKind = Literal["service", "account", "arn", "oidc", "saml", "permission_set"]


@dataclass(frozen=True)
class Entrance:
    """One principal that may assume the source role.

    Made with one of the class methods below, or in YAML as ``{service: lambda.amazonaws.com}`` and the like.

    Attributes:
        kind: what sort of principal it is.
        value: the service principal, the account id, the principal's ARN, the identity provider's ARN, or
            the name of an IAM Identity Center permission set.
        audience: for ``oidc`` and ``saml``, the audience that the token must carry.
        subject: for ``oidc``, the subject that the token must carry; ``*`` and ``?`` are wildcards.
        external_id: for ``account`` and ``arn``, what the call must pass as ``sts:ExternalId``.
        third_party: for ``account`` and ``arn``, whether it belongs to somebody else, so that it needs an
            external id.
        iam_users: for ``account``, whether its IAM users may enter besides its roles.
        mfa: for ``account`` and an IAM user's ``arn``, whether the user must have signed in with MFA. No role's
            session carries MFA, so that of an account only users enter then.
        mfa_max_age: how many seconds ago that may have been at most.
    """

    kind: EntranceKind
    value: str
    audience: str | None = None
    subject: str | None = None
    external_id: str | None = field(default=None, kw_only=True)
    third_party: bool = field(default=False, kw_only=True)
    iam_users: bool = field(default=True, kw_only=True)
    mfa: bool = field(default=False, kw_only=True)
    mfa_max_age: int | None = field(default=None, kw_only=True)

    @classmethod
    def service(cls, principal: str) -> Entrance:
        """An AWS service, such as ``lambda.amazonaws.com``, on behalf of its workload."""
        return cls("service", principal)

    @classmethod
    def account(
        cls,
        account: str,
        *,
        external_id: str | None = None,
        third_party: bool = False,
        iam_users: bool = True,
        mfa: bool = False,
        mfa_max_age: int | None = None,
    ) -> Entrance:
        """Every principal of an account that the account's own policies allow to."""
        return cls(
            "account",
            account,
            external_id=external_id,
            third_party=third_party,
            iam_users=iam_users,
            mfa=mfa,
            mfa_max_age=mfa_max_age,
        )

    @classmethod
    def arn(
        cls,
        arn: str,
        *,
        external_id: str | None = None,
        third_party: bool = False,
        mfa: bool = False,
        mfa_max_age: int | None = None,
    ) -> Entrance:
        """One role or user, by its ARN."""
        return cls(
            "arn",
            arn,
            external_id=external_id,
            third_party=third_party,
            mfa=mfa,
            mfa_max_age=mfa_max_age,
        )

    @classmethod
    def oidc(cls, provider_arn: str, *, audience: str, subject: str) -> Entrance:
        """Tokens of an OpenID Connect provider, pinned to an audience and a subject."""
        return cls("oidc", provider_arn, audience, subject)

    @classmethod
    def saml(cls, provider_arn: str, *, audience: str | None = None) -> Entrance:
        """Assertions of a SAML provider; the audience is AWS's sign-in endpoint unless another is given."""
        return cls("saml", provider_arn, audience)

    @classmethod
    def permission_set(cls, name: str) -> Entrance:
        """Users of IAM Identity Center who hold this permission set in the source role's account."""
        return cls("permission_set", name)
