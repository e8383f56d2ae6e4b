"""RC04 and RC31: callers from outside."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
APP = "arn:aws:iam::111111111111:role/app"
VENDOR = "arn:aws:iam::999999999999:root"
PLACE = SourceLocation("t", "Role", 0, "AssumeRolePolicyDocument")
OIDC = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    "condition",
    [
        None,
        {"StringLike": {"sts:ExternalId": "*"}},
        {"StringEqualsIfExists": {"sts:ExternalId": "acme-1"}},
        {"StringNotEquals": {"sts:ExternalId": "acme-1"}},
        {"Null": {"sts:ExternalId": "false"}},
        {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::999999999999:role/vendor"}},
    ],
)
def test_rc04_fires_without_external_id(kit: Kit, condition: dict[str, Any] | None) -> None:
    """In an audit an account that no template is placed in must pass an external id of its own."""
    for principal in (VENDOR, "arn:aws:iam::999999999999:role/vendor"):
        found = kit.ask("RC04", kit.role(kit.trust(principal, condition)))
        assert found[-1] == Finding(
            "RC04",
            Level.ERROR,
            PLACE,
            f"{APP} trusts account 999999999999, which is not one of yours, without an external id",
            'add {"StringEquals": {"sts:ExternalId": "<an id that the third party made for you alone>"}}; if '
            "999999999999 is yours, declare it with --account",
        )


@pytest.mark.parametrize("value", ["x", "a b", "x" * 1225, "*", "ä1"])
def test_rc04_fires_on_an_illegal_external_id(kit: Kit, chain: Chain, value: str) -> None:
    """An external id that STS refuses is an error, in a chain as well."""
    role = kit.role(kit.trust(VENDOR, {"StringEquals": {"sts:ExternalId": value}}))
    for declared in (None, chain):
        (found,) = kit.ask("RC04", role, chain=declared)
        assert found.message == f"{APP} asks for the external id {value!r}, which no call can pass"
        assert (
            found.remediation
            == "write 2 to 1,224 of letters, digits and _+=,.@:/-, with wildcards under StringLike alone"
        )


def test_rc04_silent_on_own_accounts(kit: Kit, chain: Chain) -> None:
    """An external id, one's own accounts, one's own organization and services need no more."""
    other = kit.role(name="b", account="222222222222", template="u")
    statements = [
        kit.trust(VENDOR, {"StringEquals": {"sts:ExternalId": "acme-1"}}),
        kit.trust(VENDOR, {"StringEquals": {"sts:ExternalId": ["x" * 1224, "a_+=,.@:/-1"]}}),
        kit.trust(VENDOR, {"StringLike": {"sts:ExternalId": ["acme@*", "?a"]}}),
        kit.trust(VENDOR, {"StringEquals": {"sts:ExternalId": {"Ref": "AgreedOn"}}}),
        kit.trust(VENDOR, {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}),
        kit.trust("arn:aws:iam::222222222222:root"),
        kit.trust("arn:aws:iam::111111111111:root"),
        kit.trust({"Service": "ec2.amazonaws.com"}),
        kit.trust(VENDOR, action="sts:TagSession"),
    ]
    assert kit.ask("RC04", kit.role(statements), other) == []
    assert kit.ask("RC04", *kit.of_chain(chain), chain=chain) == []


@pytest.mark.parametrize(
    "service", ["codebuild.amazonaws.com", "logs.eu-west-1.amazonaws.com", "monitoring.rds.amazonaws.com"]
)
def test_rc04_fires_on_a_service_that_acts_for_anyone(kit: Kit, service: str) -> None:
    """A service that says on whose behalf it calls, and is not held to anybody, is a warning."""
    (found,) = kit.ask("RC04", kit.role(kit.trust({"Service": [service, "lambda.amazonaws.com"]})))
    assert found == Finding(
        "RC04",
        Level.WARNING,
        PLACE,
        f"{APP} lets in {service} on behalf of any account",
        'add {"StringEquals": {"aws:SourceAccount": "111111111111"}}, or aws:SourceArn',
    )
    loose: list[dict[str, Any]] = [
        {"StringEqualsIfExists": {"aws:SourceAccount": "111111111111"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}},
        {"StringNotEquals": {"aws:SourceAccount": "999999999999"}},
    ]
    for condition in loose:
        assert len(kit.ask("RC04", kit.role(kit.trust({"Service": service}, condition)))) == 1


def test_rc04_fires_on_any_certificate(kit: Kit) -> None:
    """IAM Roles Anywhere without a trust anchor or an attribute of the certificate is a warning."""
    anywhere = {"Service": "rolesanywhere.amazonaws.com"}
    loose: list[dict[str, Any] | None] = [
        None,
        {"StringEquals": {"aws:SourceAccount": "111111111111"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:rolesanywhere:*:111111111111:trust-anchor/*"}},
    ]
    for condition in loose:
        (found,) = kit.ask("RC04", kit.role(kit.trust(anywhere, condition)))
        assert found.level is Level.WARNING
        assert found.message.startswith(f"{APP} lets in every certificate of every trust anchor")


def test_rc04_fires_on_a_declared_service_that_acts_for_anyone(kit: Kit) -> None:
    """In a chain, the entrance is where it is said for whom a service calls."""
    entrance = Entrance.service("codebuild.amazonaws.com")
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[entrance]),
        targets=[ChainRole("222222222222")],
    )
    (found,) = kit.ask("RC04", *kit.of_chain(chain), chain=chain)
    assert found.remediation == 'declare source_account: "111111111111" beside the service'


def test_rc04_silent_on_services_that_are_held(kit: Kit) -> None:
    """An account, a resource, an organization or an external id is enough; a workload acts for its own account."""
    build, anywhere = {"Service": "codebuild.amazonaws.com"}, {"Service": "rolesanywhere.amazonaws.com"}
    statements = [
        kit.trust(build, {"StringEquals": {"aws:SourceAccount": "111111111111"}}),
        kit.trust(build, {"ArnLike": {"aws:SourceArn": "arn:aws:codebuild:*:111111111111:project/*"}}),
        kit.trust(build, {"StringEquals": {"aws:SourceOrgID": "o-exampleorg1"}}),
        kit.trust(build, {"StringEquals": {"sts:ExternalId": "111111111111"}}),
        kit.trust(
            anywhere, {"ArnEquals": {"aws:SourceArn": "arn:aws:rolesanywhere:us-east-1:1:trust-anchor/a"}}
        ),
        kit.trust(anywhere, {"StringEquals": {"aws:PrincipalTag/x509Subject/CN": "build"}}),
        kit.trust(anywhere, {"StringEquals": {"sts:SourceIdentity": "build"}}),
        kit.trust(
            {
                "Service": [
                    "lambda.amazonaws.com",
                    "ec2.amazonaws.com",
                    "ecs-tasks.amazonaws.com",
                    "glue.amazonaws.com",
                ]
            }
        ),
        kit.trust(build, {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}),
        kit.trust(build, action="sts:TagSession"),
    ]
    assert kit.ask("RC04", kit.role(statements)) == []
    others = kit.trust("*", {"StringNotEquals": {"aws:SourceAccount": "111111111111"}}, Effect="Deny")
    assert kit.ask("RC04", kit.role([kit.trust(build), others])) == []


def _control_policy(kit: Kit, statement: dict[str, Any]) -> Any:
    content = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Principal": "*", "Resource": "*", **statement},
    }
    properties = {"Type": "RESOURCE_CONTROL_POLICY", "Name": "perimeter", "Content": content}
    return kit.template({"Perimeter": ("AWS::Organizations::Policy", properties)}, name="org")


def test_rc31_fires_on_denied_outsiders(kit: Kit) -> None:
    """A vendor's account that a control policy on the organization denies is a warning, with the exception to write."""
    policy = _control_policy(
        kit,
        {
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        },
    )
    role = kit.role(kit.trust(VENDOR, {"StringEquals": {"sts:ExternalId": "acme-1"}}))
    assert kit.ask("RC31", role, templates=[policy]) == [
        Finding(
            "RC31",
            Level.WARNING,
            PLACE,
            f"{APP} lets in account 999999999999, which the resource control policy perimeter denies sts:AssumeRole "
            "where it is attached above the role",
            'add {"StringNotEquals": {"aws:PrincipalAccount": "999999999999"}} to the statement that denies',
        )
    ]


def test_rc31_fires_on_denied_tokens(kit: Kit) -> None:
    """An identity provider's tokens bring no organization: a denial without it stops them."""
    policy = _control_policy(
        kit,
        {
            "Action": "sts:*",
            "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        },
    )
    role = kit.role(kit.trust({"Federated": OIDC}, action="sts:AssumeRoleWithWebIdentity"))
    (found,) = kit.ask("RC31", role, templates=[policy])
    assert found.message.startswith(
        f"{APP} lets in tokens of {OIDC}, which the resource control policy perimeter"
    )


def test_rc31_silent_with_its_exception(kit: Kit) -> None:
    """An exception for the account, one's own accounts, and templates without control policies are right."""
    condition = {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"},
        "StringNotEquals": {"aws:PrincipalAccount": "999999999999"},
    }
    policy = _control_policy(kit, {"Action": "sts:AssumeRole", "Condition": condition})
    outside, inside = kit.role(kit.trust(VENDOR)), kit.role(kit.trust("111111111111"))
    tokens = kit.role(kit.trust({"Federated": OIDC}, action="sts:AssumeRoleWithWebIdentity"), name="b")
    assert kit.ask("RC31", outside, tokens, templates=[policy]) == []
    strict = _control_policy(
        kit, {"Action": "sts:AssumeRole", "Condition": dict([next(iter(condition.items()))])}
    )
    assert kit.ask("RC31", inside, templates=[strict]) == []
    assert kit.ask("RC31", outside) == []


def test_rc04_fires_on_whoever_is_not_named(kit: Kit) -> None:
    """An account that is kept out by name holds the service to nobody: any other account has it call."""
    build = {"Service": "codebuild.amazonaws.com"}
    for account in ("000000000000", "999999999999"):
        but_one = kit.trust(build, {"StringNotEquals": {"aws:SourceAccount": account}})
        (found,) = kit.ask("RC04", kit.role([but_one]))
        assert found.message.endswith("lets in codebuild.amazonaws.com on behalf of any account")


@pytest.mark.parametrize("name", ["t", "iam/firehose.yaml", "/a b/t.yaml"])
@pytest.mark.parametrize(
    ("service", "operator", "value"),
    [
        ("firehose", "StringEquals", {"Ref": "AWS::AccountId"}),
        ("codebuild", "StringEquals", {"Ref": "AWS::AccountId"}),
        ("cloudtrail", "StringLike", {"Fn::Sub": "${AWS::AccountId}"}),
        ("cognito-idp", "StringEquals", [{"Ref": "AWS::AccountId"}, "acme-1"]),
        ("delivery.logs", "StringEquals", {"Fn::Join": ["-", ["acme", {"Ref": "AWS::AccountId"}]]}),
        ("states", "StringEquals", {"Fn::Sub": "acme@${AWS::AccountId}:${AWS::Region}"}),
    ],
)
def test_the_own_account_is_an_external_id(
    kit: Kit, name: str, service: str, operator: str, value: Any
) -> None:
    """What Firehose's guide asks for, wherever the template lies and whether its account is known."""
    trust = kit.trust({"Service": f"{service}.amazonaws.com"}, {operator: {"sts:ExternalId": value}})
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    for account in (None, "111111111111"):
        read = kit.template({"Role": ("AWS::IAM::Role", role)}, name, account)
        assert kit.read("RC04", read) == []
