"""Services that assume roles for any customer: whether a trust policy says on whose behalf they may."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from rolechain.graph.finding import Level
from rolechain.graph.language import Language, Pattern, Position, matching, segments_of, text_of
from rolechain.graph.narrowing import lacking, written
from rolechain.graph.values import OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of
from rolechain.model.entry_principal import ROLES_ANYWHERE
from rolechain.proof.rules import principals
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement
from rolechain.proof.rules.rule import Violation, Violations

SAYING = frozenset(
    {
        "autoscaling",
        "bedrock",
        "cloudformation",
        "cloudtrail",
        "codebuild",
        "codecatalyst",
        "codecatalyst-runner",
        "comprehend",
        "config",
        "controltower",
        "datasync",
        "directoryservice.rds",
        "forecast",
        "hooks.cloudformation",
        "iot",
        "iotdeviceadvisor",
        "iotfleethub",
        "kendra",
        "kinesisanalytics",
        "logs",
        "monitoring.rds",
        "personalize",
        "pipes",
        "rds",
        "rekognition",
        "resources.cloudformation",
        "scheduler",
        "ses",
        "sms-voice",
        "ssm",
        "states",
        "transcribe",
        "transcribe.streaming",
        "transfer",
        "vpc-flow-logs",
    }
)
"""The services whose own guides write aws:SourceAccount or aws:SourceArn into the trust policy of a role of theirs.

What runs a workload and is given its role with that (Lambda, EC2, ECS tasks) acts for nobody else and is none of them.
Source: the pages of each service's guide on cross-service confused deputy prevention and on its service role.
"""

_NAMED_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)", re.ASCII)
_ANY_ACCOUNT = (Position(digit=True),) * 12


def _strangers(entry: LocatedStatement) -> Mapping[str, Values]:
    """What a call carries, at most, on behalf of an account and an organization that no statement names."""

    def named(key: str) -> list[Pattern]:
        statements = (entry.statement, *entry.denies)
        return [found for each in statements for found in written(each, key, entry.role.callee.constants)]

    of_keys = (*named("aws:sourceaccount"), *named("aws:sourcearn"))
    accounts = {account for pattern in of_keys for account in _NAMED_ACCOUNT.findall(str(pattern))}
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


_ANCHOR = "trust-anchor/00000000-0000-0000-0000-000000000000"
_ANY_CERTIFICATE: Mapping[str, Values] = {
    "aws:sourcearn": OneValue(
        matching([segments_of(("arn", "*", "rolesanywhere", "*", "*", _ANCHOR))]), absent=True
    ),
    keys_of.SET_SOURCE_IDENTITY: lacking(keys_of.SET_SOURCE_IDENTITY),
}
"""What a call with whatever certificate of another trust anchor carries, at most; its name is the source identity."""

_REGION = re.compile(r"\.[a-z]{2}(-[a-z]+)+-\d$", re.ASCII)


def of_services(context: RuleContext) -> Violations:
    """The services that a trust policy lets in for whoever has them call."""
    for entry in context.entries:
        for service in principals.services(entry) if not context.is_bootstrap(entry.role) else ():
            if service == ROLES_ANYWHERE:
                yield from _of_certificates(entry)
            elif _name(service) in SAYING and _lets_in(entry, service, _strangers(entry)):
                account = account_of(entry.role.arn)
                known = account if account.isdigit() else "<the role's account>"
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} lets in {service} on whosever behalf it calls",
                    f"declare source_account: {json.dumps(known)} beside the service"
                    if ("service", service) in context.entrances(entry.role)
                    else f'add {{"StringEquals": {{"aws:SourceAccount": "{known}"}}}}, or aws:SourceArn',
                    Level.WARNING,
                )


def _of_certificates(entry: LocatedStatement) -> Violations:
    tags = {key: lacking(key) for key in entry.by_key if key.startswith("aws:principaltag/x509")}
    if _lets_in(entry, ROLES_ANYWHERE, {**_ANY_CERTIFICATE, **tags}):
        yield Violation(
            entry.place,
            f"{entry.role.arn} lets in every certificate of every trust anchor of IAM Roles Anywhere in its account",
            'add {"ArnEquals": {"aws:SourceArn": "<the trust anchor>"}} and {"StringEquals": '
            '{"aws:PrincipalTag/x509Subject/CN": "<the certificate\'s name>"}}',
            Level.WARNING,
        )


def _name(service: str) -> str:
    return _REGION.sub("", re.sub(r"\.amazonaws\.com(\.cn)?$", "", service))


def _lets_in(entry: LocatedStatement, service: str, wanted: Mapping[str, Values]) -> bool:
    """Whether a service may be let in with a call of which each key, in lower case, is one of some values."""
    return entry.may({keys_of.SERVICE: principals.only(service), **wanted})
