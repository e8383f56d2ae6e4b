"""Who may enter a chain: the principals that the source role trusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from rolechain.model.session_values import HasSessionValues, SessionTag, SessionTags, SourceIdentity, several

EntranceKind = Literal["service", "account", "arn", "oidc", "saml", "permission_set"]

_EKS_TAGS = (
    "eks-cluster-arn",
    "eks-cluster-name",
    "kubernetes-namespace",
    "kubernetes-service-account",
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
)
ROLES_ANYWHERE = "rolesanywhere.amazonaws.com"


class Brought(NamedTuple):
    """What the sessions of a service arrive with.

    Attributes:
        tags: their session tags.
        transitive: the keys of those that every later hop inherits.
        identity: their source identity.
    """

    tags: tuple[SessionTag, ...] = ()
    transitive: tuple[str, ...] = ()
    identity: SourceIdentity | None = None


BROUGHT: Mapping[str, Brought] = {
    "pods.eks.amazonaws.com": Brought(
        tuple(SessionTag(key, required=False) for key in _EKS_TAGS), transitive=_EKS_TAGS
    ),
    ROLES_ANYWHERE: Brought((SessionTag("x509*", required=False),), identity=SourceIdentity(required=False)),
}
"""What AWS documents of the services that bring something.

Source: Amazon EKS User Guide, "Grant Pods access to AWS resources based on tags"; IAM Roles Anywhere User Guide, "Trust
model". EKS makes each of its tags transitive; IAM Roles Anywhere sets the source identity, and tags that are not.
"""


@dataclass(frozen=True)
class Entrance(HasSessionValues):
    """One principal that may assume the source role.

    Made with one of the class methods below, or in YAML as ``{service: lambda.amazonaws.com}`` and the like.

    Attributes:
        kind: what sort of principal it is.
        value: the service principal, the account id, the principal's ARN, the identity provider's ARN, or
            the name of an IAM Identity Center permission set; of several, the first.
        others: the others of them.
        audience: for ``oidc`` and ``saml``, the audience that the token must carry, or several.
        subject: for ``oidc``, the subject that the token must carry, or several; ``*`` and ``?`` are wildcards.
        external_id: for ``account`` and ``arn``, what the call must pass as ``sts:ExternalId``; ``*`` and ``?`` are
            wildcards.
        third_party: for ``account`` and ``arn``, whether it belongs to somebody else, so that it needs an
            external id.
        iam_users: for ``account``, whether its IAM users may enter besides its roles.
        mfa: for ``account`` and an IAM user's ``arn``, whether the user must have signed in with MFA. No role's
            session carries MFA, so that of an account only users enter then.
        mfa_max_age: how many seconds ago that may have been at most.
        session_tags: the session tags that whoever enters brings: allowed values by key, or ``SessionTag``. Those that
            EKS Pod Identity and IAM Roles Anywhere bring are known, and need none but the values that they must have.
        transitive_tag_keys: which of them every later hop inherits.
        source_identity: what whoever enters brings as source identity, which every later hop inherits.
        source_account: for ``service``, the account on whose behalf it calls, ``aws:SourceAccount``, or several.
        source_arn: for ``service``, the resource on whose behalf it calls, ``aws:SourceArn``, or several; ``*`` and
            ``?`` are wildcards. For IAM Roles Anywhere, the trust anchor.
        source_organization: for ``service``, the organization on whose behalf it calls, ``aws:SourceOrgID``.
        certificate: for IAM Roles Anywhere, what the certificate must hold: values by attribute, such as
            ``{"x509Subject/CN": "build"}``.
    """

    kind: EntranceKind
    value: str
    audience: str | tuple[str, ...] | None = None
    subject: str | tuple[str, ...] | None = None
    external_id: str | None = field(default=None, kw_only=True)
    third_party: bool = field(default=False, kw_only=True)
    iam_users: bool = field(default=True, kw_only=True)
    mfa: bool = field(default=False, kw_only=True)
    mfa_max_age: int | None = field(default=None, kw_only=True)
    session_tags: SessionTags = field(default=(), kw_only=True)
    transitive_tag_keys: Sequence[str] = field(default=(), kw_only=True)
    source_identity: SourceIdentity | str | Iterable[str] | None = field(default=None, kw_only=True)
    source_account: str | tuple[str, ...] = field(default=(), kw_only=True)
    source_arn: str | tuple[str, ...] = field(default=(), kw_only=True)
    source_organization: str | None = field(default=None, kw_only=True)
    certificate: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    others: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        # What is of no right type stands as it is, to be told as a mistake.
        for name in ("others", "transitive_tag_keys", "source_account", "source_arn"):
            self._set(name, several(getattr(self, name)))
        if isinstance(self.value, (list, tuple)):
            first, *others = self.value or [()]
            self._set("value", first)
            self._set("others", tuple(others))
        for name in ("audience", "subject"):
            if isinstance(value := getattr(self, name), list):
                self._set(name, tuple(value))
        self._set_session_values()
        if known := self.known:
            tags = {str(getattr(tag, "key", tag)): tag for tag in (*known.tags, *self.tags)}
            keys = (key for key in self.transitive_tag_keys if key not in known.transitive)
            self._set("session_tags", tuple(tags.values()))
            self._set("transitive_tag_keys", (*known.transitive, *keys))
            self._set("source_identity", self.identity or known.identity)

    @property
    def known(self) -> Brought | None:
        """What the service is known to bring; None where nothing is."""
        alone = self.kind == "service" and isinstance(self.value, str) and not self.others
        return BROUGHT.get(self.value) if alone else None

    def each(self) -> Iterator[Entrance]:
        """One entrance for each of several principals."""
        for value in (self.value, *self.others):
            yield replace(self, value=value, others=())

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences, one of which the token must carry."""
        return (self.audience,) if isinstance(self.audience, str) else self.audience or ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects, one of which the token must carry."""
        return (self.subject,) if isinstance(self.subject, str) else self.subject or ()

    @classmethod
    def service(cls, principal: str | Sequence[str], **more: Any) -> Entrance:
        """An AWS service, such as ``lambda.amazonaws.com``, on behalf of its workload.

        Args:
            principal: the service principal, or several.
            more: ``source_account``, ``source_arn``, ``source_organization``, ``certificate``, and what it brings:
                ``session_tags``, ``transitive_tag_keys`` and ``source_identity``.
        """
        return cls("service", principal, **more)  # type: ignore[arg-type]  # several become one and its others

    @classmethod
    def account(cls, account: str | Sequence[str], **more: Any) -> Entrance:
        """Every principal of an account, or of several, that the account's own policies allow to.

        Args:
            account: the id of the account, or several.
            more: ``external_id``, ``third_party``, ``iam_users``, ``mfa``, ``mfa_max_age``, and what it brings.
        """
        return cls("account", account, **more)  # type: ignore[arg-type]

    @classmethod
    def arn(cls, arn: str | Sequence[str], **more: Any) -> Entrance:
        """One role or user, or several, by ARN.

        Args:
            arn: the ARN, or several.
            more: ``external_id``, ``third_party``, ``mfa``, ``mfa_max_age``, and what it brings.
        """
        return cls("arn", arn, **more)  # type: ignore[arg-type]

    @classmethod
    def oidc(
        cls, provider_arn: str, *, audience: str | Sequence[str], subject: str | Sequence[str], **more: Any
    ) -> Entrance:
        """Tokens of an OpenID Connect provider, pinned to an audience and a subject, or to one of several of each."""
        return cls("oidc", provider_arn, audience, subject, **more)  # type: ignore[arg-type]

    @classmethod
    def saml(cls, provider_arn: str, *, audience: str | Sequence[str] | None = None, **more: Any) -> Entrance:
        """Assertions of a SAML provider; the audience is AWS's sign-in endpoint unless another is given."""
        return cls("saml", provider_arn, audience, **more)  # type: ignore[arg-type]

    @classmethod
    def permission_set(cls, name: str | Sequence[str], **more: Any) -> Entrance:
        """Users of IAM Identity Center who hold this permission set in the source role's account."""
        return cls("permission_set", name, **more)  # type: ignore[arg-type]


def brought(entrances: Iterable[Entrance]) -> tuple[tuple[SessionTag, ...], SourceIdentity | None]:
    """What later hops inherit of those who enter: the transitive tags, and the source identity.

    What only some of them bring is not required, and takes the values of any.
    """
    listed = list(entrances)
    tags: dict[str, list[SessionTag]] = {}
    for entrance in listed:
        for tag in entrance.tags:
            if tag.key in entrance.transitive_tag_keys:
                tags.setdefault(tag.key, []).append(tag)
    identities = [entrance.identity for entrance in listed if entrance.identity]
    identity = _identity(identities, len(listed))
    merged = ((key, *_of_all(found, len(listed))) for key, found in tags.items())
    return tuple(SessionTag(key, values, required=required) for key, values, required in merged), identity


def _identity(found: Sequence[SourceIdentity], count: int) -> SourceIdentity | None:
    values, required = _of_all(found, count)
    return SourceIdentity(values, required=required) if found else None


def _of_all(found: Sequence[SessionTag | SourceIdentity], count: int) -> tuple[tuple[str, ...], bool]:
    """The values of several, none where any takes every value, and whether all of so many require one."""
    values = dict.fromkeys(value for each in found for value in each.values)
    required = len(found) == count and all(each.required for each in found)
    return () if any(not each.values for each in found) else tuple(values), required
