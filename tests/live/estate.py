"""An organization of many accounts, with chains made by hand and much that is none: ``python estate.py DIR``."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rolechain.live import Account, save_accounts

Json = dict[str, Any]
Hops = set[tuple[str, str]]
ORGANIZATION = "o-estate00001"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def role_arn(account: str, name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{account}:role{path}{name}"


class Estate:
    """The accounts, and the hops of the chains that were planted.

    Args:
        size: how many accounts, 40 at least; the first is the management account.
        seed: what the noise is drawn with.
    """

    def __init__(self, size: int = 200, seed: int = 1) -> None:
        self.ids = [f"{300000000000 + number * 7:012}" for number in range(size)]
        self.planted: dict[str, Hops] = {}
        self._random = random.Random(seed)  # noqa: S311 - nothing is secret here
        self._roles: dict[str, list[Json]] = {account: [] for account in self.ids}
        self._users: dict[str, list[Json]] = {account: [] for account in self.ids}
        for account in self.ids:
            self._noise(account)
        self._plant()

    @property
    def accounts(self) -> list[Account]:
        """The accounts, as IAM lists them."""
        return [
            Account(
                account,
                {
                    "RoleDetailList": self._roles[account],
                    "UserDetailList": self._users[account],
                    "GroupDetailList": [],
                    "Policies": [_managed(ADMINISTRATOR, _EVERYTHING)],
                },
                {role["Arn"]: 3600 for role in self._roles[account]},
                (f"arn:aws:iam::{account}:saml-provider/sso",),
            )
            for account in self.ids
        ]

    def _role(
        self,
        account: str,
        name: str,
        trust: Sequence[Json],
        permissions: Sequence[Json] = (),
        *,
        path: str = "/",
        attached: Sequence[str] = (),
    ) -> str:
        arn = role_arn(account, name, path)
        self._roles[account].append(
            {
                "Path": path,
                "RoleName": name,
                "Arn": arn,
                "AssumeRolePolicyDocument": _document(trust),
                "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": _document(permissions)}]
                if permissions
                else [],
                "AttachedManagedPolicies": [
                    {"PolicyName": each.rsplit("/", 1)[-1], "PolicyArn": each} for each in attached
                ],
                "Tags": [],
            }
        )
        return arn

    def _noise(self, account: str) -> None:
        """What every account holds, and no chain begins or ends at."""
        self._role(
            account,
            "AWSServiceRoleForSupport",
            [_trust({"Service": "support.amazonaws.com"})],
            path="/aws-service-role/support.amazonaws.com/",
        )
        for number in range(self._random.randint(5, 15)):
            service = self._random.choice(["lambda", "ec2", "ecs-tasks", "states", "glue"])
            bucket = {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": f"arn:aws:s3:::{account}-{number}/*",
            }
            self._role(account, f"app-{number}", [_trust({"Service": f"{service}.amazonaws.com"})], [bucket])
        saml = _trust(
            {"Federated": f"arn:aws:iam::{account}:saml-provider/sso"},
            {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            "sts:AssumeRoleWithSAML",
        )
        sso = "/aws-reserved/sso.amazonaws.com/"
        self._role(
            account, "AWSReservedSSO_Admin_0123456789abcdef", [saml], path=sso, attached=[ADMINISTRATOR]
        )
        # Only its own account uses it, and the administrator may.
        self._role(
            account,
            "break-glass",
            [_trust({"AWS": f"arn:aws:iam::{account}:root"})],
            attached=[ADMINISTRATOR],
        )
        # A vendor's role, behind which there is nobody.
        vendor = _trust(
            {"AWS": "arn:aws:iam::999999999999:root"}, {"StringEquals": {"sts:ExternalId": f"v-{account}"}}
        )
        self._role(account, "vendor-scan", [vendor])
        # Both halves of a hop that nobody can take: one names a role that is not there, the other asks in vain.
        gone = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn(self.ids[3], "gone")}
        self._role(account, "left-over", [_trust({"Service": "ec2.amazonaws.com"})], [gone])
        self._users[account].append(
            {"Path": "/", "UserName": "robot", "Arn": f"arn:aws:iam::{account}:user/robot", "GroupList": []}
        )

    def _plant(self) -> None:
        lambda_trust = [_trust({"Service": "lambda.amazonaws.com"})]
        ids = self.ids
        # One source by a hub to thirty targets, with an external id; callers are named by their ARNs.
        source, hub = role_arn(ids[1], "ship"), role_arn(ids[2], "hub", "/ops/")
        ends = [role_arn(account, "ship-end") for account in ids[5:35]]
        self._role(ids[1], "ship", lambda_trust, [_may(hub)])
        self._role(
            ids[2], "hub", [_trust({"AWS": source})], [_may("arn:aws:iam::*:role/ship-end")], path="/ops/"
        )
        for account in ids[5:35]:
            self._role(
                account,
                "ship-end",
                [_trust({"AWS": hub}, {"StringEquals": {"sts:ExternalId": "ship-1"}})],
                attached=[ADMINISTRATOR],
            )
        self.planted["ship"] = {(source, hub), *((hub, end) for end in ends)}
        # Three hops, which ask for the organization; the last one for a session tag.
        within = {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}
        walk = [role_arn(account, f"data-{number}") for number, account in enumerate(ids[35:39])]
        self._role(ids[35], "data-0", lambda_trust, [_may(walk[1])])
        for number in (1, 2):
            caller = _pinned(walk[number - 1], within)
            self._role(ids[35 + number], f"data-{number}", [caller], [_may(walk[number + 1])])
        tagged = _pinned(walk[2], {"StringEquals": {**within["StringEquals"], "aws:RequestTag/Team": "data"}})
        tagging = {**tagged, "Action": "sts:TagSession"}
        self._role(ids[38], "data-3", [tagged, tagging])
        self._roles[ids[37]][-1]["RolePolicyList"].append(
            {
                "PolicyName": "tags",
                "PolicyDocument": _document([{**_may(walk[3]), "Action": "sts:TagSession"}]),
            }
        )
        self.planted["data"] = set(itertools.pairwise(walk))
        # Two sources that assume one target, one of them with a condition that no chain says.
        reader = role_arn(ids[39], "reader")
        readers = [role_arn(account, "report") for account in ids[3:5]]
        for account in ids[3:5]:
            self._role(account, "report", lambda_trust, [_may(reader)])
        self._role(
            ids[39],
            "reader",
            [
                _pinned(readers[0], {}),
                _pinned(readers[1], {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
            ],
        )
        self.planted["reader"] = {(each, reader) for each in readers}
        # What Organizations makes in every member account: the management account's administrators get everywhere.
        root = _trust({"AWS": f"arn:aws:iam::{ids[0]}:root"})
        for account in ids[1:]:
            self._role(account, "OrganizationAccountAccessRole", [root], attached=[ADMINISTRATOR])
        administrators = [
            role_arn(ids[0], "AWSReservedSSO_Admin_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/"),
            role_arn(ids[0], "break-glass"),
        ]
        self.planted["organization"] = {(administrators[0], administrators[1])} | {
            (each, role_arn(account, "OrganizationAccountAccessRole"))
            for account in ids[1:]
            for each in administrators
        }


def _managed(arn: str, *statements: Json) -> Json:
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": _document(statements)}
    name = arn.rsplit("/", 1)[-1]
    return {
        "PolicyName": name,
        "Path": "/",
        "Arn": arn,
        "DefaultVersionId": "v1",
        "PolicyVersionList": [version],
    }


def _document(statements: Sequence[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _trust(principal: Json, condition: Json | None = None, action: str = "sts:AssumeRole") -> Json:
    found = {"Effect": "Allow", "Action": action, "Principal": principal}
    return {**found, "Condition": condition} if condition else found


def _pinned(caller: str, condition: Json) -> Json:
    account = caller.split(":")[4]
    asked = {**condition, "ArnEquals": {"aws:PrincipalArn": caller}}
    return _trust({"AWS": f"arn:aws:iam::{account}:root"}, asked)


def _may(*resources: str) -> Json:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": list(resources)}


if __name__ == "__main__":
    save_accounts(Path(sys.argv[1]), Estate(int(sys.argv[2]) if len(sys.argv) > 2 else 200).accounts)
