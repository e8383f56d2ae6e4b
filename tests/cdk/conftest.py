"""Chains, and how they are synthesized without what only costs time."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

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
