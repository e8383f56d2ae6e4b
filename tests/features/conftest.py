"""Chains in the local organization: their roles made of what the chain declares, and walked hop by hop."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Hop
from rolechain.local import LocalOrganization
from rolechain.local.mfa import code_at
from rolechain.runtime import Hop as Call
from rolechain.runtime import HopError, chain_session
from rolechain.runtime.hop import as_hop
from rolechain.statements.builder import own_statements, statements_for, trust_statements

Json = dict[str, Any]


@pytest.fixture(scope="session")
def organization() -> Iterator[LocalOrganization]:
    """The local organization of these tests."""
    with LocalOrganization() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(organization: LocalOrganization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every session reaches the local organization."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", organization.endpoint_url)


@functools.cache
def _iam(organization: LocalOrganization, account: str) -> Any:
    # To make a client takes longer than to use it.
    return organization.session(account).client("iam")


def _document(statements: Sequence[Json]) -> str:
    named = [
        {**statement, "Sid": f"{statement.get('Sid', '')}{number}"}
        for number, statement in enumerate(statements)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": named})


@dataclass
class Deployed:
    """A chain whose roles exist."""

    organization: LocalOrganization
    chain: Chain

    def iam(self, account: str) -> Any:
        """IAM of an account, as its administrator."""
        return _iam(self.organization, account)

    def source(self, number: int = 0) -> boto3.Session:
        """A session of a source role, as its Lambda function has it."""
        return self.organization.workload(self.chain.sources[number].arn, "lambda.amazonaws.com")

    def walk(self, hops: Sequence[Hop | Call], source: int = 0) -> str:
        """Who one is at the end of some hops that begin at a source role."""
        session = chain_session(*hops, session=self.source(source), region_name="us-east-1")
        return str(session.client("sts").get_caller_identity()["Arn"])

    def refused(self, hops: Sequence[Hop | Call], source: int = 0) -> tuple[str, str]:
        """The code and the text of the error that AWS answers to the last of some hops."""
        with pytest.raises(HopError) as caught:
            self.walk(hops, source)
        assert caught.value.index == len(hops), caught.value
        assert isinstance(caught.value.__cause__, ClientError)
        error = caught.value.__cause__.response["Error"]
        return error["Code"], error["Message"]

    def refused_by_sts(self, hops: Sequence[Hop], **parameters: Any) -> tuple[str, str]:
        """The same of the last hop as a bare call, which the runtime would refuse to make."""
        session = chain_session(*hops[:-1], session=self.source(), region_name="us-east-1")
        last = {"RoleArn": hops[-1].role_arn, "RoleSessionName": "bare", **parameters}
        with pytest.raises(ClientError) as caught:
            session.client("sts").assume_role(**last)
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


Deploy = Callable[[Chain], Deployed]


@pytest.fixture
def standing(organization: LocalOrganization) -> Deploy:
    """A chain whose roles were made by other means."""
    return lambda chain: Deployed(organization, chain)


@pytest.fixture
def deploy(organization: LocalOrganization, standing: Deploy) -> Iterator[Deploy]:
    """Makes the roles of a chain that do not exist yet, and takes them away after the test."""
    made: list[tuple[Any, str]] = []

    def make(chain: Chain) -> Deployed:
        for role in (role for role in chain.roles if not role.existing):
            iam = _iam(organization, role.account)
            _make_role(iam, chain, role)
            made.append((iam, role.role))
        return standing(chain)

    yield make
    for iam, name in made:
        if "own" in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName="own")
        iam.delete_role(RoleName=name)


def _make_role(iam: Any, chain: Chain, role: ChainRole) -> None:
    settings = {"PermissionsBoundary": role.boundary_arn} if role.boundary_arn else {}
    iam.create_role(
        RoleName=role.role,
        Path=role.path,
        AssumeRolePolicyDocument=_document(trust_statements(chain, role)),
        MaxSessionDuration=role.max_session_duration,
        **settings,
    )
    if statements := [*statements_for(chain, role)["permissions"], *own_statements(role)]:
        iam.put_role_policy(RoleName=role.role, PolicyName="own", PolicyDocument=_document(statements))


@pytest.fixture
def sending() -> Callable[..., list[Hop | Call]]:
    """The hops with another last call: ``None`` leaves a parameter out."""

    def change(hops: Sequence[Hop], **parameters: Any) -> list[Hop | Call]:
        last = as_hop(hops[-1])
        kept = {
            name: parameters.get(name, getattr(last, name))
            for name in ("external_id", "tags", "transitive_tag_keys", "source_identity", "duration_seconds")
        }
        return [*hops[:-1], Call(last.role_arn, **{name: value for name, value in kept.items() if value})]

    return change


_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture
def user(organization: LocalOrganization) -> Iterator[Callable[[str, str], boto3.Session]]:
    """Makes an IAM user of an account that may do everything there, and gives its session."""
    made: list[tuple[Any, str, str]] = []

    def make(account: str, name: str) -> boto3.Session:
        iam = _iam(organization, account)
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=_document([_EVERYTHING]))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made.append((iam, name, key["AccessKeyId"]))
        return organization.session_with(key["AccessKeyId"], key["SecretAccessKey"])

    yield make
    for iam, name, key in made:
        iam.delete_access_key(UserName=name, AccessKeyId=key)
        iam.delete_user_policy(UserName=name, PolicyName="own")
        iam.delete_user(UserName=name)


@pytest.fixture
def device(organization: LocalOrganization) -> Iterator[Callable[[str, str], tuple[str, Callable[[], str]]]]:
    """Gives a user an MFA device: its serial number, and what shows its codes."""
    made: list[tuple[Any, str, str]] = []

    def make(account: str, name: str) -> tuple[str, Callable[[], str]]:
        iam = _iam(organization, account)
        virtual = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        serial, seed = virtual["SerialNumber"], virtual["Base32StringSeed"].decode()
        now = time.time()
        codes = {"AuthenticationCode1": code_at(seed, now - 30), "AuthenticationCode2": code_at(seed, now)}
        iam.enable_mfa_device(UserName=name, SerialNumber=serial, **codes)
        made.append((iam, name, serial))
        return serial, lambda: code_at(seed, time.time())

    yield make
    for iam, name, serial in made:
        iam.deactivate_mfa_device(UserName=name, SerialNumber=serial)
        iam.delete_virtual_mfa_device(SerialNumber=serial)


@pytest.fixture
def function(organization: LocalOrganization) -> Iterator[Callable[[str, str], boto3.Session]]:
    """Makes a role of an account that may do everything there, and gives the session of its Lambda function."""
    made: list[tuple[Any, str]] = []
    lets_lambda_in = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }

    def make(account: str, name: str) -> boto3.Session:
        iam = _iam(organization, account)
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document([lets_lambda_in]))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=_document([_EVERYTHING]))
        made.append((iam, name))
        return organization.workload(role["Arn"], "lambda.amazonaws.com")

    yield make
    for iam, name in made:
        iam.delete_role_policy(RoleName=name, PolicyName="own")
        iam.delete_role(RoleName=name)


@pytest.fixture
def assume() -> Callable[..., str]:
    """What a session becomes by a bare AssumeRole, or the code of the error that it is answered with."""

    def call(session: boto3.Session, role_arn: str, **parameters: Any) -> str:
        try:
            answer = session.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="bare", **parameters)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return str(answer["AssumedRoleUser"]["Arn"])

    return call
