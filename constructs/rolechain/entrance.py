"""Who may enter a chain: the principals that the source role trusts."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    kind: EntranceKind
    value: str
    audience: str | None = None
    subject: str | None = None

    @classmethod
    def service(cls, principal: str) -> Entrance:
        """An AWS service, such as ``lambda.amazonaws.com``, on behalf of its workload."""
        return cls("service", principal)

    @classmethod
    def account(cls, account: str) -> Entrance:
        """Every principal of an account that the account's own policies allow to."""
        return cls("account", account)

    @classmethod
    def arn(cls, arn: str) -> Entrance:
        """One role or user, by its ARN."""
        return cls("arn", arn)

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
