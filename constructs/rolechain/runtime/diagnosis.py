"""Why a deployed hop was decided as it was: its two policies, read from IAM and decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rolechain.iam.arn import account_of, name_of
from rolechain.iam.condition_keys import (
    EXTERNAL_ID,
    REQUEST_TAG,
    SET_SOURCE_IDENTITY,
    TAG_KEYS,
    actions_for,
    principal_keys,
)
from rolechain.iam.sts_actions import ASSUME_ROLE, actions_of
from rolechain.policy import Callee, Caller, ContextValue, Policy, PolicyError, Request, Side, Verdict, decide
from rolechain.policy.conditions import Condition, NullCheck, UnknownCondition
from rolechain.policy.request import parameter_keys
from rolechain.runtime.call import HopCall
from rolechain.runtime.error_classification import Cause
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop, default_session_name
from rolechain.runtime.session_credentials import MalformedAnswerError, SessionCredentials
from rolechain.runtime.sts import Sts

_ABSENT = frozenset(
    {
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:tagkeys",
        "sts:externalid",
        "sts:sourceidentity",
        "sts:transitivetagkeys",
    }
)
"""Condition keys that the calls of a walk do not carry, unless a hop declares them."""


@dataclass(frozen=True)
class Inheritance:
    """The values that the next session of a chain inherits, as far as they are known.

    Attributes:
        tags: the transitive session tags, by key.
        source_identity: the source identity, if one was set.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str | None = None

    def after(self, call: Hop) -> Inheritance:
        """The values that the sessions after ``call`` inherit."""
        own = {key: value for key, value in (call.tags or {}).items() if key in call.transitive_tag_keys}
        return Inheritance({**self.tags, **own}, self.source_identity or call.source_identity)


_DENIED = (Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY)
_PASSED = {EXTERNAL_ID: "external id", SET_SOURCE_IDENTITY: "source identity"}
"""Condition keys, in lower case, that a hop's parameters give by themselves; session tags are the others."""


class Diagnosis(NamedTuple):
    """The result of a diagnosis.

    Attributes:
        words: one line.
        cause: the side that decided; None where that is not certain.
        lacking: one line on what the call would have had to pass; empty where that alone would not help.
    """

    words: str
    cause: Cause | None
    lacking: str = ""


class Diagnostician:
    """Reads roles with the sessions at hand in their accounts.

    Those are the ones that it meets, whose endpoints are configured as those of ``session``, and ``readers``.
    """

    def __init__(
        self, session: boto3.Session, sts: Sts, readers: Sequence[boto3.Session], organization: str | None
    ) -> None:
        self._session = session
        self._sts = sts
        self._readers = readers
        self._organization = organization
        self._signers: list[SessionCredentials] = []

    def meet(self, signer: SessionCredentials) -> None:
        """Makes known a session that may be able to read its own account's roles."""
        self._signers.append(signer)

    def explain(
        self, call: HopCall, caller: Caller, inherited: Inheritance, *, refused: bool
    ) -> Diagnosis | None:
        """The reason why STS refused or allowed a call, as far as the policies can be read.

        None where neither side could be read, or it is not known which role the caller is.
        """
        hop = call.hop
        try:
            callee = self._read(hop.account, hop.role_name, trust_only=True)
        except _NoSuchRoleError:
            return Diagnosis(f"account {hop.account} has no role {hop.role_name}: deploy its stack", None)
        if callee and callee.arn != hop.role_arn:
            return Diagnosis(f"the role is {callee.arn}: name it so, path included", None)
        own = None
        if caller.role_arn:
            with suppress(_NoSuchRoleError):
                own = self._read(caller.account, name_of(caller.role_arn))
        if (callee is None and own is None) or (caller.kind == "role-session" and not caller.role_arn):
            return None
        names = f"{hop.role_arn}'s trust policy", "the caller's policies"
        unread = [name for name, found in zip(names, (callee, own), strict=True) if not found]
        context = self._context(call, caller, inherited)
        request = Request(
            caller,
            Callee(hop.role_arn, callee.trust if callee else Policy.unknown(names[0])),
            context,
            actions=actions_for(map(str.lower, context)),
            identity_policies=own.identity if own else (Policy.unknown(names[1]),),
            permissions_boundary=own.boundary if own else None,
        )
        diagnosis = _decided(request, unread, refused)
        if refused and own and (since := own.revoked_before):
            ended = f"{caller.role_arn} is revoked: its sessions issued before {since} are denied everything"
            return diagnosis._replace(words=f"{ended}; {diagnosis.words}")
        return diagnosis

    def _context(self, call: HopCall, caller: Caller, inherited: Inheritance) -> dict[str, ContextValue]:
        hop = call.hop
        keys: dict[str, ContextValue] = {
            **principal_keys(
                caller.role_arn or caller.arn,
                organization=self._organization,
                source_identity=inherited.source_identity,
            ),
            "aws:ResourceAccount": hop.account,
            "aws:RequestedRegion": self._sts.region_name,
            "aws:SecureTransport": "true",
            **parameter_keys(
                hop.session_name or default_session_name(),
                external_id=hop.external_id,
                source_identity=hop.source_identity,
                tags=hop.tags or {},
                transitive_tag_keys=[*hop.transitive_tag_keys, *inherited.tags],
            ),
        }
        if self._organization:
            keys["aws:ResourceOrgID"] = self._organization
        return keys

    def _read(self, account: str, name: str, *, trust_only: bool = False) -> _RolePolicies | None:
        for client in self._clients(account):
            if found := _read_role(client, name, trust_only=trust_only):
                return found
        return None

    def _clients(self, account: str) -> Iterator[Any]:
        region = self._sts.region_name
        for session, home in self._homes:
            if home == account:
                yield session.client("iam", region_name=region)
        # The last one met is the newest.
        for signer in reversed(self._signers):
            if signer.arn and account_of(signer.arn) == account:
                yield self._session.client(
                    "iam",
                    region_name=region,
                    aws_access_key_id=signer.access_key,
                    aws_secret_access_key=signer.secret_key,
                    aws_session_token=signer.token or None,
                )

    @cached_property
    def _homes(self) -> list[tuple[boto3.Session, str]]:
        return [(session, self._home(session)) for session in self._readers]

    def _home(self, session: boto3.Session) -> str:
        """The account that a session belongs to; empty if its credentials do not work."""
        credentials = session.get_credentials()
        if credentials is None:
            return ""
        try:
            frozen = SessionCredentials.of(credentials.get_frozen_credentials())
            return account_of(self._sts.caller_arn(frozen))
        except (BotoCoreError, ClientError, HopError, MalformedAnswerError):
            return ""


def _decided(request: Request, unread: list[str], refused: bool) -> Diagnosis:
    decision = decide(request)
    known = _ABSENT.union(map(str.lower, request.context))
    open_keys = sorted(key for key in request.keys - known if not key.startswith(REQUEST_TAG))
    beside = "" if decision.action == ASSUME_ROLE else f"for {decision.action} "
    words = f"as IAM has it, {beside}{decision.reason}"
    if refused and decision.verdict is Verdict.ALLOW:
        words += (
            "; so look at the organization's control policies, or wait until AWS has seen the last change"
        )
    if refused and decision.verdict is Verdict.UNKNOWN and unread:
        words = f"what of IAM can be read allows it, so look at what cannot: {' and '.join(unread)}"
    if open_keys:
        words += f" (not known here: {', '.join(open_keys)})"
    if decision.verdict not in _DENIED:
        return Diagnosis(words, None)
    cause = Cause.SOURCE_CREDENTIALS if decision.side is Side.ROOT_USER else Cause(decision.side.value)
    return Diagnosis(words, None if open_keys else cause, _lacking(request) if refused else "")


def _lacking(request: Request) -> str:
    """What a call would have had to pass so that no side denies it; empty where that would not help.

    The values that a statement of the trust policy asks for are tried.
    """
    sent = {key.lower(): value for key, value in request.context.items()}
    for statement in request.callee.trust_policy.statements:
        asked = {
            condition.lookup: (condition.key, _value(condition))
            for condition in statement.conditions
            if not isinstance(condition, UnknownCondition)
            and (condition.lookup in _PASSED or condition.lookup.startswith(REQUEST_TAG))
        }
        passed = sent | {lookup: value for lookup, (_, value) in asked.items()}
        tags = [lookup.removeprefix(REQUEST_TAG) for lookup in passed if lookup.startswith(REQUEST_TAG)]
        actions = actions_of(tags=bool(tags), source_identity=SET_SOURCE_IDENTITY in passed)
        if tags:
            passed[TAG_KEYS] = tags
        if decide(replace(request, context=passed, actions=actions)).verdict in _DENIED:
            continue
        where = f"the trust policy of {request.callee.arn} asks for"
        names = {
            lookup: _PASSED.get(lookup, f"session tag {key[len(REQUEST_TAG) :]}")
            for lookup, (key, _) in asked.items()
        }
        if missing := [name for lookup, name in names.items() if lookup not in sent]:
            return f"the call lacked {' and '.join(missing)}, which {where}: declare it"
        if differing := [name for lookup, name in names.items() if sent[lookup] != passed[lookup]]:
            return f"the call sent another {' and '.join(differing)} than {where}: declare that one"
    return ""


def _value(condition: Condition | NullCheck) -> str:
    """A value that meets a condition, as far as one shows."""
    value = condition.values[0] if isinstance(condition, Condition) else "any"
    return value.replace("*", "x").replace("?", "x")


class _NoSuchRoleError(Exception):
    """The account has no role of that name."""


@dataclass(frozen=True)
class _RolePolicies:
    """The policies of a role, as IAM holds them.

    Attributes:
        arn: its ARN, path included.
        trust: who may assume it.
        identity: what it may do, inline and managed; one that could not be read is ``Policy.unknown``.
        boundary: its permissions boundary; None where it has none.
    """

    arn: str
    trust: Policy
    identity: tuple[Policy, ...]
    boundary: Policy | None

    @property
    def revoked_before(self) -> str | None:
        """The latest time before which its sessions are denied everything, as ``rolechain revoke`` writes it."""
        times = (
            condition.values
            for policy in self.identity
            for statement in policy.denies
            if "*" in statement.actions.written and statement.resources and "*" in statement.resources.written
            for condition in statement.conditions
            if isinstance(condition, Condition) and len(statement.conditions) == 1
            if (condition.lookup, condition.name) == ("aws:tokenissuetime", "datelessthan")
        )
        return max((time for values in times for time in values), default=None)


def _read_role(iam: Any, name: str, *, trust_only: bool) -> _RolePolicies | None:
    """Reads a role by its name without the path, with a client of its account; None where IAM gives none.

    Raises:
        _NoSuchRoleError: the account has no such role.
    """
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except (ClientError, BotoCoreError) as error:
        if _code(error) == "NoSuchEntity":
            raise _NoSuchRoleError from error
        return None
    trust = _policy("the trust policy", lambda: role["AssumeRolePolicyDocument"])
    if trust_only:
        return _RolePolicies(role["Arn"], trust, (), None)
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return _RolePolicies(
        role["Arn"], trust, tuple(_identity(iam, name)), _managed(iam, boundary) if boundary else None
    )


def _identity(iam: Any, name: str) -> Iterator[Policy]:
    try:
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
            for inline in page["PolicyNames"]:
                yield _inline(iam, name, inline)
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
            for policy in page["AttachedPolicies"]:
                yield _managed(iam, policy["PolicyArn"])
    except (ClientError, BotoCoreError) as error:
        yield Policy.unknown(f"{name}'s policies ({_code(error)})")


def _inline(iam: Any, name: str, policy: str) -> Policy:
    return _policy(policy, lambda: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])


def _managed(iam: Any, arn: str) -> Policy:
    def document() -> Any:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    return _policy(arn, document)


def _policy(name: str, document: Callable[[], Any]) -> Policy:
    try:
        return Policy.parse(document())
    except (ClientError, BotoCoreError, PolicyError) as error:
        return Policy.unknown(f"{name} ({_code(error)})")


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return str(error) if isinstance(error, PolicyError) else type(error).__name__
