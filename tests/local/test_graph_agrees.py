"""Whom the role graph of templates lets assume what is whom STS lets, once the roles of the templates exist.

Random roles in two accounts, with random trust and permissions; a case is named by its number, and drawn alike each
time. ``ROLECHAIN_AGREEMENTS=1000`` takes more of them. No condition asks for MFA: the graph lets a role's session have
it, which no session of STS has.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolechain.proof import RoleGraph, Template, edges, role_graph_of

Json = dict[str, Any]
CASES = int(os.environ.get("ROLECHAIN_AGREEMENTS", "25"))
ORGANIZATION = "o-exampleorg1"
LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
EXTERNAL_IDS: tuple[str | None, ...] = (None, "id-1")
SESSION_NAMES = ("hop", "ci-1")


def document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


class Drawn:
    """The roles of one case: what their templates say, by ARN."""

    def __init__(self, number: int, near: str, far: str) -> None:
        self.random = random.Random(number)  # noqa: S311 - drawn alike each time
        self.accounts = (near, far)
        owners = [near, far, self.random.choice(self.accounts)][: self.random.choice([2, 3, 3])]
        self.arns = [
            f"arn:aws:iam::{owner}:role{self.random.choice(['/', '/app/'])}r{index}"
            for index, owner in enumerate(owners)
        ]
        self.trust = {arn: [LAMBDA, *self._some(self._trusted)] for arn in self.arns}
        self.permissions = {arn: self._some(self._allowed) for arn in self.arns}

    def templates(self) -> list[Template]:
        """One template for each account."""
        return [
            Template(
                account,
                {"Resources": {arn[-2:]: self._resource(arn) for arn in self.arns if f"::{account}:" in arn}},
                account=account,
            )
            for account in self.accounts
        ]

    def _resource(self, arn: str) -> Json:
        policies = [{"PolicyName": "own", "PolicyDocument": document(self.permissions[arn])}]
        return {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": arn.rsplit("/", 1)[1],
                "Path": arn[arn.index("/") : arn.rindex("/") + 1],
                "AssumeRolePolicyDocument": document(self.trust[arn]),
                "Policies": policies if self.permissions[arn] else [],
            },
        }

    def _some(self, draw: Any) -> list[Json]:
        return [draw() for _ in range(self.random.choice([0, 1, 1, 2]))]

    def _trusted(self) -> Json:
        pick = self.random.choice
        account = pick(self.accounts)
        principal: Any = pick(
            [
                {"AWS": pick(self.arns)},
                {"AWS": self.arns[:2]},
                {"AWS": account},
                {"AWS": f"arn:aws:iam::{account}:root"},
                {"AWS": "*"},
                "*",
            ]
        )
        return {
            "Effect": pick(["Allow", "Allow", "Allow", "Deny"]),
            "Principal": principal,
            "Action": pick(["sts:AssumeRole", "sts:AssumeRole", "sts:*", "sts:TagSession"]),
            **self._condition(),
        }

    def _allowed(self) -> Json:
        pick = self.random.choice
        account, arn = pick(self.accounts), pick(self.arns)
        resource = pick(
            [
                arn,
                self.arns[:2],
                "*",
                f"arn:aws:iam::{account}:role/*",
                "arn:aws:iam::*:role/app/*",
                f"{arn[:-1]}?",
            ]
        )
        return {
            "Effect": pick(["Allow", "Allow", "Allow", "Deny"]),
            "Action": pick(["sts:AssumeRole", "sts:AssumeRole", "sts:*", "*", "iam:PassRole"]),
            pick(["Resource"] * 5 + ["NotResource"]): resource,
            **self._condition(),
        }

    def _condition(self) -> Json:
        pick = self.random.choice
        account, arn = pick(self.accounts), pick(self.arns)
        blocks: list[Json] = [
            {},
            {},
            {},
            {"StringEquals": {"sts:ExternalId": "id-1"}},
            {"StringNotEquals": {"sts:ExternalId": "id-1"}},
            {"StringEquals": {"sts:ExternalId": "id-1", "aws:PrincipalAccount": account}},
            {"StringEquals": {"sts:RoleSessionName": "ci-1"}},
            {"StringLike": {"sts:RoleSessionName": "c*"}},
            {"Null": {"sts:ExternalId": pick(["true", "false"])}},
            {"StringEquals": {"aws:PrincipalAccount": account}},
            {"StringNotEquals": {"aws:PrincipalAccount": account}},
            {"StringEquals": {"aws:PrincipalOrgID": pick([ORGANIZATION, "o-anotherorg1"])}},
            {"StringEquals": {"aws:ResourceAccount": account}},
            {"ArnEquals": {"aws:PrincipalArn": arn}},
            {"ArnNotEquals": {"aws:PrincipalArn": arn}},
            {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{account}:role/app/*"}},
            {"Bool": {"aws:PrincipalIsAWSService": pick(["true", "false"])}},
        ]
        block = pick(blocks)
        return {"Condition": block} if block else {}


def graph_of(drawn: Drawn) -> RoleGraph:
    """The graph of the templates, whose accounts are both in the organization."""
    graph = role_graph_of(drawn.templates())
    return replace(graph, home=frozenset(drawn.accounts), organization=ORGANIZATION)


def deploy(make: Any, drawn: Drawn) -> None:
    """Makes the roles first, as each must exist before a trust policy may name it."""
    for arn in drawn.arns:
        iam = make.iam(arn.split(":")[4])
        path, name = arn[arn.index("/") : arn.rindex("/") + 1], arn.rsplit("/", 1)[1]
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(document([LAMBDA])))
        if drawn.permissions[arn]:
            own = json.dumps(document(drawn.permissions[arn]))
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=own)
    for arn in drawn.arns:
        trust = json.dumps(document(drawn.trust[arn]))
        make.iam(arn.split(":")[4]).update_assume_role_policy(
            RoleName=arn.rsplit("/", 1)[1], PolicyDocument=trust
        )


def may_assume(sts: Any, arn: str) -> bool:
    """Whether STS lets a caller assume a role in one of the ways in which it may ask."""
    for external_id, name in itertools.product(EXTERNAL_IDS, SESSION_NAMES):
        more = {"ExternalId": external_id} if external_id else {}
        try:
            sts.assume_role(RoleArn=arn, RoleSessionName=name, **more)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
        else:
            return True
    return False


@pytest.mark.parametrize("number", range(CASES))
def test_the_graph_agrees_with_sts(make: Any, accounts: Any, number: int) -> None:
    """The roles that may assume each other are the same, by the templates and by the calls."""
    drawn = Drawn(number, accounts(), accounts())
    by_templates = {
        (edge.caller.arn, edge.callee.arn)
        for edge in edges(graph_of(drawn))
        if edge.decision and edge.decision.allowed
    }
    deploy(make, drawn)
    by_calls = set()
    for caller in drawn.arns:
        try:
            sts = make.organization.workload(caller, "lambda.amazonaws.com").client("sts")
        except ClientError:
            # A deny of its trust policy keeps out Lambda too: nobody holds a session of it.
            by_templates = {pair for pair in by_templates if pair[0] != caller}
            continue
        by_calls |= {(caller, callee) for callee in drawn.arns if may_assume(sts, callee)}
    roles = json.dumps([drawn.trust, drawn.permissions], indent=1)
    assert (by_templates - by_calls, by_calls - by_templates) == (set(), set()), roles


def test_the_cases_are_of_both_kinds(accounts: Any) -> None:
    """Among the cases that are drawn are hops that can be taken and roles that nobody gets into."""
    found = [bool(edges(graph_of(Drawn(number, accounts(), accounts())))) for number in range(25)]
    assert 5 <= sum(found) <= 20
