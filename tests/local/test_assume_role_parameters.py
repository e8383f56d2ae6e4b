"""What AssumeRole says about parameters that it does not take, and about durations."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def validated(organization: Any) -> Any:
    """The error of an AssumeRole whose parameters the SDK let pass unchecked."""
    from botocore.config import Config
    from botocore.exceptions import ClientError

    sts = organization.session("444444444444").client("sts", config=Config(parameter_validation=False))

    def of(**parameters: Any) -> tuple[str, str]:
        call = {"RoleArn": "arn:aws:iam::444444444444:role/none", "RoleSessionName": "hop", **parameters}
        with pytest.raises(ClientError) as caught:
            sts.assume_role(**{key: value for key, value in call.items() if value is not None})
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return of


ONE = "1 validation error detected: "
NAME = r"Member must satisfy regular expression pattern: [\w+=,.@-]*"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (
            {"RoleSessionName": "a b"},
            f"Value 'a b' at 'roleSessionName' failed to satisfy constraint: {NAME}",
        ),
        ({"RoleSessionName": "é1"}, f"Value 'é1' at 'roleSessionName' failed to satisfy constraint: {NAME}"),
        (
            {"RoleSessionName": "a"},
            "Value 'a' at 'roleSessionName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 2",
        ),
        (
            {"RoleSessionName": "a" * 65},
            f"Value '{'a' * 65}' at 'roleSessionName' failed to satisfy constraint: "
            "Member must have length less than or equal to 64",
        ),
        (
            {"RoleSessionName": None},
            "Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null",
        ),
        ({"SourceIdentity": "a/b"}, f"Value 'a/b' at 'sourceIdentity' failed to satisfy constraint: {NAME}"),
        (
            {"ExternalId": "a b"},
            "Value 'a b' at 'externalId' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\w+=,.@:\/-]*",
        ),
        (
            {"DurationSeconds": 899},
            "Value '899' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 900",
        ),
        (
            {"DurationSeconds": 43201},
            "Value '43201' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value less than or equal to 43200",
        ),
        (
            {"TokenCode": "12345x", "SerialNumber": "arn:aws:iam::444444444444:mfa/a"},
            r"Value '12345x' at 'tokenCode' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\d]*",
        ),
        (
            {"Policy": "{" + " " * 2048},
            f"Value '{{{' ' * 2048}' at 'policy' failed to satisfy constraint: "
            "Member must have length less than or equal to 2048",
        ),
        (
            {"Tags": [{"Key": "k" * 129, "Value": "v"}]},
            f"Value '{'k' * 129}' at 'tags.1.member.key' failed to satisfy constraint: "
            "Member must have length less than or equal to 128",
        ),
        (
            {"Tags": [{"Key": "k", "Value": "a;b"}]},
            "Value 'a;b' at 'tags.1.member.value' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*",
        ),
        (
            {"Tags": [{"Key": f"k{number}", "Value": "v"} for number in range(51)]},
            "Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50",
        ),
        (
            {"PolicyArns": [{"arn": f"arn:aws:iam::444444444444:policy/p{number}"} for number in range(11)]},
            "Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10",
        ),
    ],
)
def test_formats_and_lengths(validated: Any, parameters: Any, problem: str) -> None:
    """A parameter that breaks its pattern or length is refused in STS's words, before any decision."""
    assert validated(**parameters) == ("ValidationError", ONE + problem)


def test_every_format_problem_at_once(validated: Any) -> None:
    """Two broken parameters are one error with two problems."""
    code, message = validated(RoleSessionName="a", DurationSeconds=1)
    assert code == "ValidationError"
    assert message.startswith("2 validation errors detected: Value 'a' at 'roleSessionName'")
    assert "; Value '1' at 'durationSeconds'" in message


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"RoleArn": "arn:aws:iam::444444444444:user/alice"}, ("ValidationError", "Request ARN is invalid")),
        (
            {"Tags": [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}]},
            (
                "InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ),
        ),
        (
            {"TransitiveTagKeys": ["team"]},
            (
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.",
            ),
        ),
        ({"Policy": "{"}, ("MalformedPolicyDocument", "This policy contains invalid Json")),
        (
            {"TokenCode": "123456"},
            (
                "AccessDenied",
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
            ),
        ),
    ],
)
def test_what_no_single_parameter_shows(validated: Any, parameters: Any, error: tuple[str, str]) -> None:
    """Parameters that do not go together are refused with their own codes."""
    assert validated(**parameters) == error


def test_durations(make: Any, accounts: Any, refused: Any) -> None:
    """A first session lasts up to the role's maximum, a chained one an hour whatever the role says."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:*", MaxSessionDuration=7200)
    callee = make.role(far, "callee", caller, MaxSessionDuration=43200)
    assert refused(lambda: make.assume(caller, by=near, DurationSeconds=7201)) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    session = make.into(caller, by=near, DurationSeconds=7200)
    assert refused(lambda: make.assume(callee, by=session, DurationSeconds=3601)) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    assert make.assume(callee, by=session, DurationSeconds=3600)["Credentials"]


def test_session_policies_are_checked(make: Any, accounts: Any, refused: Any, document: Any) -> None:
    """A session policy that is no policy and a managed one that does not exist are refused."""
    near = accounts()
    role = make.role(near, "role", near)
    statement = {"Effect": "Allow", "Action": "s3:*", "Principal": "*", "Resource": "*"}
    for policy in ('{"Version": "1999"}', document(), document(statement)):
        assert (
            refused(lambda policy=policy: make.assume(role, by=near, Policy=policy))[0]
            == "MalformedPolicyDocument"
        )
    missing = [{"arn": f"arn:aws:iam::{near}:policy/missing"}]
    assert refused(lambda: make.assume(role, by=near, PolicyArns=missing)) == (
        "ValidationError",
        "At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN.",
    )


def test_policies_and_tags_that_do_not_fit(make: Any, accounts: Any, refused: Any) -> None:
    """The packed size of policies and tags is answered, and more than fits is refused."""
    import secrets

    near = accounts()
    role = make.role(near, "role", near, trust_actions=["sts:AssumeRole", "sts:TagSession"])
    answer = make.assume(role, by=near, Tags=[{"Key": "team", "Value": "blue"}])
    assert 0 < answer["PackedPolicySize"] < 100
    tags = [{"Key": f"k{number}", "Value": secrets.token_hex(128)} for number in range(50)]
    assert refused(lambda: make.assume(role, by=near, Tags=tags))[0] == "PackedPolicyTooLarge"
