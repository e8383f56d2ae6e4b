"""Every rule at once, on the templates that the constructs make and on ordinary ones; RC05 and RC08 in the proof."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rolechain import Chain
from rolechain.proof import Finding, Level, Template, prove, role_graph_of
from rolechain.proof.rules import check

Kit = Any
Synthesized = Callable[[str, Chain], list[Template]]


def _changed(templates: list[Template], change: Callable[[dict[str, Any]], None]) -> list[Template]:
    """The templates with a change made to each of their roles and policies."""
    bodies = [copy.deepcopy(dict(template.body)) for template in templates]
    for body in bodies:
        for resource in body["Resources"].values():
            change(resource)
    return [replace(template, body=body) for template, body in zip(templates, bodies, strict=True)]


def _found(rule: str, chain: Chain, templates: list[Template]) -> list[Finding]:
    return [finding for finding in prove(chain, templates).findings if finding.rule == rule]


def test_rc08_fires_in_the_proof(minimal: Chain, synthesized: Synthesized) -> None:
    """The proof itself reports the hops that their callers' permissions leave out."""

    def no_hops(resource: dict[str, Any]) -> None:
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            resource["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = "sts:GetCallerIdentity"

    found = _found("RC08", minimal, _changed(synthesized("minimal", minimal), no_hops))
    assert {finding.level for finding in found} == {Level.ERROR}
    assert len(found) == 2


def test_rc05_fires_in_the_proof(minimal: Chain, synthesized: Synthesized) -> None:
    """The proof itself reports who is let in and not declared."""

    def stranger(resource: dict[str, Any]) -> None:
        if resource["Type"] == "AWS::IAM::Role":
            root = {"AWS": "arn:aws:iam::999999999999:root"}
            added = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
            resource["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(added)

    found = _found("RC05", minimal, _changed(synthesized("minimal", minimal), stranger))
    assert {finding.place.template for finding in found if finding.place} == set(minimal.accounts)
    assert {finding.level for finding in found} == {Level.ERROR}


def test_rc05_silent_on_a_whole_chain(minimal: Chain, synthesized: Synthesized) -> None:
    """A chain that lets in whom it declares has nobody else to report."""
    assert _found("RC05", minimal, synthesized("minimal", minimal)) == []


def test_rc08_silent_on_a_whole_chain(minimal: Chain, synthesized: Synthesized) -> None:
    """A chain whose hops stand on both sides lacks none."""
    assert _found("RC08", minimal, synthesized("minimal", minimal)) == []


def test_synthesized_chains_break_no_rule(minimal: Chain, maximal: Chain, synthesized: Synthesized) -> None:
    """What the constructs make breaks no rule; that a role named directly must not be made again is said."""
    assert list(check(role_graph_of(synthesized("minimal", minimal), minimal), minimal)) == []
    assert list(check(role_graph_of(synthesized("minimal", minimal)), None)) == []
    found = list(check(role_graph_of(synthesized("maximal", maximal), maximal), maximal))
    assert [
        (finding.rule, finding.level, finding.place.template if finding.place else "") for finding in found
    ] == [
        ("RC21", Level.WARNING, "444444444444"),
        ("RC21", Level.WARNING, "555555555555"),
    ]
    assert all(finding.remediation.startswith("declare trust: principal_arn for it") for finding in found)


def test_ordinary_roles_break_no_rule(kit: Kit, minimal: Chain, synthesized: Synthesized) -> None:
    """Roles of services, workloads and single sign-on beside a chain break no rule, with and without the chain."""
    cluster = "oidc.eks.us-east-1.amazonaws.com/id/ABC"
    on_behalf = {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    bound = {
        "StringEquals": {f"{cluster}:aud": "sts.amazonaws.com", f"{cluster}:sub": "system:serviceaccount:a:b"}
    }
    provider = {"Federated": f"arn:aws:iam::111111111111:oidc-provider/{cluster}"}
    statements = {
        "Lambda": kit.trust({"Service": "lambda.amazonaws.com"}),
        "Config": kit.trust({"Service": ["config.amazonaws.com", "ssm.amazonaws.com"]}, on_behalf),
        "Pods": kit.trust({"Service": "pods.eks.amazonaws.com"}, action=["sts:AssumeRole", "sts:TagSession"]),
        "Workload": kit.trust(provider, bound, action="sts:AssumeRoleWithWebIdentity"),
    }
    basic = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}
    resources = {
        name: (
            "AWS::IAM::Role",
            {
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
                "ManagedPolicyArns": [basic],
                "Policies": [
                    {
                        "PolicyName": "own",
                        "PolicyDocument": {"Statement": [kit.allow("*", action=["s3:Get*", "kms:Decrypt"])]},
                    }
                ],
            },
        )
        for name, statement in statements.items()
    }
    templates = [*synthesized("minimal", minimal), kit.template(resources, "app")]
    assert kit.read(None, *templates, chain=minimal) == []
    assert kit.read(None, *templates) == []
    del resources["Workload"]  # it names its provider with arn:aws:, which a template for any region must not
    assert kit.read(None, kit.template(resources, "app", None, region=None)) == []
