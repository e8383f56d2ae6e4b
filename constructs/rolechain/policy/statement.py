"""One statement of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from rolechain.policy import actions, conditions, principals, resources
from rolechain.policy.actions import Actions
from rolechain.policy.conditions import AnyCondition, UnknownCondition
from rolechain.policy.context import Context
from rolechain.policy.elements import PolicyError, intrinsic_of, mapping, shown
from rolechain.policy.logic import Ternary
from rolechain.policy.principals import Caller, Match, Principals
from rolechain.policy.resources import Resources

_NEGATABLE = ("Principal", "Action", "Resource")
ELEMENTS = ("Sid", "Effect", *(prefix + name for name in _NEGATABLE for prefix in ("", "Not")), "Condition")


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement.

    Attributes:
        index: its place in the document, counted from 0.
        effect: ``Allow`` or ``Deny``; None for a CloudFormation intrinsic function.
        actions: its Action or NotAction.
        resources: its Resource or NotResource; None where it has neither, as in a trust policy.
        principals: its Principal; None where it has none, as in an identity policy.
        not_principal: whether it has NotPrincipal.
        conditions: its conditions, all of which must be met.
        sid: its Sid, if any.
        stands_in: whether it represents a whole document that is not available.
        unread: whether it represents a statement or a document of which nothing is known.
    """

    index: int
    effect: Literal["Allow", "Deny"] | None
    actions: Actions
    resources: Resources | None
    principals: Principals | None
    not_principal: bool
    conditions: tuple[AnyCondition, ...]
    sid: str | None
    stands_in: bool = False
    unread: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys that it depends on, in lower case."""
        of_resources = self.resources.keys if self.resources else frozenset()
        return of_resources.union(*(condition.keys for condition in self.conditions))

    def applies(self, action: str, resource: str, context: Context) -> Ternary:
        """Whether it applies to a request, as a statement of any policy except a trust policy.

        A statement that IAM refuses there, without Resource or with a Principal, allows nothing and may deny.

        Args:
            action: the action in lower case.
            resource: the ARN of the resource.
            context: the request's condition keys.
        """
        about = self.actions.match(action)
        if about is False:
            return False
        if self.resources is None or not self.names_everyone_or_nobody:
            return self._refused(context)
        on = self.resources.match(resource, context)
        if on is False:
            return False
        met = self._met(context)
        if met is False:
            return False
        return True if about and on and met and self.effect else None

    def names(self, action: str, caller: Caller, partition: str, context: Context) -> tuple[Match, ...]:
        """How it names a caller, as a statement of a trust policy; empty where it does not apply to the request.

        A statement that IAM refuses there, with NotPrincipal or Resource or without Principal, allows nobody and may
        deny.

        Args:
            action: the action in lower case.
            caller: who calls.
            partition: the partition of the role that is to be assumed.
            context: the request's condition keys.
        """
        about = self.actions.match(action)
        if about is False:
            return ()
        if self.principals is None or self.resources is not None:
            return principals.ANYONE if self._refused(context) is None else ()
        found = self.principals.match(caller, partition)
        if not found:
            return ()
        met = self._met(context)
        if met is False:
            return ()
        return found if about and met and self.effect else tuple((strength, None) for strength, _ in found)

    @cached_property
    def names_everyone_or_nobody(self) -> bool:
        """Whether its principals are valid outside a trust policy: none, or ``*`` in a resource control policy."""
        return not self.not_principal and (self.principals is None or self.principals.everyone)

    def _met(self, context: Context) -> Ternary:
        met: Ternary = True
        for condition in self.conditions:
            answer = condition.holds(context)
            if answer is False:
                return False
            if answer is None:
                met = None
        return met

    def _refused(self, context: Context) -> Ternary:
        """Whether a statement that IAM refuses applies: an Allow does not, a Deny may."""
        return False if self.effect == "Allow" or self._met(context) is False else None


def parse(element: Any, index: int, variables: bool) -> Statement:
    """One statement of a document.

    Args:
        element: its JSON.
        index: its place in the document, counted from 0.
        variables: whether the document takes policy variables.

    Raises:
        PolicyError: it does not follow IAM's policy grammar.
    """
    if intrinsic := intrinsic_of(element):
        return unknown(index, f"the statement is {intrinsic}")
    try:
        return _parse(mapping(element, "the statement", ELEMENTS), index, variables)
    except PolicyError as error:
        raise type(error)(f"statement {index}: {error}") from None


def unknown(index: int, reason: str, stands_in: bool = False) -> Statement:
    """A statement that may allow or deny anything.

    Args:
        index: its place in the document, counted from 0.
        reason: why it is not known.
        stands_in: whether it represents a whole document.
    """
    return Statement(
        index=index,
        effect=None,
        actions=actions.parse("*", negated=False),
        resources=resources.parse("*", variables=False, negated=False),
        principals=None,
        not_principal=False,
        conditions=(UnknownCondition(reason),),
        sid=None,
        stands_in=stands_in,
        unread=True,
    )


def _parse(element: Mapping[str, Any], index: int, variables: bool) -> Statement:
    for name in _NEGATABLE:
        if name in element and f"Not{name}" in element:
            raise PolicyError(f"{name} and Not{name} exclude each other: remove one")
    if "Action" not in element and "NotAction" not in element:
        raise PolicyError("Action is missing: name what the statement is about")
    negated = "NotAction" in element
    about = actions.parse(element["NotAction" if negated else "Action"], negated)
    on = None
    if "Resource" in element or "NotResource" in element:
        excluded = "NotResource" in element
        on = resources.parse(element["NotResource" if excluded else "Resource"], variables, excluded)
    if "NotPrincipal" in element:
        principals.parse(element["NotPrincipal"])
    effect, sid = element.get("Effect"), element.get("Sid")
    if intrinsic_of(effect):
        effect = None
    elif effect not in ("Allow", "Deny"):
        found = "missing" if effect is None else shown(effect)
        raise PolicyError(f"Effect is {found}: write Allow or Deny")
    if intrinsic := intrinsic_of(sid):
        sid = str(intrinsic)
    elif sid is not None and not isinstance(sid, str):
        raise PolicyError(f"Sid is {shown(sid)}: write a text")
    return Statement(
        index=index,
        effect=effect,
        actions=about,
        resources=on,
        principals=principals.parse(element["Principal"]) if "Principal" in element else None,
        not_principal="NotPrincipal" in element,
        conditions=conditions.parse(element["Condition"], variables) if "Condition" in element else (),
        sid=sid,
    )
