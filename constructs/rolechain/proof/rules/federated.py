"""Identity providers: whose tokens and assertions get in."""

from __future__ import annotations

import re
from typing import NamedTuple

from rolechain.graph.finding import Level
from rolechain.iam.arn import partition_of
from rolechain.iam.glob import WILDCARD
from rolechain.iam.partitions import saml_audience
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, only
from rolechain.proof.rules.rule import Violations, rule


class _Subjects(NamedTuple):
    """How the subjects of a kind of provider begin, and which pattern must follow for one group and for one owner."""

    begins: str
    group: str
    owner: str


_KNOWN = (
    _Subjects("repo:", r"[^/:]+/[^/:]+:", r"[^/:]+/"),
    _Subjects("project_path:", r"[^/:]+/", r"[^/:]+/"),
    _Subjects("organization:", r"[^:]+:project:[^:]+:", r"[^:]+:"),
    _Subjects("system:serviceaccount:", r"[^:]+:", r"[^:]+:"),
    _Subjects("", r"[^:/]+[:/][^:/]+[:/]", r"[^:/]+[:/]"),
)
"""GitHub, GitLab, HCP Terraform and Kubernetes; of any other provider, the first two steps of the subject."""

_APPLICATIONS = ("www.amazon.com", "graph.facebook.com")
"""Providers whose audience is the application's id."""


@rule(
    "RC37",
    "a federated principal pins its audience and its subject; a wildcard in the subject spans one repository or "
    "group at most",
    prevents="any workflow or user of the provider gets in",
    source="IAM User Guide, Create a role for OpenID Connect federation; Available keys for SAML-based federation",
    levels="error warning",
)
def federated(context: RuleContext) -> Violations:
    """An audience or a subject that no condition pins (error), or a subject that spans an owner (warning)."""
    for entry in context.entries:
        for provider in entry.federated:
            if ":saml-provider/" in provider:
                if not any(entry.pins(key) for key in ("saml:aud", "saml:recipient")):
                    audience = saml_audience(partition_of(provider))
                    yield entry.violation(
                        f"lets in every assertion of {provider}, whatever its audience",
                        f'add {{"StringEquals": {{"SAML:aud": "{audience}"}}}}',
                    )
            elif entry.statement.actions.match("sts:assumerolewithwebidentity"):
                yield from _oidc(entry, provider)


def _oidc(entry: LocatedStatement, provider: str) -> Violations:
    host = provider.split(":oidc-provider/", 1)[-1]
    audience = f"{host}:app_id" if host in _APPLICATIONS else f"{host}:aud"
    if not entry.pins(audience):
        value = "<the application's id>" if host in _APPLICATIONS else "sts.amazonaws.com"
        yield entry.violation(
            f"lets in tokens of {host} for any audience",
            f'add {{"StringEquals": {{"{audience}": "{value}"}}}}',
        )
    if host in _APPLICATIONS:
        return
    key = f"{host}:sub"
    # An identity pool gives each of its users a subject of their own, and tells them apart by amr.
    of_pool = host == "cognito-identity.amazonaws.com"
    if of_pool and (entry.pins(f"{host}:amr") or entry.pins(audience)):
        return
    if not entry.pins(key):
        example = (
            "repo:<owner>/<repository>:ref:refs/heads/<branch>" if "github" in host else "<the workload's>"
        )
        yield entry.violation(
            f"lets in tokens of {host} with any subject", f'add {{"StringEquals": {{"{key}": "{example}"}}}}'
        )
        return
    for value in entry.pinned(key.lower()):
        yield from _wildcard(entry, key, value)


def _wildcard(entry: LocatedStatement, key: str, subject: str) -> Violations:
    # Under StringEquals a wildcard is none.
    instance = subject.replace("*", "xx").replace("?", "x")
    if instance == subject or not entry.may({key.lower(): only(instance)}):
        return
    fixed = WILDCARD.split(subject, maxsplit=1)[0]
    kind = next(kind for kind in _KNOWN if subject.startswith(kind.begins))
    if re.match(kind.begins + kind.group, fixed):
        return
    in_owner = re.match(kind.begins + kind.owner, fixed)
    example = f": {kind.begins}<owner>/<repository>:*" if kind.begins == "repo:" else ""
    yield entry.violation(
        f"lets in every token whose subject is {subject}, "
        + ("across repositories or groups of one owner" if in_owner else "of whatever owner"),
        f"write {key} out up to one repository or group{example}",
        Level.WARNING if in_owner else None,
    )
