"""Worlds of roles, made by hand, and what the rules find in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Policy
from rolechain.proof import (
    Finding,
    PolicyRecord,
    RoleGraph,
    RoleRecord,
    SourceLocation,
    Template,
    role_graph_of,
)
from rolechain.proof.rules import check
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
Statements = Json | Sequence[Json]


class Kit:
    """Short ways to write roles, and to ask one rule about them."""

    @staticmethod
    def trust(
        principal: Any, condition: Json | None = None, action: Any = "sts:AssumeRole", **more: Any
    ) -> Json:
        """A statement of a trust policy; a text other than ``*`` is an AWS principal."""
        named = principal if isinstance(principal, dict) or principal == "*" else {"AWS": principal}
        statement = {"Effect": "Allow", "Principal": named, "Action": action, **more}
        return statement if condition is None else {**statement, "Condition": condition}

    @staticmethod
    def allow(resource: Any, condition: Json | None = None, action: Any = "sts:AssumeRole") -> Json:
        """A statement that lets a role assume others."""
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        return statement if condition is None else {**statement, "Condition": condition}

    @staticmethod
    def policy(
        statements: Statements,
        name: str = "arn:aws:iam::111111111111:policy/p",
        inline: bool = False,
        **place: Any,
    ) -> PolicyRecord:
        """A policy of a role."""
        document = {"Version": "2012-10-17", "Statement": statements}
        where = SourceLocation(
            place.get("template", "t"), place.get("logical_id", "Policy"), part="PolicyDocument"
        )
        return PolicyRecord(where, name, document, Policy.parse(document), inline)

    @staticmethod
    def missing(name: str) -> PolicyRecord:
        """A policy whose document is not at hand."""
        return PolicyRecord(
            SourceLocation("t", "Role", part="ManagedPolicyArns"), name, None, Policy.unknown(name)
        )

    def role(
        self,
        trust: Statements = (),
        *policies: PolicyRecord,
        name: str = "app",
        account: str = "111111111111",
        path: str = "/",
        template: str = "t",
        logical_id: str = "Role",
        arn: str | None = None,
        **fields: Any,
    ) -> RoleRecord:
        """A role with the statements of its trust policy."""
        document = {
            "Version": "2012-10-17",
            "Statement": trust or self.trust({"Service": "lambda.amazonaws.com"}),
        }
        place = SourceLocation(template, logical_id)
        return RoleRecord(
            arn=arn or f"arn:aws:iam::{account}:role{path}{name}",
            account=account,
            name=name,
            path=path,
            place=place,
            trust=PolicyRecord(
                replace(place, part="AssumeRolePolicyDocument"), name, document, Policy.parse(document), True
            ),
            policies=policies,
            **fields,
        )

    @staticmethod
    def world(*roles: RoleRecord, templates: Sequence[Template] = ()) -> RoleGraph:
        """The roles, in templates without a body unless these are given."""
        known = {template.name: template for template in templates}
        for role in roles:
            name = role.place.template
            known.setdefault(name, Template(name, {}, role.account or None, "us-east-1"))
        return RoleGraph(known, roles, control_policies=role_graph_of(templates).control_policies)

    def ask(
        self, rule: str, *roles: RoleRecord, chain: Chain | None = None, templates: Sequence[Template] = ()
    ) -> list[Finding]:
        """What one rule finds."""
        return [
            found for found in check(self.world(*roles, templates=templates), chain) if found.rule == rule
        ]

    @staticmethod
    def read(rule: str | None, *templates: Template, chain: Chain | None = None) -> list[Finding]:
        """What one rule, or every one, finds in templates that are read as they stand."""
        return [
            found for found in check(role_graph_of(templates, chain), chain) if rule in (None, found.rule)
        ]

    @staticmethod
    def template(
        resources: Json, name: str = "t", account: str | None = "111111111111", **fields: Any
    ) -> Template:
        """A template of these resources, each written as its type and properties."""
        body = {
            "Resources": {
                key: {"Type": value[0], "Properties": value[1], **(value[2] if len(value) > 2 else {})}
                for key, value in resources.items()
            }
        }
        return Template(name, body, account, fields.pop("region", "us-east-1"), **fields)

    def of_chain(self, chain: Chain, **changes: Mapping[str, Any]) -> list[RoleRecord]:
        """The roles of a chain as it derives them; ``changes`` are new fields by the role's name."""
        roles = []
        for declared in chain.roles:
            statements = permission_statements(chain, declared)
            policies = [self.policy(statements, logical_id=f"{declared.role}Hops")] if statements else []
            made = {
                "trust": trust_statements(chain, declared),
                "policies": policies,
                **changes.get(declared.role.replace("-", "_"), {}),
            }
            roles.append(
                self.role(
                    made.pop("trust"),
                    *made.pop("policies"),
                    name=declared.role,
                    account=declared.account,
                    path=declared.path,
                    logical_id=declared.role,
                    template=f"stack-{declared.account}",
                    arn=declared.arn,
                    **made,
                )
            )
        return roles


@pytest.fixture
def kit() -> Kit:
    """Short ways to write roles, and to ask one rule about them."""
    return Kit()


@pytest.fixture
def chain() -> Chain:
    """A chain of three accounts with an organization and an external id."""
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222", external_id="jump-1")],
        targets=[ChainRole("333333333333")],
    )


@pytest.fixture
def synthesized() -> Callable[[str, Chain], list[Template]]:
    """The templates that the constructs' snapshots hold of a chain, by its size's name."""

    def read(size: str, chain: Chain) -> list[Template]:
        folder = Path(__file__).parents[2] / "cdk" / "__snapshots__" / "test_snapshots"
        bodies = json.loads((folder / f"test_role_chain[{size}].json").read_text(encoding="utf-8"))
        order = [role.account for role in chain.roles]
        return [
            Template(name, body, name, chain.region, tuple(dict.fromkeys(order[: order.index(name)])))
            for name, body in bodies.items()
        ]

    return read
