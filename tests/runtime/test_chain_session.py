"""A boto3 session over a chain: what it costs, and who signs each call."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.handlers import BUILTIN_HANDLERS

from rolechain import Chain, ChainRole
from rolechain.runtime import Hop, chain_session

MIDDLE = "arn:aws:iam::222222222222:role/rolechain/middle"
SECOND = "arn:aws:iam::222222222222:role/rolechain/second"
TARGET = "arn:aws:iam::333333333333:role/rolechain/target"


def test_nothing_is_called_until_a_request_is_made(sts: Any, base: Any) -> None:
    """Making the session, its clients and resources costs no call; the first request costs one per hop."""
    session = chain_session(MIDDLE, SECOND, TARGET, session=base)
    client = session.client("s3")
    session.resource("s3")
    session.client("dynamodb")
    assert sts.calls == []
    client.list_buckets()
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "second"), ("ASIAsecond.1", "target")]
    client.list_buckets()
    session.client("s3").list_buckets()
    assert [call.access_key for call in sts.calls[3:]] == ["ASIAtarget.1"] * 3


def test_it_is_an_ordinary_session(sts: Any, base: Any) -> None:
    """It is a boto3.Session of the base's region, and its frozen credentials are one answer of STS."""
    session = chain_session(MIDDLE, TARGET, session=base)
    assert isinstance(session, boto3.Session)
    assert session.region_name == "eu-central-1"
    credentials: Any = session.get_credentials()
    assert credentials.account_id == "333333333333"
    assert credentials.method == "rolechain"
    assert sts.calls == []
    frozen = credentials.get_frozen_credentials()
    assert frozen[:3] == ("ASIAtarget.1", "secret-of-ASIAtarget.1", "token-of-ASIAtarget.1")
    assert (credentials.access_key, credentials.secret_key, credentials.token) == frozen[:3]
    assert "secret" not in repr(credentials)
    assert "token-of" not in repr(credentials)


def test_a_session_over_a_chain_can_begin_another(sts: Any, base: Any) -> None:
    """A chain session serves as the base of a further one."""
    first = chain_session(MIDDLE, session=base)
    chain_session(TARGET, session=first).client("s3").list_buckets()
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target")]


def test_what_is_added_to_botocores_handlers_holds_for_later_sessions(sts: Any, base: Any) -> None:
    """A library that answers calls itself, as moto does, may be imported after the first session was made."""
    chain_session(MIDDLE, session=base).client("s3")
    seen: list[int] = []
    added: Any = ("provide-client-params.s3", lambda **_: seen.append(1))
    BUILTIN_HANDLERS.append(added)
    try:
        chain_session(MIDDLE, session=base).client("s3").list_buckets()
    finally:
        BUILTIN_HANDLERS.remove(added)
    chain_session(MIDDLE, session=base).client("s3").list_buckets()
    assert seen == [1]


def test_threads_that_set_a_session_up_share_it(sts: Any, base: Any) -> None:
    """Threads that first use a session at the same time get one event system, and none loses what it registered."""
    session = chain_session(MIDDLE, TARGET, session=base)
    together = threading.Barrier(8)
    asked: list[int] = []

    def register(number: int) -> object:
        together.wait()
        session.events.register("before-call.s3", lambda **_: asked.append(number), unique_id=str(number))
        return session.events

    with ThreadPoolExecutor(8) as pool:
        emitters = list(pool.map(register, range(8)))
    assert all(emitter is emitters[0] for emitter in emitters)
    session.client("s3").list_buckets()
    assert sorted(asked) == list(range(8))
    assert repr(session) == "ChainSession(region_name='eu-central-1')"
    with pytest.raises(AttributeError, match="no attribute 'cleint'"):
        session.cleint("s3")  # type: ignore[attr-defined]


def test_many_threads_on_a_cold_chain_cost_one_call_a_hop(sts: Any, base: Any) -> None:
    """Threads that start together on a cold chain of three hops cost exactly three calls."""
    sts.latency = 0.02
    credentials: Any = chain_session(MIDDLE, SECOND, TARGET, session=base).get_credentials()
    together = threading.Barrier(32)

    def read(_: int) -> str:
        together.wait()
        return str(credentials.get_frozen_credentials().access_key)

    with ThreadPoolExecutor(32) as pool:
        keys = set(pool.map(read, range(32)))
    assert keys == {"ASIAtarget.1"}
    assert len(sts.calls) == 3


def test_all_hops_share_one_client(sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hops there are, one STS client is made."""
    made = []
    ordinary = base.client

    def counted(*words: Any, **named: Any) -> Any:
        made.append(words)
        return ordinary(*words, **named)

    monkeypatch.setattr(base, "client", counted)
    chain_session(MIDDLE, SECOND, TARGET, session=base).client("s3").list_buckets()
    assert made == [("sts",)]


def test_a_retry_is_signed_by_the_same_caller(sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry by botocore is signed by the hop before, not by the base."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    sts.script("target", sts.error("InternalFailure", status=500))
    chain_session(MIDDLE, TARGET, session=base).client("s3").list_buckets()
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target"), ("ASIAmiddle.1", "target")]


def test_hops_of_a_declared_chain_are_taken(sts: Any, base: Any) -> None:
    """Declared hops mix with ARNs and parameters, and pass the external id that is declared."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222", external_id="ticket-7")],
        targets=[ChainRole("333333333333")],
    )
    first, last = chain.hops_to("333333333333")
    end = Hop(
        TARGET, session_name="me", duration_seconds=900, tags={"Team": "a"}, transitive_tag_keys=("Team",)
    )
    chain_session(first, last.role_arn, end, session=base).client("s3").list_buckets()
    assert [call.role for call in sts.calls[:3]] == ["deploy-middle", "deploy-target", "target"]
    assert sts.calls[0].parameters["ExternalId"] == "ticket-7"
    assert "ExternalId" not in sts.calls[1].parameters
    passed = sts.calls[2].parameters
    del passed["Version"]
    assert passed == {
        "RoleArn": TARGET,
        "RoleSessionName": "me",
        "DurationSeconds": "900",
        "Tags.member.1.Key": "Team",
        "Tags.member.1.Value": "a",
        "TransitiveTagKeys.member.1": "Team",
    }


def test_the_session_policies_of_a_declared_chain_are_passed(sts: Any, base: Any) -> None:
    """Each hop passes those of its own callee."""
    policy = {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
    arns = ["arn:aws:iam::aws:policy/A", "arn:aws:iam::333333333333:policy/b"]
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222", policy=policy)],
        targets=[ChainRole("333333333333", policy_arns=arns)],
    )
    chain_session(*chain.hops_to("333333333333"), session=base).client("s3").list_buckets()
    assert [
        {name: value for name, value in call.parameters.items() if name.startswith("Policy")}
        for call in sts.calls[:2]
    ] == [
        {"Policy": '{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}'},
        {f"PolicyArns.member.{number}.arn": arn for number, arn in enumerate(arns, 1)},
    ]


def test_a_code_is_asked_for_at_each_call(sts: Any, base: Any) -> None:
    """The MFA code is asked for when the hop is taken, and goes out with the device."""
    codes = iter(["123456", "654321"])
    device = "arn:aws:iam::999999999999:mfa/base"
    hop = Hop(MIDDLE, serial_number=device, token_code=lambda: next(codes))
    for code in ("123456", "654321"):
        chain_session(hop, session=base).client("s3").list_buckets()
        last = [call for call in sts.calls if call.action == "AssumeRole"][-1]
        assert (last.parameters["SerialNumber"], last.parameters["TokenCode"]) == (device, code)


def test_the_region_comes_from_the_caller_then_from_the_session(sts: Any, base: Any) -> None:
    """An explicit region goes before the session's."""
    assert chain_session(MIDDLE, session=base, region_name="us-west-2").region_name == "us-west-2"


def test_the_call_goes_to_the_endpoint_of_the_region(
    sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a configured endpoint the regional one is called, never the global one."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    hosts = []
    session = boto3.Session("AKIABASE", "base-secret", region_name="us-east-1")
    ordinary = session.client

    def spying(*words: Any, **named: Any) -> Any:
        client = ordinary(*words, **named)
        hosts.append(client.meta.endpoint_url)
        client.meta.events.register(
            "before-send", lambda request, **_: pytest.fail(f"{request.url} was called")
        )
        return client

    monkeypatch.setattr(session, "client", spying)
    with pytest.raises(BaseException, match="was called"):
        chain_session(MIDDLE, session=session).client("s3").list_buckets()
    assert hosts == ["https://sts.us-east-1.amazonaws.com"]


def test_the_profile_of_the_base_configures_the_session(
    sts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Endpoint and region of the base's profile hold for STS and for the new session's clients."""
    (tmp_path / "config").write_text(
        f"[profile work]\nregion = eu-west-1\nendpoint_url = {sts.url}\n"
        "aws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
    )
    session = chain_session(MIDDLE, session=boto3.Session(profile_name="work"))
    session.client("s3").list_buckets()
    assert session.profile_name == "work"
    assert [(call.action, call.access_key) for call in sts.calls] == [
        ("AssumeRole", "AKIABASE"),
        ("ListBuckets", "ASIAmiddle.1"),
    ]


def test_the_endpoint_of_sts_alone_can_be_set(sts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_STS is honoured."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
    session = chain_session(MIDDLE, session=boto3.Session("AKIABASE", "s", region_name="eu-west-1"))
    credentials: Any = session.get_credentials()
    assert credentials.get_frozen_credentials().access_key == "ASIAmiddle.1"


def test_a_client_with_keys_of_its_own_keeps_them(sts: Any, base: Any) -> None:
    """Keys given to a client are used for it, and the chain is not taken."""
    session = chain_session(MIDDLE, session=base)
    session.client("s3", aws_access_key_id="AKIAOWN", aws_secret_access_key="s").list_buckets()
    assert [(call.action, call.access_key) for call in sts.calls] == [("ListBuckets", "AKIAOWN")]


def test_an_expired_token_at_a_service_takes_the_last_hop_again(sts: Any, base: Any) -> None:
    """After a service has said ExpiredToken the next request takes the last hop anew, and that one only."""
    client = chain_session(MIDDLE, TARGET, session=base).client("s3")
    client.list_buckets()
    sts.rejected_by_s3.add("ASIAtarget.1")
    with pytest.raises(client.exceptions.ClientError, match="ExpiredToken"):
        client.list_buckets()
    client.list_buckets()
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target"), ("ASIAmiddle.1", "target")]
    assert sts.calls[-1].access_key == "ASIAtarget.2"


def test_an_expired_token_of_other_keys_leaves_the_chain_alone(sts: Any, base: Any) -> None:
    """A rejection of keys that are not the chain's costs no new hop."""
    session = chain_session(MIDDLE, session=base)
    session.client("s3").list_buckets()
    sts.rejected_by_s3.add("AKIAOWN")
    own = session.client("s3", aws_access_key_id="AKIAOWN", aws_secret_access_key="s")
    with pytest.raises(own.exceptions.ClientError, match="ExpiredToken"):
        own.list_buckets()
    session.client("s3").list_buckets()
    assert len(sts.seen) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_fork_during_a_call_does_not_hang(sts: Any, base: Any) -> None:
    """A child that is forked while another thread takes a hop takes the hop itself, over its own connection."""
    credentials: Any = chain_session(MIDDLE, session=base).get_credentials()
    came, go_on = threading.Event(), threading.Event()

    def hold() -> tuple[int, str]:
        came.set()
        go_on.wait(30)
        return 200, ""

    sts.script("middle", hold)
    thread = threading.Thread(target=credentials.get_frozen_credentials)
    thread.start()
    came.wait(30)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        key = credentials.get_frozen_credentials().access_key
        os._exit(0 if key == "ASIAmiddle.1" else 3)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert credentials.get_frozen_credentials().access_key == "ASIAmiddle.2"
    assert len(sts.calls) == 2
