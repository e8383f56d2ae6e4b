"""What verify finds out about a hop that is not as declared, from the policies that it may read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from rolechain import Chain, ChainRole
from rolechain.runtime import Cause, verify
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


def _found(report: HopReport) -> str:
    """What was found out, after what STS said."""
    return report.detail.rpartition("; as IAM has it, ")[2]


def test_a_caller_that_is_not_allowed_is_named(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """The caller's own session reads its role, and the statement that comes nearest is named."""
    iam.attached["deploy-source"] = allows("arn:aws:iam::222222222222:role/rolechain/other")
    report = failed("deploy-middle")
    assert report.cause is Cause.IDENTITY_POLICY
    assert _found(report).startswith(f"no identity policy of the caller allows sts:AssumeRole on {MIDDLE}: ")
    assert "statement 0 (AssumeCallees) of identity policy 0 would, but" in _found(report)
    assert {account for account, _ in iam.calls} == {"111111111111"}


def test_a_trust_policy_that_lets_nobody_in_is_named(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """A reader of the callee's account shows that its trust policy names another caller."""
    iam.trust["deploy-middle"] = trusts(TARGET)
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.TRUST_POLICY
    assert _found(report).startswith("no statement of the trust policy lets arn:aws:sts::111111111111:")


def test_an_external_id_that_differs_is_named(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """The condition that fails is told with both values."""
    iam.trust["deploy-middle"] = trusts(SOURCE, StringEquals={"sts:ExternalId": "ticket-8"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"], external_id="ticket-7")
    assert report.cause is Cause.TRUST_POLICY
    assert "ticket-7" in _found(report)
    assert "ticket-8" in _found(report)


def test_an_external_id_that_is_not_passed_is_known_to_be_absent(
    iam: Iam, failed: Callable[..., HopReport]
) -> None:
    """A trust policy that asks for one the chain does not declare is the side that decided."""
    iam.trust["deploy-middle"] = trusts(SOURCE, StringEquals={"sts:ExternalId": "ticket-8"})
    assert failed("deploy-middle", readers=["AKIAMIDDLE"]).cause is Cause.TRUST_POLICY


def test_a_boundary_is_read_too(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """A boundary that leaves the hop out is the side that decided."""
    iam.boundary["deploy-source"] = allows(TARGET)
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.PERMISSIONS_BOUNDARY


def test_an_inline_policy_is_read_too(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """A deny in an inline policy is found."""
    deny = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    iam.inline["deploy-source"] = {"Version": "2012-10-17", "Statement": [deny]}
    report = failed("deploy-middle")
    assert report.cause is Cause.IDENTITY_POLICY
    assert "denies sts:AssumeRole" in _found(report)


def test_a_later_hop_is_read_with_the_sessions_that_were_come_by(
    iam: Iam, failed: Callable[..., HopReport]
) -> None:
    """The middle's own session reads the middle's policies when the target refuses."""
    del iam.attached["deploy-middle"]
    report = failed("deploy-target")
    assert (report.index, report.cause) == (2, Cause.IDENTITY_POLICY)
    assert "there is none" in _found(report)


def test_what_cannot_be_read_is_where_to_look(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """With a caller that is allowed and a trust policy out of reach, the trust policy is what is left."""
    report = failed("deploy-middle")
    assert report.cause is Cause.UNKNOWN
    assert report.detail.endswith(
        f"; what of IAM can be read allows it, so look at what cannot: {MIDDLE}'s trust policy"
    )


def test_what_iam_allows_is_refused_elsewhere(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """If both policies allow the hop, neither is blamed."""
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.UNKNOWN
    assert _found(report).endswith(
        "; so look at the organization's control policies, or wait until AWS has seen the last change"
    )


def test_a_key_that_is_not_known_here_decides_nothing(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """A condition on what only AWS knows of the call leaves the cause open, and is named."""
    iam.trust["deploy-middle"] = trusts(SOURCE, StringEquals={"aws:PrincipalOrgID": "o-exampleorg1"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.UNKNOWN
    assert report.detail.endswith(" (not known here: aws:principalorgid)")
    iam.trust["deploy-middle"] = trusts(SOURCE, StringEquals={"aws:PrincipalOrgID": "o-anotherorg1"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"], organization="o-exampleorg1")
    assert report.cause is Cause.TRUST_POLICY


def test_a_role_that_is_not_there_is_told(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """STS denies what does not exist; IAM says that it does not."""
    del iam.roles["deploy-middle"]
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.detail.endswith("; account 222222222222 has no role deploy-middle: deploy its stack")


def test_a_role_with_another_path_is_told(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """A role of the name under another path is not the one that is called for."""
    iam.roles["deploy-middle"] = other = "arn:aws:iam::222222222222:role/deploy-middle"
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.detail.endswith(f"; the role is {other}: name it so, path included")


def test_nothing_that_may_be_read_adds_nothing(iam: Iam, failed: Callable[..., HopReport]) -> None:
    """Without permission to read, the report is what STS said."""
    iam.readers.clear()
    report = failed("deploy-middle", readers=["AKIAMIDDLE", "AKIAGONE"])
    assert report.cause is Cause.UNKNOWN
    assert "IAM" not in report.detail.partition("STS names no side")[2]


def test_a_policy_that_cannot_be_read_is_not_taken_for_none(
    iam: Iam, failed: Callable[..., HopReport]
) -> None:
    """A caller whose attached policies are closed to the reader is not said to allow nothing."""
    iam.refuses = {"GetPolicy"}
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.UNKNOWN
    assert (
        "the document of arn:aws:iam::111111111111:policy/attached-deploy-source (AccessDenied)"
        in report.detail
    )


def test_an_open_shortcut_names_the_statement_that_opens_it(
    iam: Iam, failed: Callable[..., HopReport]
) -> None:
    """What lets a caller in that must be refused is told by its statement."""
    iam.trust["deploy-target"] = trusts(SOURCE)
    iam.attached["deploy-source"] = allows("*")
    report = failed("", lets_in=True, readers=["AKIATARGET"])
    assert (report.expected, report.verdict) == ("refused", "allowed")
    assert _found(report) == (
        "statement 0 of the trust policy lets arn:aws:sts::111111111111:assumed-role/deploy-source/f in"
    )


def test_a_chain_that_is_as_declared_is_not_read(iam: Iam, sts: Any) -> None:
    """Reading costs nothing where nothing failed."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    sts.allows = lambda caller, call: not ("deploy-source/" in caller and call.role == "deploy-target")
    session = boto3.Session("ASIASOURCE", "s", "t", region_name="us-east-1")
    assert all(report.ok for report in verify(chain, session=session))
    assert iam.calls == []
