"""A deployed chain whose policies IAM gives to those who may read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from rolechain import Chain, ChainRole
from rolechain.runtime import verify
from rolechain.runtime.report import HopReport

IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
SOURCE, MIDDLE, TARGET = (
    f"arn:aws:iam::{digit * 12}:role/rolechain/deploy-{name}"
    for digit, name in (("1", "source"), ("2", "middle"), ("3", "target"))
)
Document = dict[str, Any]


def allows(resource: str) -> Document:
    """A policy that allows one hop."""
    statement = {"Sid": "AssumeCallees", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trusts(caller: str, **condition: Any) -> Document:
    """A trust policy that lets one role in."""
    statement: Document = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{caller.split(':')[4]}:root"},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": caller}, **condition},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass
class Iam:
    """IAM of all accounts; a caller reads the roles of its own account only, if it may read at all.

    ``attached`` holds managed policies, ``inline`` inline ones, by role name.
    """

    arns: dict[str, str]
    roles: dict[str, str] = field(
        default_factory=lambda: {arn.rsplit("/", 1)[1]: arn for arn in (SOURCE, MIDDLE, TARGET)}
    )
    trust: dict[str, Document] = field(default_factory=dict)
    inline: dict[str, Document] = field(default_factory=dict)
    attached: dict[str, Document] = field(default_factory=dict)
    boundary: dict[str, Document] = field(default_factory=dict)
    readers: set[str] = field(default_factory=lambda: {"111111111111", "222222222222", "333333333333"})
    refuses: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, call: Any) -> tuple[int, str]:
        """What IAM says."""
        account = self.arns[call.access_key].split(":")[4]
        self.calls.append((account, call.action))
        if account not in self.readers or call.action in self.refuses:
            return self._error("AccessDenied", 403)
        if call.action in ("GetPolicy", "GetPolicyVersion"):
            return self._policy(call.action, call.parameters["PolicyArn"])
        name = call.parameters["RoleName"]
        if name not in self.roles or self.roles[name].split(":")[4] != account:
            return self._error("NoSuchEntity", 404)
        if call.action == "GetRole":
            return self._result(call.action, self._role(name))
        if call.action == "GetRolePolicy":
            text = quote(json.dumps(self.inline[name]))
            body = f"<RoleName>{name}</RoleName><PolicyName>own</PolicyName><PolicyDocument>{text}</PolicyDocument>"
            return self._result(call.action, body)
        kind, tag = (
            (self.inline, "PolicyNames")
            if call.action == "ListRolePolicies"
            else (self.attached, "AttachedPolicies")
        )
        entry = (
            "own"
            if kind is self.inline
            else f"<PolicyName>p</PolicyName><PolicyArn>{self._arn(name)}</PolicyArn>"
        )
        listed = f"<member>{entry}</member>" if name in kind else ""
        return self._result(call.action, f"<{tag}>{listed}</{tag}><IsTruncated>false</IsTruncated>")

    def _arn(self, name: str, kind: str = "attached") -> str:
        return f"arn:aws:iam::{self.roles[name].split(':')[4]}:policy/{kind}-{name}"

    def _role(self, name: str) -> str:
        boundary = (
            f"<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>"
            f"{self._arn(name, 'boundary')}</PermissionsBoundaryArn></PermissionsBoundary>"
            if name in self.boundary
            else ""
        )
        return (
            f"<Role><Path>/rolechain/</Path><RoleName>{name}</RoleName><RoleId>AROA</RoleId><Arn>{self.roles[name]}</Arn>"
            "<CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>"
            f"{quote(json.dumps(self.trust[name]))}</AssumeRolePolicyDocument>{boundary}</Role>"
        )

    def _policy(self, action: str, arn: str) -> tuple[int, str]:
        kind, _, name = arn.rsplit("/", 1)[1].partition("-")
        if action == "GetPolicy":
            return self._result(
                action, f"<Policy><Arn>{arn}</Arn><DefaultVersionId>v2</DefaultVersionId></Policy>"
            )
        document = (self.boundary if kind == "boundary" else self.attached)[name]
        text = quote(json.dumps(document))
        body = f"<PolicyVersion><Document>{text}</Document><VersionId>v2</VersionId></PolicyVersion>"
        return self._result(action, body)

    def _result(self, action: str, body: str) -> tuple[int, str]:
        return (
            200,
            f'<{action}Response xmlns="{IAM}"><{action}Result>{body}</{action}Result></{action}Response>',
        )

    def _error(self, code: str, status: int) -> tuple[int, str]:
        return (
            status,
            f'<ErrorResponse xmlns="{IAM}"><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>',
        )


@pytest.fixture
def iam(sts: Any, base: Any) -> Iam:
    """A chain that is deployed as declared, whose policies may be read in every account."""
    made = Iam(sts.arns)
    made.trust = {
        "deploy-source": trusts(SOURCE),
        "deploy-middle": trusts(SOURCE),
        "deploy-target": trusts(MIDDLE),
    }
    made.attached = {"deploy-source": allows(MIDDLE), "deploy-middle": allows(TARGET)}
    actions = (
        "GetRole",
        "ListRolePolicies",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "GetPolicy",
        "GetPolicyVersion",
    )
    for action in actions:
        sts.others[action] = made.answer
    sts.arns |= {
        "ASIASOURCE": "arn:aws:sts::111111111111:assumed-role/deploy-source/f",
        "AKIAMIDDLE": "arn:aws:iam::222222222222:user/admin",
        "AKIATARGET": "arn:aws:iam::333333333333:user/admin",
    }
    return made


@pytest.fixture
def failed(sts: Any, iam: Iam) -> Callable[..., HopReport]:
    """Runs verify, which starts in the source role, with one call refused (or let in), and gives its report."""

    def run(role: str, *, lets_in: bool = False, readers: Any = (), **declared: Any) -> HopReport:
        chain = Chain(
            "deploy",
            source=ChainRole("111111111111"),
            middle=[ChainRole("222222222222", external_id=declared.pop("external_id", None))],
            targets=[ChainRole("333333333333")],
            **declared,
        )
        shortcut = ("deploy-source/", "deploy-target")
        sts.allows = lambda caller, call: (
            (lets_in or not (shortcut[0] in caller and call.role == shortcut[1]))
            and (lets_in or call.role != role)
        )
        session = boto3.Session("ASIASOURCE", "s", "t", region_name="us-east-1")
        sessions = [boto3.Session(key, "s", region_name="us-east-1") for key in readers]
        bad = [report for report in verify(chain, session=session, readers=sessions) if not report.ok]
        return bad[0]

    return run


@pytest.fixture
def allowing() -> Callable[[str], Document]:
    """Writes a policy that allows one hop."""
    return allows


@pytest.fixture
def trusting() -> Callable[..., Document]:
    """Writes a trust policy that lets one role in."""
    return trusts
