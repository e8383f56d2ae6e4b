"""Entrances as AWS makes them: what arrives with whoever enters, on whose behalf a service calls, and lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, SourceIdentity
from rolechain.proof import Level, Template, prove
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]
CLUSTER = "arn:aws:iam::111111111111:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
CI = "arn:aws:iam::777777777777:role/ci"
PODS, ANYWHERE = "pods.eks.amazonaws.com", "rolesanywhere.amazonaws.com"


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
        (Entrance.service(PODS), {"sts:TagSession"}, {"sts:TagSession"}),
        (
            Entrance.service(ANYWHERE),
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


def test_a_pod_is_held_to_its_tags_as_aws_writes_it(templates_of: TemplatesOf) -> None:
    """What a pod's tags must be stands in one statement, and a policy that any pod meets is an error."""
    tags = {"kubernetes-namespace": "team-a", "kubernetes-service-account": "runner"}
    chain = _chain(Entrance.service(PODS, session_tags=tags))
    (statement,) = trust_statements(chain, chain.source)
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    asked = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    assert statement["Condition"] == {"StringEquals": asked}
    templates = templates_of(chain)
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    del document["Statement"][0]["Condition"]
    assert _errors(chain, templates) == {"RC35"}


def test_a_service_is_held_to_what_it_must_bring() -> None:
    """A tag and a source identity that a service must bring are asked for, each by its own action."""
    chain = _chain(
        Entrance.service("codebuild.amazonaws.com", session_tags={"Team": "a"}, source_identity="ann")
    )
    entering, tagging, naming = trust_statements(chain, chain.source)
    team, ann = {"aws:RequestTag/Team": "a"}, {"sts:SourceIdentity": "ann"}
    assert entering["Condition"] == {"StringEquals": team | ann}
    assert tagging["Condition"]["StringEquals"] == team
    assert tagging["Condition"]["ForAllValues:StringEquals"] == {"aws:TagKeys": "Team"}
    assert naming["Condition"] == {"StringEquals": ann}


@pytest.mark.parametrize(
    "more",
    [
        {"session_tags": {"kubernetes-namespace": "team-a"}},
        {"transitive_tag_keys": "kubernetes-namespace"},
    ],
    ids=["a value", "a transitive key"],
)
def test_what_is_said_of_some_tags_of_a_pod_leaves_the_others(more: Json, templates_of: TemplatesOf) -> None:
    """EKS sends all of its tags, all of them transitive, whatever the chain says of some: every hop takes them."""
    chain = _chain(Entrance.service(PODS, **more))
    every = _chain(Entrance.service(PODS))
    for hop, other in zip(chain.hops(), every.hops(), strict=True):
        assert trust_statements(chain, hop.callee) == trust_statements(every, other.callee)
        keys = trust_statements(chain, hop.callee)[1]["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"]
        assert len(keys) == 6
    assert _errors(chain, templates_of(chain)) == set()


@pytest.mark.parametrize("service", [PODS, ANYWHERE])
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


def test_a_vendor_may_make_up_the_end_of_its_external_id(templates_of: TemplatesOf) -> None:
    """A pattern of external ids is compared as one, and one that is widened is an error."""
    chain = _chain(Entrance.account("999999999999", external_id="acme@*", third_party=True))
    (statement,) = trust_statements(chain, chain.source)
    assert statement["Condition"] == {"StringLike": {"sts:ExternalId": "acme@*"}}
    templates = templates_of(chain)
    assert _errors(chain, templates) == set()
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    document["Statement"][0]["Condition"]["StringLike"]["sts:ExternalId"] = "a*"
    assert _errors(chain, templates) == {"RC35"}
    for loose in ("*", "a*", "a!*"):
        with pytest.raises(ChainError, match="is not an external id"):
            _chain(Entrance.account("999999999999", external_id=loose, third_party=True))


def test_the_cure_of_a_missing_entrance_is_all_of_its_statements(templates_of: TemplatesOf) -> None:
    """An entrance that brings something is not let in by one statement alone."""
    chain = _chain(Entrance.arn(CI, session_tags={"Team": "a"}, source_identity="ann"))
    found = prove(chain, templates_of(_chain(Entrance.arn(CI.replace("ci", "other"))))).findings
    (cure,) = {
        finding.remediation for finding in found if "is declared, and its trust policy" in finding.message
    }
    statements = trust_statements(chain, chain.source)
    assert cure == f"write into its trust policy: {', '.join(map(json.dumps, statements))}"


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


@pytest.mark.parametrize(
    ("more", "action"),
    [
        ({"source_identity": "ann"}, "sts:SetSourceIdentity"),
        ({"session_tags": {"Team": "a"}}, "sts:TagSession"),
    ],
)
def test_what_one_entrance_brings_no_other_may(more: Json, action: str, templates_of: TemplatesOf) -> None:
    """Where a role brings a source identity or tags, no other role of an account that enters as well may claim them."""
    chain = _chain(Entrance.account("777777777777", iam_users=False), Entrance.arn(CI, **more))
    templates = templates_of(chain)
    assert _errors(chain, templates) == set()
    document = templates[0].body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
    (statement,) = (each for each in document["Statement"] if each["Action"] == action)
    del statement["Condition"]["ArnEquals"]
    assert _errors(chain, templates) == {"RC35"}


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
        (Entrance.service("lambda.amazonaws.com", source_account="1"), "'1' is not an account id"),
        (Entrance.service("lambda.amazonaws.com", source_arn="x"), "'x' is not an ARN"),
        (
            Entrance.service("lambda.amazonaws.com", source_organization="x"),
            "'x' is not an organization's id",
        ),
        (
            Entrance.service("lambda.amazonaws.com", certificate={"x509Subject/CN": "a"}),
            "certificate is for rolesanywhere.amazonaws.com",
        ),
        (
            Entrance.service("rolesanywhere.amazonaws.com", certificate={"CN": "a"}),
            "certificate: 'CN' is not an attribute",
        ),
        (
            Entrance.arn(CI, transitive_tag_keys="Team"),
            "'Team' is not one of the session tags that the entrance declares",
        ),
        (
            Entrance.service(PODS, session_tags={"Team": "a"}),
            f"{PODS} sets no session tag 'Team': write one of eks-",
        ),
        (
            Entrance.service(PODS, transitive_tag_keys="nope"),
            f"'nope' is not one of the session tags that {PODS} makes",
        ),
        (Entrance.service(PODS, source_identity="ann"), f"{PODS} sets no source identity"),
        (
            Entrance.service(PODS, session_tags={"kubernetes-namespace": "a!"}),
            "'a!' is not a tag value",
        ),
        (
            Entrance.service(ANYWHERE, session_tags={"x509Subject/CN": "build"}),
            f"{ANYWHERE} sets no session tag 'x509Subject/CN': declare it under certificate",
        ),
        (
            Entrance.service(ANYWHERE, transitive_tag_keys="x509Subject/CN"),
            "'x509Subject/CN' is not one of the session",
        ),
        (
            Entrance.service(["lambda.amazonaws.com", PODS], transitive_tag_keys="nope"),
            f"that {PODS} makes transitive",
        ),
        (
            Entrance.service([ANYWHERE, PODS], certificate={"x509Subject/CN": "a"}),
            f"certificate is for {ANYWHERE}: {PODS} shows none",
        ),
        (
            Entrance.arn([CI, "arn:aws:iam::777777777777:user/ann"], mfa=True),
            f"mfa is for IAM users, and arn {CI} is",
        ),
        (
            Entrance.arn([CI, "arn:aws-cn:iam::777777777777:role/ci"]),
            "lies in another partition than the role's",
        ),
        (
            Entrance.arn([CI, "arn:aws:iam::222222222222:role/rolechain/deploy-middle"]),
            "would make the chain a cycle",
        ),
        (Entrance.oidc(CLUSTER, audience="sts", subject="${aws:username}"), "'${aws:username}' holds ${"),
        (Entrance.oidc(CLUSTER, audience="${aws:username}", subject="a"), "'${aws:username}' holds ${"),
        (
            Entrance.service(
                "lambda.amazonaws.com", source_arn="arn:aws:lambda:us-east-1:${aws:x}:function:f"
            ),
            "holds ${",
        ),
        (Entrance.service(ANYWHERE, certificate={"x509Subject/CN": "${aws:x}"}), "holds ${"),
        (Entrance.arn("arn:aws:iam::777777777777:role/${aws:x}/ci"), "is not a role's or user's ARN"),
    ],
)
def test_what_arrives_is_checked(entrance: Entrance, problem: str) -> None:
    """A mistake in what an entrance brings or asks for is said with its value."""
    with pytest.raises(ChainError) as error:
        _chain(entrance)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("entrance", "problem"),
    [
        (Entrance.account([]), "the list of principals is empty: name at least one"),
        (Entrance.account(None), "None is not an account id: write its 12 digits"),  # type: ignore[arg-type]
        (Entrance.account({"a": "b"}), "{'a': 'b'} is not an account id"),  # type: ignore[arg-type]
        (Entrance.service([["x"]]), "'x' is not a service principal"),  # type: ignore[list-item]
        (
            Entrance.service("lambda.amazonaws.com", source_account=5),
            "source_account: 5 is not an account id",
        ),
        (
            Entrance.service("lambda.amazonaws.com", source_account=None),
            "source_account: None is not an account id",
        ),
        (Entrance.service("lambda.amazonaws.com", source_arn=3), "source_arn: 3 is not an ARN"),
        (
            Entrance.service("lambda.amazonaws.com", source_organization=3),
            "source_organization: 3 is not an organ",
        ),
        (Entrance.arn(CI, transitive_tag_keys=5), "5 is not a key of the session tags"),
        (Entrance.service(PODS, transitive_tag_keys=[[5]]), "[5] is not a key of the session tags"),
        (Entrance.service(ANYWHERE, certificate=["x"]), "certificate: ['x'] holds no values by attribute"),
        (Entrance.service(ANYWHERE, certificate=None), "certificate: None holds no values by attribute"),
        (Entrance.arn(CI, source_identity=5), "5 is not a source identity"),
        (
            Entrance.arn(CI, source_identity={"required": False}),
            "{'required': False} is not a source identity",
        ),
        (Entrance.arn(CI, source_identity=[["a"]]), "['a'] is not a source identity"),
        (Entrance.arn(CI, session_tags=5), "5 is not a session tag"),
        (Entrance.arn(CI, session_tags="Team", transitive_tag_keys="Team"), "'Team' is not a session tag"),
        (Entrance.arn(CI, session_tags={"Team": 5}), "5 is not a tag value"),
        (Entrance.service(PODS, session_tags=["Team", 5]), "'Team' is not a session tag"),
        (Entrance.oidc(CLUSTER, audience=5, subject="a"), "audience: 5 is not a string"),  # type: ignore[arg-type]
        (Entrance.oidc(CLUSTER, audience="a", subject=[]), "need audience and subject"),
        (Entrance.saml(5), "5 is not a SAML provider's ARN"),  # type: ignore[arg-type]
    ],
)
def test_what_is_of_no_right_type_is_told_with_its_place(entrance: Entrance, problem: str) -> None:
    """Whatever stands in an entrance, its chain says what is wrong in one line, and where."""
    with pytest.raises(ChainError) as error:
        _chain(entrance)
    told = [line for line in str(error.value).splitlines() if problem in line]
    assert len(told) == 1
    assert told[0].startswith("source.assumed_by[0]: ")
