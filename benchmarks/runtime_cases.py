"""What the runtime's benchmarks measure, each in a process of its own: prints seconds, and some what they used."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

from rolechain.runtime import chain_session, fan_out
from rolechain.runtime.session_cache import warm_session

HOPS = [f"arn:aws:iam::{digit * 12}:role/r" for digit in "234"]
TARGETS = [f"arn:aws:iam::{300_000_000_000 + number}:role/t" for number in range(500)]
MEMBERS = 5_000
_READS = 200_000


def _base() -> boto3.Session:
    return boto3.Session("AKIABASE", "secret", region_name="us-east-1")


def _nested(hops: list[str], base: boto3.Session | None = None) -> boto3.Session:
    # Installed for the benchmark only.
    from aws_assume_role_lib import assume_role  # type: ignore[import-not-found, unused-ignore]

    session: Any = base or _base()
    for hop in hops:
        session = assume_role(session, hop, RoleSessionName="bench")
    return session  # type: ignore[no-any-return]


def _fetchers() -> DeferredRefreshableCredentials:
    core = botocore.session.Session()
    core.set_credentials("AKIABASE", "secret")
    core.set_config_variable("region", "us-east-1")
    credentials: Any = core.get_credentials()
    for hop in HOPS:
        fetcher = AssumeRoleCredentialFetcher(
            core.create_client, credentials, hop, extra_args={"RoleSessionName": "bench"}
        )
        credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return credentials  # type: ignore[no-any-return]


def _read(session: Any) -> object:
    return session.get_credentials().get_frozen_credentials()


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def cold_rolechain() -> float:
    """Three cold hops."""
    return _timed(lambda: _read(chain_session(*HOPS, session=_base())))


def cold_nested() -> float:
    """Three cold hops, nested with aws-assume-role-lib."""
    return _timed(lambda: _read(_nested(HOPS)))


def cold_botocore() -> float:
    """Three cold hops, with botocore's own fetchers."""
    return _timed(lambda: _fetchers().get_frozen_credentials())


def warm_rolechain() -> float:
    """Three cold hops once a client is there: a fan-out has made it, and its first connection."""
    from rolechain.runtime.hop import Hop
    from rolechain.runtime.hop_credentials import line_up
    from rolechain.runtime.sts import Sts

    base = _base()
    sts = Sts(base, "us-east-1")
    line_up([Hop(TARGETS[0])], sts=sts, session=base).get_frozen_credentials()
    last = line_up([Hop(hop) for hop in HOPS], sts=sts, session=base)
    return _timed(last.get_frozen_credentials)


def _hot(read: Callable[[], object]) -> float:
    read()

    def loop() -> None:
        for _ in range(_READS):
            read()

    return min(_timed(loop) for _ in range(3)) / _READS


def hot_rolechain() -> float:
    """One read of credentials at hand."""
    credentials: Any = chain_session(*HOPS, session=_base()).get_credentials()
    return _hot(credentials.get_frozen_credentials)


def hot_botocore() -> float:
    """The same, of botocore's refreshable ones."""
    return _hot(_fetchers().get_frozen_credentials)


def many_rolechain() -> float:
    """Five hundred targets behind one middle."""
    # What is imported with the first session is not the fan-out's.
    chain_session(HOPS[0], session=_base())
    return _timed(lambda: [_read(session) for _, session in fan_out(HOPS[:1], TARGETS, session=_base())])


def many_nested() -> float:
    """The same with aws-assume-role-lib over a shared middle and as many threads."""
    middle = _nested(HOPS[:1])
    with ThreadPoolExecutor(32) as pool:
        return _timed(lambda: list(pool.map(lambda target: _read(_nested([target], middle)), TARGETS)))


def members_rolechain() -> str:
    """Every account of an organization behind one middle; seconds, calls and MiB."""
    return _over_members(
        lambda arns: [_read(session) and None for _, session in fan_out(HOPS[:1], arns, session=_base())]
    )


def members_floor() -> str:
    """The same by bare clients: the middle once, then one call a target."""

    def run(arns: list[str]) -> None:
        given = _base().client("sts").assume_role(RoleArn=HOPS[0], RoleSessionName="bench")["Credentials"]
        middle = boto3.Session(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], "us-east-1"
        )
        # botocore keeps ten connections, and warns of more.
        client = middle.client("sts", config=Config(max_pool_connections=32))
        with ThreadPoolExecutor(32) as pool:
            for _ in pool.map(lambda arn: client.assume_role(RoleArn=arn, RoleSessionName="bench"), arns):
                pass

    return _over_members(run)


def _over_members(run: Callable[[list[str]], object]) -> str:
    arns = [f"arn:aws:iam::{300_000_000_000 + number}:role/t" for number in range(MEMBERS)]
    chain_session(HOPS[0], session=_base())
    sts = _base().client("sts")

    def number() -> int:
        # The endpoint numbers the keys that it gives.
        given = sts.assume_role(RoleArn=HOPS[0], RoleSessionName="count")["Credentials"]
        return int(given["AccessKeyId"].removeprefix("ASIA"))

    before, seconds = number(), _timed(lambda: run(arns))
    calls = number() - before - 1
    return f"{seconds} {calls} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}"


def kept_rolechain() -> float:
    """A session from a warm file cache, in a session that has to be made."""
    with tempfile.TemporaryDirectory() as folder:
        _read(chain_session(*HOPS, session=_base(), cache=folder))
        return _timed(
            lambda: warm_session(HOPS, access_key="AKIABASE", region_name="us-east-1", cache=folder)
        )


if __name__ == "__main__":
    print(globals()[sys.argv[1]]())
