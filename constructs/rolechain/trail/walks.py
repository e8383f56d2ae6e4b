"""Sessions, linked into walks by their access keys, and held against the declared chain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rolechain.iam.arn import account_of, name_of, resource_of, session_arn
from rolechain.iam.denials import denied_resource
from rolechain.iam.glob import matches
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.trail.question import ISSUED

Verdict = Literal["declared", "not declared", "beginning unknown"]
Row = Mapping[str, Any]

UNKNOWN = "unknown"
_NO_ENTRANCE = "no entrance is declared for it"


@dataclass(frozen=True)
class Session:
    """A session of a role, or an attempt to get one, as CloudTrail's events tell it.

    Attributes:
        id: the access key id that AssumeRole issued; of a refused attempt, the id of the event.
        role: the ARN of the role; of a session whose issue is not in the events, as its calls name it.
        name: the session name.
        issued: whether the events hold the call that issued it.
        time: when that was, as CloudTrail writes it.
        address: where that call came from: an IP address, or an AWS service.
        caller: who made that call: an ARN, a service, ``account <id>`` where no more is known, or a federated user.
        caller_type: CloudTrail's type of that caller.
        caller_role: the ARN of the caller's role, if it was a session of one.
        caller_key: the access key id that signed that call.
        caller_service: the AWS service that made that call, such as ``lambda.amazonaws.com``.
        provider: the ARN of the identity provider that vouched for the caller.
        audience: the audience of its token or assertion.
        subject: the subject of its token.
        mfa: whether the caller had shown an MFA device.
        external_id: what the call passed.
        source_identity: what the call set, or what it inherited.
        tags: the session tags that the call passed, and those that it inherited.
        error: the code of the error that refused the attempt.
        message: its text.
        calls: how many calls the session made.
        refused_calls: how many of them were refused or failed.
        first_call: when it made the first.
        last_call: when it made the last.
        addresses: where they came from.
        actions: what it called: ``s3.amazonaws.com:GetObject``, each once.
    """

    id: str
    role: str
    name: str | None
    issued: bool
    time: str | None
    address: str | None
    caller: str
    caller_type: str | None
    caller_role: str | None
    caller_key: str | None
    caller_service: str | None
    provider: str | None
    audience: str | None
    subject: str | None
    mfa: bool
    external_id: str | None
    source_identity: str | None
    tags: Mapping[str, str]
    error: str | None
    message: str | None
    calls: int
    refused_calls: int
    first_call: str | None
    last_call: str | None
    addresses: Sequence[str]
    actions: Sequence[str]

    @classmethod
    def from_row(cls, row: Row, roles: Mapping[str, str] | None = None) -> Session | None:
        """The session of a row of the answer; None for an access key that belongs to a user.

        Args:
            row: the row.
            roles: the ARNs of roles by those of their sessions up to the session name.
        """
        call = {name: row[f"issued_{name}"] for name in ISSUED}
        passed = _object(call.pop("parameters"))
        arn = call.pop("session_arn") or row["used_caller_arn"] or ""
        # AWS leaves out the parameters of some calls that it refuses, and its text names the role.
        role = call["role"] or (denied_resource(call["message"] or "") if call["error"] else None)
        role = (roles or {}).get(arn.rpartition("/")[0]) or role or row["used_caller_role"] or ""
        if ":role/" not in role:
            return None
        issued = call["time"] is not None
        caller_id, account, kind = call.pop("caller_id"), call.pop("caller_account"), call["caller_type"]
        who = [call.pop("caller_arn"), call["subject"]]
        # The event of the called account may name a service through which the caller called.
        who += [call["caller_service"]] if kind == "AWSService" else []
        who += [caller_id] if kind in ("SAMLUser", "WebIdentityUser") else []
        who += [f"account {account}"] if account else []
        return cls(
            **call
            | {
                "id": row["session_id"],
                "role": role,
                "name": _text(passed.get("roleSessionName")) or (name_of(arn) if arn else None),
                "issued": issued,
                "caller": next(filter(None, who), UNKNOWN) if issued else UNKNOWN,
                "caller_key": call["caller_key"] or None,
                "provider": call["provider"] or _text(passed.get("principalArn")),
                "mfa": call["mfa"] == "true" or "serialNumber" in passed,
                "external_id": _text(passed.get("externalId")),
                "source_identity": call["source_identity"] or _text(passed.get("sourceIdentity")),
                "tags": _tags(passed),
                "calls": int(row["calls"]),
                "refused_calls": int(row["refused_calls"]),
                "first_call": row["first_call"],
                "last_call": row["last_call"],
                "addresses": sorted(filter(None, (row["addresses"] or "").split(","))),
                "actions": sorted(filter(None, (row["actions"] or "").split(","))),
            }
        )

    @property
    def from_account_alone(self) -> bool:
        """Whether no more is known of the caller than its account: only the called account's event is there."""
        return self.caller_type == "AWSAccount"

    def to_json(self) -> dict[str, Any]:
        """The session as JSON."""
        return {name: dict(value) if name == "tags" else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Walk:
    """The way to a session from which no other one was obtained.

    Attributes:
        sessions: the sessions, from the first that is known to the last.
        person: who began it: the source identity, if one was set, else the caller of the first hop; ``unknown`` where
            the events do not hold that hop.
        verdict: whether the chain declares it. A walk is never taken for declared where the events do not hold how the
            chain was entered.
        problems: what of it the chain does not declare.
    """

    sessions: tuple[Session, ...]
    person: str
    verdict: Verdict
    problems: tuple[str, ...]

    @property
    def last(self) -> Session:
        """The session at the end."""
        return self.sessions[-1]

    @property
    def start(self) -> str:
        """When it began, as far as is known."""
        return min(filter(None, [time for each in self.sessions for time in (each.time, each.first_call)]))

    @property
    def end(self) -> str:
        """When its last call was made."""
        return self.last.last_call or self.last.time or self.start

    def to_json(self) -> dict[str, Any]:
        """The walk as JSON."""
        return {
            "person": self.person,
            "verdict": self.verdict,
            "problems": list(self.problems),
            "start": self.start,
            "end": self.end,
            "sessions": [each.to_json() for each in self.sessions],
        }


@dataclass(frozen=True)
class Trace:
    """Who walked a chain.

    Attributes:
        walks: the walks that a role of the chain is part of, in the order of their beginnings.
        refused: the attempts to get into a role of the chain, or out of one, that AWS refused, in order.
    """

    walks: tuple[Walk, ...]
    refused: tuple[Session, ...]

    @property
    def declared(self) -> bool:
        """Whether the chain declares every walk."""
        return all(walk.verdict == "declared" for walk in self.walks)

    def of_session(self, key: str) -> Trace:
        """The walks of one session, and what it was refused."""
        walks = tuple(walk for walk in self.walks if any(each.id == key for each in walk.sessions))
        return Trace(walks, tuple(each for each in self.refused if key in (each.id, each.caller_key)))


def trace(chain: Chain, rows: Iterable[Row]) -> Trace:
    """Links the rows that answer the question (``question``) into walks, and holds them against a chain."""
    declared = {role.arn: role for role in chain.roles}
    # The ARN of a session lacks the path of its role.
    known = {session_arn(arn, "").removesuffix("/"): arn for arn in declared}
    found = [session for row in rows if (session := Session.from_row(row, known))]
    sessions = {each.id: each for each in found if not each.error}
    callers = {each.caller_key for each in sessions.values()}
    walks = []
    seen: set[str] = set()
    # Those from which another session was obtained come last: only where events name each other as caller are they new.
    for session in sorted(sessions.values(), key=lambda each: each.id in callers):
        if session.id in callers and session.id in seen:
            continue
        path = _path(session, sessions)
        seen |= {each.id for each in path}
        if any(each.role in declared for each in path):
            walks.append(_judged(chain, declared, path))
    refused = [each for each in found if each.error and {each.role, each.caller_role} & set(declared)]
    return Trace(
        tuple(sorted(walks, key=lambda walk: (walk.start, walk.last.id))),
        tuple(sorted(refused, key=lambda each: (each.time or "", each.id))),
    )


def _path(last: Session, sessions: Mapping[str, Session]) -> tuple[Session, ...]:
    """The sessions that lead to one, that included."""
    path = {last.id: last}
    key = last.caller_key
    while key and key in sessions and key not in path:
        path[key] = sessions[key]
        key = path[key].caller_key
    return tuple(reversed(path.values()))


def _judged(chain: Chain, declared: Mapping[str, ChainRole], path: tuple[Session, ...]) -> Walk:
    problems: list[str] = []
    for session in path:
        if role := declared.get(session.role):
            problems += _problems(chain, role, session) if session.issued else ()
        elif session.caller_role in declared:
            problems.append(f"{session.caller_role} assumed {session.role}, which is no hop of the chain")
    first = next(each for each in path if each.role in declared)
    entered = first.issued and not first.from_account_alone and declared[first.role] in chain.sources
    verdict: Verdict = "not declared" if problems else "declared" if entered else "beginning unknown"
    identities = [each.source_identity for each in reversed(path) if each.source_identity]
    # A session from outside the chain that entered it is who began, as far as the chain goes.
    began = path[0].issued or path[0].role in declared
    caller = path[0].caller if began else session_arn(path[0].role, path[0].name or "")
    return Walk(path, next(iter(identities), caller), verdict, tuple(problems))


def _problems(chain: Chain, role: ChainRole, session: Session) -> Iterator[str]:
    """What of the hop into a role of the chain is not declared."""
    if session.from_account_alone:
        # The event of the called account tells the caller's account alone.
        callers = [hop.caller.account for hop in chain.calls_into(role)]
        callers += filter(None, (_entrance_account(role, each) for each in role.entrances))
        left_open = role.existing and role in chain.sources
        if not left_open and session.caller not in map("account {}".format, callers):
            yield f"{session.caller} assumed {role.arn}, and no principal of it is let in"
        return
    if role in chain.sources:
        ways = [_of_entrance(role, entrance, session) for entrance in role.entrances]
        if (ways and all(ways)) or not (ways or role.existing):
            why = next((each for each in ways if each and each != _NO_ENTRANCE), _NO_ENTRANCE)
            yield f"{session.caller} entered {role.arn}: {why}"
        return
    hop = next((hop for hop in chain.calls_into(role) if hop.caller.arn == session.caller_role), None)
    if hop is None:
        yield f"{session.caller} assumed {role.arn}, which is no hop of the chain"
        return
    if hop.external_id and session.external_id != hop.external_id:
        yield f"{role.arn} was assumed with external id {session.external_id!r}, not with the declared one"
    yield from _of_values(role, session)


def accounts_of(chain: Chain) -> tuple[str, ...]:
    """The ids of the accounts whose events tell who walked a chain: those of its roles and of its entrances."""
    entered = (_entrance_account(source, each) for source in chain.sources for each in source.entrances)
    return tuple(dict.fromkeys([*chain.accounts, *filter(None, entered)]))


def _entrance_account(source: ChainRole, entrance: Entrance) -> str | None:
    """The account of the callers that an entrance lets in; None where they have none."""
    match entrance.kind:
        case "account":
            return entrance.value
        case "arn":
            return account_of(entrance.value)
        case "permission_set":
            return source.account
    return None


def _of_values(declaration: ChainRole | Entrance, session: Session) -> Iterator[str]:
    identity, given = declaration.identity, session.source_identity
    if identity and given and not identity.allows(given):
        yield f"source identity {given!r} is not allowed"
    for tag in declaration.tags:
        if (value := session.tags.get(tag.key)) is not None and not tag.allows(value):
            yield f"session tag {tag.key} is {value!r}, which is not allowed"


def _of_entrance(source: ChainRole, entrance: Entrance, session: Session) -> str | None:
    """Why a call did not come in by an entrance; None if it did."""
    who = session.caller_role or session.caller
    account = account_of(session.caller)
    match entrance.kind:
        case "service":
            fits = session.caller_service == entrance.value and session.caller_type == "AWSService"
        case "account":
            fits = account == entrance.value and (session.caller_type != "IAMUser" or entrance.iam_users)
        case "arn":
            fits = who == entrance.value
        case "oidc" | "saml":
            fits = session.provider == entrance.value
            fits = fits and (not entrance.audiences or session.audience in entrance.audiences)
            if entrance.kind == "oidc":
                fits = fits and any(matches(each, session.subject or "") for each in entrance.subjects)
        case "permission_set":
            name = f"AWSReservedSSO_{entrance.value}_????????????????"
            fits = matches(name, name_of(who)) and account == source.account
    if not fits:
        return _NO_ENTRANCE
    if entrance.mfa and not session.mfa:
        return "without MFA, which the entrance declares"
    if entrance.external_id and not matches(entrance.external_id, session.external_id or ""):
        return f"with external id {session.external_id!r}, not with the declared one"
    return next(_of_values(entrance, session), None)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _tags(passed: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a call: AssumeRole's are in a list; those of a token or assertion, and inherited ones, go by key."""
    found: dict[str, str] = {}
    for name in ("principalTags", "incomingTransitiveTags"):
        if isinstance(by_key := passed.get(name), dict):
            found |= {str(key): str(value) for key, value in by_key.items()}
    if isinstance(listed := passed.get("tags"), list):
        found |= {str(tag.get("key")): str(tag.get("value")) for tag in listed if isinstance(tag, dict)}
    return found


def shown(arn: str) -> str:
    """A caller as people call it: the name of a role, session, user or provider's subject, and its account."""
    if not arn.startswith("arn:"):
        return arn
    kind, _, name = resource_of(arn).partition("/")
    named = name if kind in ("assumed-role", "federated-user") else name_of(name)
    return f"{named or kind} ({account_of(arn)})"
