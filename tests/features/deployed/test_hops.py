"""A chain with every feature: walked from each source to each target, and refused feature by feature."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, Hop
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization
from rolechain.runtime import Hop as Call
from rolechain.runtime import chain_session
from rolechain.runtime.hop import as_hop

# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

Send = Callable[..., Sequence[Any]]
Refusal = Callable[[str, str, str], str]
APOLLO = {"Project": "apollo", "Stage": "dev"}
IDENTITY, TRUST = "identity-based policy", "role trust policy"
CHOSEN: dict[str, Any] = {
    "session_tags": {"Stage": "test-7", "Ticket": "INC-4"},
    "source_identity": "ann@example.com",
}


@pytest.mark.usefixtures("without_owners")
def test_a_role_that_exists_waits_for_its_owner(standing: Any, chain: Chain, refusal: Refusal) -> None:
    """Before their owners add anything, an existing target is not reached, and an existing source does not call."""
    made = standing(chain)
    code, message = made.refused(chain.hops_to("300000000005", **CHOSEN))
    assert code == "AccessDenied"
    assert message.endswith(refusal("sts:AssumeRole", chain.target("300000000005").arn, TRUST))
    code, message = made.refused(
        chain.hops_to(chain.middle[0], session_tags=CHOSEN["session_tags"]), source=1
    )
    assert code == "AccessDenied"
    assert message.endswith(refusal("sts:AssumeRole", chain.middle[0].arn, IDENTITY))


@pytest.mark.parametrize("source", [0, 1])
def test_every_target_answers(standing: Any, chain: Chain, source: int) -> None:
    """From each source every target answers, with the account and the role that are declared."""
    session, cache = standing(chain).source(source), dict[str, Any]()
    answers = []
    for target in chain.targets:
        hops = chain.hops_to(target, **CHOSEN)
        walked = chain_session(*hops, session=session, region_name="us-east-1", cache=cache)
        answers.append(walked.client("sts").get_caller_identity()["Arn"].rsplit("/", 1)[0])
    assert answers == [f"arn:aws:sts::{role.account}:assumed-role/{role.role}" for role in chain.targets]
    assert len(answers) == 20


@pytest.mark.parametrize(
    ("callee", "sent", "action", "because"),
    [
        # The first hop: an external id, three tags, one of them transitive, and no source identity.
        ("222222222222", {"external_id": None}, "sts:AssumeRole", IDENTITY),
        ("222222222222", {"external_id": "jump-2"}, "sts:AssumeRole", IDENTITY),
        ("222222222222", {"tags": None, "transitive_tag_keys": None}, "sts:AssumeRole", TRUST),
        ("222222222222", {"tags": {"Project": "apollo"}}, "sts:AssumeRole", TRUST),
        ("222222222222", {"tags": APOLLO | {"Project": "gemini"}}, "sts:AssumeRole", TRUST),
        ("222222222222", {"tags": APOLLO | {"Stage": "prod"}}, "sts:AssumeRole", TRUST),
        ("222222222222", {"tags": APOLLO | {"Ticket": "REQ-4"}}, "sts:TagSession", TRUST),
        ("222222222222", {"tags": APOLLO | {"Admin": "yes"}}, "sts:TagSession", TRUST),
        ("222222222222", {"transitive_tag_keys": None}, "sts:TagSession", TRUST),
        ("222222222222", {"transitive_tag_keys": ["Project", "Stage"]}, "sts:TagSession", TRUST),
        ("222222222222", {"source_identity": "ann@example.com"}, "sts:SetSourceIdentity", IDENTITY),
        # The second: another external id, and the source identity.
        ("444444444444", {"external_id": None}, "sts:AssumeRole", IDENTITY),
        ("444444444444", {"external_id": "jump-1"}, "sts:AssumeRole", IDENTITY),
        ("444444444444", {"source_identity": None}, "sts:AssumeRole", TRUST),
        ("444444444444", {"source_identity": "ann@example.org"}, "sts:AssumeRole", TRUST),
        ("444444444444", {"tags": {"Stage": "dev"}}, "sts:TagSession", TRUST),
        # The third asks for nothing of its own.
        ("555555555555", {"tags": {"Stage": "dev"}}, "sts:TagSession", TRUST),
        # Into the targets.
        ("300000000001", {"external_id": None}, "sts:AssumeRole", IDENTITY),
        ("300000000001", {"external_id": "end-4"}, "sts:AssumeRole", IDENTITY),
        ("300000000004", {"external_id": None}, "sts:AssumeRole", IDENTITY),
        ("300000000005", {"external_id": "own-6"}, "sts:AssumeRole", IDENTITY),
        ("300000000006", {"tags": {"Purpose": "play"}}, "sts:TagSession", TRUST),
        ("300000000007", {"tags": None, "transitive_tag_keys": None}, "sts:AssumeRole", TRUST),
        ("300000000007", {"tags": {"Zone": "red"}}, "sts:AssumeRole", TRUST),
        ("300000000007", {"transitive_tag_keys": None}, "sts:TagSession", TRUST),
    ],
)
def test_a_feature_left_out_or_sent_wrong(
    standing: Any,
    chain: Chain,
    sending: Send,
    refusal: Refusal,
    callee: str,
    sent: Any,
    action: str,
    because: str,
) -> None:
    """The hop that asks for it is refused, with AWS's error, and no hop before it."""
    (role,) = (role for role in (*chain.middle, *chain.targets) if role.account == callee)
    code, message = standing(chain).refused(sending(way_to(chain, role.arn), **sent))
    assert code == "AccessDenied"
    assert message.endswith(refusal(action, role.arn, because))


def way_to(chain: Chain, role: str) -> tuple[Hop, ...]:
    """The hops to a role, with whatever they leave open chosen."""
    whole = chain.hops_to(chain.targets[0], **CHOSEN)
    arns = [hop.role_arn for hop in whole]
    return whole[: arns.index(role) + 1] if role in arns else chain.hops_to(role, **CHOSEN)


@pytest.mark.parametrize(
    ("number", "sent", "code", "text"),
    [
        (2, {"Tags": [{"Key": "project", "Value": "apollo"}]}, "InvalidParameterValue", "transitive tag key"),
        (
            3,
            {"SourceIdentity": "bob@example.com"},
            "AccessDenied",
            "to perform: sts:SetSourceIdentity on resource",
        ),
        (
            3,
            {"DurationSeconds": 3601},
            "ValidationError",
            "the 1 hour session limit for roles assumed by role chaining",
        ),
        (4, {"DurationSeconds": 43200}, "ValidationError", "the 1 hour session limit"),
    ],
)
def test_what_the_session_forbids(
    standing: Any, chain: Chain, number: int, sent: dict[str, Any], code: str, text: str
) -> None:
    """What an earlier hop has settled cannot be sent again, and no chained session lasts more than an hour."""
    hops = way_to(chain, chain.targets[0].arn)[:number]
    external_id = {"ExternalId": hops[-1].external_id} if hops[-1].external_id else {}
    answered, message = standing(chain).refused_by_sts(hops, **external_id, **sent)
    assert (answered, text in message) == (code, True), message


def test_the_session_is_as_long_as_declared(standing: Any, chain: Chain) -> None:
    """The third hop's session lasts 900 seconds, where STS would give an hour."""
    hops = way_to(chain, chain.middle[2].arn)
    session = chain_session(*hops[:-1], session=standing(chain).source(), region_name="us-east-1")
    asked: dict[str, Any] = as_hop(hops[-1]).parameters()
    before = time.time()
    given = session.client("sts").assume_role(**asked)["Credentials"]["Expiration"].timestamp()
    assert before + 899 <= given <= time.time() + 900


def test_no_shortcut(standing: Any, chain: Chain, refusal: Refusal) -> None:
    """The source role cannot leave out the roles in between, whatever it sends."""
    made = standing(chain)
    for role in (*chain.middle[1:], chain.targets[0], chain.targets[2]):
        hops = [Call(role.arn, external_id=role.external_id)]
        code, message = made.refused(hops)
        assert code == "AccessDenied"
        assert message.endswith(refusal("sts:AssumeRole", role.arn, IDENTITY))


def test_a_unit_that_the_caller_has_left(
    standing: Any, chain: Chain, refusal: Refusal, organization: LocalOrganization, unit: str
) -> None:
    """Outside the unit the second hop's caller is refused; back in it, it is let in again."""
    management = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    root, inside = unit.split("/")
    made, hops, account = standing(chain), way_to(chain, chain.middle[1].arn), chain.middle[0].account
    management.move_account(AccountId=account, SourceParentId=inside, DestinationParentId=root)
    code, message = made.refused(hops)
    management.move_account(AccountId=account, SourceParentId=root, DestinationParentId=inside)
    assert code == "AccessDenied"
    assert message.endswith(refusal("sts:AssumeRole", chain.middle[1].arn, TRUST))
    assert ":assumed-role/release-middle-2/" in made.walk(hops)


def test_a_session_policy(standing: Any, chain: Chain) -> None:
    """The third hop's session takes the next hops, and is refused what the role's permissions allow it otherwise."""
    hops = way_to(chain, chain.middle[2].arn)
    without = replace(as_hop(hops[-1]), policy=None)

    def parameter(*walked: Hop | Call) -> str:
        session = chain_session(*walked, session=standing(chain).source(), region_name="us-east-1")
        found = session.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        return str(found["Parameter"]["Value"])

    assert parameter(*hops[:-1], without).isdigit()
    with pytest.raises(ClientError) as caught:
        parameter(*hops)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_boundary(standing: Any, chain: Chain) -> None:
    """The target does what its permissions and its boundary allow, and nothing that the boundary leaves out."""
    hops = chain.hops_to("300000000001", **CHOSEN)
    session = chain_session(*hops, session=standing(chain).source(), region_name="us-east-1")
    parameter = session.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]
    assert parameter["Value"].isdigit()
    with pytest.raises(ClientError) as caught:
        session.client("iam").get_role(RoleName="release-target")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
