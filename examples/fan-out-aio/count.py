"""Counts the roles of every target, all at once on one event loop."""

import asyncio

import aioboto3

from rolechain import Chain, ChainRole
from rolechain.runtime import chain_session
from rolechain.runtime.aio import aio_session

chain = Chain.load("chain.yaml")
# What all targets share is one session, so that the middle role is assumed once.
middle = chain_session(*chain.hops_to(chain.targets[0])[:-1], region_name=chain.region)


async def count(target: ChainRole) -> int:
    """The number of roles in a target's account."""
    session = aioboto3.Session(botocore_session=aio_session(chain.hops_to(target)[-1], session=middle))
    async with session.client("iam") as iam:
        return int((await iam.get_account_summary())["SummaryMap"]["Roles"])


async def main() -> None:
    """Prints a line for each account; a refused hop has its error there, and stops no other."""
    found = await asyncio.gather(*map(count, chain.targets), return_exceptions=True)
    for target, result in zip(chain.targets, found, strict=True):
        print(f"{target.account}: {result}")


asyncio.run(main())
