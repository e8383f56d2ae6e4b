"""The proof knows every feature: each chain is proven, and any statement or condition that is taken away is found."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance, SessionTag, SourceIdentity
from rolechain.proof import Template, prove
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
USER = "arn:aws:iam::888888888888:user/ann"


def base(**fields: Any) -> Json:
    return {
        "name": "deploy",
        "organization": "o-exampleorg1",
        "source": ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        "middle": [ChainRole("222222222222")],
        "targets": [ChainRole("333333333333")],
        **fields,
    }


CHAINS: dict[str, Json] = {
    "session tags": base(
        middle=[
            ChainRole(
                "222222222222",
                external_id="jump-1",
                session_tags=[
                    SessionTag("Project", ["apollo"]),
                    SessionTag("Stage", ["dev", "test-*"]),
                    SessionTag("Team"),
                    SessionTag("Ticket", ["INC-*", "CHG-*"], required=False),
                ],
                transitive_tag_keys=["Project"],
            )
        ],
        targets=[
            ChainRole("333333333333", external_id="end-1"),
            ChainRole("555555555555", session_tags={"Zone": "blue"}, transitive_tag_keys="Zone"),
        ],
    ),
    "source identity": base(
        middle=[
            ChainRole("222222222222", external_id="jump-1", source_identity=SourceIdentity(["a*", "bob"]))
        ],
        targets=[ChainRole("333333333333", external_id="end-1")],
    ),
    "a source identity that may be left out": base(
        middle=[ChainRole("222222222222", source_identity=SourceIdentity(["ann", "b*"], required=False))]
    ),
    "any source identity": base(middle=[ChainRole("222222222222", source_identity=SourceIdentity())]),
    "several sources": base(
        source=[
            ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
            ChainRole("666666666666", assumed_by=[Entrance.arn("arn:aws:iam::888888888888:role/ci/runner")]),
        ]
    ),
    "organizational units": base(
        middle=[ChainRole("222222222222", caller_organizational_units=["r-ab12/ou-ab12-11111111"])]
    ),
    "trust by account": base(middle=[ChainRole("222222222222", trust="account")]),
    "trust by organization": base(middle=[ChainRole("222222222222", trust="organization")]),
    "users with MFA": base(
        source=ChainRole(
            "111111111111",
            assumed_by=[
                Entrance.arn(USER, mfa=True, mfa_max_age=3600),
                Entrance.account("777777777777", mfa=True),
            ],
        )
    ),
    "existing roles at both ends": base(
        source=ChainRole("111111111111", "old-source", path="/", existing=True),
        targets=[
            ChainRole("333333333333"),
            ChainRole("555555555555", "old-target", path="/", existing=True, external_id="own-1"),
        ],
    ),
    "a third party's role": base(
        source=[
            ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
            ChainRole("888888888888", "vendor", path="/", existing=True, third_party=True),
        ],
        middle=[ChainRole("222222222222", external_id="vendor-7", session_tags={"Project": "apollo"})],
    ),
    "a third party's account": base(
        source=ChainRole(
            "111111111111",
            assumed_by=[
                Entrance.account("999999999999", external_id="vendor-1", third_party=True, iam_users=False)
            ],
        )
    ),
}


def templates_of(chain: Chain) -> list[Template]:
    templates = []
    for account in chain.deployed_accounts:
        resources: Json = {}
        for number, role in enumerate(
            role for role in chain.roles if role.account == account and not role.existing
        ):
            properties: Json = {
                "RoleName": role.role,
                "Path": role.path,
                "AssumeRolePolicyDocument": _document(trust_statements(chain, role)),
            }
            resources[f"Role{number}"] = {"Type": "AWS::IAM::Role", "Properties": properties}
            if statements := permission_statements(chain, role):
                resources[f"Hops{number}"] = {
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": {
                        "PolicyDocument": _document(statements),
                        "Roles": [{"Ref": f"Role{number}"}],
                    },
                }
        templates.append(Template(account, {"Resources": resources}, account=account))
    return templates


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _documents(templates: list[Template]) -> Iterator[Json]:
    for template in templates:
        for resource in template.body["Resources"].values():
            properties = resource["Properties"]
            yield properties.get("AssumeRolePolicyDocument") or properties["PolicyDocument"]


def _without_one_statement(templates: list[Template]) -> Iterator[tuple[str, list[Template]]]:
    for number, document in enumerate(_documents(templates)):
        for index, statement in enumerate(document["Statement"]):
            changed = copy.deepcopy(templates)
            del list(_documents(changed))[number]["Statement"][index]
            yield f"document {number} without {statement['Sid']}", changed


def _without_one_condition(templates: list[Template]) -> Iterator[tuple[str, list[Template]]]:
    for number, document in enumerate(_documents(templates)):
        for index, statement in enumerate(document["Statement"]):
            for operator, keys in statement.get("Condition", {}).items():
                for key in keys:
                    if not _is_asked_elsewhere(statement, operator, key, document["Statement"]):
                        changed = copy.deepcopy(templates)
                        del list(_documents(changed))[number]["Statement"][index]["Condition"][operator][key]
                        yield f"document {number} without {operator} {key} in {statement['Sid']}", changed


def _is_asked_elsewhere(statement: Json, operator: str, key: str, statements: list[Json]) -> bool:
    """Whether a call that comes without the condition is refused for another reason."""
    if "Principal" not in statement:
        return True  # the trust policy asks for the external id too
    if key == "aws:PrincipalOrgID" and "aws:PrincipalOrgPaths" in str(statement):
        return True  # the paths begin with it
    if statement["Action"] == "sts:AssumeRole":
        return False
    # Who carries something assumes the role as well, and is asked there.
    first = [
        each
        for each in statements
        if (each["Action"], each["Principal"]) == ("sts:AssumeRole", statement["Principal"])
    ]
    if all(key in each["Condition"].get(operator, {}) for each in first):
        return True
    # A call that passes no tags at all lacks the required ones; where all that may be passed may be transitive, none
    # is left that may not.
    of_all = statement["Condition"].get("ForAllValues:StringEquals", {})
    return (operator, key) == ("Null", "aws:TagKeys") or (
        (operator, key) == ("ForAllValues:StringEquals", "sts:TransitiveTagKeys")
        and sorted(of_all[key]) == sorted(of_all["aws:TagKeys"])
    )


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_proven(name: str) -> None:
    """Nothing is found in what a chain writes."""
    chain = Chain(**CHAINS[name])
    proof = prove(chain, templates_of(chain))
    assert [(finding.rule, finding.message) for finding in proof.findings] == []
    assert proof.proven


@pytest.mark.parametrize("name", CHAINS)
def test_a_statement_that_is_taken_away_is_found(name: str) -> None:
    """Without any one of its statements the chain is not proven."""
    chain = Chain(**CHAINS[name])
    for what, changed in _without_one_statement(templates_of(chain)):
        assert not prove(chain, changed).proven, what


@pytest.mark.parametrize("name", CHAINS)
def test_a_condition_that_is_taken_away_is_found(name: str) -> None:
    """Without any one condition that nothing else asks for something is found."""
    chain = Chain(**CHAINS[name])
    changes = list(_without_one_condition(templates_of(chain)))
    assert changes
    for what, changed in changes:
        assert prove(chain, changed).findings, what
