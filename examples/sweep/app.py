"""A chain of three targets, and the function that sweeps them as its source role."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from rolechain import Chain
from rolechain.cdk import RoleChain

app = cdk.App(analytics_reporting=False)
chain = Chain.load("chain.json")
roles = RoleChain(app, chain.name, chain=chain)
lambda_.Function(
    roles.stacks[chain.source.account],
    "Sweep",
    function_name="sweep",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="sweep.handler",
    code=lambda_.Code.from_asset("function"),
    role=roles.roles[chain.source.arn].role,
    timeout=cdk.Duration.minutes(5),
)
app.synth()
