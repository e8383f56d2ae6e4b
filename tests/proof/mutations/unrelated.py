"""What an app holds besides the chain: roles, policies and workloads that have nothing to do with it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rolechain.proof import Template

Json = dict[str, Any]

ROOT = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
ISSUER = {"Fn::GetAtt": ["Cluster", "OpenIdConnectIssuerUrl"]}
HOST = {"Fn::Select": [1, {"Fn::Split": ["//", ISSUER]}]}
HANDLER = {"Fn::Sub": "arn:${AWS::Partition}:lambda:us-east-1:${AWS::AccountId}:function:cdk-handler"}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def _document(**statement: Any) -> Json:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def _role(principal: Any, *policies: Json, **more: Any) -> Json:
    condition = {"Condition": more.pop("Condition")} if "Condition" in more else {}
    trust = _document(Principal=principal, Action=more.pop("Action", "sts:AssumeRole"), **condition)
    inline = [{"PolicyName": f"p{number}", "PolicyDocument": each} for number, each in enumerate(policies)]
    return _resource("IAM::Role", AssumeRolePolicyDocument=trust, Policies=inline, **more)


def _resource(kind: str, **properties: Any) -> Json:
    return {"Type": f"AWS::{kind}", "Properties": properties}


READ = _document(Action=["s3:GetObject", "s3:ListBucket"], Resource="*")
DEPLOY = _document(Action="sts:AssumeRole", Resource="arn:aws:iam::*:role/cdk-hnb659fds-*")

THINGS: dict[str, dict[str, Json]] = {
    "a role for the account's own people": {"Readers": _role(ROOT, READ)},
    "a vendor's account": {
        "Vendor": _role(
            {"AWS": "arn:aws:iam::464622532012:root"},
            READ,
            Condition={"StringEquals": {"sts:ExternalId": "1f3c-vendor"}},
        )
    },
    "a vendor's role": {
        "Scanner": _role({"AWS": "arn:aws:iam::543210987654:role/vendor/scanner"}, READ, RoleName="scanner")
    },
    "a service account of a cluster": {
        "Cluster": _resource("EKS::Cluster", Name="apps", RoleArn="arn:aws:iam::123456789012:role/eks"),
        "Provider": {
            "Type": "Custom::AWSCDKOpenIdConnectProvider",
            "Properties": {"ServiceToken": HANDLER, "Url": ISSUER, "ClientIDList": ["sts.amazonaws.com"]},
        },
        "PodCondition": {
            "Type": "Custom::AWSCDKCfnJson",
            "Properties": {"ServiceToken": HANDLER, "Value": {"Fn::Join": ["", ['{"', HOST, ':aud":"x"}']]}},
        },
        "Pod": _role(
            {"Federated": {"Ref": "Provider"}},
            READ,
            Action="sts:AssumeRoleWithWebIdentity",
            Condition={"StringEquals": {"Fn::GetAtt": ["PodCondition", "Value"]}},
        ),
    },
    "a function": {
        "FunctionRole": _role({"Service": "lambda.amazonaws.com"}, ManagedPolicyArns=[BASIC]),
        "Function": _resource(
            "Lambda::Function",
            Role={"Fn::GetAtt": ["FunctionRole", "Arn"]},
            Code={"ZipFile": "exports.handler = () => {}"},
            Handler="index.handler",
            Runtime="nodejs22.x",
        ),
    },
    "an instance": {
        "InstanceRole": _role({"Service": "ec2.amazonaws.com"}, READ),
        "Profile": _resource("IAM::InstanceProfile", Roles=[{"Ref": "InstanceRole"}]),
    },
    "a user of a group": {
        "Group": _resource("IAM::Group", ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
        "User": _resource("IAM::User", UserName="ann", Groups=[{"Ref": "Group"}]),
    },
    "a policy attached elsewhere": {
        "Shared": _resource("IAM::ManagedPolicy", PolicyDocument=READ, Roles=["made-by-hand"]),
        "Inline": _resource("IAM::Policy", PolicyName="i", PolicyDocument=READ, Roles=["made-by-hand-too"]),
    },
    "a role that deploys apps": {"Deployer": _role({"Service": "codebuild.amazonaws.com"}, DEPLOY)},
    "a role of an office": {
        "Office": _role(ROOT, READ, Condition={"IpAddress": {"aws:SourceIp": ["198.51.100.0/24"]}})
    },
    "a bucket": {
        "Bucket": _resource("S3::Bucket"),
        "BucketPolicy": _resource(
            "S3::BucketPolicy",
            Bucket={"Ref": "Bucket"},
            PolicyDocument=_document(
                Principal="*", Action="s3:GetObject", Resource={"Fn::Sub": "${Bucket.Arn}/*"}
            ),
        ),
    },
    "a queue and its secret": {
        "Queue": _resource("SQS::Queue"),
        "Secret": _resource("SecretsManager::Secret", GenerateSecretString={}),
    },
}


@st.composite
def unrelated(draw: st.DrawFn, templates: list[Template]) -> list[Template]:
    """The templates of a chain, with things beside it in each account, and a template of an account of their own."""
    made = [*templates, Template("000000000042", {"Resources": {}}, account="000000000042")]
    for template in made:
        for name in draw(st.lists(st.sampled_from(list(THINGS)), unique=True, max_size=5)):
            template.body["Resources"].update(THINGS[name])
    return made
