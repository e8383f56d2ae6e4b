"""The rules of one role, as a pack of cdk-nag."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from rolechain import Chain
from rolechain.cdk import RoleChain, RoleChainChecks
from rolechain.cdk.role_chain_checks import ALONE
from rolechain.proof.rules import RULES


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Other", env=cdk.Environment(account="222222222222", region="us-east-1"))


def findings(app: cdk.App) -> dict[str, str]:
    """What the pack reports, by rule."""
    found = RoleChainChecks(app).validate_scope(app).violations
    return {violation.rule_name: violation.description for violation in found}


@pytest.mark.parametrize("name", ["minimal", "maximal"])
def test_a_chain_of_this_package(name: str, app: cdk.App, request: pytest.FixtureRequest) -> None:
    """A chain's own roles break no rule; what the maximal one lets in as a whole account is said."""
    chain: Chain = request.getfixturevalue(name)
    RoleChain(app, "deploy", chain=chain)
    assert set(findings(app)) == (set() if name == "minimal" else {"RoleChain-RC06"})


def test_an_open_role(app: cdk.App, stack: cdk.Stack) -> None:
    """A role that anyone may assume is reported with its rule, and what to write instead."""
    iam.Role(stack, "Open", role_name="open", assumed_by=iam.StarPrincipal())
    found = findings(app)
    assert "RoleChain-RC01" in found
    assert found["RoleChain-RC01"].startswith(
        "arn:aws:iam::222222222222:role/open trusts *, and no condition keeps a stranger's account out; "
    )


def test_a_value_that_is_not_known(app: cdk.App, stack: cdk.Stack) -> None:
    """A role that anyone may assume but for a parameter is reported as not known."""
    organization = cdk.CfnParameter(stack, "Organization").value_as_string
    anybody = iam.StarPrincipal().with_conditions({"StringEquals": {"aws:PrincipalOrgID": organization}})
    iam.Role(stack, "Open", role_name="open", assumed_by=anybody)
    assert set(findings(app)) == {"RoleChain-RC00"}


def test_an_oversized_trust_policy(app: cdk.App, stack: cdk.Stack) -> None:
    """A quota is checked on the policy as it will stand in the template."""
    services = [iam.ServicePrincipal(f"service-{number}.amazonaws.com") for number in range(60)]
    iam.Role(stack, "Large", role_name="large", assumed_by=iam.CompositePrincipal(*services))
    assert "RoleChain-RC18" in findings(app)


def test_a_policy_of_another_resource(app: cdk.App, stack: cdk.Stack) -> None:
    """A managed policy is checked with the role that it is attached to."""
    role = iam.Role(stack, "Role", role_name="r", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    resources = [f"arn:aws:iam::{number:012}:role/rolechain/deploy-target" for number in range(200)]
    statement = iam.PolicyStatement(actions=["sts:AssumeRole"], resources=resources)
    iam.ManagedPolicy(stack, "Large", statements=[statement], roles=[role])
    assert "RoleChain-RC19" in findings(app)


def test_an_ordinary_role(app: cdk.App, stack: cdk.Stack) -> None:
    """A role of a Lambda function, without a name, is nothing to report."""
    iam.Role(stack, "Function", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    assert findings(app) == {}


def test_the_rules_of_the_pack_exist() -> None:
    """Each rule that the pack names is one of the table."""
    assert set(ALONE) <= {rule.id for rule in RULES}
