"""What one role of a chain must satisfy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from rolechain.iam.limits import ACCOUNT, EXTERNAL_ID, ORGANIZATIONAL_UNIT, PATH, ROLE_NAME, ROLE_SECONDS
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole, Permission, Trust
from rolechain.model.validation.entrances import problems_of_entrance
from rolechain.model.validation.patterns import ACTION, NOT_DESCRIBING, POLICY, Found, is_arn, matches
from rolechain.model.validation.sessions import problems_of_session

_NAME_LIMIT, _PATH_LIMIT, _CONSOLE_LIMIT = 64, 512, 64


def problems_of_role(role: ChainRole, *, is_source: bool) -> Found:
    """What is wrong with a role by itself."""
    if not isinstance(role.account, str):
        yield ("account",), f"{role.account!r} is a number: put the 12 digits in quotes"
    elif not ACCOUNT.fullmatch(role.account):
        digits = len(role.account)
        has = f"has {digits} characters" if digits != 12 else "is not all digits"
        yield ("account",), f"{role.account!r} {has}: an account id is 12 digits"
    yield from _of_name(role)
    if role.description is not None and not (
        isinstance(role.description, str) and len(role.description) <= 1000
    ):
        yield ("description",), "longer than IAM's 1,000 characters, or no text: shorten it"
    elif role.description is not None and (wrong := NOT_DESCRIBING.search(role.description)):
        yield ("description",), f"IAM takes Latin-1 characters only: write another for {wrong.group()!r}"
    yield from _of_trust(role, is_source=is_source)
    seconds = role.max_session_duration
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds not in ROLE_SECONDS:
        yield (
            ("max_session_duration",),
            f"{seconds!r} is outside IAM's limits: write 3600 to 43200, in seconds",
        )
    yield from problems_of_session(role, is_source=is_source)
    if role.external_id is not None and not is_source and not matches(EXTERNAL_ID, role.external_id):
        yield (
            ("external_id",),
            f"{role.external_id!r} is no external id: write 2 to 1,224 of letters, digits and _+=,.@:/-",
        )
    if role.assumed_by and not is_source:
        yield ("assumed_by",), "a chain is entered at its source role only: declare it there"
    for number, entrance in enumerate(role.assumed_by):
        for message in (*problems_of_entrance(entrance), *_of_way_in(role, entrance)):
            yield ("assumed_by", number), message
    yield from _of_permissions(role)
    yield from _of_existing(role, is_source=is_source)


def _of_way_in(role: ChainRole, entrance: Entrance) -> Iterator[str]:
    """What IAM refuses in the trust policy of this very role."""
    for one in entrance.each() if isinstance(entrance, Entrance) else ():
        if not is_arn(one.value, ("",)):
            continue
        partition, account = (one.value.split(":")[part] for part in (1, 4))
        if role.partition and partition != role.partition:
            yield f"{one.value} lies in another partition than the role's, {role.partition}: nobody crosses them"
        elif one.kind in ("oidc", "saml") and account != role.account:
            yield (
                f"{one.value} is not of the role's account, {role.account}, and IAM takes no other account's "
                "provider: make one there"
            )


def _of_name(role: ChainRole) -> Found:
    name_fits = path_fits = False
    if not matches(ROLE_NAME, role.role):
        yield ("role",), f"{role.role!r} is no role name: write letters, digits and _+=,.@-"
    elif len(role.role) > _NAME_LIMIT:
        yield (
            ("role",),
            f"{role.role!r} has {len(role.role)} characters: a role name has {_NAME_LIMIT} at most",
        )
    else:
        name_fits = True
    if not matches(PATH, role.path):
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
    if name_fits and path_fits and not role.existing and len(role.path) + len(role.role) > _CONSOLE_LIMIT:
        yield (
            ("role",),
            f"{role.path}{role.role} has {len(role.path) + len(role.role)} characters: the console cannot switch "
            f"to a role whose path and name have more than {_CONSOLE_LIMIT}; shorten one",
        )


def _of_trust(role: ChainRole, *, is_source: bool) -> Found:
    if role.trust not in get_args(Trust):
        yield ("trust",), f"{role.trust!r} is no way to trust: write one of {', '.join(get_args(Trust))}"
    elif is_source and role.trust != "principal_arn":
        yield (
            ("trust",),
            "no hop ends in the source role: who enters is said by assumed_by; declare it on the role whose caller it "
            "is about",
        )
    if is_source and role.organizational_units:
        yield (
            ("organizational_units",),
            "no hop ends in the source role: declare it on the role whose caller it is asked of",
        )
    for number, unit in enumerate(role.organizational_units):
        if not matches(ORGANIZATIONAL_UNIT, unit):
            yield (
                ("organizational_units", number),
                f"{unit!r} is no path of an organizational unit: write the ids from the root down, such as "
                "r-ab12/ou-ab12-11111111",
            )


def _of_permissions(role: ChainRole) -> Found:
    for number, policy in enumerate(role.managed_policies):
        if not matches(POLICY, policy):
            yield (
                ("managed_policies", number),
                f"{policy!r} is neither an AWS managed policy's name nor an ARN",
            )
    for number, permission in enumerate(role.permissions):
        for message in _of_permission(permission):
            yield ("permissions", number), message
    if role.permissions_boundary is not None and not matches(POLICY, role.permissions_boundary):
        yield (
            ("permissions_boundary",),
            f"{role.permissions_boundary!r} is neither an ARN nor the name of a managed policy in {role.account}",
        )


def _of_permission(permission: Permission) -> Iterator[str]:
    if not permission.actions or not permission.resources:
        yield "a permission needs actions and resources: name one of each at least"
    for action in permission.actions:
        if not matches(ACTION, action):
            yield f"{action!r} is no IAM action: write one such as ssm:GetParameter"
    for resource in permission.resources:
        if not isinstance(resource, str) or not (resource == "*" or resource.startswith("arn:")):
            yield f"{resource!r} is no resource: write its ARN, or *"


def _of_existing(role: ChainRole, *, is_source: bool) -> Found:
    """What would have to be written to a role that is not the chain's to change."""
    for name in ("existing", "third_party"):
        if not isinstance(value := getattr(role, name), bool):
            yield (name,), f"{value!r} is neither true nor false: write one of them"
    if not role.existing:
        if role.third_party:
            yield (
                ("third_party",),
                "a third party's role is none that this chain creates: write existing: true too",
            )
        return
    written = ("assumed_by", "description", "managed_policies", "permissions", "permissions_boundary")
    for name in written:
        if getattr(role, name):
            yield (name,), f"the role exists and is not changed: leave {name} out, or have its owner add it"
    if role.third_party and not is_source:
        yield (
            ("third_party",),
            "a third party calls at the beginning of a chain: declare its role as source",
        )
