"""Templates of the Serverless Application Model are read as what AWS's transform makes of them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from rolechain.graph.template_reader import role_graph_of
from rolechain.proof import Proof, Template, audit

STAR = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
CODE = {"Runtime": "python3.12", "Handler": "a.b", "CodeUri": "./src"}


def _audited(resources: dict[str, Any], **sections: Any) -> Proof:
    body = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources, **sections}
    return audit([Template("app", body, account="111111111111")])


def _function(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": {**CODE, **properties}}


def _found(report: Proof) -> list[tuple[str, str]]:
    return [(finding.rule, finding.place.logical_id if finding.place else "") for finding in report.findings]


@pytest.mark.parametrize(
    "resources",
    [
        {"Fn": _function(AssumeRolePolicyDocument=STAR)},
        {
            "Own": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": STAR}},
            "Fn": _function(),
        },
    ],
)
def test_a_role_that_is_open_to_everyone(resources: dict[str, Any]) -> None:
    """The role of a function and one beside a function are looked at alike."""
    name = "Own" if "Own" in resources else "FnRole"
    assert ("RC01", name) in _found(_audited(resources))


def test_a_function_that_may_assume_a_role() -> None:
    """The hop from a function's own role, which only the transform makes, is listed."""
    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": {"Fn::GetAtt": ["FnRole", "Arn"]}},
            }
        ]
    }
    hop = {
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": {"Fn::GetAtt": ["Deploy", "Arn"]}}
        ]
    }
    report = _audited(
        {
            "Fn": _function(Policies=[hop]),
            "Deploy": {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": "deploy", "AssumeRolePolicyDocument": trust},
            },
        }
    )
    assert [(hop.caller.endswith("app.FnRole>"), hop.callee) for hop in report.hops if hop.callee != "*"] == [
        (True, "arn:aws:iam::111111111111:role/deploy")
    ]


@pytest.mark.parametrize(
    ("resource", "roles"),
    [
        (
            {"Type": "AWS::Serverless::StateMachine", "Properties": {"Definition": {"States": {}}}},
            ["OneRole"],
        ),
        (_function(Role="arn:aws:iam::111111111111:role/own"), []),
        (
            _function(
                Events={
                    "Tick": {"Type": "ScheduleV2", "Properties": {"ScheduleExpression": "rate(1 minute)"}}
                }
            ),
            ["OneRole", "OneTickRole"],
        ),
    ],
)
def test_the_roles_that_sam_makes(resource: dict[str, Any], roles: list[str]) -> None:
    """A state machine, a function and its schedule each get a role; a function that names its role gets none."""
    report = _audited({"One": resource})
    assert sorted({entrance.place.logical_id for entrance in report.entrances if entrance.place}) == roles


def test_globals_parameters_and_conditions() -> None:
    """What stands in Globals counts for every function, and a parameter's value for where it is used."""
    report = _audited(
        {"Fn": _function(AssumeRolePolicyDocument=STAR)},
        Globals={"Function": {"PermissionsBoundary": {"Ref": "Boundary"}}},
        Parameters={"Boundary": {"Type": "String", "Default": "arn:aws:iam::111111111111:policy/boundary"}},
    )
    assert ("RC01", "FnRole") in _found(report)


def test_a_function_that_cannot_be_translated_is_named() -> None:
    """The others are read all the same."""
    report = _audited({"Bad": _function(Events=[]), "Fn": _function(AssumeRolePolicyDocument=STAR)})
    assert ("RC01", "FnRole") in _found(report)
    (unknown,) = (finding for finding in report.findings if finding.rule == "RC00")
    assert unknown.message.startswith(
        "the roles that SAM makes of Bad are not known: Resource with id [Bad] is invalid"
    )
    assert not report.proven


def test_a_connector_that_cannot_be_translated_is_named() -> None:
    """What is made of a resource and fails is told of the resource, once, and the others are read."""
    connectors = {"Reads": {"Properties": {"Destination": {"Id": "NoSuchTable"}, "Permissions": ["Read"]}}}
    report = _audited(
        {"Bad": {**_function(), "Connectors": connectors}, "Fn": _function(AssumeRolePolicyDocument=STAR)}
    )
    assert ("RC01", "FnRole") in _found(report)
    assert ("RC00", "Bad") in _found(report)


def test_an_application_is_named_and_not_asked_for() -> None:
    """The Serverless Application Repository is on the network, and a nested template is not at hand."""
    location = {
        "ApplicationId": "arn:aws:serverlessrepo:us-east-1:111111111111:applications/app",
        "SemanticVersion": "1",
    }
    report = _audited({"App": {"Type": "AWS::Serverless::Application", "Properties": {"Location": location}}})
    assert [(finding.level.value, finding.message) for finding in report.findings] == [
        (
            "warning",
            "the roles that SAM makes of App are not known: the template of an application is not at hand",
        )
    ]


def test_without_the_translator_each_function_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that nobody expanded is not called clean."""
    from rolechain.cloudformation import sam

    sam._translator.cache_clear()
    monkeypatch.setitem(sys.modules, "samtranslator.translator", None)
    report = _audited({"Fn": _function(), "Table": {"Type": "AWS::Serverless::SimpleTable"}})
    sam._translator.cache_clear()
    assert [(finding.rule, finding.message) for finding in report.findings] == [
        (
            "RC00",
            "the roles that SAM makes of Fn are not known: "
            "aws-sam-translator is not installed: pip install 'rolechain[sam]'",
        )
    ]
    assert not report.proven


def test_what_sam_writes_is_not_held_against_the_template() -> None:
    """SAM writes the partition into the ARNs of AWS's policies; a template that names AWS::Partition does not."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "a-${AWS::Partition}"}}}
    assert _found(_audited({"Fn": _function(), "Bucket": bucket})) == []


def _connected(destination: str) -> dict[str, Any]:
    """A function of Lambda's own type that SAM lets call another one, by a policy that it attaches to its role."""
    code = {"Code": {"ZipFile": "x"}, "Runtime": "python3.12", "Handler": "a.b"}
    trust = {
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ]
    }
    connector = {"Properties": {"Destination": {"Id": destination}, "Permissions": ["Write"]}}
    return {
        "Caller": {
            "Type": "AWS::Lambda::Function",
            "Connectors": {"Calls": connector},
            "Properties": {**code, "Role": {"Fn::GetAtt": ["Role", "Arn"]}},
        },
        "Called": {
            "Type": "AWS::Lambda::Function",
            "Properties": {**code, "Role": "arn:aws:iam::111111111111:role/other"},
        },
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
    }


def test_a_connector_of_a_resource_that_is_not_of_sam() -> None:
    """What a connector allows is a permission of the role, though no type of SAM is in the template."""
    body = {"Transform": "AWS::Serverless-2016-10-31", "Resources": _connected("Called")}
    (role,) = role_graph_of([Template("app", body, account="111111111111")]).roles
    assert "lambda:InvokeFunction" in str([record.document for record in role.policies])


def test_a_connector_that_cannot_be_translated() -> None:
    """A resource that the transform adds and refuses ends the translation, and is told."""
    found = _audited(_connected("Missing")).findings
    assert [(each.rule, each.place and each.place.logical_id) for each in found] == [("RC00", "Caller")]


@pytest.mark.parametrize(
    ("own", "shared"),
    [
        ({"CodeUri": "./src"}, {}),
        ({}, {"CodeUri": "./src"}),
        ({}, {}),
        ({"CodeUri": "s3://bucket/key"}, {"CodeUri": "./src"}),
        ({"InlineCode": "pass"}, {"Timeout": 3}),
        ({"PackageType": "Image", "ImageUri": "image:latest"}, {}),
        ({"PackageType": "Image"}, {}),
    ],
)
def test_the_code_of_a_function_is_packaged(own: dict[str, Any], shared: dict[str, Any]) -> None:
    """Whatever names a function's code, or leaves it beside the template, its role is known."""
    image = "PackageType" in {**shared, **own}
    runtime = {} if image else {"Runtime": "python3.12", "Handler": "a.b"}
    function = {"Type": "AWS::Serverless::Function", "Properties": {**own, **runtime}}
    report = _audited({"Fn": function}, Globals={"Function": shared})
    assert not report.findings
    assert [each.words for each in report.entrances] == ["the service lambda.amazonaws.com"]


def test_errors_of_a_template_as_a_whole_are_counted() -> None:
    """Of errors that name no resource one is told, and how many more there are."""
    code = {"InlineCode": "x", "CodeUri": "s3://b/k", "Runtime": {"Name": "APPSYNC_JS", "Version": "1.0.0"}}
    common = {"SchemaInline": "x", "Auth": {"Type": "AWS_IAM"}}
    apis = {
        name: {
            "Type": "AWS::Serverless::GraphQLApi",
            "Properties": {**common, "Functions": {f"Of{name}": {"DataSource": "a", **code}}},
        }
        for name in ("One", "Other")
    }
    finding = _audited(apis).findings[0]
    assert finding.rule == "RC00"
    assert "are not known: SAM refuses the template: " in finding.message
    assert finding.message.count("is invalid") == 1
    assert finding.message.endswith(" and 1 more")


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ({}, []),
        (
            {"Layers": [{"Fn::Sub": "arn:${AWS::Partition}:lambda:eu-west-1:111111111111:layer:x:1"}]},
            ["RC29"],
        ),
    ],
)
def test_a_template_names_what_is_written_in_it(more: dict[str, Any], rules: list[str]) -> None:
    """That SAM writes AWS::Partition into what it makes is nothing that the template says."""
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "arn:aws:sns:*:*:*"}
    policies = [{"SQSPollerPolicy": {"QueueName": "x"}}, {"Statement": [statement]}]
    body = {"Fn": _function(Policies=policies, **more)}
    assert [rule for rule, _ in _found(_audited(body))] == rules


def test_what_helps_where_resources_are_made_elsewhere() -> None:
    """An application's template is asked for, and what CloudFormation makes of a module."""
    application = {"Type": "AWS::Serverless::Application", "Properties": {"Location": "./x.yaml"}}
    found = _audited({"App": application, "Mod": {"Type": "My::Own::Kind::MODULE"}}).findings
    assert {each.place.logical_id: each.remediation.partition(":")[0] for each in found if each.place} == {
        "App": "give the file of its template too",
        "Mod": "give what CloudFormation makes of it",
    }


def test_a_role_of_sam_names_no_partition_for_the_template() -> None:
    """That SAM writes AWS::Partition into its roles does not say that the template serves several partitions."""
    allow = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "arn:aws:sns:*:*:*"}
    resources = {"Fn": _function(Policies=[{"Statement": [allow]}])}
    assert _found(_audited(resources)) == []
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    properties = {
        "Description": {"Fn::Sub": "${AWS::Partition}"},
        "AssumeRolePolicyDocument": {"Statement": trust},
    }
    own = {"Type": "AWS::IAM::Role", "Properties": properties}
    assert _found(_audited({**resources, "Own": own})) == [("RC29", "FnRole")]
