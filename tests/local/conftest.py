"""One local organization for each test process, and short ways to fill it."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain.local import LocalOrganization

_numbers = itertools.count(100000000001)


@pytest.fixture(scope="session")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization() as running:
        yield running


@pytest.fixture
def accounts() -> Callable[[], str]:
    """Gives account ids that no other test uses."""
    return lambda: str(next(_numbers))


class Accounts:
    """Makes roles and users, and walks from one to the next."""

    def __init__(self, organization: LocalOrganization) -> None:
        self.organization = organization

    def iam(self, account: str) -> Any:
        """An IAM client of the account's administrator."""
        return _client(_administrator(self.organization, account), "iam")

    def role(
        self,
        account: str,
        name: str,
        trust: Any,
        permissions: Any = None,
        *,
        trust_actions: Any = "sts:AssumeRole",
        condition: dict[str, Any] | None = None,
        **settings: Any,
    ) -> str:
        """A role trusting ``trust`` (an AWS principal, or statements), allowed to do ``permissions``."""
        statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": trust}, "Action": trust_actions}
        if condition:
            statement["Condition"] = condition
        document = policy(*trust) if isinstance(trust, tuple) else policy(statement)
        iam = self.iam(account)
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **settings)["Role"]
        if permissions is not None:
            statements = permissions if isinstance(permissions, tuple) else (allow(permissions),)
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return str(made["Arn"])

    def user(self, account: str, name: str, permissions: Any = "*") -> boto3.Session:
        """A session of a new IAM user."""
        iam = self.iam(account)
        iam.create_user(UserName=name)
        if permissions is not None:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(allow(permissions)))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return self.organization.session_with(key["AccessKeyId"], key["SecretAccessKey"])

    def assume(self, role_arn: str, *, by: boto3.Session | str, **parameters: Any) -> dict[str, Any]:
        """What AssumeRole answers to a session, or to an account's administrator."""
        session = _administrator(self.organization, by) if isinstance(by, str) else by
        sts: Any = _client(session, "sts")
        answer: dict[str, Any] = sts.assume_role(RoleArn=role_arn, **{"RoleSessionName": "hop", **parameters})
        return answer

    def into(self, role_arn: str, *, by: boto3.Session | str, **parameters: Any) -> boto3.Session:
        """A session of the role, assumed by a session or an account's administrator."""
        credentials = self.assume(role_arn, by=by, **parameters)["Credentials"]
        return self.organization.session_with(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
        )


# To make a client takes longer than to use it.
_administrator = functools.cache(LocalOrganization.session)


@functools.cache
def _client(session: boto3.Session, service: Any) -> Any:
    return session.client(service)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture
def make(organization: LocalOrganization) -> Accounts:
    return Accounts(organization)


@pytest.fixture
def document() -> Callable[..., str]:
    """Writes statements as a policy document."""
    return policy


@pytest.fixture
def allowing() -> Callable[..., dict[str, Any]]:
    """Writes a statement that allows actions."""
    return allow


@pytest.fixture
def refused() -> Callable[[Callable[[], Any]], tuple[str, str]]:
    """The code and message of the error that a call answers with."""

    def of(call: Callable[[], Any]) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            call()
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return of
