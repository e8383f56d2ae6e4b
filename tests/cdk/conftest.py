"""Chains, and how they are synthesized without what only costs time."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from rolechain import Chain, ChainRole, Entrance, Permission

Json = dict[str, Any]
MakeStack = Callable[[str], cdk.Stack]


@pytest.fixture
def app() -> cdk.App:
    """An app without telemetry and without the built-in validator, which costs seconds."""
    return cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)


@pytest.fixture
def make_stack(app: cdk.App) -> MakeStack:
    """Makes the stack of an account, with nothing in its template but what is added."""

    def make(account: str) -> cdk.Stack:
        return cdk.Stack(
            app,
            f"Stack{account}",
            env=cdk.Environment(account=account, region="us-east-1"),
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )

    return make


@pytest.fixture
def template_of() -> Callable[[cdk.Stack], Json]:
    """The template of a stack."""
    return lambda stack: dict(Template.from_stack(stack).to_json())


@pytest.fixture
def minimal() -> Chain:
    """The smallest chain."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )


@pytest.fixture
def maximal() -> Chain:
    """A chain that declares everything that a chain can."""
    oidc = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        region="eu-central-1",
        source=ChainRole(
            "111111111111",
            "entry",
            "/jump/",
            "where the chain begins",
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.account("777777777777"),
                Entrance.arn("arn:aws:iam::888888888888:role/ci/runner"),
                Entrance.oidc(
                    oidc, audience="sts.amazonaws.com", subject="repo:acme/app:ref:refs/heads/main"
                ),
                Entrance.saml("arn:aws:iam::111111111111:saml-provider/okta"),
                Entrance.permission_set("DeployAccess"),
            ],
            max_session_duration=7200,
        ),
        middle=[
            ChainRole("222222222222", external_id="jump/1"),
            ChainRole("444444444444", "second", trust="role_arn"),
        ],
        targets=[
            ChainRole(
                "333333333333",
                external_id="ext-1",
                managed_policies=["arn:aws:iam::333333333333:policy/team/reading"],
                permissions=[
                    Permission(["ssm:GetParameter"], ["arn:aws:ssm:eu-central-1:333333333333:parameter/app"])
                ],
            ),
            ChainRole("333333333333", "other", external_id="ext-1"),
            ChainRole("555555555555", "third", trust="role_arn"),
        ],
    )
