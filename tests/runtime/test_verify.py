"""The live test of a chain, against an endpoint that decides by who calls whom."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from rolechain import Chain, ChainError, ChainRole
from rolechain.runtime import Cause, HopError, attempt, verify
from rolechain.runtime.attempts import Patience
from rolechain.runtime.verification import walk

SOURCE, MIDDLE, TARGET = (
    f"arn:aws:iam::{digit * 12}:role/rolechain/deploy-{name}"
    for digit, name in (("1", "source"), ("2", "middle"), ("3", "target"))
)
BASE_ARN = "arn:aws:iam::999999999999:user/base"


def chain(*, external_id: str | None = None, middles: int = 1, targets: int = 1) -> Chain:
    """A chain of single-role accounts."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=tuple(ChainRole(f"22222222222{n + 2}", external_id=external_id) for n in range(middles)),
        targets=tuple(ChainRole(f"33333333333{n + 3}") for n in range(targets)),
    )


@pytest.fixture
def deployed(sts: Any, base: Any) -> Any:
    """Deploys a chain: each role lets in the caller that the chain declares, with its external id."""

    def deploy(declared: Chain) -> Chain:
        def allows(caller: str, call: Any) -> bool:
            callee = call.parameters["RoleArn"]
            if callee == declared.source.arn:
                return caller == BASE_ARN
            return any(
                f"::{hop.caller.account}:assumed-role/{hop.caller.role}/" in caller
                and call.parameters.get("ExternalId") == hop.external_id
                for hop in declared.hops()
                if hop.role_arn == callee
            )

        sts.allows = allows
        return declared

    return deploy


def columns(reports: Any) -> list[tuple[int, str, str, str, str]]:
    """The columns that do not vary from run to run, with roles by name."""
    return [
        (
            each.index,
            each.caller.rsplit("/", 1)[-1],
            each.callee.rsplit("/", 1)[-1],
            each.expected,
            each.verdict,
        )
        for each in reports
    ]


def test_a_deployed_chain_is_taken_from_the_way_in_to_the_target(sts: Any, base: Any, deployed: Any) -> None:
    """Any session assumes the source role first; then every hop is taken and every shortcut tried."""
    reports = verify(deployed(chain(external_id="ticket-7", targets=2)), session=base)
    assert columns(reports) == [
        (1, "base", "deploy-source", "allowed", "allowed"),
        (2, "deploy-source", "deploy-middle", "allowed", "allowed"),
        (3, "deploy-middle", "deploy-target", "allowed", "allowed"),
        (3, "deploy-middle", "deploy-target", "allowed", "allowed"),
        (3, "deploy-source", "deploy-target", "refused", "refused"),
        (3, "deploy-source", "deploy-target", "refused", "refused"),
        (2, "deploy-source", "deploy-middle", "refused", "refused"),
    ]
    assert all(report.ok for report in reports)
    assert [report.cause for report in reports] == [None] * 4 + [Cause.UNKNOWN] * 3
    assert [report.altered for report in reports] == [""] * 6 + ["without external id"]
    assert sts.calls[-1].parameters.get("ExternalId") is None
    assert all(report.milliseconds > 0 for report in reports)
    assert sts.seen == [
        ("AKIABASE", "deploy-source"),
        ("ASIAdeploy-source.1", "deploy-middle"),
        ("ASIAdeploy-middle.1", "deploy-target"),
        ("ASIAdeploy-middle.1", "deploy-target"),
        ("ASIAdeploy-source.1", "deploy-target"),
        ("ASIAdeploy-source.1", "deploy-target"),
        ("ASIAdeploy-source.1", "deploy-middle"),
    ]


def test_the_source_role_goes_on_from_where_it_is(sts: Any, base: Any, deployed: Any) -> None:
    """A session of the source role makes no way in, and GetCallerIdentity finds that out in one call."""
    sts.arns["ASIALAMBDA"] = "arn:aws:sts::111111111111:assumed-role/deploy-source/function"
    session = boto3.Session("ASIALAMBDA", "s", "t", region_name="us-east-1")
    reports = verify(deployed(chain()), session=session)
    assert [report.index for report in reports] == [1, 2, 2]
    assert [call.action for call in sts.calls if call.access_key == "ASIALAMBDA"] == [
        "GetCallerIdentity",
        "AssumeRole",
        "AssumeRole",
    ]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sts::111111111111:assumed-role/deploy-source-2/s",
        "arn:aws:sts::211111111111:assumed-role/deploy-source/s",
        "arn:aws:iam::111111111111:user/deploy-source",
        "arn:aws:iam::111111111111:root",
    ],
)
def test_only_the_source_role_itself_is_taken_for_it(sts: Any, base: Any, deployed: Any, arn: str) -> None:
    """Another role, account or kind of principal assumes the source role first, which is hop 1."""
    sts.arns["AKIABASE"] = arn
    reports = verify(deployed(chain()), session=base)
    assert [(each.index, each.callee.rsplit("/", 1)[-1]) for each in reports] == [
        (1, "deploy-source"),
        (2, "deploy-middle"),
        (3, "deploy-target"),
        (3, "deploy-target"),
    ]


def test_what_must_be_refused_is_tried_without_session_policies(sts: Any, base: Any, deployed: Any) -> None:
    """The middle role's session is made a second time, without the policy, for the tries that must be refused."""
    policy = {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
    declared = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222", policy=policy), ChainRole("444444444444", policy=policy)],
        targets=ChainRole("333333333333", external_id="ticket-7", policy=policy),
    )
    reports = verify(deployed(declared), session=base)
    assert all(report.ok for report in reports)
    assert [
        (*pair, "Policy" in call.parameters) for call, pair in zip(_assumed(sts), sts.seen, strict=True)
    ] == [
        ("AKIABASE", "deploy-source", False),
        ("ASIAdeploy-source.1", "deploy-middle-1", True),
        ("ASIAdeploy-source.1", "deploy-middle-1", False),
        ("ASIAdeploy-middle-1.1", "deploy-middle-2", True),
        ("ASIAdeploy-middle-1.1", "deploy-middle-2", False),
        ("ASIAdeploy-middle-2.1", "deploy-target", True),
        ("ASIAdeploy-source.1", "deploy-middle-2", True),
        ("ASIAdeploy-source.1", "deploy-target", True),
        ("ASIAdeploy-middle-1.2", "deploy-target", True),
        ("ASIAdeploy-middle-2.2", "deploy-target", True),
    ]


def test_without_the_second_session_nothing_is_tried_from_it(sts: Any, base: Any, deployed: Any) -> None:
    """A limited session never stands in for one that is not: what it would be refused is left undecided."""
    policy = {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
    declared = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=ChainRole("222222222222", policy=policy),
        targets=ChainRole("333333333333", external_id="ticket-7"),
    )
    deployed(declared)
    sts.script("deploy-middle", lambda: (200, ""), sts.error("AccessDenied", status=403))
    reports = verify(declared, session=base)
    assert [(report.altered, report.verdict, report.detail) for report in reports if not report.ok] == [
        ("without external id", "undecided", f"not tried: {MIDDLE} was not reached")
    ]


def _assumed(sts: Any) -> list[Any]:
    return [call for call in sts.calls if call.action == "AssumeRole"]


def test_two_middle_roles_make_three_shortcuts(sts: Any, base: Any, deployed: Any) -> None:
    """Every pair that skips a role is tried, from a middle role too."""
    reports = verify(deployed(chain(middles=2)), session=base)
    assert [row[:4] for row in columns(reports)[4:]] == [
        (3, "deploy-source", "deploy-middle-2", "refused"),
        (4, "deploy-source", "deploy-target", "refused"),
        (4, "deploy-middle-1", "deploy-target", "refused"),
    ]
    assert all(report.ok for report in reports)


def test_an_open_shortcut_is_found(sts: Any, base: Any, deployed: Any) -> None:
    """A shortcut that is let in is reported as not ok, the rest as it is."""
    declared = deployed(chain())
    closed = sts.allows
    sts.allows = lambda caller, call: closed(caller, call) or call.role == "deploy-target"
    reports = verify(declared, session=base)
    assert [(report.verdict, report.ok) for report in reports[-1:]] == [("allowed", False)]
    assert reports[-1].detail.startswith("let in as arn:aws:sts::333333333333:assumed-role/deploy-target/")
    assert all(report.ok for report in reports[:-1])


def test_an_external_id_that_is_not_asked_for_is_found(sts: Any, base: Any, deployed: Any) -> None:
    """A role that lets its caller in without the declared external id is reported."""
    declared = deployed(chain(external_id="ticket-7"))
    closed = sts.allows
    sts.allows = lambda caller, call: closed(caller, call) or call.role == "deploy-middle"
    assert [report.ok for report in verify(declared, session=base)] == [True, True, True, True, False]


def test_a_hop_that_fails_does_not_end_the_report(sts: Any, base: Any, deployed: Any) -> None:
    """What hangs on a refused hop is reported as not tried, all else is tried."""
    declared = deployed(chain(targets=2))
    sts.allows = lambda _caller, call: call.role == "deploy-source"
    reports = verify(declared, session=base)
    assert [(report.verdict, report.ok) for report in reports] == [
        ("allowed", True),
        ("refused", False),
        ("undecided", False),
        ("undecided", False),
        ("refused", True),
        ("refused", True),
    ]
    assert reports[2].detail == f"not tried: {MIDDLE} was not reached"
    assert (reports[2].milliseconds, reports[2].cause) == (0.0, None)


def test_one_target_of_several_may_fail(sts: Any, base: Any, deployed: Any) -> None:
    """The other targets are taken after one has failed."""
    declared = deployed(chain(targets=3))
    sts.script("deploy-target", sts.error("AccessDenied", "no", 403))
    assert [report.ok for report in verify(declared, session=base)[2:5]] == [False, True, True]


def test_a_shortcut_that_nobody_decided_about_is_not_taken_for_refused(
    sts: Any, base: Any, deployed: Any
) -> None:
    """An outage or an expired session is no proof of a denial."""
    declared = deployed(chain())
    ordinary = lambda: (200, "")  # noqa: E731
    for fault in (sts.error("ServiceUnavailable", status=503), sts.error("ExpiredToken", status=403)):
        sts.script("deploy-target", ordinary, fault)
        last = verify(declared, session=base)[-1]
        assert (last.expected, last.verdict, last.ok) == ("refused", "undecided", False)
        assert last.cause in {Cause.NETWORK, Cause.SOURCE_CREDENTIALS}


@pytest.mark.parametrize(
    "other", ["333333333333:assumed-role/deploy-middle", "222222222222:assumed-role/deploy"]
)
def test_another_role_that_answers_is_found(sts: Any, base: Any, deployed: Any, other: str) -> None:
    """A session of another account or role than the one called for is not ok, and is not gone on from."""
    declared = deployed(chain())
    made = sts.assumed("deploy-middle")

    def wrong() -> tuple[int, str]:
        status, body = made()
        sts.arns["ASIAdeploy-middle.1"] = f"arn:aws:sts::{other}/s"
        return status, body

    sts.script("deploy-middle", wrong)
    reports = verify(declared, session=base)
    assert (reports[1].verdict, reports[1].ok) == ("undecided", False)
    assert reports[1].detail == f"another role answered: arn:aws:sts::{other}/s"
    assert reports[2].detail == f"not tried: {MIDDLE} was not reached"


def test_waiting_lasts_until_the_denial_passes(sts: Any, base: Any, deployed: Any) -> None:
    """A denied hop is tried again, at growing distances, and counts as allowed once it is."""
    declared, now, slept = deployed(chain()), [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    sts.script("deploy-middle", *[sts.error("AccessDenied", "no", 403)] * 5)
    patience = Patience(60, clock=lambda: now[0], sleep=sleep)
    assert all(report.ok for report in walk(declared, tuple(declared.hops()), [base], patience))
    assert slept == [1, 2, 4, 8, 8]


def test_waiting_ends_with_its_seconds(sts: Any, base: Any, deployed: Any) -> None:
    """The seconds count for the whole report, and what is denied after them is refused."""
    declared, now, slept = deployed(chain()), [0.0], []
    sts.allows = lambda _caller, call: call.role == "deploy-source"

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    reports = list(
        walk(declared, tuple(declared.hops()), [base], Patience(5, clock=lambda: now[0], sleep=sleep))
    )
    assert slept == [1, 2, 2]
    assert reports[1].verdict == "refused"
    assert len(sts.seen) == 1 + 4 + 1


def test_only_a_denial_is_waited_for(sts: Any, base: Any, deployed: Any) -> None:
    """Other failures, and the denials that are wanted, are taken at once."""
    declared = deployed(chain())
    sts.script("deploy-middle", sts.error("ValidationError", "no"))
    patience = Patience(60, sleep=lambda _: pytest.fail("waited"))
    assert [report.ok for report in walk(declared, tuple(declared.hops()), [base], patience)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("wait", [-1, float("inf"), float("nan"), "5", None, True])
def test_a_wait_is_a_number_of_seconds(base: Any, wait: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(ChainError, match=r"wait: .* is not a number of seconds"):
        verify(chain(), session=base, wait=wait)


def test_a_region_of_another_partition_is_refused(sts: Any, base: Any) -> None:
    """Nothing is called in a partition where the chain is not."""
    with pytest.raises(ChainError, match="lies in partition aws, region cn-north-1 in aws-cn"):
        verify(chain(), session=boto3.Session("AKIABASE", "s", region_name="cn-north-1"))
    assert sts.calls == []


def test_the_region_of_the_chain_serves_without_another(sts: Any, base: Any, deployed: Any) -> None:
    """A session without a region calls STS in the chain's."""
    assert all(report.ok for report in verify(deployed(chain()), session=boto3.Session("AKIABASE", "s")))


def test_credentials_that_do_not_work_are_an_error(sts: Any, base: Any) -> None:
    """If nothing can be tried at all there is no report, but an error that says so."""
    session = boto3.Session("AKIAGONE", "s", region_name="us-east-1")
    with pytest.raises(HopError, match=r"no working credentials .*InvalidClientTokenId") as caught:
        verify(chain(), session=session)
    assert caught.value.cause is Cause.SOURCE_CREDENTIALS


def test_an_attempt_reports_one_call(sts: Any, base: Any) -> None:
    """Any role may be tried from any session, with the same columns; a refusal is no error."""
    role = "arn:aws:iam::444444444444:role/elsewhere"
    report = attempt(base, role)
    assert columns([report]) == [(1, "base", "elsewhere", "allowed", "allowed")]
    assert (report.ok, report.caller, report.callee, report.cause) == (True, BASE_ARN, role, None)
    assert report.detail.startswith("answers as arn:aws:sts::444444444444:assumed-role/elsewhere/")
    sts.allows = lambda _caller, _call: False
    refused = attempt(base, role, expected="refused")
    assert (refused.verdict, refused.ok, refused.cause) == ("refused", True, Cause.UNKNOWN)
    assert not attempt(base, role).ok


def test_an_attempt_needs_a_region(sts: Any) -> None:
    """An attempt does not go to the global endpoint either."""
    with pytest.raises(ChainError, match="no region is set"):
        attempt(boto3.Session("AKIABASE", "s"), SOURCE)


def test_a_report_holds_no_secret(sts: Any, base: Any, deployed: Any) -> None:
    """Nothing that was obtained on the way is in the report."""
    shown = repr(verify(deployed(chain()), session=base))
    assert "secret" not in shown
    assert "token-of" not in shown
    assert TARGET in shown
