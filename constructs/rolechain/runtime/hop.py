"""One hop of a session: the role to assume, what its AssumeRole passes, and what the session is called."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rolechain.errors import ChainError, Problem
from rolechain.iam.arn import account_of, name_of, partition_of
from rolechain.iam.limits import NAME, SESSION_NAME_LENGTHS
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.session_policy import compact
from rolechain.model.session_values import several
from rolechain.runtime.limits import problems_of


@dataclass(frozen=True)
class Hop:
    """One AssumeRole, with the parameters that STS takes; frozen, and checked when it is made.

    Attributes:
        role_arn: the role to assume.
        session_name: the session's name, 2 to 64 of letters, digits and ``_+=,.@-``; by default it says who
            is at work, and where.
        external_id: what the trust policy asks for as ``sts:ExternalId``, 2 to 1,224 characters.
        duration_seconds: 900 to 43,200; 3,600 at most where a role session makes the call, so for every hop
            after the first. By default STS gives an hour.
        policy: a session policy, as JSON or as a mapping; 2,048 characters at most.
        policy_arns: up to 10 managed policies that limit the session likewise.
        tags: up to 50 session tags; keys of 1 to 128 characters, unique ignoring case, values of up to 256.
        transitive_tag_keys: which of the tags the later hops inherit.
        source_identity: who is behind the session, 2 to 64 characters; it stays for the rest of the chain.
        serial_number: the MFA device of the IAM user who makes the call.
        token_code: called for the device's six digits, once: when the hop is first taken. Its session then serves to
            its end and cannot be renewed.
        revoked_before: the time before which the chain ends its sessions, for the message of a refusal.

    Raises:
        ChainError: with every mistake; each names the role and the field.
    """

    role_arn: str
    session_name: str | None = field(default=None, kw_only=True)
    external_id: str | None = field(default=None, kw_only=True)
    duration_seconds: int | None = field(default=None, kw_only=True)
    policy: str | Mapping[str, object] | None = field(default=None, kw_only=True, repr=False)
    policy_arns: Sequence[str] = field(default=(), kw_only=True)
    tags: Mapping[str, str] | None = field(default=None, kw_only=True, hash=False)
    transitive_tag_keys: Sequence[str] = field(default=(), kw_only=True)
    source_identity: str | None = field(default=None, kw_only=True)
    serial_number: str | None = field(default=None, kw_only=True)
    token_code: Callable[[], str] | None = field(default=None, kw_only=True, repr=False)
    revoked_before: str | None = field(default=None, kw_only=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("policy_arns", "transitive_tag_keys"):
            object.__setattr__(self, name, several(getattr(self, name) or ()))
        if isinstance(self.policy, Mapping):
            object.__setattr__(self, "policy", compact(self.policy))
        if isinstance(self.tags, Mapping):
            object.__setattr__(self, "tags", dict(self.tags))
        if problems := [Problem((str(self.role_arn), name), message) for name, message in problems_of(self)]:
            raise ChainError(problems)

    @property
    def account(self) -> str:
        """The id of the account that holds the role."""
        return account_of(self.role_arn)

    @property
    def partition(self) -> str:
        """The partition that the role lies in."""
        return partition_of(self.role_arn)

    @property
    def role_name(self) -> str:
        """The role's name, without its path."""
        return name_of(self.role_arn)

    def parameters(self) -> dict[str, object]:
        """The parameters of AssumeRole, without the MFA code, which is good for one call."""
        given: dict[str, object] = {
            "ExternalId": self.external_id,
            "DurationSeconds": self.duration_seconds,
            "Policy": self.policy,
            "PolicyArns": [{"arn": arn} for arn in self.policy_arns],
            "Tags": [{"Key": key, "Value": value} for key, value in (self.tags or {}).items()],
            "TransitiveTagKeys": list(self.transitive_tag_keys),
            "SourceIdentity": self.source_identity,
            "SerialNumber": self.serial_number,
        }
        return {
            "RoleArn": self.role_arn,
            "RoleSessionName": self.session_name or default_session_name(),
            **{name: value for name, value in given.items() if value},
        }


HopLike = str | Hop | DeclaredHop
"""A hop as callers pass it: a role's ARN, a hop with its parameters, or one that a chain declares."""


def as_hop(hop: HopLike) -> Hop:
    """The hop that is meant.

    Raises:
        ChainError: it cannot be one.
    """
    if not isinstance(hop, DeclaredHop):
        return hop if isinstance(hop, Hop) else Hop(hop)
    if problems := list(_not_chosen(hop)):
        raise ChainError(problems)
    return Hop(
        hop.role_arn,
        external_id=hop.external_id,
        duration_seconds=hop.duration_seconds,
        policy=hop.policy,
        policy_arns=hop.policy_arns,
        tags=hop.tags or None,
        transitive_tag_keys=hop.transitive_tag_keys,
        source_identity=hop.source_identity,
        revoked_before=hop.revoked_before,
    )


def _not_chosen(hop: DeclaredHop) -> Iterator[Problem]:
    """The values that the callee asks for, and that neither the chain nor the caller has chosen."""
    for tag in hop.open_tags:
        values = f" ({', '.join(tag.values)})" if tag.values else ""
        yield Problem(
            (hop.role_arn, "tags"),
            f"the role asks for the session tag {tag.key}{values}: choose one with "
            f"chain.hops_to(target, session_tags={{{tag.key!r}: …}})",
        )
    if hop.lacks_source_identity:
        values = ", ".join(hop.callee.identity.values) if hop.callee.identity else ""
        yield Problem(
            (hop.role_arn, "source_identity"),
            f"the role asks for a source identity{f' ({values})' if values else ''}: choose one with "
            "chain.hops_to(target, source_identity=…)",
        )


def default_session_name() -> str:
    """``rolechain-<user>@<host>``, or ``rolechain-<function>`` in a Lambda function; what STS refuses is replaced.

    CloudTrail shows it with every call.
    """
    if function := os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return legal_session_name(f"rolechain-{function}")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user id need not have a name.
        user = f"uid{os.getuid()}"
    return legal_session_name(f"rolechain-{user}@{socket.gethostname().partition('.')[0]}")


def legal_session_name(text: str) -> str:
    """A name that STS accepts, as near to ``text`` as can be: 2 to 64 of letters, digits and ``_+=,.@-``.

    For names that come from people or other systems; ``Hop`` itself refuses a name that is not legal.
    """
    legal = re.sub(f"(?!{NAME}).", "-", text, flags=re.ASCII | re.DOTALL)
    return legal[: SESSION_NAME_LENGTHS[-1]].ljust(2, "-")
