"""The organization of accounts: where each stands, and the control policies above it.

Source: AWS Organizations API Reference; AWS Organizations User Guide, "SCP evaluation" and "RCP evaluation".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from rolechain.api_calls import answered, retry_config
from rolechain.errors import RolechainError
from rolechain.graph.role_graph import AccountLimits
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.policy import Policy
from rolechain.statements.guardrails import RCP, SCP

if TYPE_CHECKING:
    import boto3


class OrganizationError(RolechainError):
    """An organization cannot be read."""


@dataclass(frozen=True)
class Organization:
    """An organization, as far as it is about some accounts.

    Attributes:
        id: its id; empty for accounts without an organization, which no control policy binds.
        management: the id of its management account, which no control policy binds.
        above: the ids of the root, of the organizational units below it and of the account itself, by account; one
            that is none of its accounts is left out.
        policies: the documents that are attached to each of these ids, by kind of policy; a kind that is not enabled is
            left out.
    """

    id: str
    management: str
    above: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether each account stands below a root, or in no organization, and each policy is of a known kind."""
        begins = "r-" if self.id else ""
        return (
            all(isinstance(each, str) for each in (self.id, self.management))
            and self.policies.keys() <= {SCP, RCP}
            and all(
                ids[0].startswith(begins or account)
                and ids[-1] == account
                and (len(ids) > 1) is bool(self.id)
                for account, ids in self.above.items()
            )
        )

    def limits(self) -> dict[str, AccountLimits]:
        """What binds each account, by its id."""
        parsed = {
            kind: {target: tuple(map(Policy.parse, listed)) for target, listed in attached.items()}
            for kind, attached in self.policies.items()
        }

        def levels(kind: str, above: Iterable[str]) -> tuple[tuple[Policy, ...], ...] | None:
            return tuple(parsed[kind].get(each, ()) for each in above) if kind in parsed else None

        return {
            account: AccountLimits(
                path="/".join((self.id, *above[:-1], "")) if self.id else "",
                scps=levels(SCP, above),
                rcps=levels(RCP, above),
                in_management_account=account == self.management,
                binding=tuple(chain(*levels(SCP, above) or ())) if account != self.management else (),
            )
            for account, above in self.above.items()
        }


def read_organization(session: boto3.Session, accounts: Iterable[str]) -> Organization:
    """Reads the organization as far as it is about some accounts: each policy and each parent once.

    Args:
        session: credentials that may call ``ORGANIZATION_ACTIONS`` of ``rolechain.statements.audit_role``.
        accounts: the ids of its accounts.

    Raises:
        OrganizationError: AWS refuses a call, or a policy has no document.
    """
    client = _client(session)
    with answered(OrganizationError):
        described = client.describe_organization()["Organization"]
        parents: dict[str, str] = {}

        def above(child: str) -> tuple[str, ...]:
            if child.startswith("r-"):
                return (child,)
            if child not in parents:
                try:
                    parents[child] = client.list_parents(ChildId=child)["Parents"][0]["Id"]
                except client.exceptions.ChildNotFoundException:
                    return ()
            return (*above(parents[child]), child)

        roots = client.list_roots()["Roots"]
        enabled = {each["Type"] for each in roots[0]["PolicyTypes"] if each["Status"] == "ENABLED"}
        return Organization(
            described["Id"],
            described["MasterAccountId"],
            {account: found for account in accounts if (found := above(account))},
            {kind: _attached(client, kind) for kind in (SCP, RCP) if kind in enabled},
        )


def management_account(session: boto3.Session) -> str:
    """The id of the management account of a session's organization; empty where its account is in none.

    Every account may ask for it.

    Raises:
        OrganizationError: AWS refuses the call.
    """
    client = _client(session)
    with answered(OrganizationError):
        try:
            return str(client.describe_organization()["Organization"]["MasterAccountId"])
        except client.exceptions.AWSOrganizationsNotInUseException:
            return ""


def _client(session: boto3.Session) -> Any:
    # Organizations has one endpoint a partition, whatever the session's region.
    region = session.region_name or FIRST_REGIONS["aws"]
    return session.client("organizations", region_name=region, config=retry_config())


def _attached(client: Any, kind: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    listed, attached = map(client.get_paginator, ("list_policies", "list_targets_for_policy"))
    for policy in (each for page in listed.paginate(Filter=kind) for each in page["Policies"]):
        document = json.loads(client.describe_policy(PolicyId=policy["Id"])["Policy"]["Content"])
        Policy.parse(document)
        for page in attached.paginate(PolicyId=policy["Id"]):
            for target in page["Targets"]:
                found.setdefault(target["TargetId"], []).append(document)
    return found
