"""Control policies that templates make: what they keep principals from, and what they refuse of the chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Level, Proof, Template, prove
from rolechain.statements.guardrails import RCP, SCP, guardrails

Json = dict[str, Any]
MANAGEMENT, TARGET = "999999999999", "333333333333"
ADMIN, OPS = f"arn:aws:iam::{TARGET}:role/admin", f"arn:aws:iam::{TARGET}:role/ops"
ON_ROLE = f"arn:aws:iam::{TARGET}:role/rolechain/deploy-target"
CHANGE = ["iam:UpdateAssumeRolePolicy"]


def _document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _deny(**element: Any) -> Json:
    return {"Effect": "Deny", "Action": "iam:*", "Resource": "*", **element}


def _but(*arns: str, **element: Any) -> Json:
    return _deny(Condition={"ArnNotLike": {"aws:PrincipalArn": list(arns)}}, **element)


class Estate:
    """A chain's templates, a principal in the account of its target, and the policies of the organization."""

    def __init__(self, chain: Chain, templates: list[Template]) -> None:
        self.chain, self.templates = chain, templates
        self.policies: Json = {}
        self.account: str | None = MANAGEMENT

    def ops(self, *actions: str, name: str = "ops", on: Any = "*", **role: Any) -> Estate:
        """A role of the target's account with these permissions."""
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": on}
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ec2.amazonaws.com"},
        }
        properties = {
            "RoleName": name,
            "AssumeRolePolicyDocument": _document(trust),
            "Policies": [{"PolicyName": "p", "PolicyDocument": _document(allowed)}],
            **role,
        }
        account = next(each for each in self.templates if each.account == TARGET)
        account.body["Resources"][name.title()] = {"Type": "AWS::IAM::Role", "Properties": properties}
        return self

    def policy(self, *statements: Json, targets: Any = (TARGET,), kind: Any = SCP, **more: Any) -> Estate:
        """A control policy of the organization."""
        properties = {"Name": "edge", "Type": kind, "Content": _document(*statements)}
        if targets is not None:
            properties["TargetIds"] = list(targets) if isinstance(targets, tuple) else targets
        name = f"Policy{len(self.policies)}"
        self.policies[name] = {
            "Type": "AWS::Organizations::Policy",
            "Properties": {**properties, **more.pop("properties", {})},
            **more,
        }
        return self

    def guarded(self, **settings: Any) -> Estate:
        """The chain's own guardrails, at the root."""
        for each in guardrails(self.chain, **settings):
            self.policy(*each.content["Statement"], kind=each.type, targets=("r-ab12",))
        return self

    def proof(self, **body: Any) -> Proof:
        """The proof of the chain, with other sections of the organization's template."""
        organization = Template("org", {"Resources": self.policies, **body}, account=self.account)
        return prove(self.chain, [*self.templates, organization])

    def found(self, **body: Any) -> list[tuple[str, str]]:
        """The rule and the name of everybody who may change the chain or act as its roles."""
        return [
            (each.rule, each.who.rsplit("/", 1)[-1])
            for each in self.proof(**body).changers or ()
            if not each.declared
        ]


@pytest.fixture
def estate(chain: Chain, templates: list[Template]) -> Estate:
    return Estate(chain, templates)


@pytest.mark.parametrize("actions", [CHANGE, ["iam:*"], ["*"], ["iam:PutRolePolicy", "iam:CreateRole"]])
def test_without_guardrails_they_are_found(estate: Estate, actions: list[str]) -> None:
    """A role that may change the chain's roles is found, whatever else it may do."""
    assert ("RC38", "ops") in estate.ops(*actions).found()


def test_the_chain_s_own_guardrails_quieten(estate: Estate) -> None:
    """Under the guardrails nobody but administrators may change the roles, by one action or by all of IAM."""
    estate.guarded(administrators=[ADMIN], administration=True)
    assert estate.ops(*CHANGE).found() == []
    assert estate.ops("iam:*").found() == []
    assert estate.ops("*").found() == []
    assert ("RC38", "admin") in estate.ops("*", name="admin").found()


def test_who_may_act_as_an_administrator_is_found(estate: Estate) -> None:
    """An administrator that runs on instances is taken over by whoever may run commands there."""
    estate.guarded(administrators=[ADMIN], administration=True).ops("*", name="admin").ops("ssm:SendCommand")
    assert ("RC38", "ops") in estate.found()


def test_the_guardrails_refuse_nothing_that_is_declared(estate: Estate) -> None:
    """The chain is proven with its own guardrails, and the proof says what it assumes of them."""
    proof = estate.guarded(administration=True).proof()
    assert proof.proven
    assert [hop.verdict.value for hop in proof.hops] == ["allow"] * 3
    assert [each for each in proof.findings if each.level is Level.ERROR] == []
    assert any("service control policies are enabled" in each for each in proof.assumptions)


def test_other_networks_leave_hops_undecided(estate: Estate) -> None:
    """Whether a call comes from the declared networks is told by the call alone: a warning for each hop."""
    proof = estate.guarded(source_ip=["192.0.2.0/24"]).proof()
    assert {hop.verdict.value for hop in proof.hops} == {"unknown"}
    assert {each.level for each in proof.findings if each.rule == "RC00"} == {Level.WARNING}


@pytest.mark.parametrize(
    "statement",
    [
        _deny(),
        _deny(Action="IAM:updateassumerolepolicy"),
        _deny(Action="iam:Update*"),
        {"Effect": "Deny", "NotAction": "sts:*", "Resource": "*"},
        _deny(Resource="arn:aws:iam::*:role/rolechain/*"),
        _deny(Resource=ON_ROLE),
        _but(ADMIN),
        _but("arn:aws:iam::*:role/ad*"),
        {"Effect": "Deny", "Action": "iam:*", "NotResource": f"arn:aws:iam::{TARGET}:role/other"},
    ],
    ids=str,
)
def test_a_deny_that_surely_holds_counts(estate: Estate, statement: Json) -> None:
    """What a service control policy surely denies the role, it may not do."""
    assert estate.ops(*CHANGE).policy(statement).found() == []


@pytest.mark.parametrize(
    "statement",
    [
        _deny(Action="iam:UpdateRole"),
        _deny(Resource=f"{ON_ROLE}-other"),
        {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "NotResource": ON_ROLE},
        {"Effect": "Deny", "Action": "iam:*", "NotResource": "arn:aws:iam::${aws:PrincipalAccount}:role/*"},
        _deny(Resource="arn:aws:iam::*:role/${aws:PrincipalTag/x}"),
        _but(OPS),
        _but("arn:aws:iam::*:role/*"),
        _but("arn:aws:iam::*:role/${aws:PrincipalTag/x}"),
        _deny(Condition={"ArnLike": {"aws:PrincipalArn": ADMIN}}),
        _deny(Condition={"StringNotEquals": {"aws:PrincipalTag/team": "admin"}}),
        _deny(Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        _deny(Condition={"StringEquals": {"aws:PrincipalType": "AssumedRole"}}),
        _deny(Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
        _deny(Principal="*"),
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    ],
    ids=str,
)
def test_a_deny_that_may_not_hold_does_not_count(estate: Estate, statement: Json) -> None:
    """What the policy may leave the role, it may do."""
    assert estate.ops(*CHANGE).policy(statement).found() == [("RC38", "ops")]


@pytest.mark.parametrize(
    ("actions", "on"),
    [
        (["iam:UpdateAssumeRolePolicy"], "*"),
        (["iam:UpdateAssumeRolePolicy", "iam:PassRole"], [ON_ROLE, ADMIN]),
        (["iam:UpdateAssumeRolePolicy", "iam:CreateRole"], "*"),
        (["iam:UpdateAssumeRolePolicy", "sts:AssumeRole"], "*"),
        (["iam:UpdateAssumeRolePolicy", "cloudformation:UpdateStack"], "*"),
        (["iam:UpdateAssumeRolePolicy", "cloudformation:CreateStackSet"], "*"),
        (["iam:UpdateAssumeRolePolicy", "iam:UpdateSAMLProvider"], "*"),
        (["iam:*"], "*"),
    ],
    ids=str,
)
def test_who_may_become_an_exception_is_none_of_the_denied(
    estate: Estate, actions: list[str], on: Any
) -> None:
    """A Deny that leaves out a role counts for nobody who may make that role, change it, pass it, or act as it."""
    estate.ops(*actions, on=on).policy(_but(ADMIN, Resource=ON_ROLE))
    assert ("RC38", "ops") in estate.found()


def test_who_may_make_an_excepted_user_is_none_of_the_denied(estate: Estate) -> None:
    """The keys of a user that is left out make one that user."""
    statement = _but(f"arn:aws:iam::{TARGET}:user/root", Resource=ON_ROLE)
    assert estate.ops(*CHANGE, on="arn:aws:iam::*:role/*").policy(statement).found() == []
    assert estate.ops(*CHANGE, "iam:CreateAccessKey").found() == [("RC38", "ops")]


def test_a_role_of_a_path_that_looks_like_an_exception(estate: Estate) -> None:
    """A wildcard of an exception takes in paths: a role under one is excepted, and so found."""
    assert estate.policy(_but("arn:aws:iam::*:role/cdk-*-exec-*")).ops(*CHANGE).found() == []
    estate.ops(*CHANGE, name="my-exec-role", Path="/cdk-evil/")
    assert estate.found() == [("RC38", "my-exec-role")]


def test_service_linked_roles_are_bound_by_none(estate: Estate) -> None:
    """Control policies do not act on service-linked roles."""
    estate.ops(*CHANGE, Path="/aws-service-role/x.amazonaws.com/").policy(_deny())
    assert estate.found() == [("RC38", "ops")]


@pytest.mark.parametrize(
    "targets",
    [
        (),
        None,
        ("222222222222",),
        ("ou-ab12-11111111",),
        ({"Ref": "Where"},),
        {"Ref": "Where"},
        {"Fn::If": ["Unknown", [TARGET], []]},
    ],
    ids=str,
)
def test_a_policy_that_may_be_attached_elsewhere_does_not_count(estate: Estate, targets: Any) -> None:
    """A policy counts where it is attached to the account or the root, and its targets are known."""
    estate.ops(*CHANGE).policy(_deny(), targets=targets)
    assert estate.found(Parameters={"Where": {"Type": "String"}}) == [("RC38", "ops")]


def test_the_root_is_that_of_the_chain_s_organization(estate: Estate) -> None:
    """Without a declared organization, no account is known to lie under a root."""
    estate.ops(*CHANGE).policy(_deny(), targets=("r-ab12",))
    assert estate.found() == []
    estate.chain = Chain(
        "deploy",
        sources=[replace(estate.chain.source)],
        middle=estate.chain.middle,
        targets=estate.chain.targets,
    )
    assert estate.found() == [("RC38", "ops")]


def test_a_policy_that_is_not_surely_made_does_not_count(estate: Estate) -> None:
    """Not in what may be the management account, with an unknown condition, or as one of more than five."""
    estate.ops(*CHANGE).policy(_deny())
    assert estate.found() == []
    estate.account = TARGET
    assert estate.found() == [("RC38", "ops")]
    estate.account = None
    assert estate.found() == [("RC38", "ops")]
    estate.account = MANAGEMENT
    for number in range(4):
        estate.policy(_deny(Action="s3:*", Sid=f"S{number}"))
    assert estate.found() == [("RC38", "ops")]


@pytest.mark.parametrize(
    "properties",
    [
        {"Type": RCP, "Content": _document(_deny(Principal="*"))},
        {"Type": "TAG_POLICY"},
        {"Content": _document(_deny(), {"Effect": "Deny", "Action": "s3:*"})},
        {"Content": _document(_deny(), _deny(Action="s3:*", Principal="*"))},
        {"Content": _document(_deny(Sid="x" * 5000), _deny(Sid="y" * 200))},
        {"Content": {"Ref": "Where"}},
        {"Type": {"Ref": "Where"}},
        {"Content": _document(_deny(Resource={"Ref": "Where"}))},
    ],
    ids=lambda each: str(each)[:60],
)
def test_a_policy_that_is_none_or_not_known_does_not_count(estate: Estate, properties: Json) -> None:
    """Nor does a policy that Organizations refuses, of another type, or of which something is not known."""
    estate.ops(*CHANGE).policy(_deny(), properties=properties)
    assert estate.found(Parameters={"Where": {"Type": "String"}}) == [("RC38", "ops")]


@pytest.mark.parametrize(
    "targets", [("r-ab12",), (TARGET,), ("ou-ab12-11111111",), {"Ref": "Where"}], ids=str
)
def test_a_guardrail_that_refuses_a_hop_is_an_error(estate: Estate, targets: Any) -> None:
    """A policy that may stand above a hop's accounts and denies the hop is named where it is made."""
    statement = _deny(
        Action="sts:AssumeRole", Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ADMIN}}
    )
    estate.policy(statement, kind=RCP, targets=targets)
    proof = estate.proof(Parameters={"Where": {"Type": "String"}})
    finding = next(each for each in proof.findings if each.rule == "RC08" and ON_ROLE in each.message)
    assert finding.level is Level.ERROR
    assert finding.place
    assert (finding.place.template, finding.place.logical_id) == ("org", "Policy0")
    assert finding.message.endswith("of the policy edge")
    assert not proof.proven


def test_a_guardrail_of_another_account_refuses_no_hop(estate: Estate) -> None:
    """A policy of an account that is none of the hop's has nothing to do with it."""
    assert estate.policy(_deny(Action="sts:*"), targets=("555555555555",)).proof().proven


def test_a_guardrail_that_is_not_known_leaves_hops_undecided(estate: Estate) -> None:
    """A policy of which nothing is known may refuse any hop."""
    estate.policy(properties={"Content": {"Ref": "Where"}}, targets=("r-ab12",))
    proof = estate.proof(Parameters={"Where": {"Type": "String"}})
    assert {each.rule for each in proof.findings if each.level is Level.ERROR} == {"RC00"}
    assert any(each.message.endswith("of the policy edge") for each in proof.findings)


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        (("r-ab12",), []),
        (("ou-ab12-11111111",), []),
        (("ou-ab12-33333333",), [("RC38", "ops")]),
        (("ou-ab12-33333333", "ou-ab12-44444444"), []),
    ],
)
def test_accounts_of_units_lie_below_what_their_paths_name(
    templates_of: Callable[[Chain], list[Template]], targets: Any, found: Any
) -> None:
    """A policy binds any account of units, if it is attached above each of them."""
    units = ["r-ab12/ou-ab12-11111111/ou-ab12-33333333", "r-ab12/ou-ab12-11111111/ou-ab12-44444444"]
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        targets=[ChainRole("", organizational_units=units)],
    ).with_members([TARGET])
    estate = Estate(chain, templates_of(chain)).ops(*CHANGE)
    assert estate.found() == [("RC38", "ops")]
    assert estate.policy(_deny(), targets=targets).found() == found


def test_entrances_of_third_parties_and_providers_are_excepted(
    templates_of: Callable[[Chain], list[Template]],
) -> None:
    """The guardrails let every declared entrance in: RC31 has nothing to say."""
    provider = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
    vendor = Entrance.account("888888888888", third_party=True, external_id="acme-1")
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(
            "111111111111",
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.oidc(provider, audience="sts.amazonaws.com", subject="repo:acme/app:*"),
                vendor,
            ],
        ),
        targets=[ChainRole(TARGET)],
    )
    proof = Estate(chain, templates_of(chain)).guarded(administration=True).proof()
    assert proof.proven
    assert [each.rule for each in proof.findings if each.rule == "RC31"] == []


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}}, "lambda.amazonaws.com"),
        (
            {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
            "account 888888888888",
        ),
        ({"ArnNotEquals": {"aws:PrincipalArn": ADMIN}}, "account 222222222222"),
    ],
    ids=str,
)
def test_a_guardrail_that_refuses_an_entrance_is_an_error(
    templates_of: Callable[[Chain], list[Template]], condition: Json, denied: str
) -> None:
    """A service, a third party or a role of the organization that may not enter any more is told with the policy."""
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(
            "111111111111",
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.arn("arn:aws:iam::222222222222:role/ci"),
                Entrance.account("888888888888", third_party=True, external_id="acme-1"),
            ],
        ),
        targets=[ChainRole(TARGET)],
    )
    estate = Estate(chain, templates_of(chain))
    statement = _deny(
        Action="sts:AssumeRole",
        Principal="*",
        Resource=chain.source.arn,
        Condition=condition,
    )
    found = [each for each in estate.policy(statement, kind=RCP).proof().findings if each.rule == "RC31"]
    assert {each.level for each in found} <= {Level.WARNING}
    proof = estate.policy(statement, kind=RCP, targets=("r-ab12",)).proof()
    errors = [each for each in proof.findings if each.rule == "RC31" and each.level is Level.ERROR]
    assert any(denied in each.message and "policy edge denies" in each.message for each in errors)
    assert not proof.proven
