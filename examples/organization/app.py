"""A platform team's way into every account of four organizational units, as docs/organization.md deploys it."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks

from rolechain import Chain
from rolechain.cdk import RoleChain

app = cdk.App(analytics_reporting=False)
chain = Chain.load("chain.yaml")
RoleChain(app, chain.name, chain=chain)
packs = (AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks)
cdk.Validations.of(app).add_plugins(*(pack(app) for pack in packs))
app.synth()
