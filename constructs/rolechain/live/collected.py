"""Accounts and their organization in a folder that iam-collect wrote.

Below ``aws/<partition>/accounts/<id>/iam/<type>/<name>/`` stands a file for each kind of data of a resource:
``metadata.json``, ``trust-policy.json``, ``inline-policies.json`` and the like; a kind without data has none. Below
``aws/<partition>/organizations/<id>/`` stand the accounts, the organizational units and the control policies.

Source: iam-collect, docs/Storage.md. It collects neither SAML providers nor maximum session durations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rolechain.iam.arn import iam_arn, name_of
from rolechain.live.account import Account
from rolechain.live.organization import Organization
from rolechain.policy.elements import load
from rolechain.statements.guardrails import RCP, SCP

Json = Any


def is_collected(folder: Path) -> bool:
    """Whether iam-collect wrote a folder."""
    return any(folder.glob("aws/*/accounts"))


def collected_accounts(folder: Path) -> Iterator[Account]:
    """The accounts of a folder.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: a file cannot be read, or lacks something.
    """
    for path in sorted(folder.glob("aws/*/accounts/*")):
        resources = path / "iam"
        details = {
            "RoleDetailList": [
                {
                    **_principal(each, "RoleName", "RolePolicyList"),
                    "AssumeRolePolicyDocument": _read(each, "trust-policy"),
                }
                for each in _in(resources / "role")
            ],
            "UserDetailList": [
                {
                    **_principal(each, "UserName", "UserPolicyList"),
                    "GroupList": [name_of(arn) for arn in _read(each, "groups", [])],
                }
                for each in _in(resources / "user")
            ],
            "GroupDetailList": [
                _principal(each, "GroupName", "GroupPolicyList") for each in _in(resources / "group")
            ],
            "Policies": [
                _policy(each)
                for of_type in (resources / "policy", resources / "aws" / "policy")
                for each in _in(of_type)
            ],
        }
        providers = (_read(each, "metadata")["url"] for each in _in(resources / "oidc-provider"))
        partition = path.parts[-3]
        arns = (
            iam_arn(partition, path.name, f"oidc-provider/{url.split('://', 1)[-1]}") for url in providers
        )
        yield Account(path.name, details, {}, tuple(arns))


def collected_organization(folder: Path) -> Organization | None:
    """The organization of a folder; None where it holds none, or several.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: a file cannot be read, or lacks something.
    """
    found = [path for path in folder.glob("aws/*/organizations/*") if path.is_dir()]
    if len(found) != 1:
        return None
    (path,) = found
    accounts, units = _read(path, "accounts"), _read(path, "ous")

    def above(unit: str) -> tuple[str, ...]:
        parent = units[unit].get("parent")
        return (*above(parent), unit) if parent else (unit,)

    attached = {
        kind: {
            target: [documents[arn] for arn in each.get(name, ())]
            for target, each in {**units, **accounts}.items()
        }
        for kind, name in ((SCP, "scps"), (RCP, "rcps"))
        if (documents := {_read(each, "metadata")["arn"]: _read(each, "policy") for each in _in(path / name)})
    }
    return Organization(
        path.name,
        _read(path, "metadata")["rootAccountId"],
        {account: (*above(each["ou"]), account) for account, each in accounts.items()},
        # A kind that is enabled has a policy at the root at least.
        {
            kind: by
            for kind, by in attached.items()
            if any(by[unit] for unit in units if not units[unit].get("parent"))
        },
    )


def _principal(folder: Path, name: str, inline: str) -> dict[str, Json]:
    metadata = _read(folder, "metadata")
    tags = _read(folder, "tags", {})
    found = {
        "Arn": metadata["arn"],
        "Path": metadata["path"],
        name: metadata["name"],
        inline: _read(folder, "inline-policies", []),
        "AttachedManagedPolicies": [{"PolicyArn": arn} for arn in _read(folder, "managed-policies", [])],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    if boundary := metadata.get("permissionBoundary"):
        found["PermissionsBoundary"] = {"PermissionsBoundaryArn": boundary}
    return found


def _policy(folder: Path) -> dict[str, Json]:
    metadata = _read(folder, "metadata")
    version = metadata["defaultVersionId"]
    document = _read(folder, "current-policy")
    return {
        "Arn": metadata["arn"],
        "Path": metadata["path"],
        "PolicyName": metadata["name"],
        "DefaultVersionId": version,
        "PolicyVersionList": [{"VersionId": version, "IsDefaultVersion": True, "Document": document}],
    }


def _in(folder: Path) -> list[Path]:
    return sorted(each for each in folder.glob("*") if each.is_dir())


def _read(folder: Path, kind: str, default: Json = None) -> Json:
    path = folder / f"{kind}.json"
    if default is not None and not path.is_file():
        return default
    return load(path.read_text(encoding="utf-8"))
