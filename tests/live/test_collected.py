"""A folder that iam-collect wrote is proven as the accounts that it was collected from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from rolechain import Chain
from rolechain.live import Account, FolderError, holds_accounts, load_accounts, load_organization, prove_live
from rolechain.local import LocalOrganization

Read = Callable[[Chain], list[Account]]
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_TYPES = {"RoleDetailList": "role", "UserDetailList": "user", "GroupDetailList": "group"}


def _write(path: Path, **kinds: Any) -> None:
    """A file for each kind of data that there is, as iam-collect names them."""
    path = Path(str(path).lower())
    path.mkdir(parents=True, exist_ok=True)
    for kind, data in kinds.items():
        if data:
            (path / f"{kind.replace('_', '-')}.json").write_text(json.dumps(data))


def _collect(folder: Path, chain: Chain, accounts: list[Account]) -> Path:
    """Writes accounts below an organizational unit of an organization as iam-collect lays them out."""
    for account in accounts:
        iam = folder / "aws" / "aws" / "accounts" / account.id / "iam"
        for section, kind in _TYPES.items():
            word = kind.capitalize()
            for each in account.details[section]:
                boundary = each.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
                name, path = each[f"{word}Name"], each["Path"]
                _write(
                    iam / kind / quote(f"{path}{name}"[1:], safe=""),
                    metadata={"arn": each["Arn"], "name": name, "path": path, "permissionBoundary": boundary},
                    trust_policy=each.get("AssumeRolePolicyDocument"),
                    inline_policies=each.get(f"{word}PolicyList"),
                    managed_policies=[one["PolicyArn"] for one in each.get("AttachedManagedPolicies", [])],
                    groups=[f"arn:aws:iam::{account.id}:group/{one}" for one in each.get("GroupList", [])],
                    tags={tag["Key"]: tag["Value"] for tag in each.get("Tags", [])},
                )
        for policy in account.details["Policies"]:
            of_aws = ["aws"] if ":aws:policy/" in policy["Arn"] else []
            _write(
                iam.joinpath(*of_aws, "policy", quote(policy["PolicyName"])),
                metadata={
                    "arn": policy["Arn"],
                    "name": policy["PolicyName"],
                    "path": policy["Path"],
                    "defaultVersionId": policy["DefaultVersionId"],
                },
                current_policy=next(
                    one["Document"] for one in policy["PolicyVersionList"] if one["IsDefaultVersion"]
                ),
            )
        for provider in account.providers:
            url = f"https://{provider.split('/', 1)[1]}"
            _write(iam / "oidc-provider" / quote(url, safe=""), metadata={"url": url})
    organization = folder / "aws" / "aws" / "organizations" / "o-exampleorg1"
    full = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess"
    _write(
        organization,
        metadata={"rootAccountId": "000000000000"},
        accounts={account: {"ou": "ou-a", "scps": [full]} for account in chain.accounts},
        ous={"r-a": {"scps": [full]}, "ou-a": {"parent": "r-a", "scps": [full]}},
    )
    _write(organization / "scps" / "p-FullAWSAccess", metadata={"arn": full}, policy=EVERYTHING)
    return folder


def test_it_is_proven_as_its_accounts(
    chain: Chain, read: Read, organization: LocalOrganization, tmp_path: Path
) -> None:
    """Roles, users, groups, policies, boundaries, tags and providers are those that were collected."""
    account = chain.targets[0].account
    iam = organization.session(account).client("iam")
    own = iam.create_policy(PolicyName="own", PolicyDocument=json.dumps(EVERYTHING))["Policy"]["Arn"]
    iam.create_group(GroupName="people")
    iam.attach_group_policy(GroupName="people", PolicyArn=own)
    iam.create_user(UserName="Ann", Path="/staff/", Tags=[{"Key": "team", "Value": "blue"}])
    iam.add_user_to_group(GroupName="people", UserName="Ann")
    iam.create_user(UserName="bob", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.create_open_id_connect_provider(Url="https://token.example.com", ThumbprintList=["a" * 40])
    accounts = read(chain)
    folder = _collect(tmp_path / "iam-data", chain, accounts)
    assert holds_accounts(folder)
    found = load_organization(folder)
    assert found
    assert found.limits()[account].path == "o-exampleorg1/r-a/ou-a/"
    assert found.limits()[account].rcps is None
    collected = load_accounts(folder)
    assert [each.providers for each in collected] == [each.providers for each in accounts]
    one, other = (prove_live(chain, each, organization=found) for each in (accounts, collected))
    assert f"arn:aws:iam::{account}:user/staff/Ann" in {changer.who for changer in other.changers or ()}
    assert (one.hops, one.entrances, one.changers) == (other.hops, other.entrances, other.changers)
    # The maximum session duration, which RC15 is about, is not collected.
    assert {each for each in one.findings if each.rule != "RC15"} == set(other.findings)
    assert [hop.verdict.value for hop in other.hops] == ["allow", "allow"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("trust-policy.json", None),
        ("metadata.json", None),
        ("trust-policy.json", '{"Statement": '),
        ("metadata.json", '{"arn": "arn:aws:iam::1:role/a", "name": "a", "path": "/"}'),
    ],
)
def test_a_folder_that_is_not_whole(
    file: str, text: str | None, chain: Chain, read: Read, tmp_path: Path
) -> None:
    """A file that is missing, cut off or another role's is told in one line, and nothing is proven of it."""
    folder = _collect(tmp_path, chain, read(chain))
    (path,) = folder.glob(f"aws/aws/accounts/{chain.accounts[0]}/iam/role/*/{file}")
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(FolderError, match="collect it again") as raised:
        load_accounts(folder)
    assert "\n" not in str(raised.value)
