"""Services that assume roles for any customer: whether a trust policy says on whose behalf they may."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from rolechain.graph.finding import Level
from rolechain.graph.language import Language, matching, segments_of
from rolechain.graph.narrowing import lacking
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

_STRANGER = "000000000000"
_STRANGERS: Mapping[str, Values] = {
    "aws:sourceaccount": OneValue(Language(frozenset({_STRANGER})), absent=True),
    "aws:sourcearn": OneValue(matching([segments_of(("arn", "*", "*", "*", _STRANGER, "*"))]), absent=True),
    "aws:sourceorgid": OneValue(Language(frozenset({"o-stranger00"})), absent=True),
    "aws:sourceorgpaths": lacking("aws:sourceorgpaths"),
    keys_of.EXTERNAL_ID: lacking(keys_of.EXTERNAL_ID),
}
"""What a call on behalf of a stranger carries, at most."""

_ANCHOR = "trust-anchor/00000000-0000-0000-0000-000000000000"
_ANY_CERTIFICATE: Mapping[str, Values] = {
    "aws:sourcearn": OneValue(
        matching([segments_of(("arn", "*", "rolesanywhere", "*", "*", _ANCHOR))]), absent=True
    ),
    keys_of.SET_SOURCE_IDENTITY: lacking(keys_of.SET_SOURCE_IDENTITY),
}
"""What a call with whatever certificate of another trust anchor carries, at most; its name is the source identity."""

_REGION = re.compile(r"\.[a-z]{2}(-[a-z]+)+-\d$", re.ASCII)


def of_services(survey: RuleContext) -> Violations:
    """The services that a trust policy lets in for whoever has them call."""
    for entry in survey.entries:
        for service in principals.services(entry) if not survey.is_bootstrap(entry.role) else ():
            if service == ROLES_ANYWHERE:
                yield from _of_certificates(entry)
            elif _name(service) in SAYING and _lets_in(entry, service, _STRANGERS):
                account = account_of(entry.role.arn)
                known = account if account.isdigit() else "<the role's account>"
                yield Violation(
                    entry.place,
                    f"{entry.role.arn} lets in {service} on whosever behalf it calls",
                    f"declare source_account: {json.dumps(known)} beside the service"
                    if ("service", service) in survey.entrances(entry.role)
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
