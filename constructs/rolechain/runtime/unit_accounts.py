"""The accounts of a target by organizational unit, as Organizations lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import boto3

from rolechain.api_calls import answered, retry_config
from rolechain.errors import RolechainError
from rolechain.iam.limits import unit_of_path
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.model.role import ChainRole


class UnitAccountsError(RolechainError):
    """The accounts of organizational units cannot be listed."""


@dataclass(frozen=True)
class UnitAccounts:
    """The accounts of a target by organizational unit.

    Attributes:
        accounts: the ids of those that hold its role, in Organizations' order; one that joined a moment ago may not
            have it yet.
        skipped: why others of the units are left out, by their ids: suspended ones and those about to be closed, the
            excluded ones, and the management account, where no stack set goes.
    """

    accounts: tuple[str, ...]
    skipped: Mapping[str, str]


def list_unit_accounts(target: ChainRole, session: boto3.Session | None = None) -> UnitAccounts:
    """Lists the accounts of a target's units and of all units below them, each page once.

    Args:
        target: a target by organizational unit.
        session: credentials that may call ``organizations:DescribeOrganization``, ``ListAccountsForParent`` and
            ``ListOrganizationalUnitsForParent``: those of the management account or a delegated administrator. By
            default a new ``boto3.Session()``.

    Raises:
        UnitAccountsError: AWS refuses a call, or does not answer, in a line.
    """
    session = session or boto3.Session()
    # Organizations has one endpoint a partition, whatever the session's region.
    region = session.region_name or FIRST_REGIONS[target.partition or "aws"]
    client = session.client("organizations", region_name=region, config=retry_config())

    def listed(parent: str) -> Iterator[Mapping[str, str]]:
        for page in client.get_paginator("list_accounts_for_parent").paginate(ParentId=parent):
            yield from page["Accounts"]
        for page in client.get_paginator("list_organizational_units_for_parent").paginate(ParentId=parent):
            for unit in page["OrganizationalUnits"]:
                yield from listed(unit["Id"])

    accounts: dict[str, None] = {}
    skipped: dict[str, str] = {}

    def refused(reason: str) -> UnitAccountsError:
        remedy = "start from the management account or a delegated administrator of AWS Organizations"
        if reason.startswith("ParentNotFoundException"):
            remedy = f"write the id of a unit of organization {organization['Id']} in organizational_units"
        return UnitAccountsError(f"the accounts of {asked} cannot be listed: {reason}: {remedy}")

    asked = ", ".join(target.organizational_units)

    with answered(refused):
        organization = client.describe_organization()["Organization"]
        management = organization["MasterAccountId"]
        for asked in target.organizational_units:
            for account in listed(unit_of_path(asked)):
                # Status gives way to State, which says more.
                state = account.get("State") or account.get("Status", "ACTIVE")
                if account["Id"] == management:
                    skipped[management] = "it is the management account, where no stack set goes"
                elif account["Id"] in target.exclude:
                    skipped[account["Id"]] = "the chain excludes it"
                elif state != "ACTIVE":
                    skipped[account["Id"]] = f"it is {state.lower().replace('_', ' ')}"
                else:
                    accounts[account["Id"]] = None
    return UnitAccounts(tuple(accounts), skipped)
