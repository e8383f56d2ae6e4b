"""Callers of other organizations, and services that act for any customer: the confused deputy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from rolechain.cloudformation.resources import UNPLACED
from rolechain.graph.access import ASSUME, ENTERING, narrowed
from rolechain.graph.finding import Level
from rolechain.graph.language import Language, Position, matching, segments_of, text_of
from rolechain.graph.narrowing import lacking, narrowing, unlike
from rolechain.graph.requests import Requests, beyond, where
from rolechain.graph.values import OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam import limits
from rolechain.iam.arn import account_of
from rolechain.iam.condition_keys import EXTERNAL_ID
from rolechain.model.entry_principal import ROLES_ANYWHERE
from rolechain.policy import Policy
from rolechain.policy.conditions import Condition
from rolechain.policy.context import Context
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, only
from rolechain.proof.rules.rule import Violations, rule
from rolechain.statements.guardrails import RCP


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
            yield entry.violation(
                f"asks for the external id {value!r}, which no call can pass",
                f"write {limits.OF_EXTERNAL_ID}, with wildcards under StringLike alone",
            )
        if context.chain is not None or context.is_bootstrap(entry.role):
            continue
        if entry.asks_for_external_id or entry.within_organization:
            continue
        for account, _ in entry.of_accounts:
            if account not in context.accounts:
                yield entry.violation(
                    f"trusts account {account}, which is not one of yours, without an external id",
                    'add {"StringEquals": {"sts:ExternalId": "<an id that the third party made for you alone>"}}; '
                    f"if {account} is yours, declare it with --account",
                )


def _illegal_ids(entry: LocatedStatement) -> Iterator[str]:
    """The external ids that a statement asks for and that no call can pass, each once."""
    found: dict[str, None] = {}
    for condition in entry.by_key.get(EXTERNAL_ID, ()):
        if isinstance(condition, Condition) and not condition.negated:
            like = condition.name == "stringlike"
            for value in condition.elements:
                if isinstance(value, str) and entry.is_known(value):
                    passed = value.replace("*", "xx").replace("?", "x") if like else value
                    if not limits.EXTERNAL_ID.fullmatch(passed):
                        found[value] = None
    yield from found


@rule(
    "RC31",
    "a resource control policy on the organization's identities excepts the callers from outside that roles trust",
    prevents="AccessDenied for a third party, a service or an identity provider that the trust policy lets in",
    source="AWS Organizations User Guide, Resource control policies: examples",
    levels="error warning",
)
def denied_by_control_policy(context: RuleContext) -> Violations:
    """An error for an entrance of the chain, under a policy that may be attached above its role."""
    records = [each for each in context.graph.control_policies if RCP in each.kinds and each.policy.denies]
    organizations = {
        value
        for record in records
        for deny in record.policy.denies
        for condition in deny.conditions
        if isinstance(condition, Condition) and condition.lookup == keys_of.ORGANIZATION
        for value in condition.values
    }
    own = context.organization or (organizations.pop() if len(organizations) == 1 else None)
    for entry in context.entries if records else ():
        limits = context.graph.limits.get(entry.role.account)
        binding = [policy for level in (limits and limits.rcps) or () for policy in level]
        for who, action, requests, remediation in _callers(context, entry, own):
            for record in records:
                if requests and not beyond(requests, _denied(record.policy, entry, action)):
                    declared = context.entrances(entry.role) and record.policy in binding
                    yield entry.violation(
                        f"lets in {who}, which the resource control policy {record.name} denies {action} where it is "
                        "attached above the role",
                        remediation,
                        Level.ERROR if declared else Level.WARNING,
                    )


def _callers(
    context: RuleContext, entry: LocatedStatement, own: str | None
) -> Iterator[tuple[str, str, tuple[Requests, ...], str]]:
    """The callers that a policy on the organization may deny: in words, with their action, requests and remediation."""
    for provider in entry.federated:
        action = "sts:AssumeRoleWith" + ("SAML" if ":saml-provider/" in provider else "WebIdentity")
        requests = narrowed(entry.requests(action.lower()), {keys_of.PROVIDER: only(provider)})
        who = f"tokens of {provider}"
        remediation = (
            "leave the web identity and SAML actions out of the statement that denies, or the role that"
        )
        yield who, action, requests, f"{remediation} {who} assume"
    for service in entry.services:
        requests = narrowed(entry.requests(ASSUME), {keys_of.SERVICE: only(service)})
        remediation = (
            'add {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}} to the statement that denies'
        )
        yield f"the service {service}", "sts:AssumeRole", requests, remediation
    for account, _ in entry.of_accounts:
        wanted: dict[str, Values] = {keys_of.PRINCIPAL_ACCOUNT: only(account)}
        requests = narrowed(entry.requests(ASSUME), wanted)
        exception = f'{{"StringNotEquals": {{"aws:PrincipalAccount": "{account}"}}}}'
        remediation = f"add {exception} to the statement that denies"
        if account in context.accounts or entry.within_organization:
            if not context.entrances(entry.role):
                continue
            known = {keys_of.ORGANIZATION: only(own)} if own else {}
            requests = narrowed(requests, known)
        elif own:
            others = unlike(keys_of.ORGANIZATION, [text_of(own)])
            requests = tuple(
                one for each in others for one in narrowed(requests, {keys_of.ORGANIZATION: each})
            )
        yield f"account {account}", "sts:AssumeRole", requests, remediation


def _denied(policy: Policy, entry: LocatedStatement, action: str) -> Iterator[Requests]:
    """The requests for a role that a resource control policy surely denies."""
    for deny in policy.denies:
        everyone = deny.principals is not None and deny.principals.everyone
        on_role = deny.resources is not None and deny.resources.match(entry.arn, Context({}))
        if deny.effect != "Deny" or not (everyone and on_role and deny.actions.match(action.lower())):
            continue
        for kind in ENTERING[action.lower()]:
            found: Requests | None = Requests(kind)
            for condition in deny.conditions:
                asked = narrowing(condition, kind, entry.role.callee.constants, surely=True)
                found = found and where(found, asked)
            if found:
                yield found


_SAYING = re.compile(
    r"(autoscaling|bedrock|cloudformation|cloudtrail|codebuild|codecatalyst|codecatalyst-runner|comprehend|config"
    r"|controltower|datasync|directoryservice\.rds|forecast|hooks\.cloudformation|iot|iotdeviceadvisor|iotfleethub"
    r"|kendra|kinesisanalytics|logs|monitoring\.rds|personalize|pipes|rds|rekognition|resources\.cloudformation"
    r"|scheduler|ses|sms-voice|ssm|states|transcribe|transcribe\.streaming|transfer|vpc-flow-logs)"
    rf"(\.([a-z]{{2}}(-[a-z]+)+-\d|{UNPLACED}))?(\.amazonaws\.com(\.cn)?)?",
    re.ASCII,
)
"""The services whose own guides write aws:SourceAccount or aws:SourceArn into the trust policy of a role of theirs.

What runs a workload and is given its role with that (Lambda, EC2, ECS tasks) acts for nobody else and is none of them.
Source: the pages of each service's guide on cross-service confused deputy prevention and on its service role.
"""

_NAMED_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)", re.ASCII)
_ANY_ACCOUNT = (Position(digit=True),) * 12


def _untrusted(entry: LocatedStatement) -> Mapping[str, Values]:
    """What a call carries, at most, on behalf of an account and an organization that no statement names."""
    named = entry.values_named
    accounts = {pattern.literal for pattern in named("aws:sourceaccount") if pattern.literal}
    accounts |= {each for pattern in named("aws:sourcearn") for each in _NAMED_ACCOUNT.findall(str(pattern))}
    arns = frozenset(segments_of(("arn", "*", "*", "*", account, "*")) for account in accounts)
    of_any = matching([segments_of(("arn", "*", "*", "*", _ANY_ACCOUNT, "*"))])
    others = Language(without=frozenset(map(text_of, accounts)))
    organizations = Language(without=frozenset(named("aws:sourceorgid")))
    return {
        "aws:sourceaccount": OneValue(others, absent=True),
        "aws:sourcearn": OneValue(of_any & Language(without=arns), absent=True),
        "aws:sourceorgid": OneValue(organizations, absent=True),
        "aws:sourceorgpaths": lacking("aws:sourceorgpaths"),
        keys_of.EXTERNAL_ID: lacking(keys_of.EXTERNAL_ID),
    }


_ANCHORS = matching([segments_of(("arn", "*", "rolesanywhere", "*", "*", "trust-anchor/*"))])


def of_services(context: RuleContext) -> Violations:
    """The services that a trust policy lets in on behalf of any account."""
    for entry in context.entries:
        for service in entry.services if not context.is_bootstrap(entry.role) else ():
            if service == ROLES_ANYWHERE:
                yield from _of_certificates(entry)
            elif _SAYING.fullmatch(service) and _lets_in(entry, service, _untrusted(entry)):
                account = account_of(entry.arn)
                known = account if account.isdigit() else "<the role's account>"
                yield entry.violation(
                    f"lets in {service} on behalf of any account",
                    f"declare source_account: {json.dumps(known)} beside the service"
                    if ("service", service) in context.entrances(entry.role)
                    else f'add {{"StringEquals": {{"aws:SourceAccount": "{known}"}}}}, or aws:SourceArn',
                    Level.WARNING,
                )


def _of_certificates(entry: LocatedStatement) -> Violations:
    # The name of a certificate is the source identity; the id of an anchor is what follows the last slash.
    lacked = [key for key in entry.by_key if key.startswith("aws:principaltag/x509")]
    named = [
        each for each in entry.values_named("aws:sourcearn") if str(each).rpartition("/")[2].strip("*?-")
    ]
    others = OneValue(_ANCHORS & Language(without=frozenset(named)), absent=True)
    wanted = {key: lacking(key) for key in (keys_of.SET_SOURCE_IDENTITY, *lacked)}
    if _lets_in(entry, ROLES_ANYWHERE, {"aws:sourcearn": others, **wanted}):
        yield entry.violation(
            "lets in every certificate of every trust anchor of IAM Roles Anywhere in its account",
            'add {"ArnEquals": {"aws:SourceArn": "<the trust anchor>"}} and {"StringEquals": '
            '{"aws:PrincipalTag/x509Subject/CN": "<the certificate\'s name>"}}',
            Level.WARNING,
        )


def _lets_in(entry: LocatedStatement, service: str, wanted: Mapping[str, Values]) -> bool:
    return entry.may({keys_of.SERVICE: only(service), **wanted})
