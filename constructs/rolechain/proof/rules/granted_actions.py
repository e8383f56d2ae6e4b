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
def actions_granted(context: RuleContext) -> Violations:
    """Actions with a wildcard, and in a chain those that no side of the hop asks for."""
    for located in context.trust:
        if located.statement.effect != "Allow":
            continue
        actions = located.statement.actions
        uses = " and ".join(_entry_actions(located))
        if actions.negated:
            surplus = [f"all but {', '.join(actions.written)}"]
        else:
            surplus = [name for name in actions.written if set(name) & set("*?")]
            callee = context.hop_roles.get(located.role.arn)
            if callee is not None:
                surplus += [
                    name
                    for name in actions.written
                    if not set(name) & set("*?") and _unused(context, located, name)
                ]
        if surplus:
            yield Violation(
                located.place,
                f"the trust policy of {located.role.arn} grants {', '.join(surplus)}",
                f"write {uses}",
            )


def _entry_actions(located: LocatedStatement) -> list[str]:
    found = []
    if any(":saml-provider/" in provider for provider in located.federated):
        found.append("sts:AssumeRoleWithSAML")
    if any(":saml-provider/" not in provider for provider in located.federated):
        found.append("sts:AssumeRoleWithWebIdentity")
    return found or ["sts:AssumeRole"]


def _unused(context: RuleContext, located: LocatedStatement, name: str) -> bool:
    """Whether an action of a chain's trust policy is none that the hop into it uses."""
    action = name.lower()
    if action == "sts:assumerole" or name.startswith("an unresolved "):
        return False
    if action not in _SESSION_ACTIONS:
        return True
    keys = {
        key
        for entry in located_statements(located.role, located.role.trust)
        for c in entry.statement.conditions
        for key in c.keys
    }
    asked = any(key.startswith(_SESSION_ACTIONS[action]) for key in keys)
    return not asked and not any(
        _grants_by_name(context, caller, action) for caller in _callers(context, located)
    )


def _callers(context: RuleContext, located: LocatedStatement) -> Iterator[ChainRole]:
    callee = context.hop_roles.get(located.role.arn)
    for hop in context.chain.calls_into(callee) if context.chain and callee else ():
        yield hop.caller


def _grants_by_name(context: RuleContext, caller: ChainRole, action: str) -> bool:
    role = context.roles.get(caller.arn)
    return role is not None and any(
        action in located.statement.actions.exact
        for record in role.policies
        for located in located_statements(role, record)
        if located.statement.effect == "Allow"
    )
