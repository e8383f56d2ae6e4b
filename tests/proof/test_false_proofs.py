"""What templates leave open is never proven: each kind of it, and what is near to it and closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Level, Template, prove

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]
TRUST = "AssumeRolePolicyDocument"
MIDDLE, TARGET = (
    "arn:aws:iam::222222222222:role/rolechain/deploy-middle",
    "arn:aws:iam::333333333333:role/rolechain/deploy-target",
)


@pytest.fixture
def chain(minimal: Chain) -> Chain:
    """A plain chain."""
    return minimal


@pytest.fixture
def templates(chain: Chain, templates_of: TemplatesOf) -> list[Template]:
    """What the chain's stacks would be."""
    return templates_of(chain)


def _trust(templates: list[Template], number: int) -> list[Json]:
    document: Json = templates[number].body["Resources"]["Role0"]["Properties"][TRUST]
    statements: list[Json] = document["Statement"]
    return statements


def _rules(chain: Chain, templates: list[Template], **options: Any) -> set[str]:
    """The rules that fail the proof."""
    found = prove(chain, templates, **options).findings
    return {finding.rule for finding in found if finding.level is Level.ERROR}


def _allow(principal: Json, action: str = "sts:AssumeRole") -> Json:
    return {"Effect": "Allow", "Action": action, "Principal": principal}


def test_a_statement_behind_a_default_is_named(chain: Chain, templates: list[Template]) -> None:
    """What a parameter's default leaves out is proven if it stays so, and a strict proof does not take it."""
    body = templates[1].body
    body["Parameters"] = {"Open": {"Type": "String", "Default": "no"}}  # type: ignore[index]
    body["Conditions"] = {"Opened": {"Fn::Equals": [{"Ref": "Open"}, "yes"]}}  # type: ignore[index]
    opened = {"Fn::If": ["Opened", _allow({"AWS": "*"}), {"Ref": "AWS::NoValue"}]}
    _trust(templates, 1).append(opened)
    proof = prove(chain, templates)
    assert (proof.proven, proof.premises) == (True, ("Open stays no",))
    body["Parameters"]["Open"]["Default"] = "yes"
    assert "RC05" in _rules(chain, templates)


def test_a_loop_in_a_property_is_unknown(chain: Chain, templates: list[Template]) -> None:
    """Statements that Fn::ForEach makes in a role's properties are not known, and not proven."""
    properties = templates[1].body["Resources"]["Role0"]["Properties"]
    properties[TRUST]["Fn::ForEach::More"] = ["N", ["1"], {"Statement${N}": _allow({"AWS": "*"})}]
    assert "RC00" in _rules(chain, templates)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Custom::Fix", {"Role": "deploy-target"}),
        ("House::IAM::Role", {"RoleArn": TARGET}),
        (
            "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
            {"ProvisioningParameters": [{"Value": TARGET}]},
        ),
        ("Custom::Fix", {"RoleName": {"Fn::Join": ["-", ["deploy", "target"]]}}),
        ("Custom::Fix", {"RoleName": {"Ref": "Whichever"}}),
        (
            "Custom::Fix",
            {"Create": {"Fn::Join": ["", ['{"RoleName":"', {"Ref": "Role0"}, '"', {"Ref": "Whichever"}]]}},
        ),
        ("Custom::Fix", {"Create": {"Fn::Join": ["", ['{"roleName":"', {"Ref": "Whichever"}, '"}']]}}),
        ("Custom::Fix", {"Run": {"Fn::Sub": "iam put-role-policy ${Role0} ${Whichever}"}}),
        ("Custom::Fix", {"Run": {"Fn::Sub": ["iam ${A} ${Role0.Arn}", {"A": {"Ref": "Whichever"}}]}}),
        ("Custom::Fix", {"Run": "iam put-role-policy --role-name Deploy-Target"}),
        ("AWS::CloudFormation::Stack", {"TemplateURL": "https://x/y", "Parameters": {"R": {"Ref": "Role0"}}}),
        ("AWS::CloudFormation::StackSet", {"TemplateURL": "https://x/y", "Description": TARGET}),
        ("AWS::Serverless::Application", {"Location": "https://x/y", "Parameters": {"R": {"Ref": "Role0"}}}),
        ("AWS::IAM::Roles::MODULE", {"R": {"Ref": "Role0"}}),
    ],
)
def test_others_that_are_told_of_a_role(
    chain: Chain, templates: list[Template], kind: str, told: Json
) -> None:
    """A resource of others that is told of a chain's role, however its name is made, may change it."""
    templates[2].body["Parameters"] = {"Whichever": {"Type": "String"}}  # type: ignore[index]
    fix = {"Type": kind, "Properties": told}
    templates[2].body["Resources"]["Fix"] = fix
    assert _rules(chain, templates) == {"RC00"}
    del templates[2].body["Resources"]["Fix"]
    templates[2].body["Resources"]["Fn::ForEach::Fix"] = ["N", ["1"], {"Fix${N}": fix}]
    assert _rules(chain, templates) == {"RC00"}


@pytest.mark.parametrize(
    "kind", ["AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy", "AWS::CloudFormation::StackSet"]
)
def test_a_function_in_place_of_properties(chain: Chain, templates: list[Template], kind: str) -> None:
    """What stands where a resource's properties do is not known, be it a function or a loop."""
    resources = templates[2].body["Resources"]
    resources["On"] = {"Type": kind, "Properties": {"Fn::If": ["Any", {}, {"Ref": "AWS::NoValue"}]}}
    assert _rules(chain, templates) == {"RC00"}
    resources["On"] = {"Type": "AWS::S3::Bucket", "Properties": {"Fn::If": ["Any", {}, {}]}}
    assert _rules(chain, templates) == set()


@pytest.mark.parametrize("kind", ["Custom::LogRetention", "Custom::S3AutoDeleteObjects", "House::S3::Bucket"])
def test_others_that_are_told_of_no_role(chain: Chain, templates: list[Template], kind: str) -> None:
    """A resource of others that is told of no role leaves the chain proven."""
    told = {"ServiceToken": {"Fn::GetAtt": ["Role0", "RoleId"]}, "LogGroupName": {"Ref": "Whichever"}}
    templates[2].body["Resources"]["Fix"] = {"Type": kind, "Properties": told}
    assert _rules(chain, templates) == set()


def test_a_policy_that_is_not_at_hand_on_a_target(chain: Chain, templates: list[Template]) -> None:
    """A managed policy whose document is not at hand may let a target go on; handed over, it is read."""
    arn = "arn:aws:iam::333333333333:policy/elsewhere"
    templates[2].body["Resources"]["Role0"]["Properties"]["ManagedPolicyArns"] = [arn]
    assert _rules(chain, templates) == {"RC00"}
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    given = {arn: {"Version": "2012-10-17", "Statement": [read]}}
    whole = Chain(
        "deploy",
        source=chain.sources,
        middle=chain.middle,
        targets=chain.targets,
        policy_documents=given,
    )
    assert _rules(whole, templates) == set()


@pytest.mark.parametrize("action", ["sts:TagSession", "sts:SetSourceIdentity"])
def test_an_action_that_nobody_declared_on_both_sides(
    chain: Chain, templates: list[Template], action: str
) -> None:
    """Tags or a source identity that both sides of a hop allow, and the chain does not declare, are an error."""
    _trust(templates, 2).append(_trust(templates, 2)[0] | {"Sid": "More", "Action": action})
    assert "RC35" not in _rules(chain, templates)
    own = {"Effect": "Allow", "Action": action, "Resource": TARGET}
    more = {"PolicyName": "more", "PolicyDocument": {"Version": "2012-10-17", "Statement": [own]}}
    templates[1].body["Resources"]["Role0"]["Properties"]["Policies"] = [more]
    assert "RC35" in _rules(chain, templates)


def test_a_sid_that_stands_twice(chain: Chain, templates: list[Template]) -> None:
    """IAM refuses a policy of which two statements have one Sid; Sids that are not known may differ."""
    twice = _allow({"Service": "lambda.amazonaws.com"}) | {"Sid": "Twice"}
    _trust(templates, 0).extend([twice, twice])
    assert "RC00" in _rules(chain, templates)
    for statement in _trust(templates, 0)[-2:]:
        statement["Sid"] = {"Ref": "AWS::StackId"}
    assert _rules(chain, templates) == set()


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"},
        {"Effect": "Allow", "Action": "s3:*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": []},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "bucket"},
    ],
)
def test_a_permission_that_iam_refuses(chain: Chain, templates: list[Template], statement: Json) -> None:
    """A role whose policy cannot be made takes no hop."""
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = templates[1].body["Resources"]["Role0"]["Properties"]
    properties["Policies"] = [{"PolicyName": "p", "PolicyDocument": document}]
    assert _rules(chain, templates) == {"RC03"}
    statement |= {"Resource": ["arn:aws:s3:::bucket", "*"]}
    statement.pop("Principal", None)
    assert _rules(chain, templates) == set()


@pytest.mark.parametrize("kind", ["oidc", "saml"])
def test_a_token_that_brings_more_than_is_declared(templates_of: TemplatesOf, kind: str) -> None:
    """An entrance of an identity provider that may tag its sessions, or name who it is, has to declare it."""
    provider = f"arn:aws:iam::111111111111:{kind}-provider/x.com"
    entrance = (
        Entrance.oidc(provider, audience="sts.amazonaws.com", subject="a:b:c")
        if kind == "oidc"
        else Entrance.saml(provider)
    )
    source = ChainRole("111111111111", assumed_by=[entrance])
    chain = Chain("deploy", source=source, middle=[], targets=[ChainRole("333333333333")])
    templates = templates_of(chain)
    assert _rules(chain, templates) == set()
    _trust(templates, 0)[0]["Action"] = "sts:*"
    assert _rules(chain, templates) == {"RC35"}


STRANGERS = {"AWS": "arn:aws:iam::999999999999:root"}
ROLES_ALONE = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::999999999999:role/*"}}


@pytest.mark.parametrize(
    "statements",
    [
        [_allow({"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"})],
        [_allow(STRANGERS) | {"Condition": {"StringEquals": {"aws:PrincipalAccount": []}}}],
        [
            _allow(STRANGERS),
            _allow(STRANGERS) | {"Effect": "Deny", "Condition": {"Null": {"aws:PrincipalArn": []}}},
        ],
        [
            _allow(STRANGERS),
            _allow(STRANGERS)
            | {"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:PrincipalArn": []}}},
        ],
        [_allow(STRANGERS) | {"Condition": ROLES_ALONE | {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}],
    ],
)
def test_what_aws_does_not_document(chain: Chain, templates: list[Template], statements: list[Json]) -> None:
    """A canonical user, an empty list of values, and MFA that a role's session denies to have, may let anybody in."""
    _trust(templates, 1).extend(statements)
    assert _rules(chain, templates) & {"RC00", "RC05"}


@pytest.mark.parametrize(
    "condition", [{"Null": {"aws:PrincipalArn": []}}, {"StringEquals": {"aws:PrincipalArn": []}}]
)
def test_a_deny_with_an_empty_list(chain: Chain, templates: list[Template], condition: Json) -> None:
    """A Deny whose list of values is empty may deny the hop."""
    _trust(templates, 1).append(_allow({"AWS": "*"}) | {"Effect": "Deny", "Condition": condition})
    assert _rules(chain, templates) == {"RC00"}


def test_a_wildcard_for_the_partition(chain: Chain, templates: list[Template]) -> None:
    """An ARN with a wildcard for its partition is that of the role's own, no more and no less."""
    condition = {"ArnLike": {"aws:PrincipalArn": "arn:*:iam::111111111111:role/rolechain/deploy-source"}}
    _trust(templates, 1)[0]["Condition"] = condition
    assert _rules(chain, templates) == set()
    condition["ArnLike"]["aws:PrincipalArn"] = "arn:*:iam::111111111111:role/x"
    assert "RC05" in _rules(chain, templates)


def test_a_user_is_no_role(templates_of: TemplatesOf) -> None:
    """A declared user does not stand for the sessions of a role of the same name."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.arn("arn:aws:iam::777777777777:user/ci")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    templates = templates_of(chain)
    _trust(templates, 0).append(_allow({"AWS": "arn:aws:sts::777777777777:assumed-role/ci/x"}))
    assert "RC05" in _rules(chain, templates)


def test_what_has_nothing_to_do_with_the_chain_is_a_warning(chain: Chain, templates: list[Template]) -> None:
    """A role that cannot reach the chain fails the proof of the whole app alone."""
    root = {"AWS": "arn:aws:iam::222222222222:root"}
    unrelated = {"Version": "2012-10-17", "Statement": [_allow(root)]}
    properties: dict[str, Any] = {"RoleName": "unrelated", TRUST: unrelated}
    templates[1].body["Resources"]["Unrelated"] = {"Type": "AWS::IAM::Role", "Properties": properties}
    assert _rules(chain, templates) == set()
    assert _rules(chain, templates, scope="app") == {"RC06"}
    # Once it may assume a role of the chain that lets it in, it is the chain's own weakness.
    _trust(templates, 2).append(_allow(root))
    own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": TARGET}
    properties["Policies"] = [
        {"PolicyName": "on", "PolicyDocument": {"Version": "2012-10-17", "Statement": [own]}}
    ]
    assert {"RC05", "RC06"} <= _rules(chain, templates)


@pytest.mark.parametrize("key", ["aws:SourceIp", "aws:VpcSourceIp"])
def test_an_address_on_a_hop_cannot_be_known_here(chain: Chain, templates: list[Template], key: str) -> None:
    """A hop that depends on an address is said to be unknown, and closes no less for it."""
    _trust(templates, 2)[0]["Condition"]["IpAddress"] = {key: "10.0.0.0/8"}
    proof = prove(chain, templates)
    (finding,) = proof.findings
    assert (finding.rule, finding.level, proof.proven) == ("RC00", "warning", True)
    assert f"it depends on {key}, which only the call brings and cannot be known here" in finding.message


def test_a_part_of_a_chain_is_proven_against_the_rest(chain: Chain, templates: list[Template]) -> None:
    """Where only one role is to be here, the others are taken as declared, and this one is proven."""
    proof = prove(chain, templates[1:2], parts=[MIDDLE])
    assert (proof.proven, proof.parts) == (True, ("deploy-middle (222222222222)",))
    assert "RC08" in _rules(chain, templates[1:2])
    _trust(templates, 1).append(_allow({"AWS": "*"}))
    assert "RC05" in _rules(chain, templates[1:2], parts=[MIDDLE])


@pytest.mark.parametrize("organizations", [["o-exampleorg1"], ["o-exampleorg1", "o-exampleorg2"]])
def test_an_organization_that_is_not_declared_closes_no_wildcard(
    chain: Chain, templates: list[Template], organizations: list[str]
) -> None:
    """A role that may assume the chain's path in accounts of an organization is open, where the chain declares none."""
    wide: Json = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": "arn:aws:iam::*:role/rolechain/*",
    }
    wide["Condition"] = {"StringEquals": {"aws:ResourceOrgID": organizations}}
    templates[1].body["Resources"]["Hops0"]["Properties"]["PolicyDocument"]["Statement"].append(wide)
    assert _rules(chain, templates) == {"RC07"}
