"""What is left out of a proof of accounts, as it cannot reach the chain, changes nothing of what is proven."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
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


Details = dict[str, list[Json]]
Add = Callable[[dict[str, Details]], None]
SOURCE, MIDDLE, TARGET, OUTSIDE = ACCOUNTS
CHANGE = {
    "Effect": "Allow",
    "Action": "iam:PutRolePolicy",
    "Resource": f"arn:aws:iam::{MIDDLE}:role/rolechain/deploy-middle",
}


def _may(action: Json, resource: Json = "*", **others: Json) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


def _lets_in(principal: Json, **others: Json) -> Json:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **others}


def _root(account: str) -> Json:
    return {"AWS": f"arn:aws:iam::{account}:root"}


def _arn(account: str, resource: str) -> str:
    return f"arn:aws:iam::{account}:{resource}"


def _entity(kind: str, account: str, name: str, *permissions: Json, **others: Json) -> Json:
    inline = [{"PolicyName": "own", "PolicyDocument": _document(*permissions)}] if permissions else []
    return {
        f"{kind}Name": name,
        "Path": "/",
        "Arn": _arn(account, f"{kind.lower()}/{name}"),
        f"{kind}PolicyList": inline,
        **others,
    }


def _policy(account: str, name: str, *permissions: Json) -> Json:
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": _document(*permissions)}
    arn = _arn(account, f"policy/{name}")
    return {"PolicyName": name, "Path": "/", "Arn": arn, "PolicyVersionList": [version]}


def _role(name: str, *permissions: Json, account: str = MIDDLE, trust: Json = None, **others: Json) -> Add:
    trusted = _document(*([trust if "Effect" in trust else _lets_in(trust)] if trust else []))
    role = _entity("Role", account, name, *permissions, AssumeRolePolicyDocument=trusted, **others)
    return lambda held: held[account]["RoleDetailList"].append(role)


def _user(name: str, *permissions: Json, groups: Sequence[str] = (), **others: Json) -> Add:
    user = _entity("User", MIDDLE, name, *permissions, GroupList=list(groups), **others)
    return lambda held: held[MIDDLE]["UserDetailList"].append(user)


def _group(name: str, *permissions: Json) -> Add:
    return lambda held: held[MIDDLE]["GroupDetailList"].append(_entity("Group", MIDDLE, name, *permissions))


def _managed(name: str, *permissions: Json) -> Add:
    return lambda held: held[MIDDLE]["Policies"].append(_policy(MIDDLE, name, *permissions))


def _attached(*arns: str) -> Json:
    return {"AttachedManagedPolicies": [{"PolicyArn": arn} for arn in arns]}


def _bounded(name: str) -> Json:
    return {"PermissionsBoundary": {"PermissionsBoundaryArn": _arn(MIDDLE, f"policy/{name}")}}


def _strange(trust: Json = None, **others: Json) -> Add:
    """A role whose only policy IAM might not take."""
    inline = [{"PolicyName": "own", "PolicyDocument": {**_document(_may("s3:Get*")), **others}}]
    return _role("strange", RolePolicyList=inline, trust=trust)


def _assuming(entry: Json, account: str = OUTSIDE, **others: Json) -> tuple[Add, Add]:
    """Somebody who may assume a role that may change the chain, by an entry of Resource."""
    hop = _role("hop", CHANGE, trust=_root(account))
    return hop, _role("caller", {**_may("sts:AssumeRole", entry), **others}, account=account)


HOP, MIDDLE_ROLE = _arn(MIDDLE, "role/hop"), _arn(MIDDLE, "role/rolechain/deploy-middle")
REACHING: dict[str, tuple[Sequence[Add], Sequence[str]]] = {
    "actions by wildcards": (
        [_role("a", _may("I?M:pUt*")), _role("b", _may("*:UpdateAssumeRole????cy")), _role("c", _may("ia*"))],
        ["a", "b", "c"],
    ),
    "all but some actions": (
        [_role("a", {"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::x"})],
        ["a"],
    ),
    "a hop": (_assuming(HOP), ["hop", "caller"]),
    "a hop by one character": (_assuming("arn:aws:iam::2222????2222:role/ho?"), ["hop", "caller"]),
    "a hop by an account": (_assuming(_arn(MIDDLE, "role/h*")), ["hop", "caller"]),
    "a hop by an ARN that is cut short": (_assuming("arn:aws:iam::2222*"), ["hop", "caller"]),
    "a hop by what is no ARN": (_assuming("a*hop"), ["hop", "caller"]),
    "a hop by a variable": (_assuming(_arn(MIDDLE, "role/${aws:PrincipalTag/to}")), ["hop", "caller"]),
    "a hop by a variable alone": (_assuming("${aws:PrincipalTag/to}"), ["hop", "caller"]),
    "a hop by all but one": (
        (
            _role("hop", CHANGE, trust=_root(OUTSIDE)),
            _role(
                "caller",
                {"Effect": "Allow", "Action": "sts:*", "NotResource": _arn(MIDDLE, "role/x")},
                account=OUTSIDE,
            ),
        ),
        ["hop", "caller"],
    ),
    "three hops": (
        [
            _role("third", CHANGE, trust=_root(SOURCE)),
            _role(
                "second",
                _may("sts:AssumeRole", _arn(MIDDLE, "role/third")),
                account=SOURCE,
                trust=_root(OUTSIDE),
            ),
            _role("first", _may("sts:AssumeRole", _arn(SOURCE, "role/second")), account=OUTSIDE),
        ],
        ["first", "second", "third"],
    ),
    "a user who is named": (
        [_role("hop", CHANGE, trust=_lets_in({"AWS": _arn(MIDDLE, "user/u")})), _user("u")],
        ["hop", "u"],
    ),
    "an organization": (
        [
            _role(
                "hop",
                CHANGE,
                trust=_lets_in("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}),
            ),
            _role("caller", _may("sts:AssumeRole", HOP), account=OUTSIDE),
        ],
        ["hop", "caller"],
    ),
    "a policy that is not at hand": ([_role("a", **_attached(_arn(MIDDLE, "policy/gone")))], ["a"]),
    "a policy of AWS that is not known": (
        [_role("a", **_attached("arn:aws:iam::aws:policy/NoSuch"))],
        ["a"],
    ),
    "a policy of AWS": ([_role("a", **_attached("arn:aws:iam::aws:policy/IAMFullAccess"))], ["a"]),
    "a policy of the account": (
        [_managed("p", CHANGE), _role("a", **_attached(_arn(MIDDLE, "policy/p")))],
        ["a"],
    ),
    "a group": ([_group("g", CHANGE), _user("u", groups=["g"])], ["u"]),
    "a group that is not at hand": ([_user("u", groups=["gone"])], ["u"]),
    "a boundary": (
        [_managed("b", _may("s3:*")), _role("a", CHANGE, **_bounded("b")), _role("c", CHANGE)],
        ["c"],
    ),
    "a boundary that somebody else lifts": (
        [
            _managed("b", _may("s3:*")),
            _role("f", CHANGE, trust=_root(MIDDLE), **_bounded("b")),
            _role("a", _may(["iam:DeleteRolePermissionsBoundary", "sts:AssumeRole"], _arn(MIDDLE, "role/f"))),
        ],
        ["a"],
    ),
    "a user who is enlarged": (
        [_user("u"), _role("a", _may(["iam:PutUserPolicy", "iam:CreateAccessKey"], _arn(MIDDLE, "user/?")))],
        ["a"],
    ),
    "a group that is enlarged": (
        [
            _group("g"),
            _user("u", groups=["g"]),
            _role(
                "a",
                _may("iam:PutGroupPolicy", _arn(MIDDLE, "group/g")),
                _may("iam:CreateAccessKey", _arn(MIDDLE, "user/*")),
            ),
        ],
        ["a"],
    ),
    "a policy that is enlarged": (
        [
            _managed("p", _may("s3:*")),
            _user("u", **_attached(_arn(MIDDLE, "policy/p"))),
            _role(
                "a",
                _may("iam:SetDefaultPolicyVersion", _arn(MIDDLE, "policy/p")),
                _may("iam:CreateLoginProfile", _arn(MIDDLE, "user/*")),
            ),
        ],
        ["a"],
    ),
    "a role that is enlarged and passed": (
        [
            _role("f", trust=_lets_in({"Service": "lambda.amazonaws.com"})),
            _role("a", _may(["iam:PutRolePolicy", "iam:PassRole"], _arn(MIDDLE, "role/f")), _may("lambda:*")),
        ],
        ["a"],
    ),
    "an administrator who is kept from the chain": (
        [
            _role("f", trust=_root(MIDDLE)),
            _role("a", _may("*"), _may("iam:*", [MIDDLE_ROLE, _arn(MIDDLE, "role/a")], Effect="Deny")),
        ],
        ["a"],
    ),
    "an administrator within a boundary": (
        [
            _managed("b", _may(["iam:PutRolePolicy", "sts:AssumeRole"], _arn(MIDDLE, "role/f"))),
            _role("f", trust=_root(MIDDLE)),
            _role("a", _may("*"), **_bounded("b")),
        ],
        ["a"],
    ),
    "an administrator within a boundary that makes roles": (
        [
            _managed("b", _may(["iam:*", "sts:AssumeRole"], _arn(MIDDLE, "role/f"))),
            _role("f", trust=_root(MIDDLE)),
            _role("a", _may("*"), **_bounded("b")),
        ],
        ["a"],
    ),
    "somebody whom a Deny keeps from all else": (
        [
            _role("f", trust=_root(MIDDLE)),
            _role(
                "a",
                _may(["iam:PutRolePolicy", "sts:AssumeRole"], _arn(MIDDLE, "role/f")),
                {
                    "Effect": "Deny",
                    "NotAction": ["iam:PutRolePolicy", "sts:AssumeRole"],
                    "NotResource": _arn(MIDDLE, "role/f"),
                },
                _may("*", MIDDLE_ROLE, Effect="Deny"),
            ),
        ],
        ["a"],
    ),
    "an administrator on a condition": (
        [
            _role("f", trust=_root(MIDDLE)),
            _role("a", _may("*", Condition={"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/x"}})),
        ],
        ["a"],
    ),
    "roles that administer accounts": (
        [
            _role(
                "a",
                _may("sts:AssumeRole", _arn(MIDDLE, "role/OrganizationAccountAccessRole")),
                account=OUTSIDE,
            ),
            _role("b", _may("sts:AssumeRole", _arn(MIDDLE, "role/cdk-x-deploy-*")), account=OUTSIDE),
            _role("c", _may("sts:AssumeRole", _arn(MIDDLE, "role/*deploy-role*"))),
            _role("d", _may("sts:AssumeRole", _arn(MIDDLE, "role/c?k-*"))),
        ],
        ["a", "b", "c", "d"],
    ),
    "an entrance": (
        [
            _role("pipeline", account=SOURCE, trust=_root(SOURCE)),
            _role("a", _may("iam:UpdateAssumeRolePolicy", _arn(SOURCE, "role/pipeline")), account=SOURCE),
        ],
        ["a"],
    ),
    "an entrance that is passed": (
        [
            _role("pipeline", account=SOURCE, trust={"Service": "lambda.amazonaws.com"}),
            _role(
                "a",
                _may("iam:PassRole", _arn(SOURCE, "role/pipeline")),
                _may("lambda:CreateFunction"),
                account=SOURCE,
            ),
        ],
        ["a"],
    ),
    "a group of somebody who is kept": ([_group("g", _may("s3:*")), _user("u", CHANGE, groups=["g"])], ["u"]),
    "everything on one role": (
        [_role("f", trust=_root(MIDDLE)), _role("a", _may("*", _arn(MIDDLE, "role/f")))],
        ["a"],
    ),
    "an administrator whom a Deny keeps from all else": (
        [
            _role("f", trust=_root(MIDDLE)),
            _role(
                "a",
                _may("*"),
                {
                    "Effect": "Deny",
                    "NotAction": ["iam:PutRolePolicy", "sts:AssumeRole"],
                    "Resource": "*",
                },
                _may("*", MIDDLE_ROLE, Effect="Deny"),
                _may("*", _arn(MIDDLE, "role/a"), Effect="Deny"),
                _may("sts:*", _arn(MIDDLE, "role/cdk-*"), Effect="Deny"),
            ),
        ],
        ["a"],
    ),
    "a principal and another one": (
        [_strange(Statement=_may("s3:Get*", Principal="*", NotPrincipal="*"))],
        ["strange"],
    ),
    "a hop by the beginning of an ARN": (_assuming("arn:aws:iam"), ["hop"]),
    "a document of another kind": ([_strange(Other=1)], ["strange"]),
    "a document without statements": (
        [_role("a", RolePolicyList=[{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17"}}])],
        ["a"],
    ),
    "a document as text": (
        [_role("a", RolePolicyList=[{"PolicyName": "own", "PolicyDocument": json.dumps(_document(CHANGE))}])],
        ["a"],
    ),
    "another version": ([_strange(Version="2012-10-18")], ["strange"]),
    "a Sid that occurs twice": (
        [_strange(Statement=[_may("s3:Get*", Sid="a"), _may("s3:Put*", Sid="a")])],
        ["strange"],
    ),
    "a statement of another kind": ([_strange(Statement=_may("s3:Get*", Other=1))], ["strange"]),
    "a statement that is a text": ([_strange(Statement="s3:Get*")], ["strange"]),
    "another effect": ([_strange(Statement=_may("s3:Get*", Effect="allow"))], ["strange"]),
    "no action": ([_strange(Statement={"Effect": "Allow", "Resource": "*"})], ["strange"]),
    "an action that is none": ([_strange(Statement=_may("s3"))], ["strange"]),
    "an action that is no text": ([_strange(Statement=_may([1]))], ["strange"]),
    "a resource that is no text": ([_strange(Statement=_may("s3:Get*", 1))], ["strange"]),
    "a resource and another one": (
        [_strange(Statement=_may("s3:Get*", NotResource="arn:aws:s3:::x"))],
        ["strange"],
    ),
    "a condition that is none": (
        [_strange(Statement=_may("s3:Get*", Condition={"StringEqualz": {"a:b": "c"}}))],
        ["strange"],
    ),
}


@pytest.mark.parametrize("name", REACHING)
def test_who_reaches_the_chain_is_kept(name: str) -> None:
    """Each way to reach the chain is found among what is kept as among all, and all that is said of it."""
    adding, expected = REACHING[name]
    held = _deployed()
    for add in adding:
        add(held)
    chain = _chain()
    accounts = [Account(account, details) for account, details in held.items()]
    whole = prove(chain, [template_of(account) for account in accounts])
    found = prove(chain, [template_of(account) for account in reaching(chain, accounts)])
    assert {each.who.rsplit("/", 1)[-1] for each in whole.changers or ()} >= set(expected)
    assert _proven(found) == _proven(whole)
    assert set(found.findings) <= set(whole.findings)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        _root(MIDDLE),
        {"AWS": _arn(MIDDLE, "user/u")},
        {"AWS": f"arn:aws:sts::{MIDDLE}:assumed-role/silent/session"},
        {"CanonicalUser": "x"},
        {"Other": "x"},
        "other",
    ],
    ids=str,
)
def test_whom_a_role_of_the_chain_lets_in_is_kept(principal: Json) -> None:
    """Within an account a trust policy is enough, and one that cannot be read may let in everybody."""
    held = _deployed()
    (middle,) = held[MIDDLE]["RoleDetailList"]
    middle["AssumeRolePolicyDocument"] = _document(_lets_in(principal))
    for add in (_user("u"), _role("silent"), _role("loud", _may("sts:AssumeRole"))):
        add(held)
    chain = _chain()
    accounts = [Account(account, details) for account, details in held.items()]
    whole = prove(chain, [template_of(account) for account in accounts])
    found = prove(chain, [template_of(account) for account in reaching(chain, accounts)])
    assert _proven(found) == _proven(whole)


def test_a_role_of_the_name_of_one_of_the_chain() -> None:
    """A role of the chain that is not there, and another one that has its name, are told of as before."""
    held = _deployed()
    held[TARGET]["RoleDetailList"].clear()
    _role("deploy-target", account=TARGET, trust=_root(OUTSIDE))(held)
    chain = _chain()
    accounts = [Account(account, details) for account, details in held.items()]
    assert _proven(prove(chain, [template_of(each) for each in reaching(chain, accounts)])) == _proven(
        prove(chain, [template_of(each) for each in accounts])
    )


def test_an_account_that_is_given_twice() -> None:
    """Who may change the chain by what one of the two says is kept."""
    held = _deployed()
    _role("a", CHANGE)(held)
    again = _deployed()
    _role("a", _may("s3:Get*"))(again)
    accounts = [Account(account, details) for each in (held, again) for account, details in each.items()]
    kept = reaching(_chain(), accounts)
    assert _arn(MIDDLE, "role/a") in {
        role["Arn"] for account in kept for role in account.details["RoleDetailList"]
    }


def test_a_pattern_of_many_wildcards() -> None:
    """It is compared without going back, however many there are."""
    held = _deployed()
    _role("a" * 60, CHANGE)(held)
    _role("caller", _may("sts:AssumeRole", _arn(MIDDLE, f"role/{'*a' * 30}*b")), account=OUTSIDE)(held)
    kept = reaching(_chain(), [Account(account, details) for account, details in held.items()])
    assert not kept[-1].details["RoleDetailList"]


def _deployed() -> dict[str, Details]:
    """The chain's roles, as declared."""
    held: dict[str, Details] = {account: {section: [] for section in SECTIONS} for account in ACCOUNTS}
    estate = _Estate(0)
    for role in estate.chain.roles:
        trust = _document(*trust_statements(estate.chain, role))
        permissions = [_document(*hops)] if (hops := permission_statements(estate.chain, role)) else []
        held[role.account]["RoleDetailList"].append(
            estate._role(role.account, role.role, role.path, trust, permissions)
        )
    return held


def _count(accounts: list[Account]) -> int:
    return sum(len(account.details[name]) for account in accounts for name in account.details)
