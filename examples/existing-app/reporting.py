"""An app with a function and a parameter in accounts of their own, and the chain by which the function reads it."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import MiddleRole, SourceRole, TargetRole

chain = Chain(
    "report",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole("222222222222")],
    targets=[ChainRole("333333333333")],
)
app = cdk.App(analytics_reporting=False)


def stack(name: str, account: str) -> cdk.Stack:
    """A stack of the app, in an account of its own."""
    return cdk.Stack(app, name, env=cdk.Environment(account=account, region=chain.region))


jump_box, data = stack("JumpBox", "222222222222"), stack("Data", "333333333333")
recipients = ssm.StringParameter(
    data, "Recipients", parameter_name="/report/recipients", string_value="ann@example.com"
)
MiddleRole(jump_box, "Middle", chain=chain)
recipients.grant_read(TargetRole(data, "Target", chain=chain).role)

reporting = stack("Reporting", "111111111111")
lambda_.Function(
    reporting,
    "Report",
    function_name="report",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="report.handler",
    code=lambda_.Code.from_asset("function"),
    role=SourceRole(reporting, "Source", chain=chain).role,
    timeout=cdk.Duration.seconds(30),
    # The function needs no copy of the chain: the hops are its ARNs.
    environment={"HOPS": " ".join(hop.role_arn for hop in chain.hops_to("333333333333"))},
)

app.synth()
