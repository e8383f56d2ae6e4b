"""Who makes a call: the caller behind an access key, its policies, and what it carries along a chain.

Some access key ids stand for a caller by themselves: an account's administrator, or an AWS service. Both sign with the
secret of the run. A service obtains the first role of the workload that it runs; here
``LocalOrganization.workload`` does.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rolechain.iam.arn import iam_arn, name_of, resource_type_of, session_names
from rolechain.iam.condition_keys import principal_keys
from rolechain.iam.limits import ACCOUNT, SERVICE
from rolechain.local import emulator
from rolechain.local.errors import unknown_key
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.policy import Caller, ContextValue, Policy, PolicyError
from rolechain.policy.principals import CallerKind

ADMINISTRATOR = "administrator"
_ON_BEHALF_OF = {"x-amz-source-account": "aws:SourceAccount", "x-amz-source-arn": "aws:SourceArn"}
"""The headers in which a service names the account and the resource that it calls for."""
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class AuthenticatedPrincipal:
    """A caller with everything that a decision about its calls depends on.

    Attributes:
        tags: its tags; a session's include its role's.
        transitive_tags: the session tags that every later session of the chain inherits.
        source_identity: set once in a chain, and then inherited.
        user_name: for an IAM user and its sessions.
        issued_at: seconds since 1970 when the session was made; None without one.
        mfa_at: seconds since 1970 when the user showed an MFA device; None where it did not.
        chained: a session that was itself obtained by assuming a role; one that a service obtained for its
            workload is not.
        on_behalf_of: for a service, the condition keys of the account and the resource that it calls for.
    """

    caller: Caller
    tags: Mapping[str, str]
    identity_policies: tuple[Policy, ...] = ()
    permissions_boundary: Policy | None = None
    session_policies: tuple[Policy, ...] | None = None
    transitive_tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str | None = None
    user_name: str | None = None
    user_id: str = ""
    issued_at: float | None = None
    mfa_at: float | None = None
    chained: bool = False
    on_behalf_of: Mapping[str, ContextValue] = field(default_factory=dict)

    def condition_keys(
        self, organization: str | None, organization_path: str | None
    ) -> dict[str, ContextValue]:
        """The condition keys that describe the caller itself, in every call that it makes.

        Args:
            organization: the id of its organization; None if it belongs to none.
            organization_path: the path of its organizational unit, likewise.
        """
        keys = principal_keys(
            self.caller.role_arn or self.caller.arn,
            user_id=self.user_id,
            organization=organization,
            organization_path=organization_path,
            tags=self.tags,
            source_identity=self.source_identity,
        )
        keys |= self.on_behalf_of
        if self.issued_at is not None:
            keys["aws:TokenIssueTime"] = timestamp(self.issued_at)
            keys["aws:MultiFactorAuthPresent"] = "false" if self.mfa_at is None else "true"
        if self.mfa_at is not None:
            keys["aws:MultiFactorAuthAge"] = str(int(time.time() - self.mfa_at))
        return keys


def is_account(access_key_id: str) -> bool:
    """Whether an access key id is an account's id, and so its administrator's."""
    return bool(ACCOUNT.fullmatch(access_key_id))


def is_service(access_key_id: str) -> bool:
    """Whether an access key id is a service principal, such as ``lambda.amazonaws.com``, and so that service's."""
    return bool(SERVICE.fullmatch(access_key_id))


def administrator_arn(account: str) -> str:
    """The ARN of an account's administrator."""
    return iam_arn("aws", account, f"user/{ADMINISTRATOR}")


def administrator_id(account: str) -> str:
    """The unique id of an account's administrator."""
    return f"AIDALOCAL{account}"


def policy_of(document: str | dict[str, Any], name: str) -> Policy:
    """The policy that a document holds; one that cannot be read is unknown, and so denies what it is asked."""
    try:
        return Policy.parse(document)
    except PolicyError as error:
        return Policy.unknown(f"{name}: {error}")


def timestamp(moment: float) -> str:
    """A moment, in seconds since 1970, as AWS writes it."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_administrator(access_key_id: str) -> bool:
    """Whether an access key is an account's administrator's: its id, or of a session that GetSessionToken made."""
    session = emulator.session(access_key_id) or {}
    return is_account(access_key_id) or str(session.get("Arn", "")).endswith(":root")


def principal_of(access_key_id: str, headers: Mapping[str, str] | None = None) -> AuthenticatedPrincipal:
    """The caller whose access key that is, in the account of the request that is being served.

    Raises:
        ServiceError: the key is not known, or its session is one that may not assume roles.
    """
    if is_service(access_key_id):
        sent = headers or {}
        named = {key: sent[name] for name, key in _ON_BEHALF_OF.items() if name in sent}
        return AuthenticatedPrincipal(caller=Caller("service", access_key_id), tags={}, on_behalf_of=named)
    account = emulator.request_account()
    session = emulator.session(access_key_id) or {}
    arn = str(session.get("Arn", ""))
    if is_administrator(access_key_id):
        arn, unique_id = administrator_arn(account), administrator_id(account)
        return AuthenticatedPrincipal(
            caller=_caller("user", arn, account, unique_id),
            identity_policies=(Policy.parse(_EVERYTHING),),
            tags={},
            user_name=ADMINISTRATOR,
            user_id=unique_id,
            issued_at=session.get("IssuedAt"),
        )
    if names := session_names(arn):
        return _role_session(account, *names, session)
    if not session:
        key = emulator.access_keys.get(account, access_key_id)
        if key is not None:
            return _user(account, str(key["UserName"]), {})
    elif resource_type_of(arn) == "user":
        name = str(session.get("PrincipalName") or name_of(arn))
        return _user(account, name, session)
    raise unknown_key()


def _caller(kind: CallerKind, arn: str, account: str, unique_id: str, role_arn: str | None = None) -> Caller:
    management = account == MANAGEMENT_ACCOUNT
    return Caller(kind, arn, account, role_arn, unique_id, in_management_account=management)


def _user(account: str, name: str, session: Mapping[str, Any]) -> AuthenticatedPrincipal:
    record = emulator.users.get(account, name)
    if record is None:
        raise unknown_key()
    inline = emulator.user_inline_policies.get(account, name) or {}
    own = _policies(account, inline, record.get("AttachedPolicies", []))
    for group, of_group in emulator.groups_of(account, name):
        own += _policies(account, of_group, group.get("AttachedPolicies", []))
    return AuthenticatedPrincipal(
        caller=_caller("user", record["Arn"], account, record["UserId"]),
        identity_policies=own,
        permissions_boundary=_boundary(account, record),
        tags=_tags(record.get("Tags")),
        user_name=name,
        user_id=record["UserId"],
        issued_at=session.get("IssuedAt"),
        mfa_at=session.get("MfaAt"),
    )


def _role_session(
    account: str, name: str, session_name: str, session: Mapping[str, Any]
) -> AuthenticatedPrincipal:
    record = emulator.roles.get(account, name)
    if record is None:
        raise unknown_key()
    session_policies = None
    if (passed := session.get("SessionPolicies")) is not None:
        inline = {"of the session": passed["Policy"]} if passed.get("Policy") else {}
        session_policies = _policies(account, inline, passed.get("PolicyArns", []))
    return AuthenticatedPrincipal(
        caller=_caller("role-session", session["Arn"], account, record["RoleId"], record["Arn"]),
        identity_policies=_policies(
            account, record.get("InlinePolicies") or {}, record.get("AttachedPolicies", [])
        ),
        permissions_boundary=_boundary(account, record),
        session_policies=session_policies,
        tags=_tags(record.get("Tags")) | _tags(session.get("SessionTags")),
        transitive_tags=session.get("TransitiveTags") or {},
        source_identity=session.get("SourceIdentity"),
        user_id=f"{record['RoleId']}:{session_name}",
        issued_at=session.get("IssuedAt"),
        # ministack gives a type to the sessions of its STS, and none to those of its Lambda functions.
        chained="PrincipalType" in session,
    )


def _policies(account: str, inline: Mapping[str, Any], attached: Iterable[str]) -> tuple[Policy, ...]:
    own = (policy_of(document, f"inline policy {name}") for name, document in inline.items())
    return (*own, *(_managed(account, arn) for arn in attached))


def _boundary(account: str, record: Mapping[str, Any]) -> Policy | None:
    arn = record.get("PermissionsBoundary")
    return _managed(account, arn) if arn else None


def _managed(account: str, arn: str) -> Policy:
    document = emulator.managed_policy(arn, account)
    return Policy.unknown(arn) if document is None else policy_of(document, arn)


def _tags(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}
