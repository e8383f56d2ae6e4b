"""Which actions a trust policy grants."""

from __future__ import annotations

from collections.abc import Iterator

from rolechain.model.role import ChainRole
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, located_statements
from rolechain.proof.rules.rule import Violation, Violations, rule

_SESSION_ACTIONS = {
    "sts:tagsession": ("aws:requesttag/", "aws:tagkeys", "sts:transitivetagkeys"),
    "sts:setsourceidentity": ("sts:sourceidentity", "aws:sourceidentity"),
}
"""The actions that a hop uses besides AssumeRole where a condition asks for one of these keys."""


@rule(
    "RC36",
    "a trust policy grants the actions that its hop uses and no others",
    prevents="more than was asked for: tags, or an identity, that nobody meant to take from the caller",
    source="IAM User Guide, Security best practices: least privilege; AWS guardrails for IAM trust policies",
    levels="warning",
)
def actions_granted(survey: RuleContext) -> Violations:
    """Actions with a wildcard, and in a chain those that no side of the hop asks for."""
    for ruling in survey.trust:
        if ruling.statement.effect != "Allow":
            continue
        actions = ruling.statement.actions
        uses = " and ".join(_entry_actions(ruling))
        if actions.negated:
            surplus = [f"all but {', '.join(actions.written)}"]
        else:
            surplus = [name for name in actions.written if set(name) & set("*?")]
            callee = survey.hop_roles.get(ruling.role.arn)
            if callee is not None:
                surplus += [
                    name
                    for name in actions.written
                    if not set(name) & set("*?") and _unused(survey, ruling, name)
                ]
        if surplus:
            yield Violation(
                ruling.place,
                f"the trust policy of {ruling.role.arn} grants {', '.join(surplus)}",
                f"write {uses}",
            )


def _entry_actions(ruling: LocatedStatement) -> list[str]:
    found = []
    if any(":saml-provider/" in provider for provider in ruling.federated):
        found.append("sts:AssumeRoleWithSAML")
    if any(":saml-provider/" not in provider for provider in ruling.federated):
        found.append("sts:AssumeRoleWithWebIdentity")
    return found or ["sts:AssumeRole"]


def _unused(survey: RuleContext, ruling: LocatedStatement, name: str) -> bool:
    """Whether an action of a chain's trust policy is none that the hop into it uses."""
    action = name.lower()
    if action == "sts:assumerole" or name.startswith("an unresolved "):
        return False
    if action not in _SESSION_ACTIONS:
        return True
    keys = {
        key
        for entry in located_statements(ruling.role, ruling.role.trust)
        for c in entry.statement.conditions
        for key in c.keys
    }
    asked = any(key.startswith(_SESSION_ACTIONS[action]) for key in keys)
    return not asked and not any(
        _grants_by_name(survey, caller, action) for caller in _callers(survey, ruling)
    )


def _callers(survey: RuleContext, ruling: LocatedStatement) -> Iterator[ChainRole]:
    callee = survey.hop_roles.get(ruling.role.arn)
    for hop in survey.chain.calls_into(callee) if survey.chain and callee else ():
        yield hop.caller


def _grants_by_name(survey: RuleContext, caller: ChainRole, action: str) -> bool:
    role = survey.roles.get(caller.arn)
    return role is not None and any(
        action in ruling.statement.actions.exact
        for record in role.policies
        for ruling in located_statements(role, record)
        if ruling.statement.effect == "Allow"
    )
