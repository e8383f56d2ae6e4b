"""The CDK app: a stack for each account of the chain that chain.yaml declares.

Another file is read with ``cdk deploy --context chain=FILE``.
"""

import sys

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks

from rolechain import Chain
from rolechain.cdk import declare_order, synthesize
from stacks import AccountStack


def compose(app: cdk.App, chain: Chain) -> None:
    """Adds the chain's stacks to the app, which prove it at synth, and the checks of cdk-nag."""
    stacks = {
        account: AccountStack(app, f"{chain.name}-{account}", chain=chain, account=account)
        for account in chain.deployed_accounts
    }
    declare_order(chain, stacks)
    packs = (AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks)
    cdk.Validations.of(app).add_plugins(*(pack(app) for pack in packs))


if __name__ == "__main__":
    sys.exit(synthesize(compose))
