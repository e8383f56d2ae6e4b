"""Who may change a chain, or act as one of its roles: every way of the tables, and what is near to it and is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.iam import escalation
from rolechain.iam.escalation import Way
from rolechain.proof import Level, Template, prove
from rolechain.proof.report import last_line

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
def chain(minimal: Chain) -> Chain:
    """A chain that Lambda enters."""
    return minimal


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
    profile = escalation.RUNNING[kind].service == "ec2.amazonaws.com"
    for name, role in (("Mine", "deploy-source"), ("Other", "other")):
        estate.add(0, name, "AWS::IAM::InstanceProfile", Roles=[role])
    estate.add(0, "Work", kind, **_properties(kind, {"Ref": "Mine"} if profile else SOURCE))
    estate.role(0, _allow(way.action, *way.besides))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow(way.action, *way.besides, on="arn:aws:s3:::elsewhere"))
    assert estate.found() == []
    estate.add(0, "Work", kind, **_properties(kind, {"Ref": "Other"} if profile else f"{SOURCE}-other"))
    estate.role(
        0,
        _allow(
            way.action,
            *way.besides,
            on={"Fn::GetAtt": ["Work", "Arn"]} if kind == "AWS::Lambda::Function" else "*",
        ),
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


def test_whoever_is_in_the_account_of_an_administrator_that_trusts_everybody_is_found(estate: Estate) -> None:
    """A trust policy that lets everybody in needs no permission of a caller of its own account."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    estate.add(2, "Boss", "AWS::IAM::Role", **_role("boss", _allow("iam:*"), trust=trust))
    estate.role(2, _allow("s3:*"))
    assert ("RC38", "role/ops", ("target",)) in estate.found()


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


PUT = _allow("iam:PutRolePolicy", on=TARGET)
OPS = "arn:aws:iam::333333333333:role/ops"
CHANGED = [("RC38", "role/ops", ("target",))]


def _inline(*statements: Json) -> list[Json]:
    return [{"PolicyName": "p", "PolicyDocument": _document(*statements)}]


def _undecided(estate: Estate, account: int, logical_id: str) -> None:
    """Makes a resource depend on a condition that is known on deployment only."""
    body: Any = estate.templates[account].body
    body["Parameters"] = {"Stage": {"Type": "String"}}
    body["Conditions"] = {"Undecided": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}
    body["Resources"][logical_id]["Condition"] = "Undecided"


def _unplaced(estate: Estate, *statements: Json) -> None:
    """A role of the name ``ops`` in a template whose account is not known."""
    ops = {"Type": "AWS::IAM::Role", "Properties": _role("ops", *statements)}
    del estate.templates[3:]
    estate.templates.append(Template("app", {"Resources": {"Ops": ops}}))


@pytest.mark.parametrize(
    "statements",
    [
        [{**PUT, "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app-*"}}}],
        [
            PUT,
            {
                **_allow("iam:*"),
                "Effect": "Deny",
                "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app-*"}},
            },
        ],
    ],
)
def test_the_name_of_a_principal_that_is_made_up_may_be_any(estate: Estate, statements: list[Json]) -> None:
    """A condition on the ARN of a role that CloudFormation names does not keep it out, and one of a named role does."""
    unnamed = _role("ops", *statements)
    del unnamed["RoleName"]
    estate.add(2, "Ops", "AWS::IAM::Role", **unnamed)
    assert [(rule, roles) for rule, _, roles in estate.found()] == [("RC38", ("target",))]
    estate.role(2, *statements)
    assert estate.found() == []


@pytest.mark.parametrize("group", ["Administrators", {"Fn::ImportValue": "group"}])
@pytest.mark.parametrize("added", [True, False])
def test_a_group_that_is_not_at_hand_may_allow_anything(estate: Estate, group: Any, added: bool) -> None:
    """A user of a group that no template holds is said not to be known."""
    if added:
        estate.add(2, "Ann", "AWS::IAM::User", UserName="ann")
        estate.add(2, "More", "AWS::IAM::UserToGroupAddition", GroupName=group, Users=[{"Ref": "Ann"}])
    else:
        estate.add(2, "Ann", "AWS::IAM::User", UserName="ann", Groups=[group])
    (changer,) = prove(estate.chain, estate.templates).changers or ()
    assert (changer.who, changer.rule, changer.surely) == (
        "arn:aws:iam::333333333333:user/ann",
        "RC38",
        False,
    )
    assert (changer.means[0].unknown or "").startswith("its policy of the group ")


def test_a_deny_that_may_be_missing_keeps_nobody(estate: Estate) -> None:
    """A Deny counts only where the policy that holds it, and the membership that brings it, surely exist."""
    deny = _document({**_allow("iam:*"), "Effect": "Deny"})
    estate.role(2, PUT)
    estate.add(2, "No", "AWS::IAM::Policy", PolicyName="no", PolicyDocument=deny, Roles=[{"Ref": "Ops"}])
    assert estate.found() == []
    _undecided(estate, 2, "No")
    assert estate.found() == CHANGED
    for name in ("Ops", "No"):
        del estate.templates[2].body["Resources"][name]
    policies = [{"PolicyName": "no", "PolicyDocument": deny}]
    estate.add(2, "Group", "AWS::IAM::Group", GroupName="g", Policies=policies)
    estate.add(2, "Ann", "AWS::IAM::User", UserName="ann", Policies=_inline(PUT))
    estate.add(2, "In", "AWS::IAM::UserToGroupAddition", GroupName="g", Users=["ann"])
    assert estate.found() == []
    _undecided(estate, 2, "In")
    assert estate.found() == [("RC38", "user/ann", ("target",))]


def test_a_template_of_an_account_that_is_not_known_may_be_in_any(estate: Estate) -> None:
    """Its principals are said not to be known where their permissions may be about a role of the chain."""
    here = "arn:aws:iam::${AWS::AccountId}:role"
    for on, roles in (
        ("*", ("source", "middle", "target")),
        ({"Fn::Sub": f"{here}/rolechain/*"}, ("source", "middle", "target")),
        (TARGET, ("target",)),
    ):
        _unplaced(estate, _allow("iam:PutRolePolicy", on=on))
        assert [found for found in estate.found() if found[0] == "RC38"] == [("RC38", "role/ops", roles)], on
    (finding,) = prove(estate.chain, estate.templates).findings
    assert (finding.rule, finding.message) == (
        "RC00",
        f"whether Ops may change {TARGET} is not known: its account is not",
    )
    for near in ({"Fn::Sub": f"{here}/app-*"}, "arn:aws:iam::999999999999:role/app-*"):
        _unplaced(estate, _allow("iam:PutRolePolicy", on=near))
        assert estate.found() == [], near


def test_a_function_is_in_the_account_of_its_role(estate: Estate) -> None:
    """A template without an account whose function runs as a role of the chain is in that role's account."""
    estate.role(0, _allow("lambda:UpdateFunctionCode", on=FUNCTION))
    assert estate.found() == []
    runner = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "runner", "Role": SOURCE}}
    estate.templates.append(Template("app", {"Resources": {"Runner": runner}}))
    assert estate.found() == [("RC39", "role/ops", ("source",))]


@pytest.mark.parametrize(
    "lift",
    [
        _allow("iam:DeleteRolePermissionsBoundary", on=OPS),
        _allow("iam:PutRolePermissionsBoundary", on=OPS),
        _allow("iam:CreatePolicyVersion", on="arn:aws:iam::333333333333:policy/limit"),
    ],
)
def test_a_boundary_that_can_be_lifted_bounds_nothing(estate: Estate, lift: Json) -> None:
    """Who may take away or rewrite its own boundary has what its policies allow, or what it may give itself."""
    grant = _allow("iam:PutRolePolicy", on=OPS)
    for within, beyond in ((grant, grant), (_allow("s3:*"), PUT)):
        limit = _document(lift, within)
        estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", ManagedPolicyName="limit", PolicyDocument=limit)
        estate.role(2, lift, beyond, PermissionsBoundary={"Ref": "Limit"})
        assert estate.found() == CHANGED
        limit = _document(within)
        estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", ManagedPolicyName="limit", PolicyDocument=limit)
        assert estate.found() == []


@pytest.mark.parametrize(
    "lift",
    [
        _allow("iam:DeleteRolePermissionsBoundary", on=OPS.replace("ops", "boss")),
        _allow("iam:PutRolePermissionsBoundary", on=OPS.replace("ops", "boss")),
        _allow("iam:CreatePolicyVersion", on=OPS.replace("role/ops", "policy/limit")),
    ],
)
def test_the_boundary_of_another_role_that_can_be_lifted_bounds_nothing(estate: Estate, lift: Json) -> None:
    """Who may lift the boundary of a role and assume the role has what its policies allow."""
    limit = {"ManagedPolicyName": "limit", "PolicyDocument": _document(_allow("s3:*"))}
    estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", **limit)
    account = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "333333333333"}}
    assume = _allow("sts:AssumeRole", on=OPS.replace("ops", "boss"))
    for boss, own, found in (
        ("iam:*", [lift, assume], CHANGED),
        ("iam:*", [lift], []),
        ("iam:*", [assume], []),
        ("s3:*", [lift, assume], []),
    ):
        held = {**_role("boss", _allow(boss), trust=account), "PermissionsBoundary": {"Ref": "Limit"}}
        estate.add(2, "Boss", "AWS::IAM::Role", **held)
        estate.role(2, *own)
        assert estate.found() == found


def test_every_way_to_give_oneself_permissions_is_bounded(estate: Estate) -> None:
    """A boundary holds for what a policy's new version or a group's policy gives, and for no role that is made."""
    policy, group = OPS.replace("role/ops", "policy/mine"), OPS.replace("role/ops", "group/ops")
    own = [_allow("iam:CreatePolicyVersion", on=policy), _allow("iam:PutGroupPolicy", on=group)]
    limit = {"ManagedPolicyName": "limit", "PolicyDocument": _document(*own)}
    estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", **limit)
    estate.add(2, "Mine", "AWS::IAM::ManagedPolicy", ManagedPolicyName="mine", PolicyDocument=_document(*own))
    estate.add(2, "Group", "AWS::IAM::Group", GroupName="ops")
    held = {"ManagedPolicyArns": [policy], "PermissionsBoundary": {"Ref": "Limit"}}
    estate.add(2, "Ann", "AWS::IAM::User", UserName="ann", Groups=["ops"], **held)
    assert estate.found() == []
    making = _allow("iam:CreateRole", "iam:AttachRolePolicy")
    estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", **{**limit, "PolicyDocument": _document(*own, making)})
    assert estate.found() == [("RC38", "user/ann", ("target",))]


def test_what_a_boundary_leaves_to_give_oneself_leads_on(estate: Estate) -> None:
    """Who may write its own policies within a boundary may assume whom the boundary lets it assume."""
    boss = OPS.replace("ops", "boss")
    account = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "333333333333"}}
    estate.add(2, "Boss", "AWS::IAM::Role", **_role("boss", _allow("iam:*"), trust=account))
    grant = _allow("iam:PutRolePolicy", on=OPS)
    estate.role(2, grant, PermissionsBoundary={"Ref": "Limit"})
    for on, found in ((boss, [("RC38", "role/boss", ("target",)), *CHANGED]), (f"{boss}-other", None)):
        limit = _document(grant, _allow("sts:AssumeRole", on=on))
        estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", ManagedPolicyName="limit", PolicyDocument=limit)
        assert estate.found() == (found or [("RC38", "role/boss", ("target",))])


@pytest.mark.parametrize(
    "boundary",
    [
        {"StringLike": {"iam:PermissionsBoundary": "*"}},
        {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}},
    ],
)
def test_a_boundary_that_binds_nothing_is_none(estate: Estate, boundary: Json) -> None:
    """Whoever makes roles under a boundary of its own choice, or one that allows everything, is bound by none."""
    making = ("iam:CreateRole", "iam:AttachRolePolicy")
    estate.role(2, _allow(*making, on=OPS.replace("ops", "app-*"), Condition=boundary))
    assert estate.found() == CHANGED


@pytest.mark.parametrize(
    ("lift", "near"),
    [
        (_allow("iam:DeleteRolePermissionsBoundary", on=OPS.replace("ops", "app-*")), OPS),
        (_allow("iam:PutRolePermissionsBoundary", on=OPS.replace("ops", "app-*")), OPS),
        (_allow("iam:CreatePolicyVersion", on=OPS.replace("role/ops", "policy/limit")), OWN_POLICY),
    ],
)
def test_a_boundary_that_its_maker_may_lift_is_none(estate: Estate, lift: Json, near: str) -> None:
    """Whoever makes roles under a boundary and may take it away or rewrite it is bound by none."""
    bounded = {"StringEquals": {"iam:PermissionsBoundary": OPS.replace("role/ops", "policy/limit")}}
    making = _allow(
        "iam:CreateRole", "iam:AttachRolePolicy", on=OPS.replace("ops", "app-*"), Condition=bounded
    )
    estate.role(2, making, lift)
    assert estate.found() == CHANGED
    estate.role(2, making, {**lift, "Resource": near})
    assert estate.found() == []
    if lift["Action"][0].startswith("iam:Put"):
        estate.role(2, making, {**lift, "Condition": bounded})
        assert estate.found() == []


def test_who_leads_to_an_entrance_is_found(templates_of: Callable[[Chain], list[Template]]) -> None:
    """Who may act as somebody who may take an entrance, or may give itself the right to, is found."""
    user, clerk, ops = (f"arn:aws:iam::555555555555:{each}" for each in ("user/ci", "user/clerk", "role/ops"))
    source = ChainRole("111111111111", assumed_by=[Entrance.arn(user)])
    chain = Chain("deploy", source=source, targets=[ChainRole("333333333333")])
    estate = Estate(chain, templates_of(chain))
    estate.templates.append(Template("people", {"Resources": {}}, account="555555555555"))
    keys = _inline(_allow("iam:CreateAccessKey", on=user))
    estate.add(2, "Clerk", "AWS::IAM::User", UserName="clerk", Policies=keys)
    for way, on in (("iam:CreateLoginProfile", clerk), ("iam:PutRolePolicy", ops)):
        estate.role(2, _allow(way, on=on))
        assert sorted(estate.found()) == [
            ("RC39", "role/ops", ("source",)),
            ("RC39", "user/clerk", ("source",)),
        ]
        estate.role(2, _allow(way, on=f"{on}-other"))
        assert estate.found() == [("RC39", "user/clerk", ("source",))]


@pytest.mark.parametrize(
    ("statements", "limit", "words"),
    [
        (
            [_allow("iam:PutRolePolicy", on=OPS)],
            None,
            "iam:PutRolePolicy, which gives it any permission",
        ),
        (
            [_allow("iam:PutRolePolicy", on=OPS)],
            [_allow("iam:PutRolePolicy", on=OPS), _allow("iam:DeleteRolePolicy", on=TARGET)],
            "iam:DeleteRolePolicy, after iam:PutRolePolicy within its boundary",
        ),
        (
            [_allow("iam:DeleteRolePermissionsBoundary", on=OPS), PUT],
            [_allow("iam:DeleteRolePermissionsBoundary", on=OPS)],
            "iam:PutRolePolicy, after iam:DeleteRolePermissionsBoundary on its boundary",
        ),
        (
            [_allow("iam:CreateRole", "iam:PutRolePolicy", on=OPS.replace("ops", "new")), PUT],
            None,
            "iam:CreateRole with iam:PutRolePolicy, which gives it any permission; iam:PutRolePolicy",
        ),
    ],
)
def test_each_step_is_said(
    estate: Estate, statements: list[Json], limit: list[Json] | None, words: str
) -> None:
    """A finding says by which action somebody gets a permission that it does not have, and where that stands."""
    bounded: Json = {}
    if limit:
        document = _document(*limit)
        estate.add(2, "Limit", "AWS::IAM::ManagedPolicy", ManagedPolicyName="limit", PolicyDocument=document)
        bounded = {"PermissionsBoundary": {"Ref": "Limit"}}
    estate.role(2, *statements, **bounded)
    (finding,) = prove(estate.chain, estate.templates).findings
    assert finding.message == f"{OPS} may change {TARGET}: {words}"
    assert (finding.place and finding.place.logical_id, finding.remediation) == (
        "Ops",
        f"take that away, or declare {OPS} under administrators",
    )


@pytest.mark.parametrize(
    "on", ["arn:*", "arn:aws:lambda:*", "arn:aws:lambda:*:*:*:*", "arn:aws:lambda:us-east-1:*:function:?*"]
)
def test_every_function_is_written_in_many_ways(estate: Estate, on: str) -> None:
    """A right to all functions counts however all of them are written."""
    estate.role(0, _allow("lambda:UpdateFunctionCode", on=on))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow("lambda:UpdateFunctionCode", on="arn:aws:lambda:*:*:function:app-*"))
    assert estate.found() == []


def test_a_resource_that_is_not_known_is_said(estate: Estate) -> None:
    """A statement whose Resource alone is not known gives a finding of what is not known."""
    estate.role(2, _allow("iam:PutRolePolicy", on={"Fn::ImportValue": "role"}))
    (changer,) = prove(estate.chain, estate.templates).changers or ()
    assert (changer.surely, changer.means[0].unknown) == (
        False,
        "the Resource of statement 0 of its policy inline",
    )


@pytest.mark.parametrize(
    ("permission", "who"),
    [
        ({"Principal": "arn:aws:iam::111111111111:role/any"}, "role/any"),
        ({"Principal": "arn:aws:iam::111111111111:root"}, None),
        ({"Principal": "999999999999", "Action": "lambda:GetFunction"}, None),
        ({"Principal": "999999999999", "Action": "lambda:invoke*"}, "999999999999"),
        ({"Principal": "999999999999", "Action": {"Ref": "Nothing"}}, "999999999999"),
    ],
)
def test_a_permission_of_a_function_lets_those_call_it_whom_it_names(
    estate: Estate, permission: Json, who: str | None
) -> None:
    """A role of the account is let in by its name, and no action that does not start a function counts."""
    estate.add(0, "Runner", "AWS::Lambda::Function", FunctionName="runner", Role=SOURCE)
    opened = {"FunctionName": "runner", "Action": "lambda:InvokeFunction", **permission}
    estate.add(0, "Opened", "AWS::Lambda::Permission", **opened)
    assert estate.found() == ([("RC39", who, ("source",))] if who else [])


def _trusting(estate: Estate, service: str) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    source = estate.templates[0].body["Resources"]["Role0"]["Properties"]
    source["AssumeRolePolicyDocument"]["Statement"].append(trust)


def test_an_instance_profile_is_found_in_any_stack_of_its_account(estate: Estate) -> None:
    """An instance runs as the role of its profile, which another stack may hold, or none that is at hand."""
    _trusting(estate, "ec2.amazonaws.com")
    estate.add(0, "Machine", "AWS::EC2::Instance", IamInstanceProfile="machine")
    estate.role(0, _allow("ssm:StartSession", on="arn:aws:ec2:us-east-1:111111111111:instance/i-1"))
    found = [("RC39", "role/ops", ("source",))]
    assert estate.found() == found
    for role, expected in (("deploy-source", found), ("other", [])):
        profile = {"InstanceProfileName": "machine", "Roles": [role]}
        body = {"Resources": {"Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": profile}}}
        estate.templates[3:] = [Template("profiles", body, account="111111111111")]
        assert estate.found() == expected


@pytest.mark.parametrize(
    ("service", "action"),
    [
        ("ec2.amazonaws.com.cn", "ssm:SendCommand"),
        ("states.us-east-1.amazonaws.com", "states:UpdateStateMachine"),
    ],
)
def test_a_service_is_known_by_the_principals_of_all_regions(
    estate: Estate, service: str, action: str
) -> None:
    """A role that trusts a service by its name in a region or partition may run as its workloads."""
    _trusting(estate, service)
    estate.role(0, _allow(action))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow("iam:PassRole", on=SOURCE), _allow("ec2:RunInstances", "states:TestState"))
    assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow("iam:PassRole", on=SOURCE))
    assert estate.found() == []


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind, runner in escalation.RUNNING.items() for path in runner.others]
)
def test_a_role_is_found_at_every_property_that_names_one(estate: Estate, kind: str, path: str) -> None:
    """A workload may name its role in several places, in the items of lists too."""
    value: Any = {"Fn::GetAtt": ["Role0", "Arn"]}
    for key in reversed(path.split(".")):
        value = {key: [value] if key.endswith("Properties") and key != "EcsProperties" else value}
    estate.add(0, "Work", kind, **value)
    estate.role(0, _allow(escalation.RUNNING[kind].ways[0].action))
    assert estate.found() == [("RC39", "role/ops", ("source",))]


def test_a_role_outside_of_the_templates_is_a_role(estate: Estate) -> None:
    """A role to which templates attach policies may write its own, and others may act as it."""
    outside = OPS.replace("ops", "outside")
    power = {"PolicyName": "p", "Roles": ["outside"]}
    own = _document(_allow("iam:PutRolePolicy", on=outside))
    estate.add(2, "More", "AWS::IAM::Policy", PolicyDocument=own, **power)
    assert estate.found() == [("RC38", "role/outside", ("target",))]
    estate.add(2, "More", "AWS::IAM::Policy", PolicyDocument=_document(_allow("iam:*")), **power)
    for action, surely in (("iam:UpdateAssumeRolePolicy", True), ("sts:AssumeRole", False)):
        estate.role(2, _allow(action, on=outside))
        found = {each.who: each.surely for each in prove(estate.chain, estate.templates).changers or ()}
        assert found == {outside: True, OPS: surely}
        estate.role(2, _allow(action, on=f"{outside}-other"))
        assert estate.found() == [("RC38", "role/outside", ("target",))]


@pytest.mark.parametrize(
    "way", escalation.PASSING["cloudformation.amazonaws.com"], ids=lambda way: way.action
)
def test_whoever_may_pass_the_execution_role_of_cdk_is_found(estate: Estate, way: Way) -> None:
    """CloudFormation acts with the rights of CDK's execution role for whoever may pass it."""
    new = _allow(way.action, on="arn:aws:cloudformation:*:999999999999:stack/mine/*")
    executing = OPS.replace("ops", "cdk-hnb659fds-cfn-exec-role-333333333333-us-east-1")
    estate.role(2, _allow("iam:PassRole", on=executing), new)
    assert estate.found() == CHANGED
    for near in (executing.replace("cdk-", "app-"), executing.replace("333333333333", "999999999999")):
        estate.role(2, _allow("iam:PassRole", on=near), new)
        assert estate.found() == []


def test_one_principal_is_found_by_both_rules(estate: Estate) -> None:
    """Who may act as a role and, by another way, change it is found as both."""
    estate.add(0, "Runner", "AWS::Lambda::Function", FunctionName="runner", Role=SOURCE)
    boss = "arn:aws:iam::111111111111:role/boss"
    account = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}}
    estate.add(0, "Boss", "AWS::IAM::Role", **_role("boss", _allow("iam:*"), trust=account))
    for change in (
        _allow("iam:PutRolePolicy", on=OPS.replace("333333333333", "111111111111")),
        _allow("sts:AssumeRole", on=boss),
    ):
        estate.role(0, _allow("lambda:InvokeFunction", on=FUNCTION), change)
        assert sorted(estate.found()) == [
            ("RC38", "role/boss", ("source",)),
            ("RC38", "role/ops", ("source",)),
            ("RC39", "role/boss", ("source",)),
            ("RC39", "role/ops", ("source",)),
        ]


def test_whoever_may_run_code_as_an_entrance_is_found(
    templates_of: Callable[[Chain], list[Template]],
) -> None:
    """A role that enters is taken by what runs as it and by what it is passed to."""
    ci = "arn:aws:iam::111111111111:role/ci"
    source = ChainRole("111111111111", assumed_by=[Entrance.arn(ci)])
    chain = Chain("deploy", source=source, targets=[ChainRole("333333333333")])
    estate = Estate(chain, templates_of(chain))
    service = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    estate.add(0, "Ci", "AWS::IAM::Role", **_role("ci", trust=service))
    estate.add(
        0, "Runner", "AWS::Lambda::Function", FunctionName="runner", Role={"Fn::GetAtt": ["Ci", "Arn"]}
    )
    for statements in (
        [_allow("lambda:UpdateFunctionCode", on=FUNCTION)],
        [_allow("iam:PassRole", on=ci), _allow("lambda:CreateFunction")],
    ):
        estate.role(0, *statements)
        assert estate.found() == [("RC39", "role/ops", ("source",))]
    estate.role(0, _allow("lambda:UpdateFunctionCode", on=f"{FUNCTION}-other"))
    assert estate.found() == []


def test_whoever_may_change_the_stack_set_of_a_role_is_found(estate: Estate) -> None:
    """A stack set changes the roles that its instances make, from an account that holds none of them."""
    stacks = {
        "StackSetName": "targets",
        "TemplateBody": estate.templates.pop().body,
        "StackInstancesGroup": [
            {"DeploymentTargets": {"Accounts": ["333333333333"]}, "Regions": ["us-east-1"]}
        ],
    }
    estate.templates.append(Template("home", {"Resources": {}}, account="999999999999"))
    estate.add(2, "Targets", "AWS::CloudFormation::StackSet", **stacks)
    for name, found in (("targets", CHANGED), ("others", [])):
        on = f"arn:aws:cloudformation:*:*:stackset/{name}:*"
        estate.role(2, _allow("cloudformation:UpdateStackSet", on=on))
        assert estate.found() == found


def test_a_stack_of_the_templates_does_not_hold_a_role_that_exists(
    templates_of: Callable[[Chain], list[Template]],
) -> None:
    """An existing role may be in any stack but those that are given."""
    source = ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")])
    chain = Chain("deploy", source=source, targets=[ChainRole("333333333333", existing=True)])
    estate = Estate(chain, templates_of(chain))
    estate.templates.append(Template("app", {"Resources": {}}, account="333333333333", stack_name="app"))
    for name, found in (("app", []), ("other", CHANGED)):
        on = f"arn:aws:cloudformation:*:*:stack/{name}/*"
        estate.role(1, _allow("cloudformation:UpdateStack", on=on))
        assert estate.found() == found


def test_a_permission_set_is_a_role_of_the_accounts_it_is_assigned_to(estate: Estate) -> None:
    """What a permission set allows is allowed in the accounts of its assignments; without one, in any."""
    estate.templates.append(Template("center", {"Resources": {}}, account="999999999999"))
    admin = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    given = {"Name": "Admin", "InstanceArn": "arn:aws:sso:::instance/ssoins-1", "ManagedPolicies": admin}
    target = {"PermissionSetArn": {"Fn::GetAtt": ["Admin", "PermissionSetArn"]}, "TargetType": "AWS_ACCOUNT"}
    estate.add(3, "Admin", "AWS::SSO::PermissionSet", **given)
    named = "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_<center.Admin>"
    assert [found for found in estate.found() if found[0] == "RC38"] == [
        ("RC38", named, ("source", "middle", "target"))
    ]
    assert not any(each.surely for each in prove(estate.chain, estate.templates).changers or ())
    estate.add(3, "To", "AWS::SSO::Assignment", TargetId="333333333333", **target)
    assert estate.found() == [("RC38", named, ("target",))]
    estate.role(0, _allow("sts:AssumeRole", on="arn:aws:iam::*:role/aws-reserved/*"))
    assert estate.found() == [("RC38", named, ("target",))]
    for harmless in (
        {"ManagedPolicies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        {"InlinePolicy": _document({**_allow("*"), "Effect": "Deny"})},
        {"PermissionsBoundary": {"ManagedPolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
    ):
        estate.add(3, "Admin", "AWS::SSO::PermissionSet", **{**given, **harmless})
        assert estate.found() == []
    for unknown in (
        {"ManagedPolicies": [], "CustomerManagedPolicyReferences": [{"Name": "own"}]},
        {"ManagedPolicies": {"Ref": "Nothing"}},
    ):
        estate.add(3, "Admin", "AWS::SSO::PermissionSet", **{**given, **unknown})
        (changer,) = prove(estate.chain, estate.templates).changers or ()
        assert (changer.rule, changer.surely) == ("RC38", False)


@pytest.mark.parametrize(
    "kind",
    [
        *escalation.RUNNING,
        "AWS::IAM::User",
        "AWS::IAM::UserToGroupAddition",
        "AWS::IAM::InstanceProfile",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Url",
        "AWS::SSO::Assignment",
        "AWS::SSO::PermissionSet",
    ],
)
def test_no_properties_raise(estate: Estate, kind: str) -> None:
    """What is no such resource as CloudFormation takes raises nothing, and hides nobody else."""
    estate.add(0, "Work", kind)
    estate.role(2, PUT)
    resource: Any = estate.templates[0].body["Resources"]["Work"]
    for junk in (None, "text", [1], {"Ref": "Role0"}, {"Ref": "Nothing"}, {"Fn::Transform": {"Name": "x"}}):
        resource["Properties"] = junk
        assert CHANGED[0] in estate.found()
        resource["Properties"] = dict.fromkeys(
            ["Role", "RoleArn", "Roles", "Groups", "Users", "Principal", "InlinePolicy", "ManagedPolicies"],
            junk,
        )
        assert CHANGED[0] in estate.found()
