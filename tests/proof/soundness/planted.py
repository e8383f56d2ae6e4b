"""Strangers planted in the templates of a chain that is proven without them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from rolechain import Chain, ChainRole, Entrance, SessionTag
from rolechain.iam.arn import account_of, name_of
from rolechain.policy import Callee, Caller, Policy, Request, decide
from rolechain.proof import Template
from rolechain.statements.builder import permission_statements, trust_statements
from tests.proof.soundness.drawn_conditions import condition, conditions, gap, merged, met
from tests.proof.soundness.strangers import (
    GITHUB,
    ORG,
    UNIT,
    Stranger,
    document,
    guarded,
    home,
    moment,
    stranger,
    text,
    without_guards,
)

Json = dict[str, Any]

ENTRANCES = [
    Entrance.service("lambda.amazonaws.com"),
    Entrance.account("777777777777"),
    Entrance.account("666666666666", external_id="vendor-7", third_party=True, iam_users=False),
    Entrance.arn("arn:aws:iam::888888888888:role/ci/runner"),
    Entrance.arn("arn:aws:iam::888888888888:user/ann", mfa=True, mfa_max_age=900),
    Entrance.oidc(
        f"arn:aws:iam::111111111111:oidc-provider/{GITHUB}",
        audience="sts.amazonaws.com",
        subject="repo:acme/app:ref:refs/heads/*",
    ),
    Entrance.saml("arn:aws:iam::111111111111:saml-provider/okta"),
    Entrance.permission_set("DeployAccess"),
]
ANYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*"}
WIDE_ACTIONS = ["sts:*", "*", ["sts:AssumeRole*", "sts:TagSession", "sts:SetSourceIdentity"]]


@dataclass(frozen=True)
class Planted:
    """A chain with one statement, and its Denies, that let somebody in whom the chain does not declare.

    Attributes:
        chain: the chain.
        role: the role that they are planted in.
        statements: what was planted.
        account: the account whose template holds the role.
        logical_id: the resource that holds the statements.
        somebody: the request that gets in, for the report.
    """

    chain: Chain
    role: ChainRole
    statements: list[Json]
    logical_id: str
    somebody: Any

    @property
    def is_declared_caller(self) -> bool:
        """Whether the chain declares the stranger, who lacks what the chain asks of it."""
        declared = without_guards(trust_statements(self.chain, self.role))
        return isinstance(self.somebody, Stranger) and self.somebody.is_let_in(self.role.arn, declared)

    def templates(self, before: list[Template]) -> list[Template]:
        """The chain's templates with the statements in them."""
        return [self._with(each) if each.account == self.role.account else each for each in before]

    def _with(self, template: Template) -> Template:
        body = copy.deepcopy(dict(template.body))
        if self.logical_id == "Role0":
            body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]["Statement"] += (
                self.statements
            )
        else:
            properties = {"PolicyDocument": document(self.statements), "Roles": [{"Ref": "Role0"}]}
            body["Resources"][self.logical_id] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
        return replace(template, body=body)


def chain_of(r: Random) -> Chain:
    """A chain of three roles with guards or without, each in an account of its own."""
    organization = r.choice([None, ORG, ORG])
    kinds: list[Any] = ["principal_arn", "principal_arn", "role_arn", "account"]
    kinds += ["organization"] if organization else []

    def role(account: str, tag: str) -> ChainRole:
        return ChainRole(
            account,
            external_id=r.choice([None, "jump-1", "abc"]),
            trust=r.choice(kinds),
            session_tags=[SessionTag(tag, ["apollo"])] if r.random() < 0.2 else [],
            caller_organizational_units=[UNIT] if organization and r.random() < 0.2 else [],
        )

    return Chain(
        "deploy",
        organization=organization,
        source=ChainRole("111111111111", assumed_by=r.sample(ENTRANCES, r.randint(1, 2))),
        middle=[role("222222222222", "Team")],
        targets=[role("333333333333", "Stage")],
    )


def in_trust(r: Random, chain: Chain) -> Planted:
    """A stranger let in by the trust policy of a role of the chain."""
    role = r.choice([role for role in (*chain.roles, *chain.middle, *chain.targets) if not role.existing])
    declared = trust_statements(chain, role)
    while True:
        somebody, asked = guarded(r, chain, role, stranger(r, chain, role))
        if somebody.is_let_in(role.arn, declared) or _is_taken(chain, somebody):
            continue
        allow: Json = {"Effect": "Allow", "Principal": _principal(r, somebody), "Action": somebody.action}
        if len(somebody.actions) > 1 or r.random() < 0.1:
            allow["Action"] = r.choice(WIDE_ACTIONS)
        drawn = gap(r, somebody.keys) if r.random() < 0.5 else conditions(r, somebody.keys, met, 4)
        allow["Condition"] = merged(asked, drawn)
        if "aws:PrincipalArn" in somebody.keys and r.random() < 0.3:
            who = {"aws:PrincipalArn": somebody.keys["aws:PrincipalArn"]}
            allow["Condition"] = merged(allow["Condition"], conditions(r, who, met, 2))
        planted = [allow]
        for _ in range(r.choice([0, 0, 1, 2, 3])):
            denial = ANYTHING | {"Effect": "Deny", "Condition": conditions(r, somebody.keys, condition, 2)}
            if somebody.is_let_in(role.arn, [allow, denial]):
                planted.append(denial)
        if somebody.is_let_in(role.arn, [*declared, *planted]):
            return Planted(chain, role, planted, "Role0", somebody)


def _is_taken(chain: Chain, somebody: Stranger) -> bool:
    """Whether a role of the chain has the stranger's name: a name stands once in an account, whatever its path."""
    arn = somebody.caller.role_arn
    if arn is None:
        return False
    name = account_of(arn), name_of(arn).lower()
    return any((role.account, str(role.role).lower()) == name and role.arn != arn for role in chain.roles)


def _principal(r: Random, somebody: Stranger) -> Any:
    """A Principal that names a stranger, one way or another."""
    caller = somebody.caller
    if somebody.provider:
        return {"Federated": somebody.provider}
    if caller.kind == "service":
        return {"Service": r.choice([caller.arn, [caller.arn, "ssm.amazonaws.com"]])}
    root = f"arn:aws:iam::{caller.account}:root"
    named = r.choice([caller.account, root, root, caller.role_arn or caller.arn, caller.arn])
    return r.choice(
        ["*", "*", {"AWS": "*"}, {"AWS": named}, {"AWS": named}, {"AWS": [named, "555555555555"]}]
    )


def in_permissions(r: Random, chain: Chain) -> Planted:
    """A role of the chain that may assume one that the chain does not let it assume."""
    role = r.choice(chain.roles)
    callees = [hop.callee.arn for hop in chain.calls_of(role)]
    declared = permission_statements(chain, role)
    while True:
        account = r.choice([text(r, "0123456789", 12, 12), *chain.accounts])
        arn = f"arn:aws:iam::{account}:role/{r.choice(['', 'app/', 'rolechain/'])}deploy-{text(r, most=6)}"
        keys = _call(r, chain, role, arn)
        if arn in callees or len(keys) == 0:
            continue
        allow: Json = {
            "Effect": "Allow",
            "Action": r.choice(["sts:AssumeRole", "sts:AssumeRole", "sts:*", "*"]),
        }
        allow |= _resource(r, arn, callees, keys)
        if r.random() < 0.7:
            allow["Condition"] = conditions(r, keys, met, 3)
        planted = [allow]
        for _ in range(r.choice([0, 0, 1, 2])):
            denial: Json = {"Effect": "Deny", "Action": "sts:AssumeRole"} | _resource(r, arn, callees, keys)
            denial["Condition"] = conditions(r, keys, condition, 2)
            if _may_assume(role, arn, keys, [allow, denial]):
                planted.append(denial)
        if _may_assume(role, arn, keys, [*declared, *planted]):
            return Planted(chain, role, planted, "Planted", (arn, keys))


def _call(r: Random, chain: Chain, role: ChainRole, arn: str) -> dict[str, Any]:
    """The keys of a call that a role of the chain makes to a role."""
    account = arn.split(":")[4]
    return {
        **moment(r),
        **home(r, chain, account, "aws:Resource"),
        **home(r, chain, role.account),
        "aws:PrincipalArn": role.arn,
        "aws:PrincipalAccount": role.account,
        "aws:PrincipalType": "AssumedRole",
        "aws:ResourceAccount": account,
        "sts:RoleSessionName": r.choice(["ops-1", text(r, least=2)]),
        **({"sts:ExternalId": r.choice(["jump-1", text(r, least=2)])} if r.random() < 0.4 else {}),
    }


def _resource(r: Random, arn: str, callees: list[str], keys: dict[str, Any]) -> Json:
    """A Resource or NotResource that is about a role, more often than not."""
    start = r.randint(13, len(arn))
    wild = r.choice(
        [arn[:start] + "*", f"{arn[:start]}*{arn[start + r.randint(0, 9) :]}", arn[: start - 1] + "*"]
    )
    account, session = keys["aws:ResourceAccount"], keys["sts:RoleSessionName"]
    variables = [
        arn.replace(account, "${aws:ResourceAccount}"),
        arn.replace(session, "${sts:RoleSessionName}"),
    ]
    written = r.choice([arn, wild, wild, "*", *variables, [wild, "arn:aws:iam::555555555555:role/none"]])
    if r.random() < 0.2:
        return {"NotResource": [*callees, f"arn:aws:iam::{text(r, '0123456789', 12, 12)}:role/*"]}
    return {"Resource": written}


def _may_assume(role: ChainRole, arn: str, keys: dict[str, Any], own: list[Json]) -> bool:
    session = f"arn:aws:sts::{role.account}:assumed-role/{role.role}/{keys['sts:RoleSessionName']}"
    caller = Caller("role-session", session, role.account, role.arn)
    trust = ANYTHING | {"Principal": {"AWS": f"arn:aws:iam::{role.account}:root"}}
    callee = Callee(arn, Policy.parse(document([trust])))
    return decide(Request(caller, callee, keys, identity_policies=[Policy.parse(document(own))])).allowed
