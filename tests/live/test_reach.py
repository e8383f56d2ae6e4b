"""What is left out of a proof of accounts, as it cannot reach the chain, changes nothing of what is proven."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.live import Account, prove_live, template_of
from rolechain.live.account import SECTIONS
from rolechain.live.reach import reaching
from rolechain.proof import Level, Proof, prove
from rolechain.statements.builder import permission_statements, trust_statements

Json = Any

ACCOUNTS = ("111111111111", "222222222222", "333333333333", "444444444444")
CASES = int(os.environ.get("ROLECHAIN_ESTATES", "60"))
NAMES = ("admin", "application", "pipeline", "reader", "writer", "deploy-middle-2")
POWERS = (
    "iam:PutRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:AddUserToGroup",
    "iam:UpdateAssumeRolePolicy",
    "iam:Pass*",
    "lambda:*",
    "sts:AssumeRole",
    "sts:AssumeRole",
    "sts:*",
    "s3:GetObject",
    "s3:GetObject",
    "sqs:*",
    "*",
)


def _chain() -> Chain:
    return Chain(
        "deploy",
        source=ChainRole(
            ACCOUNTS[0],
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.arn(f"arn:aws:iam::{ACCOUNTS[0]}:role/pipeline"),
            ],
        ),
        middle=[ChainRole(ACCOUNTS[1])],
        targets=[ChainRole(ACCOUNTS[2])],
        administrators=["arn:aws:iam::*:role/admin"],
    )


class _Estate:
    """Accounts with roles, users, groups and policies that are drawn."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(f"estate {seed}")  # noqa: S311 - a test is drawn, no key
        self.chain = _chain()

    def accounts(self) -> list[Account]:
        return [self._account(account) for account in ACCOUNTS]

    def _account(self, account: str) -> Account:
        draw = self._draw
        roles = [
            self._role(
                account,
                role.role,
                role.path,
                _document(*trust_statements(self.chain, role)),
                [_document(*hops)] if (hops := permission_statements(self.chain, role)) else [],
            )
            for role in self.chain.roles
            if role.account == account
        ]
        for name in draw.sample(NAMES, draw.randint(1, 4)):
            roles.append(self._role(account, name, "/", self._trust(account), [self._permissions(account)]))
        policies = [
            {
                "PolicyName": name,
                "Path": "/",
                "Arn": f"arn:aws:iam::{account}:policy/{name}",
                "DefaultVersionId": "v1",
                "PolicyVersionList": [
                    {"VersionId": "v1", "IsDefaultVersion": True, "Document": self._permissions(account)}
                ],
            }
            for name in ("one", "two")
        ]
        groups = [
            {
                "GroupName": "people",
                "Path": "/",
                "Arn": f"arn:aws:iam::{account}:group/people",
                "GroupPolicyList": [{"PolicyName": "own", "PolicyDocument": self._permissions(account)}],
            }
        ]
        users = [
            {
                "UserName": name,
                "Path": "/",
                "Arn": f"arn:aws:iam::{account}:user/{name}",
                "GroupList": draw.choice(([], ["people"])),
                "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": self._permissions(account)}],
            }
            for name in ("ann", "bob")[: draw.randint(0, 2)]
        ]
        for each in (*roles[1:], *users):
            if draw.random() < 0.3:
                each["AttachedManagedPolicies"] = [{"PolicyArn": draw.choice(policies)["Arn"]}]
            if draw.random() < 0.15:
                each["PermissionsBoundary"] = {"PermissionsBoundaryArn": draw.choice(policies)["Arn"]}
        details = {"RoleDetailList": roles, "UserDetailList": users, "GroupDetailList": groups}
        return Account(account, {**details, "Policies": policies})

    def _role(self, account: str, name: str, path: str, trust: Json, permissions: list[Json]) -> Json:
        return {
            "RoleName": name,
            "Path": path,
            "Arn": f"arn:aws:iam::{account}:role{path}{name}",
            "AssumeRolePolicyDocument": trust,
            "RolePolicyList": [
                {"PolicyName": f"own{number}", "PolicyDocument": each}
                for number, each in enumerate(permissions)
            ],
        }

    def _arn(self, account: str) -> str:
        draw = self._draw
        account = draw.choice((account, *ACCOUNTS))
        chain = [role.arn for role in self.chain.roles]
        named = [f"arn:aws:iam::{account}:role/{name}" for name in NAMES]
        return draw.choice((*named, *chain, f"arn:aws:iam::{account}:user/ann"))

    def _resource(self, account: str) -> str:
        draw = self._draw
        arn = self._arn(account)
        return draw.choice(
            (
                arn,
                arn,
                arn,
                "*",
                f"{arn[:-3]}*",
                f"arn:aws:iam::{account}:role/*",
                f"arn:aws:iam::*:role/{draw.choice(NAMES)}",
                f"arn:aws:iam::{account}:policy/one",
                f"arn:aws:iam::{account}:group/people",
                "arn:aws:iam::${aws:PrincipalAccount}:role/reader",
                f"arn:aws:iam::{account}:role/cdk-hnb659fds-deploy-role-{account}-us-east-1",
                f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole",
            )
        )

    def _permissions(self, account: str) -> Json:
        draw = self._draw
        statements = []
        for _ in range(draw.randint(1, 2)):
            statement: Json = {"Effect": "Deny" if draw.random() < 0.1 else "Allow"}
            powers = draw.sample(POWERS[: -1 if draw.random() < 0.8 else None], draw.randint(1, 2))
            statement["NotAction" if draw.random() < 0.03 else "Action"] = powers
            statement["NotResource" if draw.random() < 0.03 else "Resource"] = [
                self._resource(account) for _ in range(draw.randint(1, 2))
            ]
            if draw.random() < 0.15:
                statement["Condition"] = {"StringEquals": {"aws:PrincipalTag/team": "a"}}
            if draw.random() < 0.02:
                statement["Condition"] = {"StringEqualz": {"aws:PrincipalTag/team": "a"}}
            statements.append(statement)
        return _document(*statements)

    def _trust(self, account: str) -> Json:
        draw = self._draw
        principal = draw.choice(
            (
                {"Service": "lambda.amazonaws.com"},
                {"AWS": self._arn(account)},
                {"AWS": f"arn:aws:iam::{draw.choice(ACCOUNTS)}:root"},
                {"AWS": f"arn:aws:sts::{account}:assumed-role/{draw.choice(NAMES)}/session"},
                "*",
            )
        )
        statement: Json = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        if principal == "*" or draw.random() < 0.2:
            statement["Condition"] = {"StringLike": {"aws:PrincipalArn": self._resource(account)}}
        return _document(statement)


def _document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _proven(proof: Proof) -> Json:
    """What a proof says but the warnings, which may be about roles that have nothing to do with the chain."""
    return (
        proof.proven,
        proof.hops,
        proof.entrances,
        {(each.who, each.rule, each.roles, each.surely) for each in proof.changers or ()},
        {finding for finding in proof.findings if finding.level is Level.ERROR},
    )


@pytest.mark.parametrize("part", range(10))
def test_what_is_left_out_changes_nothing(part: int) -> None:
    """Hops, entrances, who may change the chain and every error are those of all that the accounts hold."""
    left_out = 0
    for seed in range(part, CASES, 10):
        estate = _Estate(seed)
        accounts = estate.accounts()
        kept = reaching(estate.chain, accounts)
        whole = prove(estate.chain, [template_of(account) for account in accounts])
        part_of_it = prove(estate.chain, [template_of(account) for account in kept])
        assert _proven(part_of_it) == _proven(whole), seed
        assert set(part_of_it.findings) <= set(whole.findings), seed
        left_out += _count(accounts) - _count(kept)
    assert left_out


def test_whom_somebody_may_enlarge_is_kept() -> None:
    """A role without any permission counts where another one may give it some and then act as it."""
    estate = _Estate(0)
    chain, account = estate.chain, ACCOUNTS[2]
    statements = [
        {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": f"arn:aws:iam::{account}:role/app*"},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{account}:role/app*"},
    ]
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    }
    roles = [
        estate._role(account, "deploy-target", "/rolechain/", _document(trust), []),
        estate._role(account, "pipeline", "/", _document(), [_document(*statements)]),
        estate._role(account, "application", "/", _document(trust), []),
        estate._role(account, "reader", "/", _document(trust), []),
    ]
    held = [Account(account, {section: roles if section == "RoleDetailList" else [] for section in SECTIONS})]
    (kept,) = reaching(chain, held)
    names = [role["RoleName"] for role in kept.details["RoleDetailList"]]
    assert names == ["deploy-target", "pipeline", "application"]
    assert f"arn:aws:iam::{account}:role/pipeline" in {
        each.who for each in prove_live(chain, held).changers or ()
    }


def _count(accounts: list[Account]) -> int:
    return sum(len(account.details[name]) for account in accounts for name in account.details)
