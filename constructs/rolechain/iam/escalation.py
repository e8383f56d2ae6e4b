"""The ways to change a role, or to act as one, besides assuming it: which actions, on what.

Sources: pathfinding.cloud, whose paths the comments name by their ids; Rhino Security Labs, "AWS IAM Privilege
Escalation Methods", as ``Rhino`` with the number of the method; the Service Authorization Reference for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rolechain.iam.sts_actions import ASSUME_ROLE


class Way(NamedTuple):
    """A way to change something or to act as somebody.

    Attributes:
        action: the action that it takes.
        besides: the actions that it takes as well, on anything.
        changes: whether it changes something; else it starts what is there.
    """

    action: str
    besides: tuple[str, ...] = ()
    changes: bool = True


def _ways(actions: str, *, changes: bool = True) -> tuple[Way, ...]:
    return tuple(Way(action, changes=changes) for action in actions.split())


ON_ROLE = (
    *_ways(
        "iam:UpdateAssumeRolePolicy iam:PutRolePolicy iam:AttachRolePolicy iam:DeleteRolePolicy "
        "iam:DetachRolePolicy iam:PutRolePermissionsBoundary iam:DeleteRolePermissionsBoundary"
    ),
    Way("iam:DeleteRole", ("iam:CreateRole",)),
)  # iam-012; iam-005; iam-009; Rhino 14; Rhino 12; Rhino 9
"""What changes a role's trust policy, permissions or boundary; the last makes it anew."""

ON_POLICY = _ways("iam:CreatePolicyVersion iam:SetDefaultPolicyVersion")  # iam-001; Rhino 1; Rhino 2
"""What changes a managed policy, and so every role that has it."""

ON_STACK = (
    Way("cloudformation:UpdateStack"),
    Way("cloudformation:ExecuteChangeSet", ("cloudformation:CreateChangeSet",)),
)  # cloudformation-002; cloudformation-005
"""What changes the stack that makes a role; it runs with the rights of the stack's own role."""

ON_STACK_SET = _ways("cloudformation:UpdateStackSet")  # cloudformation-004
"""What changes the stacks of a stack set, in its own account."""

# iam-002; iam-004; iam-006; Rhino 4 to 6
ON_USER = _ways("iam:CreateAccessKey iam:CreateLoginProfile iam:UpdateLoginProfile")
"""What lets one sign in as a user."""

USER_BOUNDARY = _ways("iam:PutUserPermissionsBoundary iam:DeleteUserPermissionsBoundary")
USER_GRANTS = _ways("iam:PutUserPolicy iam:AttachUserPolicy")  # iam-007; iam-008; Rhino 10; Rhino 7
GROUP_GRANTS = _ways("iam:PutGroupPolicy iam:AttachGroupPolicy")  # iam-011; iam-010; Rhino 11; Rhino 8
"""What gives a user, or every member of a group, permissions."""

ON_GROUP = _ways("iam:AddUserToGroup")  # iam-013; Rhino 13
"""What makes a user a member of a group."""

TAKES: Mapping[str, tuple[Way, ...]] = {"role": ON_ROLE[:1], "user": ON_USER, "group": ON_GROUP}
"""What lets one act as a role, as a user, or with the permissions of a group."""

GRANTS: Mapping[str, tuple[Way, ...]] = {"role": ON_ROLE[1:3], "user": USER_GRANTS, "group": GROUP_GRANTS}
"""What gives a role, a user or a group permissions."""

LIFTS: Mapping[str, tuple[Way, ...]] = {"role": ON_ROLE[5:7], "user": USER_BOUNDARY}
"""What takes a boundary from a role or a user, or puts another in its place."""

ON_PROVIDER: Mapping[str, tuple[Way, ...]] = {
    "saml": (Way("iam:UpdateSAMLProvider"), Way("iam:CreateSAMLProvider", ("iam:DeleteSAMLProvider",))),
    "oidc": _ways("iam:UpdateOpenIDConnectProviderThumbprint"),
}
"""What lets one sign the assertions or the tokens of an identity provider, by the kind of entrance."""

ON_CLUSTERS = _ways("eks:CreateAccessEntry eks:AssociateAccessPolicy")
"""What lets one run pods in a cluster of EKS, with any service account."""

ON_ASSIGNMENTS = _ways("sso:CreateAccountAssignment identitystore:CreateGroupMembership")
"""What gives somebody a permission set of IAM Identity Center."""

PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action
PASSING: Mapping[str, tuple[Way, ...]] = {
    "apprunner.amazonaws.com": _ways("apprunner:CreateService"),  # apprunner-001
    "tasks.apprunner.amazonaws.com": _ways("apprunner:CreateService"),  # apprunner-001
    "bedrock-agentcore.amazonaws.com": _ways(
        "bedrock-agentcore:CreateCodeInterpreter bedrock-agentcore:CreateAgentRuntime "
        "bedrock-agentcore:CreateHarness bedrock-agentcore:CreateBrowser"
    ),  # bedrock-001; bedrock-003; bedrock-005; bedrock-006
    "braket.amazonaws.com": _ways("braket:CreateJob"),  # braket-001
    "cloudformation.amazonaws.com": _ways(
        "cloudformation:CreateStack cloudformation:UpdateStack cloudformation:CreateChangeSet "
        "cloudformation:CreateStackSet cloudformation:UpdateStackSet"
    ),  # cloudformation-001; cloudformation-002; cloudformation-005; cloudformation-003; cloudformation-004
    "codebuild.amazonaws.com": _ways(
        "codebuild:CreateProject codebuild:UpdateProject"
    ),  # codebuild-001; codebuild-004
    "cognito-identity.amazonaws.com": _ways("cognito-identity:SetIdentityPoolRoles"),  # cognitoidentity-001
    "datapipeline.amazonaws.com": _ways("datapipeline:PutPipelineDefinition"),  # datapipeline-001; Rhino 21
    "ec2.amazonaws.com": _ways(
        "ec2:RunInstances ec2:RequestSpotInstances ec2:RequestSpotFleet ec2:CreateFleet "
        "ec2:AssociateIamInstanceProfile ec2:ReplaceIamInstanceProfileAssociation "
        "ec2:CreateLaunchTemplate ec2:CreateLaunchTemplateVersion "
        "autoscaling:CreateLaunchConfiguration elasticmapreduce:RunJobFlow gamelift:CreateFleet "
        "imagebuilder:CreateInfrastructureConfiguration"
    ),  # ec2-001; Rhino 3; ec2-003; emr-001; gamelift-001; imagebuilder-001
    "ecs-tasks.amazonaws.com": _ways(
        "ecs:RegisterTaskDefinition ecs:RunTask ecs:StartTask batch:RegisterJobDefinition"
    ),  # ecs-003; ecs-004; ecs-005; ecs-008; ecs-007; ecs-009; batch-001; batch-003
    "emr-serverless.amazonaws.com": _ways("emr-serverless:StartJobRun"),  # emrserverless-001
    "events.amazonaws.com": _ways("events:PutTargets"),
    "gamelift.amazonaws.com": _ways("gamelift:CreateFleet"),
    "glue.amazonaws.com": _ways(
        "glue:CreateDevEndpoint glue:CreateJob glue:UpdateJob glue:CreateSession"
    ),  # glue-001; Rhino 18; glue-003; glue-004; glue-005; glue-006; glue-007
    "kinesisanalytics.amazonaws.com": _ways("kinesisanalytics:CreateApplication"),  # kinesisanalytics-001
    "lambda.amazonaws.com": _ways(
        "lambda:CreateFunction lambda:UpdateFunctionConfiguration"
    ),  # lambda-001; Rhino 15
    "omics.amazonaws.com": _ways("omics:StartRun"),  # omics-001
    "pods.eks.amazonaws.com": _ways("eks:CreatePodIdentityAssociation eks:UpdatePodIdentityAssociation"),
    "rolesanywhere.amazonaws.com": _ways("rolesanywhere:CreateProfile rolesanywhere:UpdateProfile"),
    "sagemaker.amazonaws.com": _ways(
        "sagemaker:CreateNotebookInstance sagemaker:CreateTrainingJob "
        "sagemaker:CreateProcessingJob sagemaker:CreateHyperParameterTuningJob "
        "sagemaker:CreateModel sagemaker:CreatePipeline sagemaker:CreateDomain "
        "sagemaker:CreateUserProfile"
    ),  # sagemaker-001; sagemaker-002; sagemaker-003
    "scheduler.amazonaws.com": _ways("scheduler:CreateSchedule scheduler:UpdateSchedule"),
    "ssm.amazonaws.com": _ways("ssm:StartAutomationExecution ssm:CreateActivation"),  # ssm-003
    "states.amazonaws.com": _ways("states:CreateStateMachine states:UpdateStateMachine states:TestState"),
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


_INSTANCE = _ways(
    "ssm:SendCommand ssm:StartSession ssm:CreateAssociation ec2-instance-connect:SendSSHPublicKey "
    "ec2:ModifyInstanceAttribute codedeploy:CreateDeployment"
)  # ssm-002; ssm-001; ec2instanceconnect-003; ec2-002; codedeploy-001

RUNNING: Mapping[str, Runner] = {
    "AWS::AppRunner::Service": Runner(
        "InstanceConfiguration.InstanceRoleArn",
        "tasks.apprunner.amazonaws.com",
        _ways("apprunner:UpdateService"),
    ),  # apprunner-002
    "AWS::AutoScaling::LaunchConfiguration": Runner("IamInstanceProfile", "ec2.amazonaws.com", _INSTANCE),
    "AWS::Batch::JobDefinition": Runner(
        "ContainerProperties.JobRoleArn",
        "ecs-tasks.amazonaws.com",
        _ways("batch:SubmitJob"),
        (
            "EcsProperties.TaskProperties.TaskRoleArn",
            "NodeProperties.NodeRangeProperties.Container.JobRoleArn",
            "NodeProperties.NodeRangeProperties.EcsProperties.TaskProperties.TaskRoleArn",
        ),
    ),  # batch-002
    "AWS::BedrockAgentCore::BrowserCustom": Runner(
        "ExecutionRoleArn",
        "bedrock-agentcore.amazonaws.com",
        (
            Way(
                "bedrock-agentcore:StartBrowserSession", ("bedrock-agentcore:ConnectBrowserAutomationStream",)
            ),
        ),
    ),  # bedrock-007
    "AWS::BedrockAgentCore::CodeInterpreterCustom": Runner(
        "ExecutionRoleArn",
        "bedrock-agentcore.amazonaws.com",
        _ways("bedrock-agentcore:InvokeCodeInterpreter"),
    ),  # bedrock-002
    "AWS::BedrockAgentCore::Runtime": Runner(
        "RoleArn",
        "bedrock-agentcore.amazonaws.com",
        _ways("bedrock-agentcore:InvokeAgentRuntimeCommand bedrock-agentcore:UpdateAgentRuntime"),
    ),  # bedrock-004
    "AWS::CodeBuild::Project": Runner(
        "ServiceRole",
        "codebuild.amazonaws.com",
        _ways(
            "codebuild:StartBuild codebuild:StartBuildBatch codebuild:UpdateProject codebuild:StartSandbox"
        ),
    ),  # codebuild-002; codebuild-003
    "AWS::Cognito::IdentityPoolRoleAttachment": Runner(
        "Roles.authenticated",
        "cognito-identity.amazonaws.com",
        _ways("cognito-identity:UpdateIdentityPool"),
        ("Roles.unauthenticated",),
    ),
    "AWS::EC2::Instance": Runner("IamInstanceProfile", "ec2.amazonaws.com", _INSTANCE),
    "AWS::EC2::LaunchTemplate": Runner(
        "LaunchTemplateData.IamInstanceProfile",
        "ec2.amazonaws.com",
        (Way("ec2:CreateLaunchTemplateVersion"), *_INSTANCE),
    ),  # ec2-004; ec2-005
    "AWS::EC2::SpotFleet": Runner(
        "SpotFleetRequestConfigData.LaunchSpecifications.IamInstanceProfile", "ec2.amazonaws.com", _INSTANCE
    ),
    "AWS::ECS::TaskDefinition": Runner(
        "TaskRoleArn", "ecs-tasks.amazonaws.com", _ways("ecs:ExecuteCommand ecs:RunTask ecs:StartTask")
    ),  # ecs-006
    "AWS::EKS::PodIdentityAssociation": Runner("RoleArn", "pods.eks.amazonaws.com", ON_CLUSTERS),
    "AWS::EMR::Cluster": Runner(
        "JobFlowRole", "ec2.amazonaws.com", (Way("elasticmapreduce:AddJobFlowSteps"), *_INSTANCE)
    ),
    "AWS::GameLift::Fleet": Runner(
        "InstanceRoleARN", "gamelift.amazonaws.com", _ways("gamelift:UpdateRuntimeConfiguration")
    ),
    "AWS::Glue::DevEndpoint": Runner(
        "RoleArn", "glue.amazonaws.com", _ways("glue:UpdateDevEndpoint")
    ),  # glue-002; Rhino 19
    "AWS::Glue::Job": Runner(
        "Role", "glue.amazonaws.com", _ways("glue:UpdateJob glue:StartJobRun")
    ),  # glue-005; glue-006
    "AWS::ImageBuilder::InfrastructureConfiguration": Runner(
        "InstanceProfileName", "ec2.amazonaws.com", (Way("imagebuilder:CreateImage"), *_INSTANCE)
    ),
    "AWS::KinesisAnalyticsV2::Application": Runner(
        "ServiceExecutionRole", "kinesisanalytics.amazonaws.com", _ways("kinesisanalytics:UpdateApplication")
    ),
    "AWS::Lambda::Function": Runner(
        "Role",
        "lambda.amazonaws.com",
        (
            *_ways("lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:AddPermission"),
            *_ways(
                "lambda:InvokeFunction lambda:InvokeFunctionUrl lambda:CreateEventSourceMapping",
                changes=False,
            ),
        ),
    ),  # lambda-003; Rhino 17; lambda-005
    "AWS::RolesAnywhere::Profile": Runner(
        "RoleArns",
        "rolesanywhere.amazonaws.com",
        _ways("rolesanywhere:CreateTrustAnchor rolesanywhere:UpdateTrustAnchor"),
    ),
    "AWS::SageMaker::Domain": Runner(
        "DefaultUserSettings.ExecutionRole",
        "sagemaker.amazonaws.com",
        _ways("sagemaker:CreatePresignedDomainUrl"),
        ("DefaultSpaceSettings.ExecutionRole",),
    ),
    "AWS::SageMaker::NotebookInstance": Runner(
        "RoleArn",
        "sagemaker.amazonaws.com",
        _ways("sagemaker:CreatePresignedNotebookInstanceUrl sagemaker:UpdateNotebookInstance"),
    ),  # sagemaker-004; sagemaker-005
    "AWS::SageMaker::UserProfile": Runner(
        "UserSettings.ExecutionRole", "sagemaker.amazonaws.com", _ways("sagemaker:CreatePresignedDomainUrl")
    ),
    "AWS::StepFunctions::StateMachine": Runner(
        "RoleArn",
        "states.amazonaws.com",
        (
            Way("states:UpdateStateMachine"),
            *_ways("states:StartExecution states:StartSyncExecution", changes=False),
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

BECOMING: Mapping[str, tuple[str, ...]] = {
    "role": (ASSUME_ROLE, PASS_ROLE, *(way.action for way in TAKES["role"]), MAKING[0][0]),
    "user": (*(way.action for way in TAKES["user"]), MAKING[1][0]),
    "": (
        "cloudformation:CreateStackSet",
        *(
            way.action
            for ways in (ON_STACK, ON_STACK_SET, ON_ASSIGNMENTS, *ON_PROVIDER.values())
            for way in ways
        ),
    ),
}
"""What lets one act as a role or a user that is there or that it makes; last, on anything, as whatever role stacks run
with or federated users have."""

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
        _ways(" ".join(each for make, grants, acts in MAKING for each in (make, *grants, *acts))),
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
) | {PASS_ROLE.lower(), ASSUME_ROLE.lower()}
"""Every action of these tables, in lower case."""
