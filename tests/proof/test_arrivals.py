"""Entrances as AWS makes them: what arrives with whoever enters, on whose behalf a service calls, and lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, SourceIdentity
from rolechain.policy.statements import permission_statements, trust_statements
from rolechain.proof import Level, Template, prove

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]
CLUSTER = "arn:aws:iam::111111111111:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
CI = "arn:aws:iam::777777777777:role/ci"


def _chain(*entrances: Entrance, **more: Any) -> Chain:
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=entrances),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
        **more,
    )


def _errors(chain: Chain, templates: list[Template]) -> set[str]:
    return {finding.rule for finding in prove(chain, templates).findings if finding.level is Level.ERROR}


def _actions(statements: list[Json]) -> set[str]:
    listed = (statement["Action"] for statement in statements)
    return {action for each in listed for action in (each if isinstance(each, list) else [each])}


@pytest.mark.parametrize(
    ("entrance", "at_source", "later"),
    [
        (Entrance.service("lambda.amazonaws.com"), set(), set()),
        (Entrance.service("pods.eks.amazonaws.com"), {"sts:TagSession"}, {"sts:TagSession"}),
        (
            Entrance.service("rolesanywhere.amazonaws.com"),
            {"sts:TagSession", "sts:SetSourceIdentity"},
            {"sts:SetSourceIdentity"},
        ),
        (
            Entrance.arn(CI, session_tags={"Team": "a"}, transitive_tag_keys="Team"),
            {"sts:TagSession"},
            {"sts:TagSession"},
        ),
        (Entrance.arn(CI, session_tags={"Team": "a"}), {"sts:TagSession"}, set()),
        (
            Entrance.arn(CI, source_identity=SourceIdentity(required=False)),
            {"sts:SetSourceIdentity"},
            {"sts:SetSourceIdentity"},
        ),
    ],
    ids=["lambda", "pods", "rolesanywhere", "transitive tags", "tags", "source identity"],
)
def test_what_arrives_is_allowed_on_both_sides_of_every_hop(
    entrance: Entrance, at_source: set[str], later: set[str], templates_of: TemplatesOf
) -> None:
    """What a session arrives with is allowed where it enters, what later hops inherit on both their sides."""
    chain = _chain(entrance)
    assert _actions(trust_statements(chain, chain.source)) == {"sts:AssumeRole"} | at_source
    for hop in chain.hops():
        assert _actions(trust_statements(chain, hop.callee)) == {"sts:AssumeRole"} | later
        assert _actions(permission_statements(chain, hop.caller)) == {"sts:AssumeRole"} | later
    assert _errors(chain, templates_of(chain)) == set()


@pytest.mark.parametrize("service", ["pods.eks.amazonaws.com", "rolesanywhere.amazonaws.com"])
def test_a_side_that_does_not_take_what_arrives_is_found(service: str, templates_of: TemplatesOf) -> None:
    """Templates of a service that brings nothing do not do for one that does."""
    plain = templates_of(_chain(Entrance.service("lambda.amazonaws.com")))
    body = json.loads(
        json.dumps([template.body for template in plain]).replace("lambda.amazonaws.com", service)
    )
    found = _errors(
        _chain(Entrance.service(service)),
        [Template(each.name, made, each.account) for each, made in zip(plain, body, strict=True)],
    )
    assert "RC08" in found
    assert found & {"RC09", "RC10"}


@pytest.mark.parametrize(
    ("held", "key"),
    [
        ({"source_account": "111111111111"}, "aws:SourceAccount"),
        ({"source_arn": "arn:aws:codebuild:us-east-1:111111111111:project/*"}, "aws:SourceArn"),
        ({"source_organization": "o-exampleorg1"}, "aws:SourceOrgID"),
    ],
)
def test_a_service_is_held_to_whom_it_calls_for(held: Json, key: str, templates_of: TemplatesOf) -> None:
    """A service calls on behalf of what is declared, and a trust policy that forgets it is an error."""
    chain = _chain(Entrance.service("codebuild.amazonaws.com", **held))
    (statement,) = trust_statements(chain, chain.source)
    assert key in json.dumps(statement["Condition"])
    templates = templates_of(chain)
    assert _errors(chain, templates) == set()
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    del document["Statement"][0]["Condition"]
    assert _errors(chain, templates) == {"RC35"}


def test_the_organization_is_asked_of_who_enters(templates_of: TemplatesOf) -> None:
    """Accounts, roles, users and permission sets must belong to the organization; third parties need not."""
    third = Entrance.account("999999999999", third_party=True, external_id="vendor-1")
    chain = _chain(
        Entrance.account("777777777777"),
        Entrance.arn("arn:aws:iam::888888888888:user/ann"),
        Entrance.permission_set("Deploy"),
        third,
        organization="o-exampleorg1",
    )
    asked = {
        json.dumps(statement["Principal"]): "aws:PrincipalOrgID" in json.dumps(statement)
        for statement in trust_statements(chain, chain.source)
    }
    assert list(asked.values()) == [True, True, True, False]
    templates = templates_of(chain)
    assert _errors(chain, templates) == set()
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    del document["Statement"][0]["Condition"]["StringEquals"]
    assert "RC35" in _errors(chain, templates)


def test_entrances_of_one_kind_share_statements(templates_of: TemplatesOf) -> None:
    """Thirty-two service accounts of a cluster, and forty roles, each fit into a trust policy of 2,048 characters."""
    subjects = [f"system:serviceaccount:team-{number}:runner" for number in range(32)]
    pods = [Entrance.oidc(CLUSTER, audience="sts.amazonaws.com", subject=subject) for subject in subjects]
    listed = Entrance.oidc(CLUSTER, audience=["sts.amazonaws.com"], subject=subjects)
    roles = Entrance.arn([f"arn:aws:iam::777777777777:role/runner-{number}" for number in range(40)])
    for entrances in (pods, [listed], [roles]):
        chain = _chain(*entrances)
        (statement,) = trust_statements(chain, chain.source)
        document = {"Version": "2012-10-17", "Statement": [statement]}
        assert len(json.dumps(document, separators=(",", ":"))) <= 2048
        assert _errors(chain, templates_of(chain)) == set()


def test_shared_statements_do_not_mix_what_is_asked(templates_of: TemplatesOf) -> None:
    """Entrances that ask for different things keep statements of their own: no audience goes with another subject."""
    chain = _chain(
        Entrance.oidc(CLUSTER, audience="one", subject="a"),
        Entrance.oidc(CLUSTER, audience="two", subject="b"),
    )
    assert len(trust_statements(chain, chain.source)) == 2
    templates = templates_of(chain)
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    host = CLUSTER.split(":oidc-provider/")[1]
    document["Statement"][0]["Condition"]["StringEquals"][f"{host}:aud"] = ["one", "two"]
    assert "RC05" in _errors(chain, templates)


def test_what_arrives_is_not_passed_again() -> None:
    """A hop that passes a tag which arrived as transitive, or sets another source identity, is refused."""
    tagged = Entrance.arn(CI, session_tags={"Team": "a"}, transitive_tag_keys="Team", source_identity="ann")
    with pytest.raises(ChainError) as error:
        Chain(
            "deploy",
            source=ChainRole("111111111111", assumed_by=[tagged]),
            middle=[ChainRole("222222222222", session_tags={"team": "b"}, source_identity="bob")],
            targets=[ChainRole("333333333333")],
        )
    assert "the session inherits Team as transitive from source" in str(error.value)
    assert "sets the source identity already" in str(error.value)


@pytest.mark.parametrize(
    ("entrance", "problem"),
    [
        (Entrance.account("777777777777", source_account="111111111111"), "source_account is for service"),
        (Entrance.service("lambda.amazonaws.com", source_account="1"), "'1' is no account id"),
        (Entrance.service("lambda.amazonaws.com", source_arn="x"), "'x' is no ARN"),
        (Entrance.service("lambda.amazonaws.com", source_organization="x"), "'x' is no organization's id"),
        (
            Entrance.service("lambda.amazonaws.com", certificate={"x509Subject/CN": "a"}),
            "certificate is for rolesanywhere.amazonaws.com",
        ),
        (
            Entrance.service("rolesanywhere.amazonaws.com", certificate={"CN": "a"}),
            "certificate: 'CN' is no attribute",
        ),
        (Entrance.arn(CI, transitive_tag_keys="Team"), "'Team' is none of the session tags that it brings"),
    ],
)
def test_what_arrives_is_checked(entrance: Entrance, problem: str) -> None:
    """A mistake in what an entrance brings or asks for is said with its value."""
    with pytest.raises(ChainError) as error:
        _chain(entrance)
    assert problem in str(error.value)
