"""Tokens and assertions of identity providers that a trust policy lets in.

Source: IAM User Guide, "Available keys for AWS web identity federation" and "for SAML-based federation".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product

from rolechain.policy import ContextValue, Policy
from rolechain.policy.conditions import Condition
from rolechain.policy.context import Context
from rolechain.policy.logic import Ternary, all_of, any_of
from rolechain.policy.statement import Statement
from rolechain.proof.candidates import candidates
from rolechain.proof.documents import statements_in
from rolechain.proof.generous import TRIES
from rolechain.proof.unresolved import Unresolved
from rolechain.proof.witness import instance
from rolechain.proof.world import RoleRecord

WEB_IDENTITY, SAML = "sts:assumerolewithwebidentity", "sts:assumerolewithsaml"
FEDERATED_ACTIONS = (WEB_IDENTITY, SAML)

Token = tuple[tuple[str, str], ...]
"""The keys of a token and their values; a key that it lacks is left out."""


def federated_doors(role: RoleRecord, statement: Statement) -> Iterator[tuple[str, str, Token, bool]]:
    """Each token that matters of each provider which a statement names.

    Yields:
        The provider, the token in words, its keys, and whether it is known that it is let in.
    """
    for provider in _providers(role, statement):
        if provider is None:
            yield "", "tokens of a provider that cannot be resolved", (), False
            continue
        for token, met in _tokens(role.trust.policy, statement, {}):
            pinned = [f"{key} {_as_written(statement, key, value)}" for key, value in token]
            words = (
                f"tokens of {provider} with {' and '.join(pinned)}"
                if pinned
                else f"every token of {provider}"
            )
            yield provider, words, token, met is True


def _as_written(statement: Statement, key: str, value: str) -> str:
    """The pattern that a value was made up for; else the value."""
    for condition in statement.conditions:
        if isinstance(condition, Condition) and condition.lookup == key and not condition.negated:
            for pattern in condition.values:
                if pattern != value and instance(pattern) == value and condition.holds(Context({key: value})):
                    return pattern
    return value


def token_admitted(role: RoleRecord, provider: str, token: Mapping[str, str]) -> Ternary:
    """Whether a trust policy lets in a token of a provider that has these keys, in lower case, and whatever others."""
    action = SAML if ":saml-provider/" in provider else WEB_IDENTITY
    return any_of(
        met
        for statement in role.trust.policy.allows
        if statement.resources is None
        and statement.actions.match(action)
        and provider in _providers(role, statement)
        for _, met in _tokens(role.trust.policy, statement, token)
    )


def subject_key(provider: str) -> str:
    """The condition key of the subject of an OpenID Connect provider's tokens, in lower case."""
    return f"{_host(provider)}:sub"


def audience_key(provider: str) -> str:
    """The condition key of the audience, likewise; SAML providers have one in common."""
    return "saml:aud" if ":saml-provider/" in provider else f"{_host(provider)}:aud"


def _host(provider: str) -> str:
    return provider.split(":oidc-provider/", 1)[-1].lower()


def _providers(role: RoleRecord, statement: Statement) -> Iterator[str | None]:
    statements = statements_in(role.trust.document)
    element = statements[statement.index] if statement.index < len(statements) else None
    principal = element.get("Principal") if isinstance(element, dict) else None
    listed = principal.get("Federated", []) if isinstance(principal, dict) else []
    for provider in listed if isinstance(listed, list) else [listed]:
        if isinstance(provider, str) and provider:
            yield provider
        elif isinstance(provider, Unresolved):
            yield None


def _tokens(trust: Policy, statement: Statement, fixed: Mapping[str, str]) -> Iterator[tuple[Token, Ternary]]:
    """The tokens that a statement lets in and no Deny keeps out, as far as they differ for it."""
    policy = Policy((statement, *trust.denies))
    keys = sorted(policy.keys - set(fixed))
    choices = [candidates([policy], key, {}) for key in keys]
    tries = product(*choices)
    for chosen in islice(tries, TRIES):
        given: dict[str, ContextValue] = dict(fixed)
        given.update((key, value) for key, value in zip(keys, chosen, strict=True) if value is not None)
        context = Context.of(given)
        met = all_of(condition.holds(context) for condition in statement.conditions)
        denied = any(
            all_of(condition.holds(context) for condition in deny.conditions) is True
            and any(deny.actions.match(action) for action in FEDERATED_ACTIONS)
            for deny in trust.denies
        )
        if met is not False and not denied:
            values = ((key, value) for key, value in given.items() if isinstance(value, str))
            yield tuple(values), met
    if next(tries, None) is not None:
        yield (), None  # not all of them could be tried
