"""The same over the organization that runs on one machine, whose IAM and STS decide by the policies deployed there."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from rolechain import Chain, ChainRole
from rolechain.runtime import Cause, chain_session, verify

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("ministack"), reason="the organization needs the extra local"
)
CHAIN = Chain(
    "deploy",
    source=ChainRole("111111111111"),
    middle=[ChainRole("222222222222", external_id="ticket-7")],
    targets=[ChainRole("333333333333")],
)


def _deploy(organization: Any) -> None:
    """Makes the roles as the chain declares them."""
    for role in CHAIN.roles:
        iam = organization.session(role.account).client("iam")
        into = CHAIN.calls_into(role)
        caller = into[0].caller.arn if into else role.account_root
        condition = {"StringEquals": {"sts:ExternalId": role.external_id}} if role.external_id else {}
        if into:
            condition["ArnEquals"] = {"aws:PrincipalArn": caller}
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{caller.split(':')[4]}:root"},
            "Condition": condition,
        }
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam.create_role(RoleName=role.role, Path=role.path, AssumeRolePolicyDocument=json.dumps(document))
        resources = [hop.role_arn for hop in CHAIN.calls_of(role)]
        if resources:
            _allow(iam, role.role, resources)


def _allow(iam: Any, role: str, resources: list[str]) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resources}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(RoleName=role, PolicyName="hops", PolicyDocument=json.dumps(document))


def test_a_chain_is_taken_verified_and_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hop is taken there, every shortcut refused, and a hop that loses its permission is explained."""
    from rolechain.local import LocalOrganization

    with LocalOrganization() as organization:
        _deploy(organization)
        monkeypatch.setenv("AWS_ENDPOINT_URL", organization.endpoint_url)
        start = organization.session("111111111111")
        assert all(report.ok for report in verify(CHAIN, session=start))
        session = chain_session(CHAIN.source.arn, *CHAIN.hops_to("333333333333"), session=start)
        assert session.client("sts").get_caller_identity()["Account"] == "333333333333"
        _allow(organization.session("222222222222").client("iam"), "deploy-middle", [CHAIN.source.arn])
        readers = [organization.session(account) for account in CHAIN.accounts]
        (bad,) = [report for report in verify(CHAIN, session=start, readers=readers) if not report.ok]
        assert (bad.index, bad.cause) == (3, Cause.IDENTITY_POLICY)
        assert (
            f"; as IAM has it, no identity policy of the caller allows sts:AssumeRole on {bad.callee}"
            in bad.detail
        )
