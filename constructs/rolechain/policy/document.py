"""A policy document, parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from rolechain.policy.context import Context, ContextValue, possible_contexts
from rolechain.policy.elements import PolicyError, intrinsic_of, load, mapping, shown
from rolechain.policy.logic import any_of
from rolechain.policy.statement import Statement
from rolechain.policy.statement import parse as parse_statement
from rolechain.policy.statement import unknown as unknown_statement
from rolechain.policy.trust_problems import trust_problems

ELEMENTS = ("Version", "Id", "Statement")
CURRENT, FIRST = "2012-10-17", "2008-10-17"


class Effect(StrEnum):
    """The result of one document for one action."""

    ALLOW = "allow"
    DENY = "deny"
    SILENT = "silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy document.

    Attributes:
        statements: its statements in order.
        missing: the policy's name, where its document is not available, so that every result is unknown.
        allows: the statements that may allow.
        denies: the statements that may deny.
    """

    statements: tuple[Statement, ...]
    missing: str | None = None
    allows: tuple[Statement, ...] = field(init=False, repr=False)
    denies: tuple[Statement, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        allows = tuple(statement for statement in self.statements if statement.effect != "Deny")
        denies = tuple(statement for statement in self.statements if statement.effect != "Allow")
        object.__setattr__(self, "allows", allows)
        object.__setattr__(self, "denies", denies)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The condition keys that it depends on, in lower case."""
        return frozenset().union(*(statement.keys for statement in self.statements))

    @classmethod
    def parse(cls, document: str | Mapping[str, Any]) -> Policy:
        """Parses a document, given as JSON text or as an object.

        A CloudFormation intrinsic function makes unknown what depends on it.

        Raises:
            PolicyError: the document does not follow IAM's policy grammar; the message is one line.
        """
        element = load(document) if isinstance(document, str) else document
        if intrinsic := intrinsic_of(element):
            return cls.unknown(str(intrinsic))
        element = mapping(element, "the policy", ELEMENTS)
        version = element.get("Version", FIRST)
        if intrinsic := intrinsic_of(version):
            return cls.unknown(f"a policy whose Version is {intrinsic}")
        if version not in (CURRENT, FIRST):
            raise PolicyError(f'Version is {shown(version)}: write "{CURRENT}"')
        if "Statement" not in element:
            raise PolicyError("Statement is missing: a policy holds one at least")
        listed = element["Statement"]
        items = listed if isinstance(listed, (list, tuple)) else [listed]
        # Policy variables require the current version.
        parsed = tuple(parse_statement(item, index, version == CURRENT) for index, item in enumerate(items))
        sids = [
            sid
            for item in items
            if isinstance(item, Mapping) and isinstance(sid := item.get("Sid"), str) and sid
        ]
        if len(set(sids)) < len(sids):
            repeated = next(sid for sid in sids if sids.count(sid) > 1)
            raise PolicyError(f"the Sid {shown(repeated)} occurs twice: give each statement its own")
        return cls(parsed)

    @classmethod
    def unknown(cls, name: str) -> Policy:
        """A policy whose document is not available, so that every result is unknown.

        Args:
            name: its ARN or name, for the reason of a decision.
        """
        statement = unknown_statement(0, f"the document of {name} is not at hand", stands_in=True)
        return cls((statement,), missing=name)

    def judge(self, action: str, resource: str, context: Mapping[str, ContextValue]) -> Effect:
        """The result of this document alone for one action on one resource.

        The document is an identity policy, permissions boundary, session policy or service control policy, or a
        resource control policy that names the principal. The action may be any AWS action.

        Args:
            action: ``s3:ListBucket``, in any case.
            resource: its ARN, or ``*`` where the action has none.
            context: the request's condition keys.
        """
        action = action.lower()
        contexts = possible_contexts(action, Context.of(context), self.keys).values()
        effects = {self._judge(action, resource, possible) for possible in contexts}
        return effects.pop() if len(effects) == 1 else Effect.UNKNOWN

    def _judge(self, action: str, resource: str, context: Context) -> Effect:
        denied = any_of(statement.applies(action, resource, context) for statement in self.denies)
        if denied:
            return Effect.DENY
        allowed = any_of(statement.applies(action, resource, context) for statement in self.allows)
        if denied is None or allowed is None:
            return Effect.UNKNOWN
        return Effect.ALLOW if allowed else Effect.SILENT

    def trust_problems(self) -> list[str]:
        """What IAM refuses in it as a trust policy, each with its statement, counted from 0."""
        return [
            f"statement {statement.index}: {problem}"
            for statement in self.statements
            for problem in trust_problems(statement)
        ]
