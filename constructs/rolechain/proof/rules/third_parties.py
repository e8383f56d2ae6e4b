"""Callers of other organizations: external ids, and the exception that they need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rolechain.iam import limits
from rolechain.iam.condition_keys import EXTERNAL_ID
from rolechain.policy import Policy, PolicyError
from rolechain.policy.conditions import Condition
from rolechain.policy.context import Context, ContextValue
from rolechain.policy.statement import Statement
from rolechain.proof.rules import principals
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.deputies import of_services
from rolechain.proof.rules.located_statement import LocatedStatement
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC04",
    "a third party's account must pass an sts:ExternalId of 2 to 1,224 legal characters; a service that acts for any "
    "customer is held to the account, resource or organization that it acts for",
    prevents="the confused deputy: a vendor or a service that is talked into using its access to you for another",
    source="AWS guardrail IAM-STS-1; IAM User Guide, The confused deputy problem: cross-service prevention",
    levels="error warning",
)
def confused_deputy(context: RuleContext) -> Violations:
    """A third party that needs no external id, an external id that STS refuses, or a service that anyone may use.

    Who is a third party is known in an audit only: an account that no template is placed in.
    """
    yield from of_services(context)
    for entry in context.entries:
        for value in _illegal_ids(entry):
            yield Violation(
                entry.place,
                f"{entry.role.arn} asks for the external id {value!r}, which no call can pass",
                "write 2 to 1,224 of letters, digits and _+=,.@:/-, with wildcards under StringLike alone",
            )
        if context.chain is not None or context.is_bootstrap(entry.role):
            continue
        if principals.asks_for_external_id(entry) or principals.within_organization(entry):
            continue
        for account, _ in principals.of_accounts(entry):
            if account not in context.accounts:
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} trusts account {account}, which is none of yours, without an external id",
                    'add {"StringEquals": {"sts:ExternalId": "<an id that the third party made for you alone>"}}; '
                    f"if {account} is yours, say so with --account",
                )


def _illegal_ids(entry: LocatedStatement) -> Iterator[str]:
    """The external ids that a statement asks for and that no call can pass, each once."""
    found: dict[str, None] = {}
    for condition in entry.by_key.get(EXTERNAL_ID, ()):
        if isinstance(condition, Condition) and not condition.negated:
            for value in (each for each in condition.elements if isinstance(each, str)):
                like = condition.name == "stringlike"
                passed = value.replace("*", "xx").replace("?", "x") if like else value
                if not limits.EXTERNAL_ID.fullmatch(passed):
                    found[value] = None
    yield from found


@rule(
    "RC31",
    "a resource control policy on the organization's identities excepts the callers from outside that roles trust",
    prevents="AccessDenied for a third party or an identity provider that the trust policy lets in",
    source="AWS Organizations User Guide, Resource control policies: examples",
    levels="warning",
)
def denied_by_control_policy(context: RuleContext) -> Violations:
    """A caller from outside that a resource control policy of the templates denies, wherever that is attached."""
    policies = [(name, policy) for name, policy in _control_policies(context) if policy.denies]
    for entry in context.entries if policies else ():
        for who, action, given in _outsiders(context, entry):
            call = Context(given)
            for name, policy in policies:
                if any(_denies(deny, action, entry.role.arn, call) for deny in policy.denies):
                    yield Violation(
                        entry.place,
                        f"{entry.role.arn} lets in {who}, which the resource control policy {name} denies "
                        f"{action} where it is attached above the role",
                        _exception(who, given),
                    )


def _control_policies(context: RuleContext) -> Iterator[tuple[str, Policy]]:
    for resource in context.resources:
        properties = resource.properties
        if (
            resource.type == "AWS::Organizations::Policy"
            and properties.get("Type") == "RESOURCE_CONTROL_POLICY"
        ):
            content: Any = properties.get("Content")
            try:
                policy = Policy.parse(content)
            except PolicyError:
                continue  # AWS refuses it, so that it denies nothing
            name = properties.get("Name")
            yield name if isinstance(name, str) else resource.logical_id, policy


def _outsiders(
    context: RuleContext, entry: LocatedStatement
) -> Iterator[tuple[str, str, dict[str, ContextValue]]]:
    """Who is let in and is no principal of the organization, what it calls, and what its call carries."""
    actions = entry.statement.actions
    for provider in entry.federated:
        for action in ("sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"):
            if actions.match(action.lower()) and (":saml-provider/" in provider) == ("SAML" in action):
                yield f"tokens of {provider}", action, {}
    if not principals.within_organization(entry):
        for account, partition in principals.of_accounts(entry):
            if account not in context.accounts:
                caller = f"arn:{partition}:iam::{account}:role/outsider"
                given: dict[str, ContextValue] = {
                    "aws:PrincipalAccount": account,
                    "aws:PrincipalArn": caller,
                    "aws:PrincipalOrgID": "o-outsider00",
                    "aws:PrincipalIsAWSService": "false",
                }
                yield f"account {account}", "sts:AssumeRole", given


def _denies(deny: Statement, action: str, role_arn: str, call: Context) -> bool:
    return deny.applies(action.lower(), role_arn, call) is True


def _exception(who: str, given: dict[str, ContextValue]) -> str:
    if account := given.get("aws:PrincipalAccount"):
        return (
            f'add {{"StringNotEquals": {{"aws:PrincipalAccount": "{account}"}}}} to the statement that denies'
        )
    return f"leave the web identity and SAML actions out of the statement that denies, or the role that {who} assume"
