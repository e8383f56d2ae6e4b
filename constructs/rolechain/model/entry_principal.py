"""The principals outside a chain that its source role trusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from rolechain.iam.limits import TIME, moment_of
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


class ServiceSessionValues(NamedTuple):
    """The session tags and source identity that a service sets.

    Attributes:
        tags: their session tags.
        transitive: the keys of those that every later hop inherits.
        identity: their source identity.
    """

    tags: tuple[SessionTag, ...] = ()
    transitive: tuple[str, ...] = ()
    identity: SourceIdentity | None = None


SERVICE_SESSION_VALUES: Mapping[str, ServiceSessionValues] = {
    "pods.eks.amazonaws.com": ServiceSessionValues(
        tuple(SessionTag(key, required=False) for key in _EKS_TAGS), transitive=_EKS_TAGS
    ),
    ROLES_ANYWHERE: ServiceSessionValues(
        (SessionTag("x509*", required=False),), identity=SourceIdentity(required=False)
    ),
}
"""The session tags and source identity that AWS documents for the sessions of a service.

Source: Amazon EKS User Guide, "Grant Pods access to AWS resources based on tags"; IAM Roles Anywhere User Guide, "Trust
model". EKS makes each of its tags transitive; IAM Roles Anywhere sets the source identity, and tags that are not.
"""


@dataclass(frozen=True)
class Entrance(HasSessionValues):
    """One principal that may assume the source role.

    Made with one of the class methods below, or in YAML as ``{service: lambda.amazonaws.com}`` and the like.

    Attributes:
        kind: the type of principal.
        value: the service principal, the account id, the principal's ARN, the identity provider's ARN, or
            the name of an IAM Identity Center permission set; of several, the first.
        others: the other principals, where there are several.
        audience: for ``oidc`` and ``saml``, the audience that the token must carry, or several.
        subject: for ``oidc``, the subject that the token must carry, or several; ``*`` and ``?`` are wildcards.
        external_id: for ``account`` and ``arn``, the external id that the call must pass; ``*`` and ``?`` are
            wildcards.
        third_party: for ``account`` and ``arn``, whether the account belongs to a third party, which
            requires an external id.
        iam_users: for ``account``, whether its IAM users may enter besides its roles.
        mfa: for ``account`` and an IAM user's ``arn``, whether the user must have signed in with MFA. Role
            sessions do not carry MFA, so only the users of an account can enter.
        mfa_max_age: the maximum number of seconds since the sign-in with MFA.
        session_tags: the session tags that the call passes: allowed values by key, or ``SessionTag``. The tags that EKS
            Pod Identity and IAM Roles Anywhere set are known; declare one of them only to restrict its values.
        transitive_tag_keys: the keys of the tags that every later hop inherits.
        source_identity: the source identity that the call sets, which every later hop inherits.
        source_account: for ``service``, the account on whose behalf it calls, ``aws:SourceAccount``, or several.
        source_arn: for ``service``, the resource on whose behalf it calls, ``aws:SourceArn``, or several; ``*`` and
            ``?`` are wildcards. For IAM Roles Anywhere, the trust anchor.
        source_organization: for ``service``, the organization on whose behalf it calls, ``aws:SourceOrgID``.
        certificate: for IAM Roles Anywhere, the required attributes of the certificate, such as
            ``{"x509Subject/CN": "build"}``.
        until: the time at which it closes, in UTC or with an offset: ``2026-12-01T00:00Z``, or an aware ``datetime``.
            Kept as text in UTC to the second.
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
    until: datetime | str | None = field(default=None, kw_only=True)
    others: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        # A value of a wrong type is kept as it is: validation reports it.
        for name in ("others", "transitive_tag_keys", "source_account", "source_arn"):
            self._set(name, several(getattr(self, name)))
        if isinstance(self.value, (list, tuple)):
            first, *others = self.value or [()]
            self._set("value", first)
            self._set("others", tuple(others))
        for name in ("audience", "subject"):
            if isinstance(value := getattr(self, name), list):
                self._set(name, tuple(value))
        self._set("until", _in_utc(self.until))
        self._set_session_values()
        if known := self.known:
            # Of a key that is declared twice both stay, so that the checks find them.
            declared = [(getattr(tag, "key", None), tag) for tag in self.tags]
            tags = [next((own for key, own in declared if key == tag.key), tag) for tag in known.tags]
            others = [tag for tag in self.tags if not any(tag is each for each in tags)]
            keys = (key for key in self.transitive_tag_keys if key not in known.transitive)
            self._set("session_tags", (*tags, *others))
            self._set("transitive_tag_keys", (*known.transitive, *keys))
            self._set("source_identity", self.identity or known.identity)

    @property
    def known(self) -> ServiceSessionValues | None:
        """The session values that AWS documents for the service; None if it documents none."""
        alone = self.kind == "service" and isinstance(self.value, str) and not self.others
        return SERVICE_SESSION_VALUES.get(self.value) if alone else None

    def each(self) -> Iterator[Entrance]:
        """One entrance for each of several principals."""
        for value in (self.value, *self.others):
            yield replace(self, value=value, others=())

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences; the token must carry one of them."""
        return (self.audience,) if isinstance(self.audience, str) else self.audience or ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects; the token must match one of them."""
        return (self.subject,) if isinstance(self.subject, str) else self.subject or ()

    @classmethod
    def service(cls, principal: str | Sequence[str], **more: Any) -> Entrance:
        """An AWS service, such as ``lambda.amazonaws.com``, on behalf of its workload.

        Args:
            principal: the service principal, or several.
            more: ``source_account``, ``source_arn``, ``source_organization``, ``certificate``, and its session values:
                ``session_tags``, ``transitive_tag_keys`` and ``source_identity``.
        """
        return cls("service", principal, **more)  # type: ignore[arg-type]  # __post_init__ splits several

    @classmethod
    def account(cls, account: str | Sequence[str], **more: Any) -> Entrance:
        """Every principal of an account, or of several, whose own policies allow the call.

        Args:
            account: the id of the account, or several.
            more: ``external_id``, ``third_party``, ``iam_users``, ``mfa``, ``mfa_max_age``, and its session values.
        """
        return cls("account", account, **more)  # type: ignore[arg-type]

    @classmethod
    def arn(cls, arn: str | Sequence[str], **more: Any) -> Entrance:
        """One role or user, or several, by ARN.

        Args:
            arn: the ARN, or several.
            more: ``external_id``, ``third_party``, ``mfa``, ``mfa_max_age``, and its session values.
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


def _in_utc(time: Any) -> Any:
    """A time in UTC to the second, as text; what names no moment is kept as it is."""
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) and TIME.fullmatch(time) else time
        aware = isinstance(moment, datetime) and moment.utcoffset() is not None
        return moment_of(moment) if aware else time
    except (ValueError, OverflowError):
        return time


def inherited_values(
    entrances: Iterable[Entrance], *, transitive: bool = True
) -> tuple[tuple[SessionTag, ...], SourceIdentity | None]:
    """The session values that later hops inherit from entrances: the transitive tags, and the source identity.

    Without ``transitive``, the values that the call into the source role passes: every tag.

    A value that only some of the entrances set is optional; the allowed values are those of all of them.
    """
    listed = list(entrances)
    tags: dict[str, list[SessionTag]] = {}
    for entrance in listed:
        for tag in entrance.tags:
            if not transitive or tag.key in entrance.transitive_tag_keys:
                tags.setdefault(tag.key, []).append(tag)
    identities = [entrance.identity for entrance in listed if entrance.identity]
    values, required = _of_all(identities, len(listed))
    identity = SourceIdentity(values, required=required) if identities else None
    merged = ((key, *_of_all(found, len(listed))) for key, found in tags.items())
    return tuple(SessionTag(key, values, required=required) for key, values, required in merged), identity


def _of_all(found: Sequence[SessionTag | SourceIdentity], count: int) -> tuple[tuple[str, ...], bool]:
    """The allowed values of all, empty if one allows every value; and whether all ``count`` require a value."""
    values = dict.fromkeys(value for each in found for value in each.values)
    required = len(found) == count and all(each.required for each in found)
    return () if any(not each.values for each in found) else tuple(values), required
