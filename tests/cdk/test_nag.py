"""What cdk-nag says of the constructs: nothing, with nothing acknowledged."""

from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NagPack, NIST80053R5Checks, PCIDSS321Checks

from rolechain import Chain
from rolechain.cdk import RoleChain

ROOT = Path(__file__).parents[2]
PACKS = [AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks]


def findings(pack: NagPack, app: cdk.App) -> list[str]:
    return [violation.rule_name for violation in pack.validate_scope(app).violations]


@pytest.fixture(params=["minimal", "maximal", "chain.yaml"])
def chain(request: pytest.FixtureRequest) -> Chain:
    if request.param == "chain.yaml":
        return Chain.load(ROOT / "chain.yaml")
    found: Chain = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.__name__)
def test_nothing_is_reported(pack: type[NagPack], chain: Chain, app: cdk.App) -> None:
    """Each of the four packs finds nothing in the chain's stacks."""
    RoleChain(app, "jump", chain=chain)
    assert findings(pack(app), app) == []


def test_the_packs_would_report(app: cdk.App, minimal: Chain) -> None:
    """A role that is granted an inline policy is reported, so the packs did look."""
    chain = RoleChain(app, "jump", chain=minimal)
    chain.roles[minimal.targets[0].arn].role.add_to_policy(
        cdk.aws_iam.PolicyStatement(actions=["s3:*"], resources=["*"])
    )
    assert findings(AwsSolutionsChecks(app), app)
    assert findings(NIST80053R5Checks(app), app)
