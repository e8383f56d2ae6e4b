"""The plugin in a user's own repository, which has the installed package and nothing else."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CHAIN = """
from rolechain import Chain, ChainRole, Entrance

CHAIN = Chain(
    "deploy",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole("222222222222")],
    targets=[ChainRole("333333333333")],
)
"""


def test_an_app_is_proven_and_synthesized(pytester: pytest.Pytester) -> None:
    """A user's tests prove an app, an open one fails with the place and the cure, and templates come by stack name."""
    pytester.makepyfile(
        chain=CHAIN,
        test_app="""
import aws_cdk as cdk
import pytest
from chain import CHAIN
from rolechain import Chain, ChainRole
from rolechain.cdk import ChainProof, RoleChain
from rolechain.testing import assert_proven

BARE = dict(analytics_reporting=False, builtin_cloud_formation_validation=False)


@pytest.fixture
def app(tmp_path):
    return cdk.App(**BARE, outdir=str(tmp_path))


def opened(scope):
    made = RoleChain(scope, "deploy", chain=CHAIN)
    role = made.roles[CHAIN.middle[0].arn].role.node.default_child
    role.add_property_override("AssumeRolePolicyDocument.Statement.0.Condition", None)


def test_proven(app):
    RoleChain(app, "deploy", chain=CHAIN)
    assert_proven(app, CHAIN)
    assert_proven(app.outdir, CHAIN)


def test_stage(app):
    stage = cdk.Stage(app, "Prod")
    RoleChain(stage, "deploy", chain=CHAIN)
    assert_proven(stage, CHAIN)


def test_what_changed_since_the_last_synth_counts(app):
    app.synth()
    with pytest.raises(AssertionError, match="no template creates it"):
        assert_proven(app, CHAIN)
    RoleChain(app, "deploy", chain=CHAIN)
    assert_proven(app, CHAIN)


def test_open(app):
    opened(app)
    with pytest.raises(AssertionError, match="error RC05 deploy-222222222222 .* statement 0"):
        assert_proven(app, CHAIN)


def test_open_with_its_own_plugin(app):
    opened(app)
    cdk.Validations.of(app).add_plugins(ChainProof(CHAIN))
    with pytest.raises(AssertionError, match="chain deploy is not proven:"):
        assert_proven(app, CHAIN)


def test_another_plugin_is_not_passed_over(app):
    RoleChain(app, "deploy", chain=CHAIN)
    other = Chain("deploy", source=CHAIN.source, middle=CHAIN.middle, targets=[ChainRole("444444444444")])
    cdk.Validations.of(app).add_plugins(ChainProof(other))
    with pytest.raises(RuntimeError, match="444444444444"):
        assert_proven(app, CHAIN)


def test_templates(app, synth):
    RoleChain(app, "deploy", chain=CHAIN)
    found = synth(app)
    assert sorted(found) == ["deploy-111111111111", "deploy-222222222222", "deploy-333333333333"]
    assert found == synth(lambda new: RoleChain(new, "deploy", chain=CHAIN))
    for template in found.values():
        assert {"Metadata", "Parameters", "Rules"}.isdisjoint(template)
        assert all("Metadata" not in resource for resource in template["Resources"].values())
""",
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=7)


def test_a_failure_is_readable(pytester: pytest.Pytester) -> None:
    """A failed assertion shows the findings, and nothing of the package's own code."""
    pytester.makepyfile(
        chain=CHAIN,
        test_empty="""
from chain import CHAIN
from rolechain.testing import assert_proven


def test_empty():
    assert_proven({}, CHAIN)
""",
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *chain deploy is not proven:",
            "E *error RC08",
            "E *no template creates it",
            "E *fix: add the role *",
        ]
    )
    result.stdout.no_fnmatch_line("*assertions.py*")


def test_cdk_that_is_not_installed(pytester: pytest.Pytester) -> None:
    """Without CDK, the fixture that needs it says in one line what to install."""
    pytester.makeconftest("import sys; sys.modules['aws_cdk'] = None")
    pytester.makepyfile("def test_synth(synth): synth(lambda app: None)")
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["synth needs aws_cdk, which is not installed: pip install 'rolechain[[]cdk[]]'"]
    )


@pytest.mark.xdist_group("local organization")
def test_the_local_organization(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture leads every SDK of the process to the organization, with the project's own id, and then back."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    pytester.makeconftest(
        """
import os
import pytest


@pytest.fixture(scope="session")
def local_organization_id():
    return "o-acme123456"


@pytest.fixture(scope="session")
def local_account():
    return "444455556666"


def pytest_sessionfinish():
    found = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    print("LEFT", found.get("AWS_PROFILE"), found.get("AWS_ENDPOINT_URL_STS"), "AWS_ENDPOINT_URL" in found)
"""
    )
    pytester.makepyfile(
        """
import boto3


def test_who(local_organization):
    assert boto3.client("sts").get_caller_identity()["Account"] == "444455556666"
    assert local_organization.organization_id == "o-acme123456"


def test_same(local_organization):
    assert boto3.client("sts").meta.endpoint_url == local_organization.endpoint_url
"""
    )
    result = pytester.runpytest_subprocess("-q", "-s")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*LEFT mine http://127.0.0.1:1 False"])


@pytest.mark.xdist_group("local organization")
def test_a_local_chain(pytester: pytest.Pytester) -> None:
    """The fixture makes the chain of chain.json, and a test is its workload, without CDK, rich or PyYAML."""
    pytester.makeconftest(
        """
import sys

sys.modules.update(dict.fromkeys(("aws_cdk", "rich", "yaml")))
"""
    )
    pytester.path.joinpath("chain.json").write_text(
        """{
  "name": "app",
  "source": {"account": "111111111111", "assumed_by": {"service": "lambda.amazonaws.com"}},
  "targets": {"account": "333333333333", "alias": "prod", "permissions": {"actions": "ssm:*", "resources": "*"}}
}"""
    )
    pytester.makepyfile(
        """
import os
import boto3
from rolechain.runtime import chain_session


def test_walk(local_chain):
    there = local_chain.organization.session("333333333333").client("ssm")
    there.put_parameter(Name="greeting", Value="hello", Type="String")
    assert boto3.client("sts").get_caller_identity()["Arn"].endswith(":assumed-role/app-source/workload")
    session = chain_session(*local_chain.chain.hops_to("prod"))
    assert session.client("ssm").get_parameter(Name="greeting")["Parameter"]["Value"] == "hello"


def test_the_environment_is_back():
    assert "AWS_ENDPOINT_URL" not in os.environ
"""
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=2)


def test_nothing_is_imported_until_a_fixture_is_used(pytester: pytest.Pytester) -> None:
    """In a project that merely has the package, pytest starts without CDK, boto3, the proof or the organization."""
    pytester.makepyfile(
        """
import sys


def test_modules(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("rolechain")
    heavy = {"aws_cdk", "jsii", "boto3", "botocore", "ministack", "rich", "yaml"}
    heavy |= {"rolechain.proof", "rolechain.local", "rolechain.cdk", "rolechain.runtime"}
    assert not heavy & set(sys.modules)
"""
    )
    # Other plugins of this environment import what they like.
    result = pytester.runpytest_subprocess(
        "-q", "-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:syrupy"
    )
    result.assert_outcomes(passed=1)
