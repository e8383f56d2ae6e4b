"""The ways to change a role, or to act as one, besides assuming it: which actions, on what.

Sources: pathfinding.cloud, whose paths are named by their ids; Rhino Security Labs, "AWS IAM Privilege Escalation
Methods", as ``Rhino`` with the number of the method; the Service Authorization Reference for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Way(NamedTuple):
    """A way to change something or to act as somebody.

    Attributes:
        action: the action that it takes.
        source: who describes it.
        besides: the actions that it takes as well, on anything.
        changes: whether it changes something; else it starts what is there.
    """

    action: str
    source: str = "Service Authorization Reference"
    besides: tuple[str, ...] = ()
    changes: bool = True


ON_ROLE = (
    Way("iam:UpdateAssumeRolePolicy", "iam-012; Rhino 14"),
    Way("iam:PutRolePolicy", "iam-005; Rhino 12"),
    Way("iam:AttachRolePolicy", "iam-009; Rhino 9"),
    Way("iam:DeleteRolePolicy"),
    Way("iam:DetachRolePolicy"),
    Way("iam:PutRolePermissionsBoundary"),
    Way("iam:DeleteRolePermissionsBoundary"),
    Way("iam:DeleteRole", besides=("iam:CreateRole",)),
)
"""What changes a role's trust policy, permissions or boundary; the last makes it anew."""

ON_POLICY = (
    Way("iam:CreatePolicyVersion", "iam-001; Rhino 1"),
    Way("iam:SetDefaultPolicyVersion", "Rhino 2"),
)
"""What changes a managed policy, and so every role that has it."""

ON_STACK = (
    Way("cloudformation:UpdateStack", "cloudformation-002"),
    Way("cloudformation:ExecuteChangeSet", "cloudformation-005", ("cloudformation:CreateChangeSet",)),
)
"""What changes the stack that makes a role; it runs with the rights of the stack's own role."""

ON_STACK_SET = (Way("cloudformation:UpdateStackSet", "cloudformation-004"),)
"""What changes the stacks of a stack set, in its own account."""

ON_USER = (
    Way("iam:CreateAccessKey", "iam-002; Rhino 4"),
    Way("iam:CreateLoginProfile", "iam-004; Rhino 5"),
    Way("iam:UpdateLoginProfile", "iam-006; Rhino 6"),
)
"""What lets one sign in as a user."""

USER_BOUNDARY = (Way("iam:PutUserPermissionsBoundary"), Way("iam:DeleteUserPermissionsBoundary"))
USER_GRANTS = (Way("iam:PutUserPolicy", "iam-007; Rhino 10"), Way("iam:AttachUserPolicy", "iam-008; Rhino 7"))
GROUP_GRANTS = (
    Way("iam:PutGroupPolicy", "iam-011; Rhino 11"),
    Way("iam:AttachGroupPolicy", "iam-010; Rhino 8"),
)
"""What gives a user, or every member of a group, permissions."""

ON_GROUP = (Way("iam:AddUserToGroup", "iam-013; Rhino 13"),)
"""What makes a user a member of a group."""

TAKES: Mapping[str, tuple[Way, ...]] = {"role": ON_ROLE[:1], "user": ON_USER, "group": ON_GROUP}
"""What lets one act as a role, as a user, or with the permissions of a group."""

GRANTS: Mapping[str, tuple[Way, ...]] = {"role": ON_ROLE[1:3], "user": USER_GRANTS, "group": GROUP_GRANTS}
"""What gives a role, a user or a group permissions."""

LIFTS: Mapping[str, tuple[Way, ...]] = {"role": ON_ROLE[5:7], "user": USER_BOUNDARY}
"""What takes a boundary from a role or a user, or puts another in its place."""

ON_PROVIDER: Mapping[str, tuple[Way, ...]] = {
    "saml": (
        Way("iam:UpdateSAMLProvider"),
        Way("iam:CreateSAMLProvider", besides=("iam:DeleteSAMLProvider",)),
    ),
    "oidc": (Way("iam:UpdateOpenIDConnectProviderThumbprint"),),
}
"""What lets one sign the assertions or the tokens of an identity provider, by the kind of entrance."""

ON_CLUSTERS = (Way("eks:CreateAccessEntry"), Way("eks:AssociateAccessPolicy"))
"""What lets one run pods in a cluster of EKS, with any service account."""

ON_ASSIGNMENTS = (Way("sso:CreateAccountAssignment"), Way("identitystore:CreateGroupMembership"))
"""What gives somebody a permission set of IAM Identity Center."""

PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action
PASSING: Mapping[str, tuple[Way, ...]] = {
    "apprunner.amazonaws.com": (Way("apprunner:CreateService", "apprunner-001"),),
    "tasks.apprunner.amazonaws.com": (Way("apprunner:CreateService", "apprunner-001"),),
    "bedrock-agentcore.amazonaws.com": (
        Way("bedrock-agentcore:CreateCodeInterpreter", "bedrock-001"),
        Way("bedrock-agentcore:CreateAgentRuntime", "bedrock-003"),
        Way("bedrock-agentcore:CreateHarness", "bedrock-005"),
        Way("bedrock-agentcore:CreateBrowser", "bedrock-006"),
    ),
    "braket.amazonaws.com": (Way("braket:CreateJob", "braket-001"),),
    "cloudformation.amazonaws.com": (
        Way("cloudformation:CreateStack", "cloudformation-001"),
        Way("cloudformation:UpdateStack", "cloudformation-002"),
        Way("cloudformation:CreateChangeSet", "cloudformation-005"),
        Way("cloudformation:CreateStackSet", "cloudformation-003"),
        Way("cloudformation:UpdateStackSet", "cloudformation-004"),
    ),
    "codebuild.amazonaws.com": (
        Way("codebuild:CreateProject", "codebuild-001; codebuild-004"),
        Way("codebuild:UpdateProject"),
    ),
    "cognito-identity.amazonaws.com": (Way("cognito-identity:SetIdentityPoolRoles", "cognitoidentity-001"),),
    "datapipeline.amazonaws.com": (Way("datapipeline:PutPipelineDefinition", "datapipeline-001; Rhino 21"),),
    "ec2.amazonaws.com": (
        Way("ec2:RunInstances", "ec2-001; Rhino 3"),
        Way("ec2:RequestSpotInstances", "ec2-003"),
        Way("ec2:RequestSpotFleet"),
        Way("ec2:CreateFleet"),
        Way("ec2:AssociateIamInstanceProfile"),
        Way("ec2:ReplaceIamInstanceProfileAssociation"),
        Way("ec2:CreateLaunchTemplate"),
        Way("ec2:CreateLaunchTemplateVersion"),
        Way("autoscaling:CreateLaunchConfiguration"),
        Way("elasticmapreduce:RunJobFlow", "emr-001"),
        Way("gamelift:CreateFleet", "gamelift-001"),
        Way("imagebuilder:CreateInfrastructureConfiguration", "imagebuilder-001"),
    ),
    "ecs-tasks.amazonaws.com": (
        Way("ecs:RegisterTaskDefinition", "ecs-003; ecs-004; ecs-005"),
        Way("ecs:RunTask", "ecs-008"),
        Way("ecs:StartTask", "ecs-007; ecs-009"),
        Way("batch:RegisterJobDefinition", "batch-001; batch-003"),
    ),
    "emr-serverless.amazonaws.com": (Way("emr-serverless:StartJobRun", "emrserverless-001"),),
    "events.amazonaws.com": (Way("events:PutTargets"),),
    "gamelift.amazonaws.com": (Way("gamelift:CreateFleet"),),
    "glue.amazonaws.com": (
        Way("glue:CreateDevEndpoint", "glue-001; Rhino 18"),
        Way("glue:CreateJob", "glue-003; glue-004"),
        Way("glue:UpdateJob", "glue-005; glue-006"),
        Way("glue:CreateSession", "glue-007"),
    ),
    "kinesisanalytics.amazonaws.com": (Way("kinesisanalytics:CreateApplication", "kinesisanalytics-001"),),
    "lambda.amazonaws.com": (
        Way("lambda:CreateFunction", "lambda-001; Rhino 15"),
        Way("lambda:UpdateFunctionConfiguration"),
    ),
    "omics.amazonaws.com": (Way("omics:StartRun", "omics-001"),),
    "pods.eks.amazonaws.com": (
        Way("eks:CreatePodIdentityAssociation"),
        Way("eks:UpdatePodIdentityAssociation"),
    ),
    "rolesanywhere.amazonaws.com": (Way("rolesanywhere:CreateProfile"), Way("rolesanywhere:UpdateProfile")),
    "sagemaker.amazonaws.com": (
        Way("sagemaker:CreateNotebookInstance", "sagemaker-001"),
        Way("sagemaker:CreateTrainingJob", "sagemaker-002"),
        Way("sagemaker:CreateProcessingJob", "sagemaker-003"),
        Way("sagemaker:CreateHyperParameterTuningJob"),
        Way("sagemaker:CreateModel"),
        Way("sagemaker:CreatePipeline"),
        Way("sagemaker:CreateDomain"),
        Way("sagemaker:CreateUserProfile"),
    ),
    "scheduler.amazonaws.com": (Way("scheduler:CreateSchedule"), Way("scheduler:UpdateSchedule")),
    "ssm.amazonaws.com": (Way("ssm:StartAutomationExecution", "ssm-003"), Way("ssm:CreateActivation")),
    "states.amazonaws.com": (
        Way("states:CreateStateMachine"),
        Way("states:UpdateStateMachine"),
        Way("states:TestState"),
    ),
}
"""What, together with iam:PassRole, runs code as a role, by the service that the role has to trust.

Of a service that is not listed, iam:PassRole alone counts.
"""


class Runner(NamedTuple):
    """A type of resource that runs code as a role.

    Attributes:
        role: the property that names the role or an instance profile, a dot before each one within another.
        service: the service that the role has to trust.
        ways: what changes that code, or starts it.
        others: other properties that name a role likewise.
    """

    role: str
    service: str
    ways: tuple[Way, ...]
    others: tuple[str, ...] = ()


_INSTANCE = (
    Way("ssm:SendCommand", "ssm-002"),
    Way("ssm:StartSession", "ssm-001"),
    Way("ssm:CreateAssociation"),
    Way("ec2-instance-connect:SendSSHPublicKey", "ec2instanceconnect-003"),
    Way("ec2:ModifyInstanceAttribute", "ec2-002"),
    Way("codedeploy:CreateDeployment", "codedeploy-001"),
)

RUNNING: Mapping[str, Runner] = {
    "AWS::AppRunner::Service": Runner(
        "InstanceConfiguration.InstanceRoleArn",
        "tasks.apprunner.amazonaws.com",
        (Way("apprunner:UpdateService", "apprunner-002"),),
    ),
    "AWS::AutoScaling::LaunchConfiguration": Runner("IamInstanceProfile", "ec2.amazonaws.com", _INSTANCE),
    "AWS::Batch::JobDefinition": Runner(
        "ContainerProperties.JobRoleArn",
        "ecs-tasks.amazonaws.com",
        (Way("batch:SubmitJob", "batch-002"),),
        (
            "EcsProperties.TaskProperties.TaskRoleArn",
            "NodeProperties.NodeRangeProperties.Container.JobRoleArn",
            "NodeProperties.NodeRangeProperties.EcsProperties.TaskProperties.TaskRoleArn",
        ),
    ),
    "AWS::BedrockAgentCore::BrowserCustom": Runner(
        "ExecutionRoleArn",
        "bedrock-agentcore.amazonaws.com",
        (
            Way(
                "bedrock-agentcore:StartBrowserSession",
                "bedrock-007",
                ("bedrock-agentcore:ConnectBrowserAutomationStream",),
            ),
        ),
    ),
    "AWS::BedrockAgentCore::CodeInterpreterCustom": Runner(
        "ExecutionRoleArn",
        "bedrock-agentcore.amazonaws.com",
        (Way("bedrock-agentcore:InvokeCodeInterpreter", "bedrock-002"),),
    ),
    "AWS::BedrockAgentCore::Runtime": Runner(
        "RoleArn",
        "bedrock-agentcore.amazonaws.com",
        (
            Way("bedrock-agentcore:InvokeAgentRuntimeCommand", "bedrock-004"),
            Way("bedrock-agentcore:UpdateAgentRuntime"),
        ),
    ),
    "AWS::CodeBuild::Project": Runner(
        "ServiceRole",
        "codebuild.amazonaws.com",
        (
            Way("codebuild:StartBuild", "codebuild-002"),
            Way("codebuild:StartBuildBatch", "codebuild-003"),
            Way("codebuild:UpdateProject"),
            Way("codebuild:StartSandbox"),
        ),
    ),
    "AWS::Cognito::IdentityPoolRoleAttachment": Runner(
        "Roles.authenticated",
        "cognito-identity.amazonaws.com",
        (Way("cognito-identity:UpdateIdentityPool"),),
        ("Roles.unauthenticated",),
    ),
    "AWS::EC2::Instance": Runner("IamInstanceProfile", "ec2.amazonaws.com", _INSTANCE),
    "AWS::EC2::LaunchTemplate": Runner(
        "LaunchTemplateData.IamInstanceProfile",
        "ec2.amazonaws.com",
        (Way("ec2:CreateLaunchTemplateVersion", "ec2-004; ec2-005"), *_INSTANCE),
    ),
    "AWS::EC2::SpotFleet": Runner(
        "SpotFleetRequestConfigData.LaunchSpecifications.IamInstanceProfile", "ec2.amazonaws.com", _INSTANCE
    ),
    "AWS::ECS::TaskDefinition": Runner(
        "TaskRoleArn",
        "ecs-tasks.amazonaws.com",
        (Way("ecs:ExecuteCommand", "ecs-006"), Way("ecs:RunTask"), Way("ecs:StartTask")),
    ),
    "AWS::EKS::PodIdentityAssociation": Runner("RoleArn", "pods.eks.amazonaws.com", ON_CLUSTERS),
    "AWS::EMR::Cluster": Runner(
        "JobFlowRole", "ec2.amazonaws.com", (Way("elasticmapreduce:AddJobFlowSteps"), *_INSTANCE)
    ),
    "AWS::GameLift::Fleet": Runner(
        "InstanceRoleARN", "gamelift.amazonaws.com", (Way("gamelift:UpdateRuntimeConfiguration"),)
    ),
    "AWS::Glue::DevEndpoint": Runner(
        "RoleArn", "glue.amazonaws.com", (Way("glue:UpdateDevEndpoint", "glue-002; Rhino 19"),)
    ),
    "AWS::Glue::Job": Runner(
        "Role", "glue.amazonaws.com", (Way("glue:UpdateJob", "glue-005; glue-006"), Way("glue:StartJobRun"))
    ),
    "AWS::ImageBuilder::InfrastructureConfiguration": Runner(
        "InstanceProfileName", "ec2.amazonaws.com", (Way("imagebuilder:CreateImage"), *_INSTANCE)
    ),
    "AWS::KinesisAnalyticsV2::Application": Runner(
        "ServiceExecutionRole", "kinesisanalytics.amazonaws.com", (Way("kinesisanalytics:UpdateApplication"),)
    ),
    "AWS::Lambda::Function": Runner(
        "Role",
        "lambda.amazonaws.com",
        (
            Way("lambda:UpdateFunctionCode", "lambda-003; Rhino 17"),
            Way("lambda:UpdateFunctionConfiguration"),
            Way("lambda:AddPermission", "lambda-005"),
            Way("lambda:InvokeFunction", changes=False),
            Way("lambda:InvokeFunctionUrl", changes=False),
            Way("lambda:CreateEventSourceMapping", changes=False),
        ),
    ),
    "AWS::RolesAnywhere::Profile": Runner(
        "RoleArns",
        "rolesanywhere.amazonaws.com",
        (Way("rolesanywhere:CreateTrustAnchor"), Way("rolesanywhere:UpdateTrustAnchor")),
    ),
    "AWS::SageMaker::Domain": Runner(
        "DefaultUserSettings.ExecutionRole",
        "sagemaker.amazonaws.com",
        (Way("sagemaker:CreatePresignedDomainUrl"),),
        ("DefaultSpaceSettings.ExecutionRole",),
    ),
    "AWS::SageMaker::NotebookInstance": Runner(
        "RoleArn",
        "sagemaker.amazonaws.com",
        (
            Way("sagemaker:CreatePresignedNotebookInstanceUrl", "sagemaker-004"),
            Way("sagemaker:UpdateNotebookInstance", "sagemaker-005"),
        ),
    ),
    "AWS::SageMaker::UserProfile": Runner(
        "UserSettings.ExecutionRole", "sagemaker.amazonaws.com", (Way("sagemaker:CreatePresignedDomainUrl"),)
    ),
    "AWS::StepFunctions::StateMachine": Runner(
        "RoleArn",
        "states.amazonaws.com",
        (
            Way("states:UpdateStateMachine"),
            Way("states:StartExecution", changes=False),
            Way("states:StartSyncExecution", changes=False),
        ),
    ),
}
"""What changes or starts the code that a resource of the templates runs as its role, by the resource's type."""

MAKING = (
    ("iam:CreateRole", ("iam:AttachRolePolicy", "iam:PutRolePolicy"), ()),
    ("iam:CreateUser", ("iam:AttachUserPolicy", "iam:PutUserPolicy"), ("iam:CreateAccessKey",)),
    ("iam:CreateUser", ("iam:AttachUserPolicy", "iam:PutUserPolicy"), ("iam:CreateLoginProfile",)),
)
"""What makes a new role or user, what gives it permissions, and what acts as it: a new role trusts its maker."""

DEPLOYING = "cdk-*-deploy-role-{account}-*"
"""The name of CDK's bootstrap role by which stacks are deployed: with the rights of the execution role."""

ADMINISTERING = (
    DEPLOYING,
    "OrganizationAccountAccessRole",
    "AWSControlTowerExecution",
    "AWSCloudFormationStackSetExecutionRole",
    "stacksets-exec-*",
)
"""The names of the roles that administer an account and that CDK, Organizations, Control Tower or StackSets make."""

EXECUTING = "arn:*:iam::*:role/cdk-*-cfn-exec-role-*"
"""CDK's bootstrap execution role, with whose rights CloudFormation makes the roles of a chain."""

ACTIONS = frozenset(
    action.lower()
    for ways in (
        tuple(Way(each) for make, grants, acts in MAKING for each in (make, *grants, *acts)),
        ON_ROLE,
        ON_POLICY,
        ON_STACK,
        ON_STACK_SET,
        ON_USER,
        USER_BOUNDARY,
        USER_GRANTS,
        GROUP_GRANTS,
        ON_GROUP,
        ON_ASSIGNMENTS,
        *ON_PROVIDER.values(),
        *PASSING.values(),
        *(runner.ways for runner in RUNNING.values()),
    )
    for way in ways
    for action in (way.action, *way.besides)
) | {PASS_ROLE.lower(), "sts:assumerole"}
"""Every action of these tables, in lower case."""
