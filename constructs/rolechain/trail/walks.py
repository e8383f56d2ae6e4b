"""Sessions, linked into walks by their access keys, and held against the declared chain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal

from rolechain.iam.arn import account_of, name_of, permission_set_arn, resource_of, session_arn
from rolechain.iam.denials import denied_resource
from rolechain.iam.glob import matches
from rolechain.iam.partitions import saml_audience
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.trail.files import Row

Verdict = Literal["declared", "not declared", "beginning unknown"]

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
        source_identity: what the call set, or what the session inherited, as its own calls show it.
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
    def from_row(cls, row: Row, roles: Mapping[str, str]) -> Session | None:
        """The session of a row of the answer; None for an access key that belongs to a user.

        Args:
            row: the row.
            roles: the ARNs of roles by those of their sessions up to the session name, and by themselves in lower case.
        """
        arn = row["session_arn"] or row["used_arn"] or ""
        # AWS leaves out the parameters of some calls that it refuses, and its text names the role.
        denied = denied_resource(row["message"] or "") if row["error"] else None
        role = row["role"] or denied or row["used_role"] or roles.get(arn.rpartition("/")[0]) or ""
        # IAM tells names apart without regard to case, and an event has the ARN as the caller wrote it.
        role = roles.get(role.lower(), role)
        if ":role/" not in role:
            return None
        kind, callers = row["caller_type"], {row["caller_arn"], row["other_caller"]}
        who = [row["caller_arn"], row["subject"]]
        # The event of the called account may name a service through which the caller called.
        who += [row["caller_service"]] if kind == "AWSService" else []
        who += [row["caller_id"]] if kind in ("SAMLUser", "WebIdentityUser") else []
        who += [f"account {row['caller_account']}"] if row["caller_account"] else []
        found: dict[str, Any] = {field.name: row.get(field.name) for field in fields(cls)} | {
            "role": role,
            "name": row["name"] or (name_of(arn) if arn else None),
            "issued": row["time"] is not None,
            "caller": next(filter(None, who), UNKNOWN),
            "caller_key": row["caller_key"] or None,
            "source_identity": row["source_identity"] or row["used_identity"],
            "mfa": row["mfa"] == "true",
            "tags": {} if row["time"] is None else _tags(row["parameters"]),
            "calls": int(row["calls"]),
            "refused_calls": int(row["refused_calls"]),
            "addresses": sorted(filter(None, (row["addresses"] or "").split(","))),
            "actions": sorted(filter(None, (row["actions"] or "").split(","))),
        }
        if row["external_id"] != row["other_external_id"]:
            found["external_id"] = f"{row['other_external_id']} and {row['external_id']}"
        if len(callers) > 1:
            # AWS issues an access key once: of events that tell otherwise none is believed.
            found |= {
                "caller": f"one of {' and '.join(sorted(callers))}",
                "caller_role": None,
                "caller_type": None,
            }
        return cls(**found)

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
    """Links the rows that answer the query (``sessions_query``) into walks, and holds them against a chain."""
    declared = {role.arn: role for role in chain.roles if not role.by_unit}
    # The ARN of a session lacks the path of its role.
    known = {session_arn(arn, "").removesuffix("/"): arn for arn in declared}
    known |= {arn.lower(): arn for arn in declared}
    found = [session for row in rows if (session := Session.from_row(row, known))]
    for arn in {arn for each in found for arn in (each.role, each.caller_role) if arn} - declared.keys():
        # A role of an account that a target by organizational unit excludes is none of the chain's.
        member = next((role for role in map(partial(_member, arn), chain.targets) if role), None)
        declared |= {arn: member} if member else {}
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


def _member(arn: str, target: ChainRole) -> ChainRole | None:
    """The role of an ARN, where it is that of a target by organizational unit in one account."""
    member = target.in_account(account_of(arn)) if target.by_unit else None
    return member if member and member.arn == arn and member.account not in target.exclude else None


def _path(last: Session, sessions: Mapping[str, Session]) -> tuple[Session, ...]:
    """The sessions that lead to one, that included."""
    path = {last.id: last}
    key = last.caller_key
    while key and key in sessions and key not in path:
        path[key] = sessions[key]
        key = path[key].caller_key
    return tuple(reversed(path.values()))


def _judged(chain: Chain, declared: Mapping[str, ChainRole], path: tuple[Session, ...]) -> Walk:
    first = next(each for each in path if each.role in declared)
    known = first.issued and not first.from_account_alone
    problems: list[str] = []
    identity: str | None = None
    for before, session in zip((None, *path), path, strict=False):
        identity = identity or session.source_identity
        if before and session.caller_role != before.role:
            problems.append(f"{session.caller} assumed {session.role} with the access key of {before.role}")
        if role := declared.get(session.role):
            problems += _problems(chain, role, session, identity, known) if session.issued else ()
        elif session.caller_role in declared:
            problems.append(f"{session.caller_role} assumed {session.role}, which is no hop of the chain")
    entered = known and declared[first.role] in chain.sources
    verdict: Verdict = "not declared" if problems else "declared" if entered else "beginning unknown"
    # A session from outside the chain that entered it is who began, as far as the chain goes.
    began = path[0].issued or path[0].role in declared
    caller = path[0].caller if began else session_arn(path[0].role, path[0].name or "")
    return Walk(path, identity or caller, verdict, tuple(problems))


def _problems(
    chain: Chain, role: ChainRole, session: Session, identity: str | None, known: bool
) -> Iterator[str]:
    """What of the hop into a role of the chain is not declared; what may be inherited is missing only if ``known``."""
    if role in chain.sources:
        ways = [_of_entrance(role, entrance, session) for entrance in role.entrances]
        if all(ways) and (ways or not role.existing):
            why = next((each for each in ways if each and each != _NO_ENTRANCE), _NO_ENTRANCE)
            yield f"{session.caller} entered {role.arn}: {why}"
        return
    for hop in chain.calls_into(role):
        account = f"account {hop.caller.account}" if session.from_account_alone else None
        if session.caller == account or session.caller_role == hop.caller.arn:
            break
    else:
        yield f"{session.caller} assumed {role.arn}, which is no hop of the chain"
        return
    if hop.external_id and session.external_id != hop.external_id:
        yield f"{role.arn} was assumed with external id {session.external_id!r}, not with the declared one"
    yield from _of_tags(session, role.tags, hop.inherited_tags)
    inherited = hop.inherited_source_identity
    required = known and any(each and each.required for each in (role.identity, inherited))
    yield from _of_identity(identity, role.identity or inherited, required)


def accounts_of(chain: Chain) -> tuple[str, ...]:
    """The ids of the accounts whose events tell who walked a chain: those of its roles and of its entrances."""
    entered = (_entrance_account(source, each) for source in chain.sources for each in source.entrances)
    return tuple(dict.fromkeys([*chain.accounts, *filter(None, entered)]))


def _entrance_account(source: ChainRole, entrance: Entrance) -> str | None:
    """The account of the callers that an entrance lets in; None where they have none."""
    value = entrance.value
    accounts = {"account": value, "arn": account_of(value), "permission_set": source.account}
    return accounts.get(entrance.kind)


def _of_identity(given: str | None, declared: SourceIdentity | None, required: bool) -> Iterator[str]:
    if given is None and required:
        yield "no source identity is set, which is declared"
    if given is not None and not (declared and declared.allows(given)):
        yield f"source identity {given!r} is not allowed"


def _of_tags(
    session: Session, passed: Sequence[SessionTag], inherited: Sequence[SessionTag] = ()
) -> Iterator[str]:
    # IAM compares the keys of tags without regard to case.
    given = {key.lower(): value for key, value in session.tags.items()}
    for tag in passed:
        if tag.required and tag.key.lower() not in given:
            yield f"session tag {tag.key} is not passed, which is declared"
    for key, value in session.tags.items():
        declared = [tag for tag in (*passed, *inherited) if matches(tag.key.lower(), key.lower())]
        if not any(tag.allows(value) for tag in declared):
            yield f"session tag {key} is {value!r}, which is not {'allowed' if declared else 'declared'}"


def _of_entrance(source: ChainRole, entrance: Entrance, session: Session) -> str | None:
    """Why a call did not come in by an entrance; None if it did."""
    alone, kind, caller = session.from_account_alone, session.caller_type, session.caller
    if alone:
        # The event of the called account tells the caller's account alone.
        fits = caller == f"account {_entrance_account(source, entrance)}"
    elif entrance.kind == "service":
        fits = kind == "AWSService" and session.caller_service == entrance.value
    elif entrance.kind == "account":
        fits = account_of(caller) == entrance.value and (entrance.iam_users or kind == "AssumedRole")
    elif entrance.kind == "arn":
        fits = (session.caller_role or caller) == entrance.value
    elif entrance.kind == "permission_set":
        pattern = permission_set_arn(source.partition, source.account, entrance.value)
        fits = matches(pattern, session.caller_role or "")
    else:
        audiences = entrance.audiences or (saml_audience(source.partition),)
        fits = session.provider == entrance.value and session.audience in audiences
        if entrance.kind == "oidc":
            fits = fits and any(matches(each, session.subject or "") for each in entrance.subjects)
    if not fits:
        return _NO_ENTRANCE
    if entrance.mfa and not (session.mfa or alone):
        return "without MFA, which the entrance declares"
    if entrance.external_id and not matches(entrance.external_id, session.external_id or ""):
        return f"with external id {session.external_id!r}, not with the declared one"
    identity = entrance.identity
    problems = _of_identity(session.source_identity, identity, bool(identity and identity.required))
    return next(iter((*problems, *_of_tags(session, entrance.tags))), None)


def _tags(parameters: str | None) -> dict[str, str]:
    """The tags of a call: AssumeRole's are in a list; those of a token or assertion, and inherited ones, go by key.

    Where its parameters are not known, neither are its tags: one that no chain declares stands for them.
    """
    try:
        passed = json.loads(parameters or "null")
    except (ValueError, RecursionError):
        passed = None
    if not isinstance(passed, dict):
        return {UNKNOWN: UNKNOWN}
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
