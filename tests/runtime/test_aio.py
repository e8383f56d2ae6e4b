"""The same hops for asyncio: one thread renews, no task makes a call of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from typing import Any

import pytest

from rolechain import RolechainError
from rolechain.runtime import Hop, HopError
from rolechain.runtime.aio import AioCredentials, aio_session
from rolechain.runtime.hop_credentials import line_up
from rolechain.runtime.sts import Sts

MIDDLE = "arn:aws:iam::222222222222:role/middle"
TARGET = "arn:aws:iam::333333333333:role/target"
HAS_AIOBOTOCORE = importlib.util.find_spec("aiobotocore") is not None


@pytest.fixture
def credentials(sts: Any, base: Any, clock: Any) -> AioCredentials:
    """The credentials of a chain of two hops."""
    hops = [Hop(MIDDLE), Hop(TARGET)]
    return AioCredentials(line_up(hops, sts=Sts(base, "us-east-1", clock=clock), session=base, uniform=max))


async def _keys(credentials: AioCredentials, count: int) -> set[Any]:
    read = [credentials.get_frozen_credentials() for _ in range(count)]
    return {frozen.access_key for frozen in await asyncio.gather(*read)}


def test_many_tasks_on_a_cold_chain_cost_one_call_a_hop(sts: Any, credentials: AioCredentials) -> None:
    """A hundred tasks share one renewal, which costs a call for each hop."""
    assert asyncio.run(_keys(credentials, 100)) == {"ASIAtarget.1"}
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target")]


def test_another_event_loop_goes_on_with_what_is_at_hand(sts: Any, credentials: AioCredentials) -> None:
    """The credentials outlive the loop in which they were obtained."""
    asyncio.run(_keys(credentials, 1))
    assert asyncio.run(_keys(credentials, 5)) == {"ASIAtarget.1"}
    assert len(sts.calls) == 2


def test_in_the_advisory_window_the_other_tasks_do_not_wait(
    sts: Any, clock: Any, credentials: AioCredentials
) -> None:
    """While one task waits for the renewal, the others get what is at hand."""
    asyncio.run(_keys(credentials, 1))
    clock.now += 46 * 60
    go_on = threading.Event()

    def hold() -> tuple[int, str]:
        go_on.wait(30)
        return 200, ""

    sts.script("target", hold)

    async def read() -> tuple[Any, Any]:
        first = asyncio.ensure_future(credentials.get_frozen_credentials())
        await asyncio.sleep(0)
        second = await credentials.get_frozen_credentials()
        go_on.set()
        return second.access_key, (await first).access_key

    assert asyncio.run(read()) == ("ASIAtarget.1", "ASIAtarget.2")


def test_a_refusal_reaches_every_task(sts: Any, credentials: AioCredentials) -> None:
    """All who wait get the error of the hop, and no call is made for each."""
    sts.allows = lambda _caller, _call: False

    async def read() -> list[Any]:
        tasks = [credentials.get_frozen_credentials() for _ in range(10)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    errors = asyncio.run(read())
    assert [(type(error), error.index) for error in errors] == [(HopError, 1)] * 10
    assert len(sts.calls) == 1


def test_a_task_that_is_cancelled_takes_nothing_from_the_others(
    sts: Any, credentials: AioCredentials
) -> None:
    """The renewal goes on when the task that began it is cancelled."""
    go_on = threading.Event()

    def hold() -> tuple[int, str]:
        go_on.wait(30)
        return 200, ""

    sts.script("middle", hold)

    async def read() -> Any:
        first = asyncio.ensure_future(credentials.get_frozen_credentials())
        await asyncio.sleep(0)
        second = asyncio.ensure_future(credentials.get_frozen_credentials())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return (await second).access_key

    assert asyncio.run(read()) == "ASIAtarget.1"
    assert len(sts.calls) == 2


@pytest.mark.skipif(HAS_AIOBOTOCORE, reason="shows what is said where aiobotocore is not installed")
def test_without_aiobotocore_the_extra_is_named(base: Any) -> None:
    """What to install is said in one line."""
    with pytest.raises(
        RolechainError, match=r"^aiobotocore is not installed: pip install 'rolechain\[aio\]'$"
    ):
        aio_session(MIDDLE, session=base)


@pytest.mark.skipif(
    not HAS_AIOBOTOCORE, reason="aiobotocore pins a botocore of its own, and is not installed here"
)
def test_a_session_of_aiobotocore_takes_the_chain(sts: Any, base: Any) -> None:
    """An ordinary client of aiobotocore signs with the last hop, and takes it again once it is rejected."""
    from botocore.exceptions import ClientError

    session = aio_session(MIDDLE, TARGET, session=base)

    async def use() -> None:
        async with session.create_client("s3") as client:
            assert sts.calls == []
            await client.list_buckets()
            sts.rejected_by_s3.add("ASIAtarget.1")
            with pytest.raises(ClientError, match="ExpiredToken"):
                await client.list_buckets()
            await client.list_buckets()

    asyncio.run(use())
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target"), ("ASIAmiddle.1", "target")]
    assert sts.calls[-1].access_key == "ASIAtarget.2"
