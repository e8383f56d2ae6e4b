"""The way into a chain: which source role a session is of, or enters, and with which call. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from rolechain.iam.arn import account_of, is_session_of, permission_set_role, resource_type_of, session_names
from rolechain.iam.glob import has_wildcard, matches
from rolechain.iam.limits import moment_of
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.runtime.hop import Hop

_CALLING = ("account", "arn", "permission_set")
"""The kinds of entrances whose principals call AssumeRole by themselves, wherever they are."""

_WITH_CODE = "with a session that was made with a code, as aws sts get-session-token makes it"


def source_of(chain: Chain, arn: str) -> ChainRole | None:
    """The source role that a session is of, by its ARN as GetCallerIdentity gives it; None if it is of none."""
    role = role_of(chain, arn)
    return role if role in chain.sources else None


def role_of(chain: Chain, arn: str) -> ChainRole | None:
    """The role of the chain that a session is of, likewise: source, middle or target."""
    return next((role for role in chain.roles if is_session_of(arn, role.arn)), None)


def entered_by(chain: Chain, arn: str) -> tuple[ChainRole, ...]:
    """The source roles where a session from outside belongs.

    Those are the only one; of several those that let the session in, else those that did until a time, and where none
    does, those of the session's own account.
    """
    if len(chain.sources) == 1:
        return tuple(chain.sources)
    inviting = tuple(role for role in chain.sources if lets_in(role, arn))
    inviting = inviting or tuple(role for role in chain.sources if closed_entrance(role, arn))
    return inviting or tuple(role for role in chain.sources if role.account == account_of(arn))


def asks_for_mfa(source: ChainRole) -> bool:
    """Whether a source role asks some of the IAM users who enter for MFA."""
    return any(entrance.mfa for entrance in _open(source))


def lets_in_without_mfa(source: ChainRole) -> bool:
    """Whether a source role lets in some IAM users without MFA."""
    return any(
        (entrance.kind == "account" and entrance.iam_users)
        or (entrance.kind == "arn" and resource_type_of(entrance.value) == "user")
        for entrance in _open(source)
        if not entrance.mfa
    )


def lets_in(source: ChainRole, arn: str) -> bool:
    """Whether a source role names a session in ``assumed_by``; one that names nobody lets its own account in."""
    if source.assumed_by:
        return any(_names(entrance, source, arn) for entrance in _open(source))
    return source.account == account_of(arn)


def way_in(
    source: ChainRole, arn: str, tags: Mapping[str, str] | None = None, source_identity: str | None = None
) -> Hop:
    """The call that assumes a source role, with what the role asks of the session and has one value or is given one."""
    named = [entrance for entrance in _open(source) if _names(entrance, source, arn)]
    asking = (entrance for entrance in named if _external_id(entrance))
    return _call(source, next(asking, named[0] if named else None), tags, source_identity)


def ways_in(
    source: ChainRole, tags: Mapping[str, str] | None = None, source_identity: str | None = None
) -> tuple[Hop, ...]:
    """Every call by which some session may assume a source role, where it is not known which session it is."""
    asking = (entrance for entrance in _open(source) if entrance.kind in _CALLING)
    return tuple(dict.fromkeys(_call(source, each, tags, source_identity) for each in (None, *asking)))


def closed_entrance(source: ChainRole, arn: str) -> str | None:
    """What to do where a source role refuses a session whose last entrance has closed; None if none has."""
    named = [entrance for entrance in source.entrances if _names(entrance, source, arn)]
    if not named or lets_in(source, arn):
        return None
    return (
        f"the entrance of {arn} into {source.arn} closed at {max(str(each.until) for each in named)}: declare a later "
        "until and deploy it"
    )


def lack_of_mfa(source: ChainRole, arn: str, *, temporary: bool) -> str | None:
    """What to do where a source role that asks for MFA refuses a session: it brought none, as far as can be told.

    Args:
        source: the source role.
        arn: the session's ARN.
        temporary: whether its credentials are temporary; long-term keys never carry MFA.

    Returns:
        None where no entrance of the session asks for MFA, or one lets it in without.
    """
    named = [
        each for each in _open(source) if _names(replace(each, mfa=False, mfa_max_age=None), source, arn)
    ]
    if not named or not all(entrance.mfa for entrance in named):
        return None
    if session_names(arn):
        return (
            f"{source.arn} asks for MFA, and no role's session brings it: start as an IAM user, {_WITH_CODE}"
        )
    ages = [each.mfa_max_age for each in named]
    if not temporary:
        brought = "no MFA was brought"
    elif None in ages:
        brought = "it may be that no MFA was brought"
    else:
        brought = f"it may be that no MFA was brought, or none of the last {max(filter(None, ages))} seconds"
    return f"{brought}, and {source.arn} asks for it: start {_WITH_CODE}"


def _open(source: ChainRole) -> list[Entrance]:
    """The entrances of a source role that have not closed, by the clock of this machine."""
    now = moment_of(datetime.now(UTC))
    return [entrance for entrance in source.entrances if entrance.until is None or now < str(entrance.until)]


def _call(
    source: ChainRole, entrance: Entrance | None, given: Mapping[str, str] | None, source_identity: str | None
) -> Hop:
    if entrance is None:
        return Hop(source.arn)
    values = {
        tag.key: (given or {}).get(tag.key) if tag.fixed is None else tag.fixed for tag in entrance.tags
    }
    tags = {key: value for key, value in values.items() if value is not None}
    return Hop(
        source.arn,
        external_id=_external_id(entrance),
        tags=tags or None,
        transitive_tag_keys=[key for key in entrance.transitive_tag_keys if key in tags],
        source_identity=(entrance.identity.fixed or source_identity) if entrance.identity else None,
    )


def _external_id(entrance: Entrance) -> str | None:
    """The external id that an entrance asks for, where it is one and no pattern."""
    return None if has_wildcard([entrance.external_id or ""]) else entrance.external_id


def _names(entrance: Entrance, source: ChainRole, arn: str) -> bool:
    """Whether an entrance names the session with an ARN; services and web identities are never outside."""
    account, session = account_of(arn), session_names(arn)
    if entrance.mfa and session:  # No role's session carries MFA.
        return False
    match entrance.kind:
        case "account":
            return entrance.value == account and (entrance.iam_users or session is not None)
        case "arn" if resource_type_of(entrance.value) == "role":
            return is_session_of(arn, entrance.value)
        case "arn":
            return entrance.value == arn
        case "permission_set" if session:
            return account == source.account and matches(permission_set_role(entrance.value), session[0])
    return False
