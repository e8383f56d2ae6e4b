"""``rolechain doctor``: what an account lacks for a deployment of the chain, with the command that adds it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from rolechain.api_calls import retry_config
from rolechain.cli.account_sessions import AccountSessions, brief
from rolechain.cli.bootstrap import Bootstrap, add_plan_options, planned
from rolechain.cli.output import progress
from rolechain.cli.toolchain import ToolchainError, find
from rolechain.errors import RolechainError
from rolechain.iam.arn import iam_arn
from rolechain.iam.limits import length_of_document
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.model.role import ChainRole
from rolechain.model.stack_set import SERVICE_PRINCIPAL, StackSet
from rolechain.policy import Callee, Caller, Effect, Policy, PolicyError, Request, decide
from rolechain.proof.report import counted
from rolechain.runtime import HopError
from rolechain.statements.builder import trust_statements
from rolechain.statements.execution_policy import QUALIFIER, calls_of, version_parameter
from rolechain.statements.packing import pack

BOOTSTRAP_VERSION = 6
"""The version of the bootstrap that the default synthesizer of CDK needs."""

T = TypeVar("T")
_AT_ONCE = 8
_ANYTHING = Policy.parse(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
)
_UNREADABLE = (ClientError, BotoCoreError, ResponseParserError, HopError, PolicyError, KeyError)

Finding = tuple[str, str | None]
"""What is missing, and the command that adds it, if one does."""


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        account: the account's id; None for this machine.
        check: what was checked.
        status: whether it is there.
        detail: what is missing, or why it is not known.
        command: the command that adds it, if one does.
    """

    account: str | None
    check: str
    status: Literal["ok", "missing", "unknown"]
    detail: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class _Place:
    """An account, and the command that bootstraps it."""

    account: str
    plan: Bootstrap
    session: boto3.Session
    again: str
    sessions: AccountSessions

    def client(self, service: str, session: Any = None) -> Any:
        session = session or self.session
        return session.client(service, region_name=self.plan.chain.region, config=retry_config())

    def role(self, name: str) -> dict[str, Any] | None:
        iam = self.client("iam")
        try:
            found: dict[str, Any] = iam.get_role(RoleName=name)["Role"]
        except iam.exceptions.NoSuchEntityException:
            return None
        return found

    def bootstrap_role(self, kind: str) -> str:
        return f"cdk-{self.plan.qualifier}-{kind}-role-{self.account}-{self.plan.chain.region}"

    @cached_property
    def roles(self) -> dict[ChainRole, str | None]:
        """The chain's roles in the account, and the ARN of the role that has the name of each."""
        here = [role for role in self.plan.chain.roles if role.account == self.account]
        return {role: (self.role(role.role) or {}).get("Arn") for role in here}

    @cached_property
    def management(self) -> str:
        organization = self.client("organizations").describe_organization()["Organization"]
        return str(organization["MasterAccountId"])

    def of_organization(self, service: str, ask: Callable[[Any, str], T]) -> T:
        """What a delegated administrator may ask, or else the management account."""
        try:
            return ask(self.client(service), "DELEGATED_ADMIN")
        except ClientError:
            return ask(self.client(service, self.sessions.session(self.management)), "SELF")


def _bootstrap(place: _Place) -> Iterator[Finding]:
    ssm, name = place.client("ssm"), version_parameter(place.plan.qualifier)
    try:
        version = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        yield f"not bootstrapped in {place.plan.chain.region}: no parameter {name}", place.again
        return
    if not version.isdecimal():
        raise RolechainError(f"parameter {name} is {version!r}, which is no version")
    if int(version) < BOOTSTRAP_VERSION:
        yield f"version {version} of the bootstrap, and CDK needs {BOOTSTRAP_VERSION} or later", place.again


def _trust(place: _Place) -> Iterator[Finding]:
    trusted, organization = place.plan.trusted, place.plan.chain.organization
    for kind in ("deploy", "file-publishing"):
        if (role := place.role(name := place.bootstrap_role(kind))) is None:
            yield f"no role {name}", place.again
            continue
        request = Request(
            Caller("user", iam_arn(place.plan.chain.partition, trusted, "user/deployer"), trusted),
            Callee(role["Arn"], Policy.parse(role["AssumeRolePolicyDocument"])),
            {"aws:PrincipalOrgID": organization} if organization else {},
            identity_policies=[_ANYTHING],
        )
        if not decide(request).allowed:
            yield f"{name} does not trust account {trusted}, which deploys", place.again


def _execution_policy(place: _Place) -> Iterator[Finding]:
    iam, name = place.client("iam"), place.bootstrap_role("cfn-exec")
    if (role := place.role(name)) is None:
        yield f"no role {name}", place.again
        return
    listed = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    arns = [each["PolicyArn"] for page in listed for each in page["AttachedPolicies"]]
    policies = [_document(iam, arn) for arn in arns]
    boundary = role.get("PermissionsBoundary")
    limits = [_document(iam, boundary["PermissionsBoundaryArn"])] if boundary else []
    denied: dict[str, str] = {}
    for document in place.plan.policies(place.account).values():
        for action, resource, context in calls_of(document):
            given = {policy.judge(action, resource, context) for policy in policies}
            bound = {policy.judge(action, resource, context) for policy in limits}
            answers = given | bound
            if Effect.DENY not in answers and Effect.ALLOW in given and bound <= {Effect.ALLOW}:
                continue
            if Effect.UNKNOWN in answers and Effect.DENY not in answers:
                raise RolechainError(f"whether {name} may call {action} on {resource}")
            denied.setdefault(action, resource)
    if denied:
        action, resource = next(iter(denied.items()))
        more = f" and {counted(len(denied) - 1, 'further action')}" if len(denied) > 1 else ""
        yield f"{name} may not call {action} on {resource}{more}", place.again


def _document(iam: Any, arn: str) -> Policy:
    """The default version of a managed policy."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return Policy.parse(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def _roles(place: _Place) -> Iterator[Finding]:
    stack = place.plan.stack(place.account)
    cloudformation = place.client("cloudformation")
    own: set[str] = set()
    try:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        own = {each.get("PhysicalResourceId") for page in pages for each in page["StackResourceSummaries"]}
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
    for role, there in place.roles.items():
        if role.existing and there != role.arn:
            yield f"{role.arn} is declared as existing, and does not exist", None
        elif there and not role.existing and role.role not in own:
            yield f"a role {role.role} exists already, outside of stack {stack}", f"npx cdk import {stack}"


def _quotas(place: _Place) -> Iterator[Finding]:
    chain, summary = place.plan.chain, place.client("iam").get_account_summary()["SummaryMap"]
    made = [role for role in place.roles if not role.existing]
    packed = {role: pack(chain, role) for role in made}
    own = {role: len(packed[role].hops) + len(packed[role].own) for role in made}
    new = [own[role] for role in made if not place.roles[role]]
    attached = max((own[role] + len(role.managed_policies) for role in made), default=0)
    trusts = [{"Version": "2012-10-17", "Statement": trust_statements(chain, role)} for role in made]
    for words, quota, code, needed in (
        ("roles", "RolesQuota", "L-FE177D64", summary["Roles"] + len(new)),
        ("managed policies", "PoliciesQuota", "L-E95E4862", summary["Policies"] + sum(new)),
        ("managed policies of a role", "AttachedPoliciesPerRoleQuota", "L-0DA4ABF3", attached),
        (
            "characters of a trust policy",
            "AssumeRolePolicySizeQuota",
            "L-C07B4B0D",
            max(map(length_of_document, trusts), default=0),
        ),
    ):
        if needed > summary[quota]:
            command = (
                f"aws service-quotas request-service-quota-increase --service-code iam --quota-code {code} "
                f"--desired-value {needed} --region {FIRST_REGIONS[chain.partition]}"
            )
            yield f"{needed:,} {words} are needed, and the quota is {summary[quota]:,}", command


def _region(place: _Place) -> Iterator[Finding]:
    chain = place.plan.chain
    # Its one endpoint answers where the region itself does not.
    client: Any = place.session.client("account", region_name=FIRST_REGIONS[chain.partition])
    status = client.get_region_opt_status(RegionName=chain.region)["RegionOptStatus"]
    if not status.startswith("ENABLED"):
        yield f"region {chain.region} is {status}", f"aws account enable-region --region-name {chain.region}"


def _stack_sets(plan: Bootstrap, account: str) -> list[ChainRole]:
    """The targets by organizational unit whose stack sets an account holds."""
    return [
        each for each in plan.chain.targets if each.by_unit and plan.chain.deployment_account(each) == account
    ]


def _trusted_access(place: _Place) -> Iterator[Finding]:
    status = place.of_organization(
        "cloudformation", lambda client, caller: client.describe_organizations_access(CallAs=caller)["Status"]
    )
    if status != "ENABLED":
        command = f"aws cloudformation activate-organizations-access --region {place.plan.chain.region}"
        yield f"trusted access of StackSets is {status} in management account {place.management}", command


def _delegated_administrator(place: _Place) -> Iterator[Finding]:
    is_management = place.account == place.management
    wanted = "SELF" if is_management else "DELEGATED_ADMIN"
    for target in _stack_sets(place.plan, place.account):
        if (called := (target.stack_set or StackSet()).call_as) != wanted:
            kind = "the management account" if is_management else "a member"
            yield (
                f"{kind} may not call the stack set of {target.role} as {called}: declare call_as: {wanted}",
                None,
            )
    if is_management:
        return

    def registered(client: Any, _: str) -> set[str]:
        pages = client.get_paginator("list_delegated_administrators").paginate(
            ServicePrincipal=SERVICE_PRINCIPAL
        )
        return {each["Id"] for page in pages for each in page["DelegatedAdministrators"]}

    if place.account not in place.of_organization("organizations", registered):
        yield (
            f"not a delegated administrator of StackSets, by management account {place.management}",
            "aws organizations register-delegated-administrator "
            f"--service-principal {SERVICE_PRINCIPAL} --account-id {place.account}",
        )


_CHECKS: dict[str, Callable[[_Place], Iterator[Finding]]] = {
    "region": _region,
    "bootstrap": _bootstrap,
    "trust": _trust,
    "execution policy": _execution_policy,
    "roles": _roles,
    "quotas": _quotas,
}
_STACK_SET_CHECKS = {"trusted access": _trusted_access, "delegated administrator": _delegated_administrator}


def _examined(
    plan: Bootstrap, account: str, sessions: AccountSessions, again: Sequence[str]
) -> Iterator[Check]:
    """The results of every check of an account."""
    command = shlex.join([*again, "--account", account])
    checks = _CHECKS | (_STACK_SET_CHECKS if _stack_sets(plan, account) else {})
    try:
        session = sessions.session(account)
    except (RolechainError, *_UNREADABLE) as error:
        yield Check(account, "credentials", "missing", str(error))
        yield from (Check(account, each, "unknown", "no credentials of the account") for each in checks)
        return
    yield Check(account, "credentials", "ok")
    place = _Place(account, plan, session, command, sessions)
    for name, check in checks.items():
        try:
            found = list(check(place))
        except _UNREADABLE as error:
            yield Check(account, name, "unknown", brief(error))
        except RolechainError as error:
            yield Check(account, name, "unknown", str(error))
        else:
            yield from [Check(account, name, "missing", *each) for each in found] or [
                Check(account, name, "ok")
            ]


def _again(arguments: argparse.Namespace) -> list[str]:
    """The words of ``rolechain bootstrap`` with the options of this call."""
    words = ["rolechain", "bootstrap", "--run"]
    given = vars(arguments)
    for name in ("chain", "profile", "account_role", "trust", "stack_prefix", "qualifier", "former"):
        if given[name] not in (None, QUALIFIER) and (name, given[name]) != ("chain", "chain.yaml"):
            words += [f"--{name.replace('_', '-')}", given[name]]
    pairs = [f"{account}={profile}" for account, profile in arguments.account_profile]
    words += [word for each in pairs for word in ("--account-profile", each)]
    return words + [word for each in arguments.policy for word in ("--policy", each)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_plan_options(parser, "which may read there")
    parser.add_argument("--json", action="store_true", help="print a JSON document of every check")


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each thing that is missing or not known.

    Returns:
        0 if nothing is, else 1.
    """
    plan, accounts = planned(arguments)
    sessions = AccountSessions.opened(arguments, plan.chain.region, plan.chain.partition)
    again = _again(arguments)
    try:
        find()
        checks = [Check(None, "tools", "ok")]
    except ToolchainError as error:
        # Its message ends with the command.
        detail, _, command = str(error).rpartition(": ")
        checks = [Check(None, "tools", "missing", detail, command)]
    with progress("accounts", len(accounts)) as advance, ThreadPoolExecutor(_AT_ONCE) as pool:
        for found in pool.map(lambda each: list(_examined(plan, each, sessions, again)), accounts):
            advance()
            checks += found
    lacking = [each for each in checks if each.status != "ok"]
    if arguments.json:
        document = {
            "chain": plan.chain.name,
            "ready": not lacking,
            "checks": [dataclasses.asdict(each) for each in checks],
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    else:
        for each in lacking:
            command = f" → {each.command}" if each.command else ""
            mark = "✗" if each.status == "missing" else "? unknown"
            print(f"{mark} {each.account or 'here'} {each.check}: {each.detail}{command}")
        asked = f"{counted(len(checks), 'check')} in {counted(len(accounts), 'account')}"
        missing = sum(each.status == "missing" for each in lacking)
        told = f"{missing} missing, {len(lacking) - missing} unknown" if lacking else "nothing is missing"
        print(f"chain {plan.chain.name}: {told}, {asked}")
    return 1 if lacking else 0
