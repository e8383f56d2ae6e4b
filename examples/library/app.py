"""A chain inside an app of one's own: a Lambda function that reads in another account through the jump box.

Run it with ``cdk synth --app "python examples/library/app.py"`` from the repository's root.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from rolechain import Chain, ChainRole, Entrance, Permission
from rolechain.cdk import MiddleRole, SourceRole, TargetRole

CODE = """
from rolechain.runtime import chain_session

session = chain_session(
    "arn:aws:iam::222222222222:role/rolechain/report-middle",
    "arn:aws:iam::333333333333:role/rolechain/report-target",
)

def handler(event, context):
    return session.client("ssm").get_parameter(Name="/report/recipients")["Parameter"]["Value"]
"""

chain = Chain(
    "report",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole("222222222222")],
    targets=[
        ChainRole(
            "333333333333",
            permissions=[
                Permission(
                    ["ssm:GetParameter"], ["arn:aws:ssm:us-east-1:333333333333:parameter/report/recipients"]
                )
            ],
        )
    ],
)

app = cdk.App()


def stack(name: str, account: str) -> cdk.Stack:
    """A stack of the app, in an account of its own."""
    return cdk.Stack(app, name, env=cdk.Environment(account=account, region=chain.region))


jump_box, data = stack("JumpBox", "222222222222"), stack("Data", "333333333333")
MiddleRole(jump_box, "Middle", chain=chain)
TargetRole(data, "Target", chain=chain)

reporting = stack("Reporting", "111111111111")
source = SourceRole(reporting, "Source", chain=chain)
lambda_.Function(
    reporting,
    "Report",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline(CODE),
    role=source.role,
)

app.synth()
