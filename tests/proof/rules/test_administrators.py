"""Who may change a chain, or act as one of its roles: every way of the tables, and what is near to it and is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Level, Template, escalation, prove
from rolechain.proof.escalation import Way
from rolechain.proof.summary import last_line

Json = dict[str, Any]
SOURCE, MIDDLE, TARGET = (
    "arn:aws:iam::111111111111:role/rolechain/deploy-source",
    "arn:aws:iam::222222222222:role/rolechain/deploy-middle",
    "arn:aws:iam::333333333333:role/rolechain/deploy-target",
)
FUNCTION = "arn:aws:lambda:us-east-1:111111111111:function:runner"
OWN_POLICY = "arn:aws:iam::333333333333:policy/own"


def _allow(*actions: str, on: Any = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def _document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


class Estate:
    """A chain's templates, with principals beside its roles."""

    def __init__(self, chain: Chain, templates: list[Template]) -> None:
        self.chain = chain
        self.templates = templates

    def add(self, account: int, logical_id: str, kind: str, **properties: Any) -> None:
        """A resource in the account of a role of the chain, counted from 0."""
        resources = self.templates[account].body["Resources"]
        resources[logical_id] = {"Type": kind, "Properties": properties}

    def role(self, account: int, *statements: Json, **more: Any) -> None:
        """A role of the name ``ops`` with these permissions."""
        self.add(account, "Ops", "AWS::IAM::Role", **_role("ops", *statements), **more)

    def found(self, **changes: Any) -> list[tuple[str, str, tuple[str, ...]]]:
        """The rule, the principal's name, and the roles of everybody who is found."""
        changed = self.chain if not changes else _with(self.chain, **changes)
        return [
            (each.rule, each.who.rsplit(":", 1)[-1], tuple(arn.rsplit("-", 1)[-1] for arn in each.roles))
            for each in (prove(changed, self.templates).changers or ())
            if not each.declared
        ]


def _role(name: str, *statements: Json, trust: Json | None = None) -> Json:
    trusted = trust or {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "ec2.amazonaws.com"},
    }
    policies = [{"PolicyName": "inline", "PolicyDocument": _document(*statements)}] if statements else []
    return {"RoleName": name, "AssumeRolePolicyDocument": _document(trusted), "Policies": policies}


def _with(chain: Chain, **changes: Any) -> Chain:
    fields = {"sources": chain.sources, "middle": chain.middle, "targets": chain.targets}
    return Chain(chain.name, **{**fields, **changes})


@pytest.fixture
def chain() -> Chain:
    """A chain that Lambda enters."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )


@pytest.fixture
def estate(chain: Chain, templates_of: Callable[[Chain], list[Template]]) -> Estate:
    """Its templates."""
    return Estate(chain, templates_of(chain))


@pytest.mark.parametrize("way", escalation.ON_ROLE, ids=lambda way: way.action)
def test_rc38_fires_on_whoever_may_change_a_role(estate: Estate, way: Way) -> None:
    """Each way to change a role is found on the role itself, and not on another role or in another account."""
    besides = _allow(*way.besides) if way.besides else _allow("s3:ListBucket")
    estate.role(2, _allow(way.action, on=TARGET), besides)
    assert estate.found() == [("RC38", "role/ops", ("target",))]
    estate.role(2, _allow(way.action, on=f"{TARGET}-other"), besides)
    assert estate.found() == []
    estate.role(2, _allow(way.action, on=MIDDLE), besides)
    assert estate.found() == []
    if way.besides:
        estate.role(2, _allow(way.action, on=TARGET))
        assert estate.found() == []


@pytest.mark.parametrize("way", escalation.ON_POLICY, ids=lambda way: way.action)
def test_whoever_may_change_a_policy_of_the_chain_is_found(estate: Estate, way: Way) -> None:
    """A managed policy that a role of the chain has is part of the role; another one is not."""
    own = {"ManagedPolicyName": "own", "PolicyDocument": _document(_allow("s3:ListBucket"))}
    estate.add(2, "Own", "AWS::IAM::ManagedPolicy", **own, Roles=["deploy-target"])
    estate.role(2, _allow(way.action, on=OWN_POLICY))
    assert estate.found() == [("RC38", "role/ops", ("target",))]
    estate.add(2, "Own", "AWS::IAM::ManagedPolicy", **own)
    assert estate.found() == []


@pytest.mark.parametrize("way", escalation.ON_STACK, ids=lambda way: way.action)
def test_whoever_may_change_the_stack_of_a_role_is_found(estate: Estate, way: Way) -> None:
    """A stack deploys with the rights of its own role; a stack of another account is none of the chain's."""
    besides = _allow(*way.besides) if way.besides else _allow("s3:ListBucket")
    stack = "arn:aws:cloudformation:us-east-1:{}:stack/any/*"
    estate.role(2, _allow(way.action, on=stack.format("333333333333")), besides)
    assert estate.found() == [("RC38", "role/ops", ("target",))]
    estate.role(2, _allow(way.action, on=stack.format("222222222222")), besides)
    assert estate.found() == []


def _passing() -> Iterator[Any]:
    for service, ways in escalation.PASSING.items():
        for way in ways:
            yield pytest.param(service, way, id=f"{service} {way.action}")


@pytest.mark.parametrize(("service", "way"), [*_passing()])
def test_whoever_may_pass_a_role_to_a_service_that_it_trusts_is_found(
    estate: Estate, templates_of: Callable[[Chain], list[Template]], service: str, way: Way
) -> None:
    """iam:PassRole counts with an action that runs code, on the role itself, to a service that the role trusts."""
    principal = {"Service": service}
    entering = "sts:AssumeRole"
    if service.startswith("cognito"):
        principal, entering = {"Federated": service}, "sts:AssumeRoleWithWebIdentity"
    trust = {"Effect": "Allow", "Action": entering, "Principal": principal}
    source = estate.templates[0].body["Resources"]["Role0"]["Properties"]
    source["AssumeRolePolicyDocument"]["Statement"].append(trust)
    new = _allow(way.action, on=f"{FUNCTION}-new")
    estate.role(0, _allow("iam:PassRole", on=SOURCE), new)
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    asked = {"Condition": {"StringEquals": {"iam:PassedToService": "nothing.amazonaws.com"}}}
    estate.role(0, _allow("iam:PassRole", on=SOURCE, **asked), new)
    assert estate.found() == []
    estate.role(0, _allow("iam:PassRole", on=f"{SOURCE}-other"), new)
    assert estate.found() == []
    estate.role(0, _allow("iam:PassRole", on=SOURCE))
    assert estate.found() == []
    source["AssumeRolePolicyDocument"]["Statement"].pop()
    if service != "lambda.amazonaws.com":
        estate.role(0, _allow("iam:PassRole", on=SOURCE), new)
        assert estate.found() == []


def test_a_service_that_is_not_known_needs_no_further_action(estate: Estate) -> None:
    """Of a service whose workloads are not known, passing the role to it is enough."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "new.amazonaws.com"}}
    source = estate.templates[0].body["Resources"]["Role0"]["Properties"]
    source["AssumeRolePolicyDocument"]["Statement"].append(trust)
    estate.role(0, _allow("iam:PassRole", on=SOURCE))
    assert estate.found() == [("RC39", "role/ops", ("source",))]


def _running() -> Iterator[Any]:
    for kind, runner in escalation.RUNNING.items():
        for way in runner.ways:
            yield pytest.param(kind, way, id=f"{kind} {way.action}")


def _properties(kind: str, role: Any) -> Json:
    """The properties of a workload that runs as a role."""
    *outer, last = escalation.RUNNING[kind].role.split(".")
    found: Json = {last: [role] if last == "RoleArns" else role}
    for key in reversed(outer):
        found = {key: found}
    return found


@pytest.mark.parametrize(("kind", "way"), [*_running()])
def test_whoever_may_change_or_start_what_runs_as_a_role_is_found(
    estate: Estate, kind: str, way: Way
) -> None:
    """What runs as a role of the chain is found, what runs as another one or elsewhere is not."""
    profile = "Profile" in escalation.RUNNING[kind].role
    for name, role in (("Mine", "deploy-source"), ("Other", "other")):
        estate.add(0, name, "AWS::IAM::InstanceProfile", Roles=[role])
    estate.add(0, "Work", kind, **_properties(kind, {"Ref": "Mine"} if profile else SOURCE))
    estate.role(0, _allow(way.action))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow(way.action, on="arn:aws:s3:::elsewhere"))
    assert estate.found() == []
    estate.add(0, "Work", kind, **_properties(kind, {"Ref": "Other"} if profile else f"{SOURCE}-other"))
    estate.role(
        0, _allow(way.action, on={"Fn::GetAtt": ["Work", "Arn"]} if kind == "AWS::Lambda::Function" else "*")
    )
    assert estate.found() == []


@pytest.mark.parametrize(
    "way", escalation.RUNNING["AWS::Lambda::Function"].ways[:3], ids=lambda way: way.action
)
def test_rc39_silent_on_another_function(estate: Estate, way: Way) -> None:
    """A function is known by its ARN, given or referred to; where none is at hand, a right to all of them counts."""
    role = {"Fn::GetAtt": ["Role0", "Arn"]}
    estate.role(0, _allow(way.action))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow(way.action, on=f"{FUNCTION}-other"))
    assert estate.found() == []
    estate.add(0, "Runner", "AWS::Lambda::Function", FunctionName="runner", Role=role)
    estate.add(0, "Unnamed", "AWS::Lambda::Function", Role=role)
    estate.add(0, "Other", "AWS::Lambda::Function", Role=f"{SOURCE}-other")
    estate.role(0, _allow(way.action, on={"Fn::GetAtt": ["Other", "Arn"]}))
    assert estate.found() == []
    for on in (
        FUNCTION,
        f"{FUNCTION}:*",
        {"Fn::GetAtt": ["Runner", "Arn"]},
        {"Fn::GetAtt": ["Unnamed", "Arn"]},
    ):
        estate.role(0, _allow(way.action, on=on))
        assert estate.found() == [("RC39", "role/ops", ("source",))], on


@pytest.mark.parametrize(
    ("kind", "properties", "found"),
    [
        ("AWS::Lambda::Url", {"AuthType": "NONE", "TargetFunctionArn": FUNCTION}, "anybody"),
        ("AWS::Lambda::Url", {"AuthType": {"Ref": "Nothing"}, "TargetFunctionArn": "runner"}, "anybody"),
        ("AWS::Lambda::Url", {"AuthType": "AWS_IAM", "TargetFunctionArn": FUNCTION}, None),
        ("AWS::Lambda::Url", {"AuthType": "NONE", "TargetFunctionArn": f"{FUNCTION}-other"}, None),
        (
            "AWS::Lambda::Permission",
            {"Principal": "*", "Action": "lambda:*", "FunctionName": "runner"},
            "anybody",
        ),
        (
            "AWS::Lambda::Permission",
            {"Principal": "999999999999", "Action": "lambda:InvokeFunction", "FunctionName": FUNCTION},
            "999999999999",
        ),
        (
            "AWS::Lambda::Permission",
            {"Principal": "s3.amazonaws.com", "Action": "lambda:InvokeFunction", "FunctionName": "runner"},
            "any customer of s3.amazonaws.com",
        ),
        (
            "AWS::Lambda::Permission",
            {
                "Principal": "s3.amazonaws.com",
                "SourceAccount": "111111111111",
                "Action": "lambda:InvokeFunction",
                "FunctionName": "runner",
            },
            None,
        ),
        (
            "AWS::Lambda::Permission",
            {
                "Principal": "sns.amazonaws.com",
                "SourceArn": "arn:aws:sns:us-east-1:999999999999:topic",
                "Action": "lambda:InvokeFunction",
                "FunctionName": "runner",
            },
            "sns.amazonaws.com on behalf of 999999999999",
        ),
        (
            "AWS::Lambda::Permission",
            {"Principal": "111111111111", "Action": "lambda:InvokeFunction", "FunctionName": "runner"},
            None,
        ),
    ],
)
def test_rc39_fires_on_who_else_may_call_a_function(
    estate: Estate, kind: str, properties: Json, found: str | None
) -> None:
    """A function that runs as a role of the chain is open by a URL without authentication, or to others' accounts."""
    estate.add(0, "Runner", "AWS::Lambda::Function", FunctionName="runner", Role=SOURCE)
    estate.add(0, "Opened", kind, **properties)
    assert estate.found() == ([("RC39", found, ("source",))] if found else [])


@pytest.mark.parametrize("policy", ["IAMFullAccess", "AdministratorAccess"])
def test_policies_of_aws_that_hold_iam_are_found(estate: Estate, policy: str) -> None:
    """Whoever has one of them may change every role of its account, and read-only access changes none."""
    arn = f"arn:aws:iam::aws:policy/{policy}"
    estate.role(2, ManagedPolicyArns=[arn])
    assert estate.found() == [("RC38", "role/ops", ("target",))]
    for harmless in ("ReadOnlyAccess", "SecurityAudit", "job-function/ViewOnlyAccess"):
        estate.role(2, ManagedPolicyArns=[f"arn:aws:iam::aws:policy/{harmless}"])
        assert estate.found() == [], harmless


@pytest.mark.parametrize("statement", [_allow("iam:*"), _allow("*"), {**_allow(), "NotAction": "s3:*"}])
def test_wildcards_are_read(estate: Estate, statement: Json) -> None:
    """A permission for every action of IAM, for every action, or for all but some holds each of the ways."""
    if "NotAction" in statement:
        del statement["Action"]
    estate.role(2, statement)
    assert [(rule, who) for rule, who, _ in estate.found()] == [("RC38", "role/ops")]


def test_a_user_and_a_group_are_found_with_what_the_group_gives(estate: Estate) -> None:
    """A user is found with its own permissions and with those of its groups; a group without known members too."""
    power = [{"PolicyName": "power", "PolicyDocument": _document(_allow("iam:PutRolePolicy", on=TARGET))}]
    estate.add(2, "Ann", "AWS::IAM::User", UserName="ann", Policies=power)
    assert estate.found() == [("RC38", "user/ann", ("target",))]
    estate.add(2, "Ann", "AWS::IAM::User", UserName="ann")
    estate.add(2, "Ops", "AWS::IAM::Group", GroupName="ops", Policies=power)
    assert estate.found() == [("RC38", "group/ops", ("target",))]
    estate.add(
        2, "Members", "AWS::IAM::UserToGroupAddition", GroupName={"Ref": "Ops"}, Users=[{"Ref": "Ann"}]
    )
    assert estate.found() == [("RC38", "user/ann", ("target",))]
    estate.add(2, "More", "AWS::IAM::Policy", PolicyDocument=power[0]["PolicyDocument"], Users=["ann"])
    del estate.templates[2].body["Resources"]["Ops"]
    assert estate.found() == [("RC38", "user/ann", ("target",))]


def test_rc38_silent_where_a_permission_is_taken_away(estate: Estate) -> None:
    """A Deny and a boundary keep somebody from it, and conditions that cannot be met; what depends does not."""
    put = _allow("iam:PutRolePolicy", on="arn:aws:iam::*:role/*-target")
    estate.role(2, put, {**put, "Effect": "Deny", "Resource": "arn:aws:iam::*:role/rolechain/*"})
    assert estate.found() == []
    estate.add(
        2,
        "Limit",
        "AWS::IAM::ManagedPolicy",
        ManagedPolicyName="limit",
        PolicyDocument=_document(_allow("s3:*")),
    )
    estate.role(2, put, PermissionsBoundary={"Ref": "Limit"})
    assert estate.found() == []
    bounded = {
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::333333333333:policy/limit"}}
    }
    estate.role(2, {**put, **bounded})
    assert estate.found() == []
    signed = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    estate.role(2, {**put, **signed})
    assert estate.found() == []
    now = {"Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}}
    estate.role(2, put, {**put, "Effect": "Deny", **now})
    assert estate.found() == [("RC38", "role/ops", ("target",))]


@pytest.mark.parametrize(
    "own",
    [
        _allow("iam:PutRolePolicy", on="arn:aws:iam::333333333333:role/ops"),
        _allow("iam:AttachRolePolicy", on="arn:aws:iam::*:role/${aws:PrincipalTag/name}"),
    ],
)
def test_whoever_may_give_itself_permissions_is_found(estate: Estate, own: Json) -> None:
    """Who may write its own policies may do anything that its boundary leaves."""
    estate.role(2, own)
    assert estate.found() == [("RC38", "role/ops", ("target",))]
    document = _document(
        _allow("s3:*", "iam:PutRolePolicy", "iam:AttachRolePolicy", on="arn:aws:iam::333333333333:role/ops")
    )
    estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", ManagedPolicyName="limit", PolicyDocument=document)
    estate.role(
        2, {**own, "Resource": "arn:aws:iam::333333333333:role/ops"}, PermissionsBoundary={"Ref": "Limit"}
    )
    assert estate.found() == []


@pytest.mark.parametrize(
    "way", [*escalation.USER_GRANTS, *escalation.GROUP_GRANTS], ids=lambda way: way.action
)
def test_a_user_that_may_give_itself_permissions_is_found(estate: Estate, way: Way) -> None:
    """A user may write its own policies, or those of a group that it belongs to; those of another one are no matter."""
    mine = "user/ann" if "User" in way.action else "group/ops"
    estate.add(2, "Ops", "AWS::IAM::Group", GroupName="ops")
    for on, found in ((mine, [("RC38", "user/ann", ("target",))]), (f"{mine}-other", [])):
        own = _document(_allow(way.action, on=f"arn:aws:iam::333333333333:{on}"))
        policies = [{"PolicyName": "own", "PolicyDocument": own}]
        estate.add(2, "Ann", "AWS::IAM::User", UserName="ann", Groups=[{"Ref": "Ops"}], Policies=policies)
        assert estate.found() == found


@pytest.mark.parametrize("way", [*escalation.ON_USER, *escalation.ON_GROUP], ids=lambda way: way.action)
def test_whoever_may_act_as_somebody_who_may_is_found(estate: Estate, way: Way) -> None:
    """Who may sign in as an administrator, or join the administrators, is found with it."""
    power = [{"PolicyName": "power", "PolicyDocument": _document(_allow("iam:*"))}]
    kind, name = ("user", "UserName") if "Group" not in way.action else ("group", "GroupName")
    estate.add(2, "Boss", f"AWS::IAM::{kind.capitalize()}", Policies=power, **{name: "boss"})
    estate.role(2, _allow(way.action, on=f"arn:aws:iam::333333333333:{kind}/boss"))
    found = [("RC38", f"{kind}/boss", ("target",)), ("RC38", "role/ops", ("target",))]
    assert sorted(estate.found()) == sorted(found)
    estate.role(2, _allow(way.action, on=f"arn:aws:iam::333333333333:{kind}/clerk"))
    assert estate.found() == [("RC38", f"{kind}/boss", ("target",))]


def test_whoever_may_assume_an_administrator_is_found(estate: Estate) -> None:
    """The role of another account that may assume an administrator is found, if both sides allow it."""
    boss, ci = "arn:aws:iam::333333333333:role/boss", "arn:aws:iam::222222222222:role/ci"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ci}}
    estate.add(2, "Boss", "AWS::IAM::Role", **_role("boss", _allow("iam:*"), trust=trust))
    estate.add(1, "Ci", "AWS::IAM::Role", **_role("ci", _allow("sts:AssumeRole", on=boss)))
    assert estate.found() == [("RC38", "role/ci", ("target",)), ("RC38", "role/boss", ("target",))]
    estate.add(1, "Ci", "AWS::IAM::Role", **_role("ci", _allow("sts:AssumeRole", on=f"{boss}-other")))
    assert estate.found() == [("RC38", "role/boss", ("target",))]


def test_whoever_deploys_with_cdk_is_found(estate: Estate) -> None:
    """Who may assume the role by which CDK deploys may change the roles of that account, and the others' not."""
    deploying = "arn:aws:iam::{}:role/cdk-hnb659fds-deploy-role-{}-us-east-1"
    estate.role(0, _allow("sts:AssumeRole", on=deploying.format("333333333333", "333333333333")))
    assert estate.found() == [("RC38", "role/ops", ("target",))]
    estate.role(0, _allow("sts:AssumeRole", on=deploying.format("999999999999", "999999999999")))
    assert estate.found() == []
    estate.role(0, _allow("sts:AssumeRole", on="arn:aws:iam::*:role/cdk-*-lookup-role-*"))
    assert estate.found() == []


def test_roles_of_the_chain_with_rights_over_it_are_found(estate: Estate) -> None:
    """A role of the chain itself may change the chain."""
    estate.add(
        2,
        "More",
        "AWS::IAM::RolePolicy",
        RoleName="deploy-target",
        PolicyName="more",
        PolicyDocument=_document(_allow("iam:*")),
    )
    assert estate.found() == [("RC38", "role/rolechain/deploy-target", ("target",))]


@pytest.mark.parametrize(
    ("entrance", "statement", "near"),
    [
        (
            Entrance.arn("arn:aws:iam::111111111111:user/ci"),
            _allow("iam:CreateAccessKey", on="arn:aws:iam::111111111111:user/ci"),
            _allow("iam:CreateAccessKey", on="arn:aws:iam::111111111111:user/me"),
        ),
        (
            Entrance.arn("arn:aws:iam::111111111111:role/ci"),
            _allow("iam:UpdateAssumeRolePolicy", on="arn:aws:iam::111111111111:role/ci"),
            _allow("iam:UpdateAssumeRolePolicy", on="arn:aws:iam::111111111111:role/me"),
        ),
        (
            Entrance.saml("arn:aws:iam::111111111111:saml-provider/corp"),
            _allow("iam:UpdateSAMLProvider", on="arn:aws:iam::111111111111:saml-provider/corp"),
            _allow("iam:UpdateSAMLProvider", on="arn:aws:iam::111111111111:saml-provider/other"),
        ),
        (
            Entrance.permission_set("Deploy"),
            _allow("sso:CreateAccountAssignment"),
            _allow("sso:ListAccountAssignments"),
        ),
    ],
)
def test_whoever_may_take_an_entrance_is_found(
    templates_of: Callable[[Chain], list[Template]], entrance: Entrance, statement: Json, near: Json
) -> None:
    """Who may make the keys, the assertions or the assignments of those who enter acts as the source role."""
    source = ChainRole("111111111111", assumed_by=[entrance])
    chain = Chain(
        "deploy", source=source, middle=[ChainRole("222222222222")], targets=[ChainRole("333333333333")]
    )
    estate = Estate(chain, templates_of(chain))
    estate.role(0, statement)
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, near)
    assert estate.found() == []


def test_administrators_are_declared(estate: Estate) -> None:
    """Who is found is a warning, an error where administrators are declared, and nothing if it is one of them."""
    estate.role(2, _allow("iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", on=TARGET))
    proof = prove(estate.chain, estate.templates)
    (finding,) = proof.findings
    assert (finding.rule, finding.level, str(finding.place)) == (
        "RC38",
        Level.WARNING,
        "333333333333 Ops Policies[0] statement 0",
    )
    assert finding.message == (
        f"arn:aws:iam::333333333333:role/ops may change {TARGET}: iam:UpdateAssumeRolePolicy, iam:PutRolePolicy"
    )
    assert last_line("deploy", proof) == (
        "chain deploy is proven: 2 hops can be taken, and nothing else gets in than by 1 declared entrance, and "
        "1 principal of the templates may change it; 1 warning"
    )
    assert proof.to_json()["changers"] == [
        {
            "who": "arn:aws:iam::333333333333:role/ops",
            "rule": "RC38",
            "roles": [TARGET],
            "means": ["iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy"],
            "declared": False,
            "known": True,
        }
    ]
    assert not prove(_with(estate.chain, administrators=[]), estate.templates).proven
    others = _with(estate.chain, administrators=["arn:aws:iam::*:role/admin"])
    assert not prove(others, estate.templates).proven
    theirs = prove(_with(estate.chain, administrators="arn:aws:iam::333333333333:role/op?"), estate.templates)
    assert (theirs.proven, theirs.findings, len(theirs.changers or ())) == (True, (), 1)


def test_the_execution_role_of_the_bootstrap_is_an_administrator(estate: Estate) -> None:
    """CDK's bootstrap execution role is meant to change the chain, and that is said."""
    name = "cdk-hnb659fds-cfn-exec-role-333333333333-us-east-1"
    everything = "arn:aws:iam::aws:policy/AdministratorAccess"
    estate.add(2, "Exec", "AWS::IAM::Role", **_role(name), ManagedPolicyArns=[everything])
    proof = prove(_with(estate.chain, administrators=[]), estate.templates)
    assert (proof.proven, [changer.declared for changer in proof.changers or ()]) == (True, [True])
    assert proof.assumptions == (
        "assuming that CDK's bootstrap execution role of each account is meant to change the chain",
    )


def test_what_is_not_known_is_said(estate: Estate) -> None:
    """A policy that is not at hand may allow it: unknown, which fails where administrators are declared."""
    estate.role(2, ManagedPolicyArns=["arn:aws:iam::333333333333:policy/elsewhere"])
    assert prove(estate.chain, estate.templates).proven
    proof = prove(_with(estate.chain, administrators=[]), estate.templates)
    (error,) = [finding for finding in proof.findings if finding.level is Level.ERROR]
    assert (error.rule, error.message) == (
        "RC00",
        f"whether arn:aws:iam::333333333333:role/ops may change {TARGET} is not known: its policy "
        "arn:aws:iam::333333333333:policy/elsewhere is not",
    )


@pytest.mark.parametrize(("making", "grants", "acting"), escalation.MAKING, ids=lambda each: str(each))
def test_whoever_may_make_an_administrator_is_found(
    estate: Estate, making: str, grants: tuple[str, ...], acting: tuple[str, ...]
) -> None:
    """A new role or user with any permission administers the account, unless a boundary or the policies bind it."""
    kind = "role" if making == "iam:CreateRole" else "user"
    on = f"arn:aws:iam::333333333333:{kind}/app-*"
    bounded = {
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::333333333333:policy/limit"}}
    }
    harmless = {
        "Condition": {
            "ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDirectConnectReadOnlyAccess"}
        }
    }
    for grant in grants:
        make = _allow(making, *acting, on=on)
        estate.role(2, make, _allow(grant, on=on))
        assert estate.found() == [("RC38", "role/ops", ("target",))], grant
        for near in (
            [make],
            [_allow(making, *acting, on=on, **bounded), _allow(grant, on=on)],
            [make, _allow(grant, on=on, **bounded)],
            [make, _allow(grant, on=on, **harmless)],
            [make, _allow(grant, on=f"arn:aws:iam::333333333333:{kind}/other-*")],
        ):
            estate.role(2, *near)
            assert estate.found() == [], near


@pytest.mark.parametrize(
    "name", ["OrganizationAccountAccessRole", "AWSControlTowerExecution", "stacksets-exec-*"]
)
def test_whoever_may_assume_an_administrator_that_aws_makes_is_found(estate: Estate, name: str) -> None:
    """Roles that administer an account are named by whoever is meant to assume them; a wildcard alone names none."""
    estate.role(0, _allow("sts:AssumeRole", on=f"arn:aws:iam::*:role/{name}"))
    assert estate.found() == [("RC38", "role/ops", ("source", "middle", "target"))]
    estate.role(0, _allow("sts:AssumeRole", on=f"arn:aws:iam::999999999999:role/{name}"))
    assert estate.found() == []
    estate.role(0, _allow("sts:AssumeRole", on="arn:aws:iam::*:role/team/*"))
    assert estate.found() == []


def test_a_name_that_cloudformation_makes_up_may_be_any(estate: Estate) -> None:
    """A policy of the chain without a name is met by any pattern of names, and told from another one by reference."""
    resources = estate.templates[0].body["Resources"]
    assert "ManagedPolicyName" not in resources["Hops0"]["Properties"]
    for on in ("arn:aws:iam::111111111111:policy/deploy-*", {"Ref": "Hops0"}):
        estate.role(0, _allow("iam:CreatePolicyVersion", on=on))
        assert estate.found() == [("RC38", "role/ops", ("source",))]
    estate.add(0, "Other", "AWS::IAM::ManagedPolicy", PolicyDocument=_document(_allow("s3:ListBucket")))
    estate.role(0, _allow("iam:CreatePolicyVersion", on={"Ref": "Other"}))
    assert estate.found() == []


@pytest.mark.parametrize(
    ("kind", "holder", "who"),
    [
        ("AWS::IAM::Policy", {"Roles": ["outside"]}, "role/outside"),
        ("AWS::IAM::ManagedPolicy", {"Users": ["outside"]}, "user/outside"),
        ("AWS::IAM::GroupPolicy", {"GroupName": "outside"}, "group/outside"),
        ("AWS::IAM::UserPolicy", {"UserName": "outside"}, "user/outside"),
        (
            "AWS::IAM::Policy",
            {"Roles": [{"Fn::ImportValue": "x"}]},
            "role/<333333333333.More.AWS::IAM::Role>",
        ),
    ],
)
def test_a_policy_of_somebody_outside_is_read(estate: Estate, kind: str, holder: Json, who: str) -> None:
    """Templates that give permissions to a principal which they do not make give them all the same."""
    document = _document(_allow("iam:PutRolePolicy", on=TARGET))
    estate.add(2, "More", kind, PolicyDocument=document, PolicyName="more", **holder)
    found = prove(estate.chain, estate.templates).changers or ()
    assert [(each.rule, each.who.split("333333333333:", 1)[-1]) for each in found] == [("RC38", who)]


def test_who_may_run_code_on_any_instance_is_found(estate: Estate) -> None:
    """Instances are not in the templates of a role that EC2 may assume: a right to all of them counts, to one not."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    source = estate.templates[0].body["Resources"]["Role0"]["Properties"]
    source["AssumeRolePolicyDocument"]["Statement"].append(trust)
    for on in ("*", "arn:aws:ec2:*:*:instance/*"):
        estate.role(0, _allow("ssm:SendCommand", on=on))
        assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow("ssm:SendCommand", on="arn:aws:ec2:*:*:instance/i-1234567890abcdef0"))
    assert estate.found() == []


def test_who_may_run_pods_takes_an_entrance_of_eks(templates_of: Callable[[Chain], list[Template]]) -> None:
    """Who administers a cluster has the token of any service account in it."""
    provider = "arn:aws:iam::111111111111:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABC"
    entrance = Entrance.oidc(
        provider, audience="sts.amazonaws.com", subject="system:serviceaccount:app:runner"
    )
    chain = Chain(
        "deploy", source=ChainRole("111111111111", assumed_by=[entrance]), targets=[ChainRole("333333333333")]
    )
    estate = Estate(chain, templates_of(chain))
    estate.role(0, _allow("eks:CreateAccessEntry"))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow("eks:DescribeCluster"))
    assert estate.found() == []
