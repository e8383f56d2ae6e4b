"""A platform team's way into every account of four organizational units, as docs/organization.md deploys it."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks

from rolechain import Chain
from rolechain.cdk import ChainAlarms, ChainCanary, ChainGuardrails, RoleChain

MANAGEMENT = "555555555555"

app = cdk.App(analytics_reporting=False)
chain = Chain.load("chain.yaml")
stacks = RoleChain(app, chain.name, chain=chain).stacks
team, gate = chain.source.account, chain.middle[-1].account

alarms = {account: ChainAlarms(stack, "Alarms", chain=chain) for account, stack in stacks.items()}
ChainCanary(
    stacks[team],
    "Canary",
    chain=chain,
    topic=alarms[gate].topic,
    session_tags={"Ticket": "OPS-canary"},
    subnet_ids=["subnet-0a1b2c3d4e5f60718", "subnet-0b1c2d3e4f5061728"],
    security_group_ids=["sg-0c1d2e3f405162738"],
    network_policy_arn=f"arn:aws:iam::{team}:policy/platform-network",
)

# No bootstrap: nobody but the management account itself deploys there.
guardrails = cdk.Stack(
    app,
    "guardrails",
    env=cdk.Environment(account=MANAGEMENT, region=chain.region),
    synthesizer=cdk.BootstraplessSynthesizer(),
)
# The chain's own accounts are the team's alone, who keeps others from deploying there at all.
ChainGuardrails(guardrails, "Accounts", chain=chain, targets=chain.accounts, administration=True)
units = {unit.rsplit("/", 1)[-1] for target in chain.targets for unit in target.organizational_units}
ChainGuardrails(guardrails, "Units", chain=chain, name=f"{chain.name}-units", targets=sorted(units))

packs = (AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks)
cdk.Validations.of(app).add_plugins(*(pack(app) for pack in packs))
app.synth()
