"""A pipeline that deploys a chain to beta, walks it there, and then does the same in prod."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from rolechain import Chain
from rolechain.cdk import RoleChain

ACCOUNT = "777777777777"
CONNECTION = f"arn:aws:codeconnections:us-east-1:{ACCOUNT}:connection/12345678-1234-1234-1234-123456789012"

app = cdk.App(analytics_reporting=False)
chains = [Chain.load(f"{name}.yaml") for name in ("beta", "prod")]

stack = cdk.Stack(app, "Pipeline", env=cdk.Environment(account=ACCOUNT, region="us-east-1"))
pipeline = pipelines.CodePipeline(
    stack,
    "Pipeline",
    cross_account_keys=True,
    # The chains name this role among their administrators: it deploys them.
    role=iam.Role(
        stack, "Deployer", role_name="pipeline", assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com")
    ),
    use_pipeline_role_for_actions=True,
    synth=pipelines.ShellStep(
        "Synth",
        input=pipelines.CodePipelineSource.connection("acme/chains", "main", connection_arn=CONNECTION),
        # The synth proves both chains. Where one is not proven it fails, and nothing is deployed.
        commands=["pip install 'rolechain[cdk]'", "npx aws-cdk@2.1148.1 synth"],
    ),
)
enter = iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[chain.source.arn for chain in chains])
walker = iam.Role(
    stack,
    "Walker",
    role_name="pipeline-walker",
    assumed_by=iam.ServicePrincipal(
        "codebuild.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    ),
    managed_policies=[iam.ManagedPolicy(stack, "Enter", statements=[enter])],
)

for chain in chains:
    stage = cdk.Stage(stack, chain.name)
    RoleChain(stage, "roles", chain=chain)
    walk = pipelines.CodeBuildStep(
        f"Walk-{chain.name}",
        role=walker,
        commands=["pip install 'rolechain[cli]'", f"rolechain verify --chain {chain.name}.yaml --wait 60"],
    )
    pipeline.add_stage(stage, post=[walk])

app.synth()
