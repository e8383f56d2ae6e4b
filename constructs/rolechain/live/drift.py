"""What differs between the roles of the templates and those that the accounts hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rolechain.cloudformation.template import Template
from rolechain.cloudformation.texts import holds_unknown
from rolechain.graph.documents import statements_in
from rolechain.graph.found_keys import listed
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.graph.template_reader import role_graph_of
from rolechain.live.account import Account
from rolechain.live.proof import chain_with_documents
from rolechain.live.reach import only
from rolechain.live.template import template_of
from rolechain.model.chain import Chain

_LISTS = ("Action", "NotAction", "Resource", "NotResource")


@dataclass(frozen=True)
class Difference:
    """One thing of a role that is not as the templates say.

    Attributes:
        role: the role's ARN.
        part: what of it: ``role``, ``trust policy``, ``permissions``, ``permissions boundary``,
            ``maximum session duration`` or ``tags``.
        declared: what the templates say, such as a statement as JSON; empty where they say nothing.
        found: what the account holds; empty where it holds nothing.
        matters: whether it is of who gets in or of what is allowed. Tags and the duration are told apart: the proof
            of the account looks at what they open or refuse.
    """

    role: str
    part: str
    declared: str
    found: str
    matters: bool = True

    def __str__(self) -> str:
        if not self.declared:
            return f"{self.part} of {self.role} holds what no template says: {self.found}"
        if not self.found:
            return f"{self.part} of {self.role} lacks what the templates say: {self.declared}"
        return f"{self.part} of {self.role} is {self.found}, and {self.declared} in the templates"


def drift(chain: Chain, templates: Iterable[Template], accounts: Iterable[Account]) -> list[Difference]:
    """Every difference between a chain's roles in the templates and in the accounts that were read.

    Statements are compared for what they say: their order, their Sids and how a policy is cut do not count.

    Args:
        chain: the chain; its roles are compared.
        templates: the templates.
        accounts: what was read; a role of another account is left out.
    """
    held = list(accounts)
    declared = role_graph_of(templates, chain).by_arn
    arns = [role.arn for role in chain.roles]
    own = [template_of(only(account, arns)) for account in held]
    found = role_graph_of(own, chain_with_documents(chain, held)).by_arn
    read = {account.id for account in held}
    return [
        difference
        for role in chain.roles
        if role.account in read
        for difference in _of_role(role.arn, _made(declared, role.arn), _made(found, role.arn))
    ]


def _made(roles: Mapping[str, Iterable[RoleRecord]], arn: str) -> RoleRecord | None:
    """The role that is made, and not only taken as the chain declares it."""
    return next((role for role in roles.get(arn, ()) if not role.imported), None)


def _of_role(arn: str, declared: RoleRecord | None, found: RoleRecord | None) -> Iterator[Difference]:
    if declared is None or found is None:
        if declared is not found:
            yield Difference(arn, "role", "a role" if declared else "", "a role" if found else "")
        return
    yield from _statements(arn, "trust policy", [declared.trust], [found.trust])
    yield from _statements(arn, "permissions", declared.policies, found.policies)
    for part, said, matters in (
        ("permissions boundary", lambda role: role.boundary.name if role.boundary else "", True),
        ("maximum session duration", _duration, False),
        ("tags", lambda role: ", ".join(f"{key}={role.tags[key]}" for key in sorted(role.tags)), False),
    ):
        if said(declared) != said(found):
            yield Difference(arn, part, said(declared), said(found), matters)


def _statements(
    arn: str, part: str, declared: Iterable[PolicyRecord], found: Iterable[PolicyRecord]
) -> Iterator[Difference]:
    one, other = (Counter(text for record in each for text in _said(record)) for each in (declared, found))
    for text in (one - other).elements():
        yield Difference(arn, part, text, "")
    for text in (other - one).elements():
        yield Difference(arn, part, "", text)


def _said(record: PolicyRecord) -> Iterator[str]:
    """The statements of a policy as canonical JSON; the policy's name where its document is not at hand."""
    document = record.document
    if document is None or holds_unknown(document):
        yield f"the policy {record.name}"
        return
    for statement in statements_in(document):
        yield json.dumps(_canonical(statement), sort_keys=True, ensure_ascii=False)


def _canonical(statement: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in statement.items():
        if key in _LISTS:
            texts = [str(each) for each in listed(value)]
            found[key] = sorted({text.lower() for text in texts} if key.endswith("Action") else set(texts))
        elif key in ("Principal", "NotPrincipal"):
            principals = {"AWS": "*"} if value == "*" else value
            found[key] = {kind: sorted(map(str, listed(names))) for kind, names in principals.items()}
        elif key == "Condition":
            found[key] = {
                operator: {
                    name.lower(): sorted(map(_scalar, listed(values))) for name, values in keys.items()
                }
                for operator, keys in value.items()
            }
        elif key != "Sid":
            found[key] = value
    return found


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _duration(role: RoleRecord) -> str:
    seconds = role.max_session_duration
    return "an unknown duration" if seconds is None else f"{seconds} s"
