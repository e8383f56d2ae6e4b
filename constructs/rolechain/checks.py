"""What a declared chain must satisfy, so that IAM and STS accept what is made of it.

The patterns and limits are those of the IAM and STS API references and of the IAM quotas page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from rolechain.entrance import Entrance
from rolechain.errors import Place, Problem
from rolechain.partitions import PARTITIONS, partition_of
from rolechain.role import ChainRole, Permission, Trust

if TYPE_CHECKING:
    from rolechain.chain import Chain

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_CHAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
_PATH = re.compile(r"/|/[!-~]+/", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?", re.ASCII)
_PERMISSION_SET = re.compile(r"[\w+=,.@-]{1,32}", re.ASCII)
_ACTION = re.compile(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_NAME_LIMIT, _PATH_LIMIT, _CONSOLE_LIMIT = 64, 512, 64
_SESSION_SECONDS = range(3600, 43201)


def problems_of(chain: Chain) -> list[Problem]:
    """Every mistake in ``chain``, in the order of its declaration."""
    return [Problem(place, message) for place, message in _found(chain)]


Found = Iterator[tuple[Place, str]]


def _found(chain: Chain) -> Found:
    if not isinstance(chain.name, str) or not _CHAIN_NAME.fullmatch(chain.name):
        yield (
            ("name",),
            f"{chain.name!r} cannot begin the names of roles and stacks: write a letter, then letters, digits "
            "and hyphens, 64 at most",
        )
    if chain.organization is not None and not _matches(_ORGANIZATION, chain.organization):
        yield (
            ("organization",),
            f"{chain.organization!r} is no organization id: write o- and 10 to 32 lowercase letters or digits",
        )
    yield from _of_region(chain)
    for place, role in _places(chain):
        for rest, message in _of_role(role, is_source=place == ("source",)):
            yield (*place, *rest), message
        if role.partition != chain.partition:
            yield (
                (*place, "partition"),
                f"{role.partition!r} is not the chain's partition {chain.partition!r}, and no hop crosses partitions",
            )
    if not chain.middle:
        yield ("middle",), "a chain has one middle role at least: declare the role between source and targets"
    if not chain.targets:
        yield ("targets",), "a chain has one target at least: declare the role that it leads to"
    yield from _repeated(chain)


def _places(chain: Chain) -> Iterator[tuple[Place, ChainRole]]:
    yield ("source",), chain.source
    for kind, roles in (("middle", chain.middle), ("targets", chain.targets)):
        for number, role in enumerate(roles):
            yield (kind, number), role


def _of_region(chain: Chain) -> Found:
    if chain.partition not in PARTITIONS:
        yield (
            ("partition",),
            f"{chain.partition!r} is no partition of AWS: write one of {', '.join(PARTITIONS)}",
        )
    found = partition_of(chain.region) if isinstance(chain.region, str) else None
    if found is None:
        yield ("region",), f"{chain.region!r} is no region: write one such as us-east-1"
    elif chain.partition in PARTITIONS and found != chain.partition:
        yield (
            ("region",),
            f"{chain.region} lies in partition {found}, the chain in {chain.partition}: change one of the two",
        )


def _of_role(role: ChainRole, *, is_source: bool) -> Found:
    if not isinstance(role.account, str):
        yield ("account",), f"{role.account!r} is a number: put the 12 digits in quotes"
    elif not _ACCOUNT.fullmatch(role.account):
        digits = len(role.account)
        has = f"has {digits} characters" if digits != 12 else "is not all digits"
        yield ("account",), f"{role.account!r} {has}: an account id is 12 digits"
    yield from _of_name(role)
    if role.description is not None and not (
        isinstance(role.description, str) and len(role.description) <= 1000
    ):
        yield ("description",), "longer than IAM's 1,000 characters, or no text: shorten it"
    if role.trust not in get_args(Trust):
        yield ("trust",), f"{role.trust!r} is no way to trust: write one of {', '.join(get_args(Trust))}"
    seconds = role.max_session_duration
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds not in _SESSION_SECONDS:
        yield (
            ("max_session_duration",),
            f"{seconds!r} is outside IAM's limits: write 3600 to 43200, in seconds",
        )
    if role.external_id is not None and is_source:
        yield (
            ("external_id",),
            "no hop ends in the source role: declare it on the role that is assumed with it",
        )
    elif role.external_id is not None and not _matches(_EXTERNAL_ID, role.external_id):
        yield (
            ("external_id",),
            f"{role.external_id!r} is no external id: write 2 to 1,224 of letters, digits and _+=,.@:/-",
        )
    if role.assumed_by and not is_source:
        yield ("assumed_by",), "a chain is entered at its source role only: declare it there"
    for number, entrance in enumerate(role.assumed_by):
        for message in _of_entrance(entrance):
            yield ("assumed_by", number), message
    for number, policy in enumerate(role.managed_policies):
        if not isinstance(policy, str) or not re.fullmatch(
            r"arn:\S+:policy/\S+|[\w+=,.@/-]+", policy, re.ASCII
        ):
            yield (
                ("managed_policies", number),
                f"{policy!r} is neither an AWS managed policy's name nor an ARN",
            )
    for number, permission in enumerate(role.permissions):
        for message in _of_permission(permission):
            yield ("permissions", number), message


def _of_name(role: ChainRole) -> Found:
    name_fits = path_fits = False
    if not _matches(_ROLE_NAME, role.role):
        yield ("role",), f"{role.role!r} is no role name: write letters, digits and _+=,.@-"
    elif len(role.role) > _NAME_LIMIT:
        yield (
            ("role",),
            f"{role.role!r} has {len(role.role)} characters: a role name has {_NAME_LIMIT} at most",
        )
    else:
        name_fits = True
    if not _matches(_PATH, role.path):
        yield ("path",), f"{role.path!r} is no IAM path: begin and end it with / and leave out blanks"
    elif set(role.path) & set("*?$"):
        yield (
            ("path",),
            f"{role.path!r} holds *, ? or $, which policies read as wildcards and variables: leave them out",
        )
    elif len(role.path) > _PATH_LIMIT:
        yield ("path",), f"a path of {len(role.path)} characters: {_PATH_LIMIT} at most"
    else:
        path_fits = True
    if name_fits and path_fits and len(role.path) + len(role.role) > _CONSOLE_LIMIT:
        yield (
            ("role",),
            f"{role.path}{role.role} has {len(role.path) + len(role.role)} characters: the console cannot switch "
            f"to a role whose path and name have more than {_CONSOLE_LIMIT}; shorten one",
        )


def _of_entrance(entrance: Entrance) -> Iterator[str]:
    value = entrance.value
    if entrance.kind == "service" and not _matches(_SERVICE, value):
        yield f"{value!r} is no service principal: write one such as lambda.amazonaws.com"
    elif entrance.kind == "account" and not isinstance(value, str):
        yield f"{value!r} is a number: put the 12 digits in quotes"
    elif entrance.kind == "account" and not _ACCOUNT.fullmatch(value):
        yield f"{value!r} is no account id: write its 12 digits"
    elif entrance.kind == "permission_set" and not _matches(_PERMISSION_SET, value):
        yield f"{value!r} is no permission set's name: write 1 to 32 of letters, digits and _+=,.@-"
    elif entrance.kind == "arn" and not _is_arn(value, ("role/", "user/")):
        yield f"{value!r} is no role's or user's ARN: write one without wildcards"
    elif entrance.kind == "saml" and not _is_arn(value, ("saml-provider/",)):
        yield f"{value!r} is no SAML provider's ARN: write arn:aws:iam::<account>:saml-provider/<name>"
    elif entrance.kind == "oidc" and not _is_arn(value, ("oidc-provider/",)):
        yield f"{value!r} is no OIDC provider's ARN: write arn:aws:iam::<account>:oidc-provider/<host>"
    elif entrance.kind == "oidc" and not (entrance.audience and entrance.subject):
        yield f"tokens of {value} need audience and subject: any workflow of the provider gets in without"


def _is_arn(value: object, kinds: tuple[str, ...]) -> bool:
    if not isinstance(value, str) or set(value) & set("*? "):
        return False
    parts = value.split(":", 5)
    return (
        len(parts) == 6
        and (parts[0], parts[2], parts[3]) == ("arn", "iam", "")
        and parts[1] in PARTITIONS
        and bool(_ACCOUNT.fullmatch(parts[4]))
        and any(parts[5].startswith(kind) and len(parts[5]) > len(kind) for kind in kinds)
    )


def _of_permission(permission: Permission) -> Iterator[str]:
    if not permission.actions or not permission.resources:
        yield "a permission needs actions and resources: name one of each at least"
    for action in permission.actions:
        if not _matches(_ACTION, action):
            yield f"{action!r} is no IAM action: write one such as ssm:GetParameter"
    for resource in permission.resources:
        if not isinstance(resource, str) or not (resource == "*" or resource.startswith("arn:")):
            yield f"{resource!r} is no resource: write its ARN, or *"


def _repeated(chain: Chain) -> Found:
    """Roles that stand in the chain twice: IAM compares their names without case."""
    seen: dict[tuple[str, str], tuple[Place, ChainRole]] = {}
    for place, role in _places(chain):
        if not _matches(_ACCOUNT, role.account):
            continue
        first_place, first = seen.setdefault((role.account, str(role.role).lower()), (place, role))
        if first_place == place:
            continue
        known = Problem(first_place, "").where
        what = f"role {role.role} of account {role.account}"
        if first.arn != role.arn:
            yield (
                (*place, "role"),
                f"{what} and {known} ({first.path}{first.role}) have one name: names are unique in an account, "
                "ignoring case and path; rename one",
            )
        elif place[0] == first_place[0] == "targets":
            yield (*place, "role"), f"{what} is a target already, at {known}: leave one out"
        else:
            yield (
                (*place, "role"),
                f"{what} stands at {known} already, which makes the chain a cycle: name another role",
            )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and bool(pattern.fullmatch(value))
