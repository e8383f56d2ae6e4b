"""What the entrances of a chain must satisfy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from rolechain.iam.limits import ACCOUNT, EXTERNAL_ID, ORGANIZATION, PERMISSION_SET, ROLE_OR_USER, SERVICE
from rolechain.model.entry_principal import ROLES_ANYWHERE, Entrance, EntranceKind
from rolechain.model.session_values import SessionTag, several
from rolechain.model.validation.patterns import is_arn, matches
from rolechain.model.validation.sessions import of_identity, of_tags

_MFA_SECONDS = range(1, 129_601)


def problems_of_entrance(entrance: Entrance) -> Iterator[str]:
    """What is wrong with one entrance."""
    if not isinstance(entrance, Entrance) or entrance.kind not in get_args(EntranceKind):
        kinds = ", ".join(get_args(EntranceKind))
        yield f"{entrance!r} is no entrance: write Entrance.service(…), or another of {kinds}"
        return
    checks = (
        _of_value,
        _of_variables,
        _of_token,
        _of_service,
        _of_brought,
        _of_flags,
        _of_third_party,
        _of_users,
    )
    yield from dict.fromkeys(problem for one in entrance.each() for check in checks for problem in check(one))


def _of_value(entrance: Entrance) -> Iterator[str]:
    value: object = entrance.value
    if value == ():
        yield "no principal stands here: name one at least"
    elif entrance.kind == "service" and not matches(SERVICE, value):
        yield f"{value!r} is no service principal: write one such as lambda.amazonaws.com"
    elif entrance.kind == "account" and isinstance(value, int):
        yield f"{value!r} is a number: put the 12 digits in quotes"
    elif entrance.kind == "account" and not matches(ACCOUNT, value):
        yield f"{value!r} is no account id: write its 12 digits"
    elif entrance.kind == "permission_set" and not matches(PERMISSION_SET, value):
        yield f"{value!r} is no permission set's name: write 1 to 32 of letters, digits and _+=,.@-"
    elif entrance.kind == "arn" and not (is_arn(value, ("role/", "user/")) and matches(ROLE_OR_USER, value)):
        yield f"{value!r} is no role's or user's ARN: write one without wildcards"
    elif entrance.kind == "saml" and not is_arn(value, ("saml-provider/",)):
        yield f"{value!r} is no SAML provider's ARN: write arn:aws:iam::<account>:saml-provider/<name>"
    elif entrance.kind == "oidc" and not is_arn(value, ("oidc-provider/",)):
        yield f"{value!r} is no OIDC provider's ARN: write arn:aws:iam::<account>:oidc-provider/<host>"
    elif entrance.kind == "oidc" and not (entrance.audience and entrance.subject):
        yield f"tokens of {value} need audience and subject: any workflow of the provider gets in without"


def _of_token(entrance: Entrance) -> Iterator[str]:
    for name, kinds in (("audience", ("oidc", "saml")), ("subject", ("oidc",))):
        value = getattr(entrance, name)
        if value is not None and entrance.kind not in kinds:
            yield f"{name} is for {' and '.join(kinds)}, and {entrance.kind} {entrance.value} has none: leave it out"
        elif value is not None and not all(
            isinstance(each, str) and (each or each is value)
            for each in (value if isinstance(value, tuple) else (value,))
        ):
            yield f"{name}: {value!r} is no text: put it in quotes"


def _of_variables(entrance: Entrance) -> Iterator[str]:
    """What a policy reads as the beginning of a variable, and nobody means."""
    certificate = entrance.certificate if isinstance(entrance.certificate, Mapping) else {}
    written = {
        "audience": several(entrance.audience),
        "subject": several(entrance.subject),
        "source_arn": entrance.source_arn,
        "certificate": tuple(certificate.values()),
    }
    for name, values in written.items():
        for value in values:
            if isinstance(value, str) and "${" in value:
                yield f"{name}: {value!r} holds ${{, with which a variable of a policy begins: write the value out"


def _of_service(entrance: Entrance) -> Iterator[str]:
    """What a service is held to: on whose behalf it calls, and with which certificate."""
    for name in ("source_account", "source_arn", "source_organization"):
        if getattr(entrance, name) and entrance.kind != "service":
            yield f"{name} is for service: a {entrance.kind} calls for itself; leave it out"
    for account in entrance.source_account:
        if not matches(ACCOUNT, account):
            yield f"source_account: {account!r} is no account id: write its 12 digits, in quotes"
    for arn in entrance.source_arn:
        if not isinstance(arn, str) or not arn.startswith("arn:") or arn.count(":") < 5:
            yield f"source_arn: {arn!r} is no ARN: write one such as arn:aws:codebuild:us-east-1:<account>:project/app"
    organization = entrance.source_organization
    if organization is not None and not matches(ORGANIZATION, organization):
        yield f"source_organization: {organization!r} is no organization's id: write one such as o-exampleorg1"
    if not isinstance(entrance.certificate, Mapping):
        yield f"certificate: {entrance.certificate!r} holds no values by attribute: write {{x509Subject/CN: …}}"
        return
    if entrance.certificate and entrance.value != ROLES_ANYWHERE:
        yield f"certificate is for {ROLES_ANYWHERE}: {entrance.value} shows none; leave it out"
    for name, value in entrance.certificate.items():
        if not str(name).startswith(("x509Subject/", "x509Issuer/", "x509SAN/")):
            yield f"certificate: {name!r} is no attribute: write x509Subject/CN, x509Issuer/…, or x509SAN/…"
        elif not isinstance(value, str) or not value:
            yield f"certificate: {name}: {value!r} is no text: put it in quotes"


def _of_brought(entrance: Entrance) -> Iterator[str]:
    """What whoever enters brings."""
    known = entrance.known
    if known is None:
        tags = entrance.tags
        transitive = [tag.key for tag in tags if isinstance(tag, SessionTag)]
        origin = "it brings: declare it under session_tags too"
    else:
        tags = tuple(tag for tag in entrance.tags if tag not in known.tags)
        transitive = list(known.transitive)
        origin = f"{entrance.value} makes transitive: leave it out"
        yield from _of_known(entrance, [tag.key for tag in known.tags], tags)
    identity = entrance.identity
    for _, problem in (*of_tags(tags), *(of_identity(identity) if identity else ())):
        yield problem
    for key in entrance.transitive_tag_keys:
        if key not in transitive:
            yield f"{key!r} is none of the session tags that {origin}"


def _of_known(entrance: Entrance, brings: list[str], declared: Iterable[SessionTag]) -> Iterator[str]:
    """What is declared of a service that brings something else."""
    for tag in declared:
        if isinstance(tag, SessionTag) and tag.key not in brings:
            cure = (
                "hold the certificate to it under certificate"
                if entrance.value == ROLES_ANYWHERE
                else f"write one of {', '.join(brings)}"
            )
            yield f"{entrance.value} brings no session tag {tag.key!r}: {cure}"
    if entrance.identity and entrance.known and not entrance.known.identity:
        yield f"{entrance.value} brings no source identity: leave source_identity out"


def _of_flags(entrance: Entrance) -> Iterator[str]:
    for flag in ("third_party", "iam_users", "mfa"):
        if not isinstance(value := getattr(entrance, flag), bool):
            yield f"{flag}: {value!r} is neither true nor false: write one of them"


def _of_third_party(entrance: Entrance) -> Iterator[str]:
    named = entrance.kind in ("account", "arn")
    if not named and (entrance.external_id is not None or entrance.third_party):
        key = "third_party" if entrance.third_party else "external_id"
        yield f"{key} is for account and arn: a {entrance.kind} passes no external id; leave it out"
    elif entrance.external_id is not None and not _is_external_id(entrance.external_id):
        yield (
            f"{entrance.external_id!r} is no external id: write 2 to 1,224 of letters, digits and _+=,.@:/-, and "
            "wildcards for what is open"
        )
    elif entrance.third_party and entrance.external_id is None:
        yield (
            f"the third party {entrance.value} needs an external_id, or another of its customers can have it act on "
            "you: agree on one that it uses for you alone"
        )


def _is_external_id(value: object) -> bool:
    """Whether a value is an external id, or a pattern that fixes as much of one."""
    return isinstance(value, str) and matches(EXTERNAL_ID, value.replace("*", "").replace("?", ""))


def _of_users(entrance: Entrance) -> Iterator[str]:
    user = entrance.kind == "arn" and ":user/" in str(entrance.value)
    asks = entrance.mfa or entrance.mfa_max_age is not None
    if asks and not (user or entrance.kind == "account"):
        yield (
            f"mfa is for IAM users, and {entrance.kind} {entrance.value} is none: its sessions carry no MFA, so that "
            "nobody would get in; ask for MFA where its users sign in"
        )
    elif asks and entrance.kind == "account" and not entrance.iam_users:
        yield "mfa lets in IAM users only, and iam_users: false keeps them out: leave one of the two out"
    age = entrance.mfa_max_age
    if age is not None and not entrance.mfa:
        yield "mfa_max_age without mfa: write mfa: true too"
    if age is not None and (isinstance(age, bool) or not isinstance(age, int) or age not in _MFA_SECONDS):
        yield f"mfa_max_age: {age!r} is outside of what a session lasts: write 1 to 129600, in seconds"
    if not entrance.iam_users and entrance.kind != "account":
        yield f"iam_users is for account: {entrance.kind} names who enters; leave it out"
