"""Session tags: passed, inherited, and refused where they are not as declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, Hop, SessionTag
from rolechain.runtime import chain_session
from rolechain.statements.builder import permission_statements, trust_statements

Send = Callable[..., Sequence[Any]]


def declared(**last: Any) -> Chain:
    """A chain whose first hop passes tags, one of them transitive, into a second middle role and a target."""
    return Chain(
        "tags",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[
            ChainRole(
                "222222222222",
                external_id="jump-1",
                session_tags={"Project": "apollo", "Stage": ["dev", "test-*"]},
                transitive_tag_keys=["Project"],
            ),
            ChainRole("444444444444", external_id="jump-2"),
        ],
        targets=[ChainRole("333333333333", **last)],
    )


def hops_of(chain: Chain, stage: str = "dev") -> tuple[Hop, ...]:
    return chain.hops_to("333333333333", session_tags={"Stage": stage})


@pytest.mark.parametrize("stage", ["dev", "test-7"])
def test_the_hop_passes_what_is_declared(deploy: Any, stage: str) -> None:
    """The fixed tag is sent by itself, the open one as it was chosen; all later hops work."""
    chain = declared(session_tags=[SessionTag("Ticket", ["INC-*"], required=False)])
    assert ":assumed-role/tags-target/" in deploy(chain).walk(hops_of(chain, stage))


@pytest.mark.parametrize(
    ("sent", "action"),
    [
        ({"tags": None, "transitive_tag_keys": None}, "sts:AssumeRole"),
        ({"tags": {"Stage": "dev"}, "transitive_tag_keys": None}, "sts:AssumeRole"),
        ({"tags": {"Project": "gemini", "Stage": "dev"}}, "sts:AssumeRole"),
        ({"tags": {"Project": "apollo", "Stage": "prod"}}, "sts:AssumeRole"),
        ({"tags": {"Project": "apollo", "Stage": "dev", "Admin": "yes"}}, "sts:TagSession"),
        ({"transitive_tag_keys": None}, "sts:TagSession"),
        ({"transitive_tag_keys": ["Project", "Stage"]}, "sts:TagSession"),
    ],
)
def test_what_is_not_declared_is_refused(
    deploy: Any, sending: Send, sent: dict[str, Any], action: str
) -> None:
    """A tag left out, of another value, of another key, or otherwise transitive is refused by AWS."""
    chain = declared()
    code, message = deploy(chain).refused(sending(hops_of(chain)[:1], **sent))
    assert code == "AccessDenied"
    assert f"not authorized to perform: {action} on resource: {chain.middle[0].arn}" in message


def test_an_optional_tag_has_an_allowed_value(deploy: Any, sending: Send) -> None:
    """A tag that is offered may be left out; passed, it has one of the values."""
    chain = declared(session_tags=[SessionTag("Ticket", ["INC-*"], required=False)])
    hops = chain.hops_to("333333333333", session_tags={"Stage": "dev", "Ticket": "INC-4"})
    assert hops[-1].tags == {"Ticket": "INC-4"}
    made = deploy(chain)
    assert ":assumed-role/tags-target/" in made.walk(hops)
    code, message = made.refused(sending(hops, tags={"Ticket": "REQ-4"}))
    assert (code, "sts:TagSession" in message) == ("AccessDenied", True)


def test_a_transitive_tag_cannot_be_passed_again(deploy: Any) -> None:
    """STS refuses a tag that the session inherits; the chain that would pass it is refused when it is made."""
    chain = declared()
    tags = [{"Key": "project", "Value": "apollo"}]
    code, message = deploy(chain).refused_by_sts(hops_of(chain)[:2], ExternalId="jump-2", Tags=tags)
    assert (code, "transitive" in message.lower()) == ("InvalidParameterValue", True)
    with pytest.raises(ChainError) as caught:
        declared(session_tags={"PROJECT": "apollo"})
    assert str(caught.value) == (
        "targets[0].session_tags.PROJECT: the session inherits Project as transitive from middle[0], and STS refuses "
        "to have it passed again: remove it here, or from transitive_tag_keys there"
    )


def test_tag_session_stands_by_itself_where_tags_are_passed_or_inherited() -> None:
    """From the hop that makes a tag transitive, both sides of each allow sts:TagSession, apart from the external id."""
    chain = declared()
    for role in (*chain.middle, *chain.targets):
        tagging = [each for each in trust_statements(chain, role) if each["Action"] == "sts:TagSession"]
        assert [each["Sid"] for each in tagging] == ["AllowTagSession"]
        assert "sts:ExternalId" not in str(tagging)
    for role in (chain.source, *chain.middle):
        (granted,) = [
            each for each in permission_statements(chain, role) if each["Action"] == "sts:TagSession"
        ]
        assert granted["Resource"] == chain.calls_of(role)[0].callee.arn
    plain = Chain(
        "tags",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222", session_tags={"Project": "apollo"}), ChainRole("444444444444")],
        targets=[ChainRole("333333333333")],
    )
    actions = [
        {each["Action"] for each in trust_statements(plain, role)} for role in (*plain.middle, *plain.targets)
    ]
    assert actions == [{"sts:AssumeRole", "sts:TagSession"}, {"sts:AssumeRole"}, {"sts:AssumeRole"}]


def test_a_tag_that_nobody_chose_is_asked_for() -> None:
    """The runtime says which tag the role asks for before it calls, and how to choose one."""
    chain = declared()
    with pytest.raises(ChainError) as caught:
        chain_session(*chain.hops_to("333333333333"), region_name="us-east-1")
    assert str(caught.value) == (
        "arn:aws:iam::222222222222:role/rolechain/tags-middle-1.tags: the role asks for the session tag Stage "
        "(dev, test-*): choose one with chain.hops_to(target, session_tags={'Stage': …})"
    )


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"Stage": "prod"}, "session_tags.Stage: 'prod' is not allowed: the chain allows dev, test-*"),
        (
            {"Zone": "x"},
            "session_tags.Zone: no hop of this path passes it: the chain declares Project, Stage",
        ),
        ({"Project": "gemini"}, "session_tags.Project: 'gemini' is not allowed: the chain allows apollo"),
    ],
)
def test_a_choice_is_checked(chosen: dict[str, str], message: str) -> None:
    """A value that no role would take is refused before a call is made."""
    with pytest.raises(ChainError) as caught:
        declared().hops_to("333333333333", session_tags=chosen)
    assert str(caught.value) == message
