"""Whatever is handed to the model: a chain is made that can be written, or a ChainError says what is wrong."""

from __future__ import annotations

import json
from dataclasses import fields
from inspect import signature
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rolechain import Chain, ChainError, ChainRole, Entrance, Permission, Quotas, SessionTag, SourceIdentity
from rolechain.statements.builder import statements_for

ROLE = "arn:aws:iam::777777777777:role/ci"
LIST: Any = []


def chain(**source: Any) -> Chain:
    return Chain("deploy", source=ChainRole("111111111111", **source), targets=[ChainRole("333333333333")])


def used(made: Chain) -> None:
    """What everything else does with a chain that was made."""
    for role in made.roles:
        json.dumps(statements_for(made, role))
    for target in made.targets:
        made.hops_to(target)


@pytest.mark.parametrize(
    ("entrance", "expected"),
    [
        (lambda: Entrance.account([]), "the list of principals is empty: name at least one"),
        (
            lambda: Entrance.service("lambda.amazonaws.com", source_account=5),
            "source_account: 5 is not an account id: write its 12 digits, in quotes",
        ),
        (
            lambda: Entrance.service("lambda.amazonaws.com", source_arn=3),
            "source_arn: 3 is not an ARN: write one such as arn:aws:codebuild:us-east-1:<account>:project/app",
        ),
        (
            lambda: Entrance.arn(ROLE, transitive_tag_keys=5),
            "transitive_tag_keys: 5 is not a key of the session tags: write one of their keys",
        ),
        (
            lambda: Entrance.service("rolesanywhere.amazonaws.com", certificate=["x"]),
            "certificate: ['x'] holds no values by attribute: write {x509Subject/CN: …}",
        ),
        (
            lambda: Entrance.arn(ROLE, source_identity=5),
            "source_identity: 5 is not a source identity: write 2 to 256 of letters, digits and _+=,.@-",
        ),
    ],
)
def test_a_value_of_a_wrong_type(entrance: Any, expected: str) -> None:
    """One line says where it stands, the value, and what to write."""
    with pytest.raises(ChainError) as caught:
        chain(assumed_by=entrance())
    assert str(caught.value) == f"source.assumed_by[0]: {expected}"


@pytest.mark.parametrize("tags", [5, "Project", ["Project"], object])
def test_chosen_tags_of_a_wrong_type(tags: Any) -> None:
    """The tags that are chosen for a path are a mapping."""
    with pytest.raises(ChainError) as caught:
        chain().hops_to("333333333333", session_tags=tags)
    assert str(caught.value) == f"session_tags: {tags!r} holds no values by key: write {{key: value}}"


def test_a_partition_that_is_none() -> None:
    """A partition that AWS does not have is said once, on one line."""
    with pytest.raises(ChainError) as caught:
        Chain("d", source=ChainRole("111111111111"), targets=ChainRole("333333333333"), partition="a\nb")
    assert [str(each).partition(" is not")[0] for each in caught.value.problems] == ["partition: 'a\\nb'"]


ODD = st.one_of(
    st.sampled_from([None, 5, 0, -1, 1.5, True, "", "x", "111111111111", ROLE, b"x", (), ((),), object()]),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [[], {}, None, 5]),
    st.builds(lambda: {5: None, "x": []}),
    st.builds(lambda: {"Statement": object()}),
    st.builds(set),
)
PARTS = st.one_of(
    ODD,
    st.builds(SessionTag, ODD, ODD, required=ODD),
    st.builds(SourceIdentity, ODD, required=ODD),
    st.builds(Permission, ODD, ODD),
    st.builds(Quotas, ODD, ODD),
)


def arguments(names: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One to three of the arguments, of whatever type."""
    return st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=3)


ENTRANCE_ARGUMENTS = [each.name for each in fields(Entrance)]
ROLE_ARGUMENTS = [each.name for each in fields(ChainRole)]
CHAIN_ARGUMENTS = list(signature(Chain).parameters)
ENTRANCES = st.sampled_from(
    [
        {"kind": "service", "value": "lambda.amazonaws.com"},
        {"kind": "service", "value": "pods.eks.amazonaws.com"},
        {"kind": "service", "value": "rolesanywhere.amazonaws.com"},
        {"kind": "account", "value": "777777777777"},
        {"kind": "arn", "value": ROLE},
        {
            "kind": "oidc",
            "value": "arn:aws:iam::111111111111:oidc-provider/ci.example.com",
            "audience": "sts",
            "subject": "repo:x",
        },
        {"kind": "saml", "value": "arn:aws:iam::111111111111:saml-provider/okta"},
        {"kind": "permission_set", "value": "DeployAccess"},
    ]
)


def made_or_refused(make: Any) -> None:
    try:
        made = make()
    except ChainError as error:
        said = [str(problem) for problem in error.problems]
    else:
        used(made)
        return
    assert said
    assert not any("\n" in line for line in said)


@settings(max_examples=400, deadline=None)
@example(
    {"kind": "service", "value": "pods.eks.amazonaws.com"},
    {"session_tags": SessionTag(LIST, LIST, required=LIST)},
)
@given(ENTRANCES, arguments(ENTRANCE_ARGUMENTS, PARTS))
def test_entrances_of_any_type(entrance: dict[str, Any], changed: dict[str, Any]) -> None:
    """An entrance with anything under its keys."""
    made_or_refused(lambda: chain(assumed_by=[Entrance(**{**entrance, **changed})]))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["source", "middle", "targets"]),
    arguments(ROLE_ARGUMENTS, st.one_of(PARTS, st.lists(PARTS))),
)
def test_roles_of_any_type(place: str, changed: dict[str, Any]) -> None:
    """A role with anything under its keys, alone or in a list."""
    roles = {"source": "111111111111", "middle": "222222222222", "targets": "333333333333"}

    def make() -> Chain:
        made = {
            each: ChainRole(**{"account": account, **(changed if each == place else {})})
            for each, account in roles.items()
        }
        return Chain("deploy", **made)  # type: ignore[arg-type]

    made_or_refused(make)


@settings(max_examples=400, deadline=None)
@given(arguments(CHAIN_ARGUMENTS, st.one_of(PARTS, st.lists(PARTS))))
def test_chains_of_any_type(changed: dict[str, Any]) -> None:
    """A chain with anything under its keys."""
    given_ = {"name": "deploy", "source": ChainRole("111111111111"), "targets": ChainRole("333333333333")}
    made_or_refused(lambda: Chain(**{**given_, **changed}))
