"""What verify finds out about a hop that is not as declared, from the policies that it may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from rolechain import Chain, ChainRole
from rolechain.runtime import Cause, verify
from rolechain.runtime.report import HopReport

SOURCE, MIDDLE, TARGET = (
    f"arn:aws:iam::{digit * 12}:role/rolechain/deploy-{name}"
    for digit, name in (("1", "source"), ("2", "middle"), ("3", "target"))
)


def _found(report: HopReport) -> str:
    """What was found out, after what STS said."""
    return report.detail.rpartition("; as IAM has it, ")[2]


def test_a_caller_that_is_not_allowed_is_named(
    allowing: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """The caller's own session reads its role, and the statement that comes nearest is named."""
    iam.attached["deploy-source"] = allowing("arn:aws:iam::222222222222:role/rolechain/other")
    report = failed("deploy-middle")
    assert report.cause is Cause.IDENTITY_POLICY
    assert _found(report).startswith(f"no identity policy of the caller allows sts:AssumeRole on {MIDDLE}: ")
    assert "statement 0 (AssumeCallees) of identity policy 0 would, but" in _found(report)
    assert {account for account, _ in iam.calls} == {"111111111111"}


def test_a_trust_policy_that_lets_nobody_in_is_named(
    trusting: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """A reader of the callee's account shows that its trust policy names another caller."""
    iam.trust["deploy-middle"] = trusting(TARGET)
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.TRUST_POLICY
    assert _found(report).startswith("no statement of the trust policy lets arn:aws:sts::111111111111:")


def test_an_external_id_that_differs_is_named(
    trusting: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """The condition that fails is told with both values."""
    iam.trust["deploy-middle"] = trusting(SOURCE, StringEquals={"sts:ExternalId": "ticket-8"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"], external_id="ticket-7")
    assert report.cause is Cause.TRUST_POLICY
    assert "ticket-7" in _found(report)
    assert "ticket-8" in _found(report)


def test_an_external_id_that_is_not_passed_is_known_to_be_absent(
    trusting: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """A trust policy that asks for one the chain does not declare is the side that decided."""
    iam.trust["deploy-middle"] = trusting(SOURCE, StringEquals={"sts:ExternalId": "ticket-8"})
    assert failed("deploy-middle", readers=["AKIAMIDDLE"]).cause is Cause.TRUST_POLICY


@pytest.mark.parametrize(
    ("condition", "lacking"),
    [
        ({"StringEquals": {"sts:ExternalId": "ticket-8"}}, "external id"),
        ({"StringLike": {"aws:RequestTag/Team": ["a*"]}}, "session tag Team"),
        ({"StringEquals": {"sts:SourceIdentity": ["ann", "bob"]}}, "source identity"),
        ({"Null": {"sts:ExternalId": "false"}}, "external id"),
        (
            {"StringEquals": {"sts:ExternalId": "ticket-8", "aws:RequestTag/Team": "a"}},
            "external id and session tag Team",
        ),
    ],
)
def test_what_the_call_lacked_is_said_first(
    trusting: Any, allowing: Any, iam: Any, failed: Callable[..., HopReport], condition: Any, lacking: str
) -> None:
    """Where both sides would allow the hop with what was not sent, that comes before what STS said."""
    iam.trust["deploy-middle"] = trusting(SOURCE, **condition)
    for document in (iam.trust["deploy-middle"], iam.attached["deploy-source"]):
        document["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.TRUST_POLICY
    said = f"the call lacked {lacking}, which the trust policy of {MIDDLE} asks for: declare it; hop 1 of 2 refused"
    assert report.detail.startswith(said)


@pytest.mark.parametrize(
    ("condition", "caller"),
    [
        ({"StringEquals": {"sts:ExternalId": "ticket-8"}}, TARGET),
        ({"StringEquals": {"sts:ExternalId": "ticket-8", "aws:PrincipalAccount": "444444444444"}}, SOURCE),
        ({"StringEquals": {"aws:PrincipalAccount": "444444444444"}}, SOURCE),
    ],
)
def test_what_would_not_help_is_not_said_to_lack(
    trusting: Any, iam: Any, failed: Callable[..., HopReport], condition: Any, caller: str
) -> None:
    """A caller that the trust policy lets in with nothing it could send is not told to send something."""
    iam.trust["deploy-middle"] = trusting(caller, **condition)
    assert failed("deploy-middle", readers=["AKIAMIDDLE"]).detail.startswith("hop 1 of 2 refused: ")


def test_an_external_id_that_is_another_is_not_said_to_lack(
    trusting: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """A value that was sent and is not the one asked for is told so first."""
    iam.trust["deploy-middle"] = trusting(SOURCE, StringEquals={"sts:ExternalId": "ticket-8"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"], external_id="ticket-7")
    assert report.detail.startswith(
        f"the call sent another external id than the trust policy of {MIDDLE} asks for: "
    )


def test_a_boundary_is_read_too(allowing: Any, iam: Any, failed: Callable[..., HopReport]) -> None:
    """A boundary that leaves the hop out is the side that decided."""
    iam.boundary["deploy-source"] = allowing(TARGET)
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.PERMISSIONS_BOUNDARY


def test_an_inline_policy_is_read_too(iam: Any, failed: Callable[..., HopReport]) -> None:
    """A deny in an inline policy is found."""
    deny = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    iam.inline["deploy-source"] = {"Version": "2012-10-17", "Statement": [deny]}
    report = failed("deploy-middle")
    assert report.cause is Cause.IDENTITY_POLICY
    assert "denies sts:AssumeRole" in _found(report)


def test_a_later_hop_is_read_with_the_sessions_that_were_come_by(
    iam: Any, failed: Callable[..., HopReport]
) -> None:
    """The middle's own session reads the middle's policies when the target refuses."""
    del iam.attached["deploy-middle"]
    report = failed("deploy-target")
    assert (report.index, report.cause) == (2, Cause.IDENTITY_POLICY)
    assert "there is none" in _found(report)


def test_what_cannot_be_read_is_where_to_look(iam: Any, failed: Callable[..., HopReport]) -> None:
    """With a caller that is allowed and a trust policy out of reach, the trust policy is what is left."""
    report = failed("deploy-middle")
    assert report.cause is Cause.UNKNOWN
    assert report.detail.endswith(
        f"; what of IAM can be read allows it, so look at what cannot: {MIDDLE}'s trust policy"
    )


def test_what_iam_allows_is_refused_elsewhere(iam: Any, failed: Callable[..., HopReport]) -> None:
    """If both policies allow the hop, neither is blamed."""
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.UNKNOWN
    assert _found(report).endswith(
        "; so look at the organization's control policies, or wait until AWS has seen the last change"
    )


def test_a_key_that_is_not_known_here_decides_nothing(
    trusting: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """A condition on what only AWS knows of the call leaves the cause open, and is named."""
    iam.trust["deploy-middle"] = trusting(SOURCE, StringEquals={"aws:PrincipalOrgID": "o-exampleorg1"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.cause is Cause.UNKNOWN
    assert report.detail.endswith(" (not known here: aws:principalorgid)")
    iam.trust["deploy-middle"] = trusting(SOURCE, StringEquals={"aws:PrincipalOrgID": "o-anotherorg1"})
    report = failed("deploy-middle", readers=["AKIAMIDDLE"], organization="o-exampleorg1")
    assert report.cause is Cause.TRUST_POLICY


def test_a_role_that_is_not_there_is_told(iam: Any, failed: Callable[..., HopReport]) -> None:
    """STS denies what does not exist; IAM says that it does not."""
    del iam.roles["deploy-middle"]
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.detail.endswith("; account 222222222222 has no role deploy-middle: deploy its stack")


def test_a_role_with_another_path_is_told(iam: Any, failed: Callable[..., HopReport]) -> None:
    """A role of the name under another path is not the one that is called for."""
    iam.roles["deploy-middle"] = other = "arn:aws:iam::222222222222:role/deploy-middle"
    report = failed("deploy-middle", readers=["AKIAMIDDLE"])
    assert report.detail.endswith(f"; the role is {other}: name it so, path included")


def test_nothing_that_may_be_read_adds_nothing(iam: Any, failed: Callable[..., HopReport]) -> None:
    """Without permission to read, the report is what STS said."""
    iam.readers.clear()
    report = failed("deploy-middle", readers=["AKIAMIDDLE", "AKIAGONE"])
    assert report.cause is Cause.UNKNOWN
    assert "IAM" not in report.detail.partition("STS names no side")[2]


def test_a_policy_that_cannot_be_read_is_not_taken_for_none(
    iam: Any, failed: Callable[..., HopReport]
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
    allowing: Any, trusting: Any, iam: Any, failed: Callable[..., HopReport]
) -> None:
    """What lets a caller in that must be refused is told by its statement."""
    iam.trust["deploy-target"] = trusting(SOURCE)
    iam.attached["deploy-source"] = allowing("*")
    report = failed("", lets_in=True, readers=["AKIATARGET"])
    assert (report.expected, report.verdict) == ("refused", "allowed")
    assert _found(report) == (
        "statement 0 of the trust policy lets arn:aws:sts::111111111111:assumed-role/deploy-source/f in"
    )


def test_a_chain_that_is_as_declared_is_not_read(iam: Any, sts: Any) -> None:
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
