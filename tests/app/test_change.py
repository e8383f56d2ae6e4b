"""docs/change.md: each change of a deployed chain, under callers that walk it all the time and are never refused.

Between any two stacks that are deployed, and after each step, every caller walks the whole chain anew.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise, permutations
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self

import aws_cdk as cdk
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Entrance, Permission, SessionTag, SourceIdentity
from rolechain.cdk import RoleChain
from rolechain.local import LocalOrganization
from rolechain.model.hop import Hop
from rolechain.proof import Template, diff, prove, templates_in
from rolechain.runtime import HopError, chain_session
from rolechain.statements.packing import pack

# They share one organization.
pytestmark = pytest.mark.xdist_group("change")

SOURCE, MIDDLE, TARGET, ELSEWHERE, OTHER = (str(digit) * 12 for digit in range(1, 6))
UNIT = "r-ab12/ou-ab12-11111111"
LAMBDA = Entrance.service("lambda.amazonaws.com")
ADMINISTRATOR = Entrance.account(SOURCE)

CHAIN = Chain(
    "change",
    organization="o-exampleorg1",
    source=ChainRole(SOURCE, "source", assumed_by=[LAMBDA]),
    middle=[ChainRole(MIDDLE, "middle")],
    targets=[ChainRole(TARGET, "target")],
)


class Deploy(NamedTuple):
    """A chain is deployed; the stacks of accounts that it leaves stay."""

    chain: Chain


class Use(NamedTuple):
    """The callers go over to a chain, to its target in an account."""

    chain: Chain
    target: str | ChainRole = TARGET


class Delete(NamedTuple):
    """The stacks of a chain in some accounts are deleted."""

    chain: Chain
    accounts: tuple[str, ...]


Steps = Sequence[Deploy | Use | Delete]
Order = Callable[[Sequence[str]], Iterable[str]]


@cache
def synthesized(chain: Chain) -> tuple[dict[str, str], tuple[Template, ...]]:
    """The templates of a chain by account, which prove it."""
    app = cdk.App(
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        default_stack_synthesizer=cdk.BootstraplessSynthesizer(),
    )
    made = RoleChain(app, chain.name, chain=chain, proof=False)
    assembly = app.synth()
    templates = tuple(templates_in(Path(assembly.directory)))
    assert prove(chain, templates).proven
    return {
        account: json.dumps(assembly.get_stack_by_name(stack.stack_name).template)
        for account, stack in made.stacks.items()
    }, templates


class Callers:
    """Two callers: one makes every hop anew each time, the other renews the last hop of one session.

    Attributes:
        refused: what was refused to either.
    """

    def __init__(self, organization: LocalOrganization, use: Use) -> None:
        secret = organization.secret_access_key
        self._sessions = (
            organization.session(SOURCE),
            organization.session_with("lambda.amazonaws.com", secret),
        )
        self._over, self._asked, self._walked, self._moved = False, 0, [0, 0], threading.Condition()
        self.refused: list[Exception] = []
        self._take(use)
        self._threads = [threading.Thread(target=self._walk, args=(number,)) for number in range(2)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.walk()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for thread in self._threads:
            thread.join()

    def use(self, use: Use) -> None:
        """Takes another way from now on."""
        self._take(use)
        self.walk()

    def walk(self) -> None:
        """Returns when both have walked from the source to the target since it was called."""
        with self._moved:
            self._asked += 1
            assert self._moved.wait_for(lambda: min(self._walked) == self._asked, timeout=120)

    def _take(self, use: Use) -> None:
        tags = {"Ticket": "OPS-1"} if any(tag.key == "Ticket" for tag in use.chain.targets[-1].tags) else None
        identity = "ann" if use.chain.targets[-1].identity else None
        hops = use.chain.hops_to(use.target, session_tags=tags, source_identity=identity)
        self._way = (use.chain.source, hops)

    def _enter(self, way: tuple[ChainRole, tuple[Hop, ...]]) -> Any:
        source, hops = way
        session = self._sessions[LAMBDA in source.assumed_by]
        return chain_session(source.arn, *hops, session=session).get_credentials()

    def _walk(self, number: int) -> None:
        way: object = None
        credentials: Any = None
        while not self._over:
            asked = self._asked
            try:
                if number == 0 or way is not self._way:
                    way = self._way
                    credentials = self._enter(way)
                if number == 0:
                    credentials.get_frozen_credentials()
                else:
                    credentials.renew(credentials.get().access_key)
                    time.sleep(0.02)  # The other caller makes three calls for its one.
            except (ClientError, HopError) as error:
                self.refused.append(error)
            with self._moved:
                self._walked[number] = asked
                self._moved.notify_all()


@pytest.fixture(scope="module")
def organization() -> Iterator[LocalOrganization]:
    with (
        LocalOrganization(units=[UNIT], stack_sets=[MIDDLE]) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        running.move_account(TARGET, UNIT.split("/")[-1])
        patch.setenv("AWS_ENDPOINT_URL", running.endpoint_url)
        yield running


def put(organization: LocalOrganization, name: str, account: str, body: str) -> None:
    """Creates or updates a stack."""
    client: Any = organization.session(account).client("cloudformation")
    given = {"StackName": name, "TemplateBody": body, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    try:
        client.create_stack(**given)
    except client.exceptions.AlreadyExistsException:
        client.update_stack(**given)
    settle(client, name)


def settle(client: Any, name: str) -> None:
    """Waits until a stack is as it was to be."""
    while (status := client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]).endswith("PROGRESS"):
        pass
    assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), client.describe_stack_events(StackName=name)


def delete(organization: LocalOrganization, name: str, account: str) -> None:
    """Deletes the stack of an account."""
    client: Any = organization.session(account).client("cloudformation")
    client.delete_stack(StackName=f"{name}-{account}")
    client.get_waiter("stack_delete_complete").wait(
        StackName=f"{name}-{account}", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
    )


def changed(
    organization: LocalOrganization, steps: Steps, order: Order = iter, use: Use | None = None
) -> list[Exception]:
    """What is refused to the callers of the first chain on the way, the stacks of a step being deployed in an order."""
    first, *rest = steps
    assert isinstance(first, Deploy)
    there: dict[tuple[str, str], str] = {}

    def deploy(chain: Chain, callers: Callers | None) -> None:
        for account in order(tuple(synthesized(chain)[0])):
            body = synthesized(chain)[0][account]
            if there.get((chain.name, account)) == body:
                continue
            put(organization, f"{chain.name}-{account}", account, body)
            there[chain.name, account] = body
            if callers:
                callers.walk()

    deploy(first.chain, None)
    try:
        with Callers(organization, use or Use(first.chain)) as callers:
            for step in rest:
                if isinstance(step, Deploy):
                    deploy(step.chain, callers)
                elif isinstance(step, Use):
                    callers.use(step)
                else:
                    for account in order(step.accounts):
                        delete(organization, step.chain.name, account)
                        del there[step.chain.name, account]
                        callers.walk()
            return callers.refused
    finally:
        for name, account in reversed(there):
            delete(organization, name, account)


def with_middle(**keys: Any) -> Chain:
    """The chain with other keys of the middle role."""
    return replace(CHAIN, middle=[replace(CHAIN.middle[0], **keys)])


def with_target(**keys: Any) -> Chain:
    """The chain with other keys of the target."""
    return replace(CHAIN, targets=[replace(CHAIN.targets[0], **keys)])


def entered_by(*entrances: Entrance) -> Chain:
    """The chain with other entrances."""
    return replace(CHAIN, sources=[replace(CHAIN.source, assumed_by=entrances)])


TWO = replace(CHAIN, targets=[*CHAIN.targets, ChainRole(OTHER, "target")])
RENAMED = with_middle(role="jump-box")
RENAMING = with_middle(role="jump-box", replaces=CHAIN.middle[0].arn)
MOVED = with_middle(account=ELSEWHERE)
MOVING = with_middle(account=ELSEWHERE, replaces=CHAIN.middle[0].arn)
NEW_SOURCE = ChainRole(SOURCE, "entry", assumed_by=[LAMBDA])
NEW_TARGET = ChainRole(TARGET, "goal")
BY_UNIT = ChainRole(role="member", organizational_units=[UNIT])
OPTIONAL, REQUIRED = SessionTag("Ticket", "OPS-*", required=False), SessionTag("Ticket", "OPS-*")
NAMED, MUST_BE_NAMED = SourceIdentity("ann", required=False), SourceIdentity("ann")
LONGER = Chain(
    "longer",
    organization=CHAIN.organization,
    source=ChainRole(SOURCE, "longer-source", assumed_by=[LAMBDA]),
    middle=[ChainRole(MIDDLE, "longer-middle"), ChainRole(ELSEWHERE, "longer-gate")],
    targets=[ChainRole(TARGET, "longer-target")],
)

CHANGES: dict[str, Steps] = {
    "a target is added": [Deploy(CHAIN), Deploy(TWO), Use(TWO, OTHER)],
    "a target is removed": [Deploy(TWO), Use(TWO), Deploy(CHAIN), Delete(CHAIN, (OTHER,))],
    "the middle role is renamed": [Deploy(CHAIN), Deploy(RENAMING), Use(RENAMED), Deploy(RENAMED)],
    "the middle role moves": [
        Deploy(CHAIN),
        Deploy(MOVING),
        Use(MOVED),
        Deploy(MOVED),
        Delete(CHAIN, (MIDDLE,)),
    ],
    "the source role is renamed": [
        Deploy(CHAIN),
        Deploy(replace(CHAIN, sources=[CHAIN.source, NEW_SOURCE])),
        Use(replace(CHAIN, sources=[NEW_SOURCE])),
        Deploy(replace(CHAIN, sources=[NEW_SOURCE])),
    ],
    "the target is renamed": [
        Deploy(CHAIN),
        Deploy(replace(CHAIN, targets=[*CHAIN.targets, NEW_TARGET])),
        Use(replace(CHAIN, targets=[NEW_TARGET])),
        Deploy(replace(CHAIN, targets=[NEW_TARGET])),
    ],
    "another entrance": [
        Deploy(CHAIN),
        Deploy(entered_by(LAMBDA, ADMINISTRATOR)),
        Use(entered_by(ADMINISTRATOR)),
        Deploy(entered_by(ADMINISTRATOR)),
    ],
    "a narrower trust": [Deploy(with_target(trust="organization")), Deploy(CHAIN)],
    "a wider trust": [Deploy(CHAIN), Deploy(with_target(trust="account"))],
    "a trust by role_arn": [Deploy(CHAIN), Deploy(with_target(trust="role_arn"))],
    "an external id is added": [
        Deploy(CHAIN),
        Use(with_target(external_id="ext-1")),
        Deploy(with_target(external_id="ext-1")),
    ],
    "an external id is removed": [Deploy(with_target(external_id="ext-1")), Deploy(CHAIN), Use(CHAIN)],
    "a required tag is added": [
        Deploy(CHAIN),
        Deploy(with_target(session_tags=[OPTIONAL])),
        Use(with_target(session_tags=[REQUIRED])),
        Deploy(with_target(session_tags=[REQUIRED])),
    ],
    "a required tag is removed": [
        Deploy(with_target(session_tags=[REQUIRED])),
        Deploy(with_target(session_tags=[OPTIONAL])),
        Use(CHAIN),
        Deploy(CHAIN),
    ],
    "a required source identity is added": [
        Deploy(CHAIN),
        Deploy(with_target(source_identity=NAMED)),
        Use(with_target(source_identity=MUST_BE_NAMED)),
        Deploy(with_target(source_identity=MUST_BE_NAMED)),
    ],
    "a target by unit": [
        Deploy(CHAIN),
        Deploy(replace(CHAIN, targets=[*CHAIN.targets, BY_UNIT])),
        Use(replace(CHAIN, targets=[BY_UNIT])),
        Deploy(replace(CHAIN, targets=[BY_UNIT])),
        Delete(CHAIN, (TARGET,)),
    ],
    "another middle role": [
        Deploy(CHAIN),
        Deploy(LONGER),
        Use(LONGER),
        Delete(CHAIN, (SOURCE, MIDDLE, TARGET)),
    ],
    "one middle role less": [
        Deploy(LONGER),
        Deploy(CHAIN),
        Use(CHAIN),
        Delete(LONGER, (SOURCE, MIDDLE, ELSEWHERE, TARGET)),
    ],
}
"""The steps of each section of docs/change.md, from the chain that is deployed."""

IN_ORDER = {"a trust by role_arn"}
"""The changes whose stacks depend on each other, so that the CDK CLI deploys them in their order."""

WRONG: dict[str, Steps] = {
    "renamed in one deployment": [Deploy(CHAIN), Deploy(RENAMED)],
    "renamed before the callers went over": [Deploy(CHAIN), Deploy(RENAMING), Deploy(RENAMED)],
    "the callers first": [Deploy(CHAIN), Use(RENAMED)],
    "moved in one deployment": [Deploy(CHAIN), Deploy(MOVED)],
    "the target deleted before its callers went over": [Deploy(TWO), Deploy(CHAIN)],
    "the former entrance removed at once": [Deploy(CHAIN), Deploy(entered_by(ADMINISTRATOR))],
    "the external id deployed first": [Deploy(CHAIN), Deploy(with_target(external_id="ext-1"))],
    "the external id left out first": [Deploy(with_target(external_id="ext-1")), Use(CHAIN)],
    "the tag required at once": [Deploy(CHAIN), Deploy(with_target(session_tags=[REQUIRED]))],
    "the tag passed before it is allowed": [Deploy(CHAIN), Use(with_target(session_tags=[OPTIONAL]))],
}
"""Orders that the document calls wrong."""


@pytest.mark.parametrize("change", CHANGES)
def test_no_call_is_refused(organization: LocalOrganization, change: str) -> None:
    """A change by the document's steps refuses nobody."""
    assert changed(organization, CHANGES[change]) == []


@pytest.mark.parametrize("change", sorted(CHANGES.keys() - IN_ORDER))
def test_the_callees_stacks_first(organization: LocalOrganization, change: str) -> None:
    """So it does where the stacks are deployed, and deleted, from the targets' on."""
    assert changed(organization, CHANGES[change], reversed) == []


@pytest.mark.parametrize(("both", "new"), [(RENAMING, RENAMED), (MOVING, MOVED)], ids=["renamed", "moved"])
def test_what_diff_shows(both: Chain, new: Chain) -> None:
    """The first deployment opens the new role's two hops, each half of them, and the second closes the former's."""
    templates = [synthesized(chain)[1] for chain in (CHAIN, both, new)]
    opens, closes = (diff(*step) for step in pairwise(templates))
    assert (len(opens.gained), opens.lost, opens.unknown) == (4, (), ())
    assert all(new.middle[0].arn in change.words for change in opens.gained)
    assert (closes.gained, len(closes.lost), closes.unknown) == ((), 4, ())
    assert all(CHAIN.middle[0].arn in change.words for change in closes.lost)


def test_a_list_of_callees_is_split(organization: LocalOrganization) -> None:
    """Where there is room for one policy more, a split and its way back attach no eleventh, and refuse no call."""
    parameter = f"arn:aws:ssm:us-east-1:{MIDDLE}:parameter/"
    full = [
        Permission("ssm:GetParameter", [f"{parameter}{number}/{each:050}" for each in range(50)])
        for number in range(8)
    ]
    hub = ChainRole(MIDDLE, "hub", permissions=full)

    def reaching(others: int) -> Chain:
        far = [ChainRole(f"{600000000000 + number}", "far", existing=True) for number in range(others)]
        targets = [ChainRole(TARGET, "split-target"), *far]
        source = ChainRole(SOURCE, "split-source", assumed_by=[LAMBDA])
        return Chain("split", source=source, middle=[hub], targets=targets)

    one, two = reaching(100), reaching(130)
    assert [len(pack(chain, chain.middle[0]).hops) for chain in (one, two)] == [1, 2]
    resources = json.loads(synthesized(two)[0][MIDDLE])["Resources"]
    first, second = (name for name in resources if name.startswith("hubHops"))
    assert resources[first]["DependsOn"] == [second]
    assert changed(organization, [Deploy(one), Deploy(two), Deploy(one)]) == []


@pytest.mark.parametrize("order", list(permutations(range(3)))[1:-1], ids=str)
def test_a_rename_in_every_order(organization: LocalOrganization, order: tuple[int, ...]) -> None:
    """The stacks of the three accounts may be deployed in any order."""
    assert changed(organization, CHANGES["the middle role is renamed"], itemgetter(*order)) == []


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_order_refuses(organization: LocalOrganization, wrong: str) -> None:
    """What the document warns of does refuse calls."""
    use = Use(TWO, OTHER) if "deleted" in wrong else None
    assert changed(organization, WRONG[wrong], use=use) != []
