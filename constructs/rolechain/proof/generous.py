"""The most generous request that a caller can make: whatever it may choose, it chooses so that it gets in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice, product
from typing import NamedTuple

from rolechain.policy import ContextValue, Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.request import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.proof.candidates import candidates

TRIES = 4096
"""How many requests are tried; if none of so many gets in and there are more, the answer is unknown."""

_TAGS = ("aws:requesttag/", "aws:tagkeys", "sts:transitivetagkeys")

NEVER_ROLES = frozenset(
    {
        "aws:multifactorauthpresent",
        "aws:multifactorauthage",
        "aws:username",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
    }
)
"""Keys that no call of a role's session carries: of users' MFA, and of services that call on somebody's behalf."""


class Attempt(NamedTuple):
    """The best of all requests.

    Attributes:
        decision: what is decided about it.
        context: its condition keys.
    """

    decision: Decision
    context: Mapping[str, ContextValue]


def most_generous(request: Request, never: frozenset[str] = NEVER_ROLES) -> Attempt:
    """Tries every value that matters of each key that the request leaves open.

    The keys in the request's context are what the caller is, and stay as they are; every other key that a policy
    asks for may be anything: an external id, a session's name, tags, a source identity, an address, a time.

    Args:
        request: the request without what the caller may choose.
        never: keys, in lower case, that such a caller's request cannot carry.
    """
    fixed = {key.lower(): value for key, value in request.context.items()}
    policies = [request.callee.trust_policy, *request.identity_policies]
    policies += [request.permissions_boundary] if request.permissions_boundary else []
    mentioned = _keys(policies)
    free = sorted(key for key in mentioned if key not in fixed and key not in never)
    if not free:
        return Attempt(decide(request), request.context)
    choices = [candidates(policies, key, fixed) for key in free]
    best: Attempt | None = None
    tries = product(*choices)
    for chosen in islice(tries, TRIES):
        context = fixed | {key: value for key, value in zip(free, chosen, strict=True) if value is not None}
        attempt = Attempt(decide(replace(request, context=context, actions=_actions(context))), context)
        if attempt.decision.allowed:
            return attempt
        if best is None or (attempt.decision.verdict is Verdict.UNKNOWN and not _unknown(best)):
            best = attempt
    if best is None or (not _unknown(best) and next(tries, None) is not None):
        reason = f"more than {TRIES} requests would have to be tried: ask for fewer condition keys"
        return Attempt(Decision(Verdict.UNKNOWN, Side.TRUST_POLICY, ASSUME_ROLE, reason), fixed)
    return best


def _unknown(attempt: Attempt) -> bool:
    return attempt.decision.verdict is Verdict.UNKNOWN


def _keys(policies: list[Policy]) -> frozenset[str]:
    return frozenset().union(*(policy.keys for policy in policies))


def _actions(context: Mapping[str, ContextValue]) -> tuple[str, ...]:
    """The actions that a call with these keys uses."""
    tagged = any(key.startswith(_TAGS) for key in context)
    named = "sts:sourceidentity" in context
    return (ASSUME_ROLE, *([TAG_SESSION] if tagged else ()), *([SET_SOURCE_IDENTITY] if named else ()))
