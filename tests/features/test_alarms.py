"""The alarms: each has an attempt that it reports, and a declared walk raises none.

The events are those that the local organization's trail holds of calls made there, and its EventBridge decides
which patterns they match.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Entrance
from rolechain.local import LocalOrganization
from rolechain.model.canary import canary_arn, session_name
from rolechain.runtime import verify
from rolechain.statements.event_patterns import Pattern, walks_of, watches_of
from tests.features.conftest import Deploy, Deployed

Json = dict[str, Any]
SOURCE, MIDDLE, TARGET, OUTSIDE = "111111111111", "222222222222", "333333333333", "888888888888"
LETS_ALL_IN: Json = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
EVERYTHING: Json = {"Effect": "Allow", "Action": "*", "Resource": "*"}
CANARY = f"arn:aws:iam::{SOURCE}:role/rolechain/guarded-canary"


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def organization(trail: Path) -> Iterator[LocalOrganization]:
    """An organization with a trail and EventBridge."""
    with LocalOrganization(trail=trail, services=["events"]) as running:
        yield running


@pytest.fixture
def chain() -> Chain:
    return Chain(
        "guarded",
        source=ChainRole(
            SOURCE,
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.arn(CANARY),
                Entrance.arn(f"arn:aws:iam::{OUTSIDE}:role/pipeline"),
            ],
        ),
        middle=ChainRole(MIDDLE, external_id="jump-1"),
        targets=[ChainRole(TARGET), ChainRole(TARGET, "guarded-other"), ChainRole(SOURCE, "guarded-home")],
    )


@pytest.fixture
def deployed(chain: Chain, deploy: Deploy, trail: Path) -> Deployed:
    """The chain, made before anything is looked at."""
    made = deploy(chain)
    events_of(trail)
    return made


def events_of(trail: Path) -> list[Json]:
    """What EventBridge gets of the log files since the last call."""
    found = []
    for path in sorted(trail.rglob("*.json.gz"), key=lambda each: each.stat().st_mtime_ns):
        (record,) = json.loads(gzip.decompress(path.read_bytes()))["Records"]
        path.unlink()
        if record["eventSource"] == "events.amazonaws.com":
            continue  # the tests' own questions
        found.append(
            {
                "id": record["eventID"],
                "source": "aws." + record["eventSource"].split(".")[0],
                "detail-type": "AWS API Call via CloudTrail",
                "account": record["recipientAccountId"],
                "region": record["awsRegion"],
                "time": record["eventTime"],
                "resources": [],
                "detail": record,
            }
        )
    return found


Reported = Callable[[], set[str]]


@pytest.fixture
def matches(organization: LocalOrganization) -> Callable[[Pattern, Json], bool]:
    """Whether an event matches a pattern, decided by EventBridge."""
    client: Any = organization.session(MIDDLE).client("events")
    return lambda pattern, event: bool(
        client.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]
    )


@pytest.fixture
def reported(chain: Chain, trail: Path, matches: Callable[[Pattern, Json], bool]) -> Reported:
    """What the chain's accounts report of the calls since the last time, as ``account watch``."""

    def report() -> set[str]:
        return {
            f"{event['account']} {watch.id.rstrip('123456789')}"
            for event in events_of(trail)
            if event["account"] in chain.accounts
            for watch in watches_of(chain, event["account"])
            if matches(watch.pattern, event)
        }

    return report


@pytest.fixture
def role(organization: LocalOrganization) -> Iterator[Callable[..., boto3.Session]]:
    """Makes a role of an account that may do everything, and gives a session of it; its name may be a path."""
    made: list[tuple[Any, str]] = []

    def make(account: str, name: str, path: str = "/") -> boto3.Session:
        iam = organization.session(account).client("iam")
        trust: Json = {**LETS_ALL_IN, "Principal": {"Service": "lambda.amazonaws.com"}}
        created = iam.create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps({"Statement": trust})
        )
        iam.put_role_policy(
            RoleName=name, PolicyName="own", PolicyDocument=json.dumps({"Statement": EVERYTHING})
        )
        made.append((iam, name))
        return organization.workload(created["Role"]["Arn"], "lambda.amazonaws.com")

    yield make
    for iam, name in made:
        iam.delete_role_policy(RoleName=name, PolicyName="own")
        iam.delete_role(RoleName=name)


def opened(deployed: Deployed, declared: ChainRole, reported: Reported) -> None:
    """A role lets everybody in, which is reported as a change itself."""
    deployed.iam(declared.account).update_assume_role_policy(
        RoleName=declared.role, PolicyDocument=json.dumps({"Statement": LETS_ALL_IN})
    )
    assert reported() == {f"{declared.account} Changed"}


def assume(session: boto3.Session, arn: str, **parameters: Any) -> None:
    session.client("sts").assume_role(RoleArn=arn, RoleSessionName="guest", **parameters)


def test_a_declared_walk_raises_nothing(
    deployed: Deployed, chain: Chain, reported: Reported, role: Any, trail: Path, matches: Any
) -> None:
    """From the service's workload and from the declared role of another account, into each target."""
    pipeline = role(OUTSIDE, "pipeline")
    events_of(trail)
    for target in chain.targets:
        deployed.walk(chain.hops_to(target))
    assume(pipeline, chain.source.arn)
    events = events_of(trail)
    assert {event["account"] for event in events} == {SOURCE, MIDDLE, TARGET, OUTSIDE}
    assert [
        (watch.id, event)
        for event in events
        if event["account"] in chain.accounts
        for watch in watches_of(chain, event["account"])
        if matches(watch.pattern, event)
    ] == []
    of_middle = [event for event in events if event["account"] == MIDDLE]
    assert sum(matches(walks_of(chain), event) for event in of_middle) == len(chain.targets)


def test_the_walks_of_the_canary_raise_nothing(
    deployed: Deployed, chain: Chain, reported: Reported, role: Any, trail: Path
) -> None:
    """The canary tries what must be refused, which is reported of anybody else."""
    canary = role(SOURCE, "guarded-canary", "/rolechain/")
    assert canary_arn(chain) == CANARY
    events_of(trail)
    reports = verify(chain, session=canary, session_name=session_name(chain))
    assert all(report.ok for report in reports)
    assert any(report.expected == "refused" for report in reports)
    assert reported() == set()
    verify(chain, session=canary, session_name="somebody")
    assert reported() == {f"{SOURCE} Refused"}


def test_another_account(deployed: Deployed, chain: Chain, reported: Reported, role: Any) -> None:
    """A role that was opened and that an account without a declared caller assumes is reported where it is."""
    stranger = role("777777777777", "stranger")
    for declared in (chain.source, chain.middle[0], chain.targets[0]):
        opened(deployed, declared, reported)
        assume(stranger, declared.arn)
        assert reported() == {f"{declared.account} Assumed"}, declared


def test_another_role_of_the_callers_account(
    deployed: Deployed, chain: Chain, reported: Reported, role: Any
) -> None:
    """The account of the role cannot tell who called; the account of the caller can, and reports it."""
    for account, declared in (
        (SOURCE, chain.middle[0]),
        (MIDDLE, chain.targets[0]),
        (MIDDLE, chain.targets[2]),
    ):
        other = role(account, f"other-{declared.role}")
        opened(deployed, declared, reported)
        assume(other, declared.arn)
        assert reported() == {f"{account} Called"}, declared


def test_a_shortcut(deployed: Deployed, chain: Chain, reported: Reported) -> None:
    """The source role is no declared caller of a target, where it is nor in the target's own account."""
    opened(deployed, chain.targets[0], reported)
    deployed.iam(SOURCE).put_role_policy(
        RoleName=chain.source.role, PolicyName="own", PolicyDocument=json.dumps({"Statement": EVERYTHING})
    )
    reported()
    assume(deployed.source(), chain.targets[0].arn)
    assert reported() == {f"{SOURCE} Called", f"{TARGET} Assumed"}


def test_another_role_of_the_same_account(
    deployed: Deployed, chain: Chain, reported: Reported, role: Any
) -> None:
    """Within one account the event says who called: an entrance is used by the wrong principal."""
    other = role(SOURCE, "other-in-source")
    opened(deployed, chain.source, reported)
    assume(other, chain.source.arn)
    assert reported() == {f"{SOURCE} Assumed"}


def test_a_user_and_a_service(deployed: Deployed, chain: Chain, reported: Reported, user: Any) -> None:
    """A user's event has no role's session in it, and a service's has no account."""
    ann = user(SOURCE, "ann")
    opened(deployed, chain.source, reported)
    assume(ann, chain.source.arn)
    assert reported() == {f"{SOURCE} Assumed"}
    trust: Json = {**LETS_ALL_IN, "Principal": {"Service": "ec2.amazonaws.com"}}
    deployed.iam(SOURCE).update_assume_role_policy(
        RoleName=chain.source.role, PolicyDocument=json.dumps({"Statement": trust})
    )
    reported()
    deployed.organization.workload(chain.source.arn, "ec2.amazonaws.com")
    assert reported() == {f"{SOURCE} Assumed"}


def test_an_emergency(
    deploy: Deploy, reported: Reported, role: Any, user: Any, trail: Path, matches: Any
) -> None:
    """The use of an entrance that closes is reported where the source role is, that of any other is not."""
    ann = user(SOURCE, "emergency")
    others = [role(SOURCE, "daily"), role(OUTSIDE, "helper")]
    entrances = [
        Entrance.arn(f"arn:aws:iam::{SOURCE}:user/emergency", until="2999-01-01T00:00Z"),
        Entrance.arn(f"arn:aws:iam::{OUTSIDE}:role/helper", until="2999-01-01T00:00Z"),
        Entrance.arn(f"arn:aws:iam::{SOURCE}:role/daily"),
    ]
    chain = Chain("glass", source=ChainRole(SOURCE, assumed_by=entrances), targets=ChainRole(TARGET))
    deploy(chain)
    (watch,) = [each for each in watches_of(chain, SOURCE) if each.id.startswith("Emergency")]
    for session, told in ((ann, 1), (others[0], 0), (others[1], 1)):
        events_of(trail)
        assume(session, chain.source.arn)
        events = [event for event in events_of(trail) if event["account"] == SOURCE]
        assert sum(matches(watch.pattern, event) for event in events) == told
        assert not any(
            matches(each.pattern, event)
            for event in events
            for each in watches_of(chain, SOURCE)
            if each.id.startswith("Assumed")
        )
    assert not [each for each in watches_of(chain, TARGET) if each.id.startswith("Emergency")]


def test_a_refused_attempt(
    deployed: Deployed, chain: Chain, reported: Reported, trail: Path, matches: Any
) -> None:
    """A refusal is reported where the caller is, also where CloudTrail left the parameters out."""
    with pytest.raises(ClientError):
        assume(deployed.source(), chain.targets[0].arn)
    (refused,) = [each for each in events_of(trail) if "errorCode" in each["detail"]]
    (watch,) = [each for each in watches_of(chain, refused["account"]) if each.id == "Refused"]
    assert refused["account"] == SOURCE
    assert matches(watch.pattern, refused)
    refused["detail"]["requestParameters"] = None
    assert matches(watch.pattern, refused)
    refused["detail"]["errorMessage"] = "User: x is not authorized to perform: sts:AssumeRole on resource: y"
    assert not matches(watch.pattern, refused)


def test_changes(deployed: Deployed, chain: Chain, reported: Reported) -> None:
    """Changes of the chain's roles and of policies in their paths are reported, those of others and reads are not."""
    iam = deployed.iam(TARGET)
    iam.get_role(RoleName=chain.targets[0].role)
    iam.create_role(RoleName="another", AssumeRolePolicyDocument=json.dumps({"Statement": LETS_ALL_IN}))
    iam.delete_role(RoleName="another")
    assert reported() == set()
    iam.tag_role(RoleName=chain.targets[0].role, Tags=[{"Key": "a", "Value": "b"}])
    assert reported() == {f"{TARGET} Changed"}
    document = json.dumps({"Version": "2012-10-17", "Statement": EVERYTHING})
    policy = iam.create_policy(PolicyName="p", Path="/rolechain/", PolicyDocument=document)["Policy"]["Arn"]
    reported()
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=document, SetAsDefault=True)
    assert reported() == {f"{TARGET} Changed"}


def test_a_revocation(deployed: Deployed, chain: Chain, reported: Reported) -> None:
    """The end of a role's sessions, as the command and the console put it, is reported as such."""
    iam = deployed.iam(TARGET)
    name = chain.targets[0].role
    document = json.dumps({"Version": "2012-10-17", "Statement": {**EVERYTHING, "Effect": "Deny"}})
    iam.put_role_policy(RoleName=name, PolicyName="AWSRevokeOlderSessions", PolicyDocument=document)
    assert reported() == {f"{TARGET} Changed", f"{TARGET} Revoked"}
    iam.delete_role_policy(RoleName=name, PolicyName="AWSRevokeOlderSessions")


def test_an_account_of_a_unit(
    deploy: Deploy, trail: Path, matches: Callable[[Pattern, Json], bool], role: Any, organization: Any
) -> None:
    """The rules of any account of the units report what those of a declared one do, and no declared walk."""
    by_unit = Chain(
        "spread",
        organization="o-exampleorg1",
        source=ChainRole(SOURCE, assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=ChainRole(MIDDLE),
        targets=[
            ChainRole(organizational_units=["r-local"], role="one"),
            ChainRole(organizational_units=["r-local"], role="other"),
        ],
    )
    member = "555555555555"
    deployed = deploy(by_unit.with_members([member]))
    target = deployed.chain.targets[0]
    stranger, inside = role("777777777777", "stranger"), role(member, "inside")
    middle_stranger = role(MIDDLE, "beside-the-middle")
    events_of(trail)

    def reported() -> set[str]:
        found = set()
        for event in events_of(trail):
            account = event["account"] if event["account"] in by_unit.accounts else "*"
            for watch in watches_of(by_unit, account) if event["account"] != "777777777777" else ():
                if matches(watch.pattern, event):
                    found.add(f"{event['account']} {watch.id.rstrip('123456789')}")
        return found

    for each in deployed.chain.targets:
        deployed.walk(deployed.chain.hops_to(each))
    assert reported() == set()
    iam, middle = deployed.iam(member), by_unit.middle[0]
    with pytest.raises(ClientError):
        assume(inside, middle.arn)
    assert reported() == {f"{member} Refused"}
    opened(deployed, target, reported)
    assume(stranger, target.arn)
    assert reported() == {f"{member} Assumed"}
    assume(inside, target.arn)
    assert reported() == {f"{member} Assumed"}
    assume(middle_stranger, target.arn)
    assert reported() == {f"{MIDDLE} Called"}
    opened(deployed, middle, reported)
    assume(inside, middle.arn)
    assert reported() == {f"{member} Called", f"{MIDDLE} Assumed"}
    document = json.dumps({"Version": "2012-10-17", "Statement": {**EVERYTHING, "Effect": "Deny"}})
    iam.put_role_policy(RoleName="one", PolicyName="AWSRevokeOlderSessions", PolicyDocument=document)
    assert reported() == {f"{member} Changed", f"{member} Revoked"}
    iam.delete_role_policy(RoleName="one", PolicyName="AWSRevokeOlderSessions")


OIDC = f"arn:aws:iam::{SOURCE}:oidc-provider/token.actions.githubusercontent.com"
SAML = f"arn:aws:iam::{SOURCE}:saml-provider/okta"


def entered(event_name: str, identity: Json, **parameters: str) -> Json:
    """The event of an entrance that the local organization's tests do not use, as CloudTrail documents it."""
    detail = {
        "eventName": event_name,
        "userIdentity": identity,
        "requestParameters": {"roleArn": f"arn:aws:iam::{SOURCE}:role/rolechain/open-source", **parameters},
    }
    event = {"id": "1", "source": "aws.sts", "detail-type": "AWS API Call via CloudTrail", "account": SOURCE}
    return {**event, "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [], "detail": detail}


def web(subject: str, provider: str = OIDC) -> Json:
    principal = f"{provider}:sts.amazonaws.com:{subject}"
    identity = {
        "type": "WebIdentityUser",
        "principalId": principal,
        "userName": subject,
        "identityProvider": provider,
    }
    return entered("AssumeRoleWithWebIdentity", identity)


def person(role: str) -> Json:
    issuer = f"arn:aws:iam::{SOURCE}:role/aws-reserved/sso.amazonaws.com/eu-west-1/{role}"
    identity = {
        "type": "AssumedRole",
        "accountId": SOURCE,
        "sessionContext": {"sessionIssuer": {"arn": issuer}},
    }
    return entered("AssumeRole", identity)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (web("repo:acme/app:ref:refs/heads/main"), False),
        (web("repo:acme/other:ref:refs/heads/main"), True),
        (web("repo:acme/app:ref:refs/heads/main", OIDC.replace("githubusercontent", "example")), True),
        (person("AWSReservedSSO_Deploy_0123456789abcdef"), False),
        (person("AWSReservedSSO_Admin_0123456789abcdef"), True),
        (entered("AssumeRoleWithSAML", {"type": "SAMLUser"}, principalArn=SAML), False),
        (entered("AssumeRoleWithSAML", {"type": "SAMLUser"}, principalArn=f"{SAML}2"), True),
        (entered("AssumeRole", {"type": "AWSAccount", "accountId": "777777777777"}), False),
        (entered("AssumeRole", {"type": "AWSAccount", "accountId": "999999999999"}), True),
    ],
)
def test_every_kind_of_entrance(event: Json, told: bool, matches: Any) -> None:
    """What enters as the chain declares is not reported, and what resembles it is."""
    entrances = [
        Entrance.oidc(OIDC, audience="sts.amazonaws.com", subject="repo:acme/app:*"),
        Entrance.saml(SAML),
        Entrance.permission_set("Deploy"),
        Entrance.account("777777777777"),
    ]
    chain = Chain("open", source=ChainRole(SOURCE, assumed_by=entrances), targets=ChainRole(TARGET))
    assumed = [watch for watch in watches_of(chain, SOURCE) if watch.id.startswith("Assumed")]
    assert any(matches(watch.pattern, event) for watch in assumed) is told


def test_names_in_another_case(chain: Chain, matches: Any) -> None:
    """IAM does not distinguish names by case: a change is reported however the call writes the role."""
    role = chain.targets[0]
    event = {
        "source": "aws.iam",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventName": "PutRolePolicy",
            "readOnly": False,
            "requestParameters": {"roleName": role.role.upper(), "policyName": "AWSRevokeOlderSessions"},
        },
    }
    watches = {watch.id for watch in watches_of(chain, role.account) if matches(watch.pattern, event)}
    assert watches == {"Changed", "Revoked"}


def test_a_thousand_targets(matches: Any) -> None:
    """No pattern outgrows EventBridge's quota: roles are then named in any account."""
    targets = [ChainRole(f"{number:012}", external_id="e1") for number in range(400, 1400)]
    chain = Chain("wide", source=ChainRole(SOURCE, assumed_by=[Entrance.account(SOURCE)]), targets=targets)
    patterns = [watch.pattern for each in (SOURCE, targets[0].account) for watch in watches_of(chain, each)]
    assert max(len(json.dumps(pattern)) for pattern in patterns) <= 2048
    crowded = Chain(
        "wide", source=chain.source, targets=[ChainRole(TARGET, role=f"role-{n}") for n in range(99)]
    )
    assert max(len(json.dumps(watch.pattern)) for watch in watches_of(crowded, TARGET)) <= 2048
    (called,) = [watch.pattern for watch in watches_of(chain, SOURCE) if watch.id == "Called1"]
    assert called["detail"]["requestParameters"]["roleArn"] == [
        {"wildcard": "arn:aws:iam::*:role/rolechain/wide-target"}
    ]
