"""The rules that a declared chain must satisfy, so that IAM and STS accept its policies and calls.

``keys.py`` holds the allowed values of each key; this file holds the rules between keys, roles and hops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rolechain.errors import Place, Problem
from rolechain.iam.arn import account_of, partition_of
from rolechain.iam.limits import (
    ACCOUNT,
    CONSOLE_CHARACTERS,
    SESSION_TAGS,
    folded,
)
from rolechain.iam.partitions import PARTITIONS
from rolechain.iam.partitions import partition_of as partition_of_region
from rolechain.model.entry_principal import ROLES_ANYWHERE, Entrance, inherited_values
from rolechain.model.keys import (
    CHAIN_KEYS,
    NO_CERTIFICATE,
    NO_MANAGED_POLICY,
    NO_MFA,
    OF_CALLEES,
    OF_TARGETS_BY_UNIT,
    ROLE_KEYS,
)
from rolechain.model.role import ChainRole
from rolechain.model.session_policy import beyond_quotas
from rolechain.model.session_values import several
from rolechain.model.shapes import Found, defaults_of, matches

if TYPE_CHECKING:
    from rolechain.model.chain import Chain

_ROLES = ("source", "middle", "targets")
_NAMES = {"source": "source role", "targets": "target"}


class _Placed(NamedTuple):
    """A role and its place, without those of its values and entrances, by number, that are wrong by themselves."""

    place: Place
    role: ChainRole
    entrances: dict[int, Entrance]

    @property
    def is_source(self) -> bool:
        return self.place[0] == "source"


def problems_of(chain: Chain) -> list[Problem]:
    """Every mistake in ``chain``, in the order of its declaration, then those between roles.

    A problem at or below the place of an earlier one is left out, as it may only follow from that.
    """
    found: dict[tuple[Place, str], None] = {}

    def tell(more: Iterable[tuple[Place, str]], within: Place = ()) -> None:
        known = {place for place, _ in found}
        found.update(
            ((place, message), None)
            for rest, message in more
            if (place := (*within, *rest))
            and not any(place[:length] in known for length in range(len(place) + 1))
        )

    for key, shape in CHAIN_KEYS.items():
        value = getattr(chain, key) if key not in _ROLES else None
        if key not in _ROLES and not (
            value is None and key in ("organization", "administrators", "revoked_before")
        ):
            tell(shape.wrong(value), (key,))
    home = partition_of_region(chain.region) if isinstance(chain.region, str) else None
    if home and home != chain.partition and chain.partition in PARTITIONS:
        message = (
            f"{chain.region} lies in partition {home}, the chain in {chain.partition}: change one of the two"
        )
        tell([(("region",), message)])
    roles = []
    for kind, declared in zip(_ROLES, (chain.sources, chain.middle, chain.targets), strict=True):
        for number, role in enumerate(declared):
            # A source that stands alone stands in no list.
            place: Place = (kind,) if kind == "source" and len(declared) == 1 else (kind, number)
            wrong = list(_of_role_keys(role, is_source=kind == "source"))
            tell(wrong, place)
            placed = _placed(place, role, [rest for rest, _ in wrong])
            tell(
                (
                    *_of_role(chain, placed),
                    *_of_units(chain, placed),
                    *_of_session(placed.role),
                    *_of_entrances(placed),
                ),
                place,
            )
            roles.append(placed)
    replaced = [
        _Placed((*each.place, "replaces"), each.role.replaced, {})
        for each in roles
        if each.place[0] == "middle" and each.role.replaced
    ]
    for former in replaced:
        # The rest was said of the role that takes its place.
        named = [(("role",), message) for _, message in ROLE_KEYS["role"].wrong(former.role.role)]
        tell([*named, *_of_session(former.role)], former.place)
    missing = [
        kind for kind, declared in (("source", chain.sources), ("targets", chain.targets)) if not declared
    ]
    tell(
        (
            *(((kind,), f"a chain needs at least one {_NAMES[kind]}: declare it") for kind in missing),
            *_repeated([*roles, *replaced]),
            *_of_aliases(roles),
            *_entered_from_within([*roles, *replaced]),
            *_of_callers(chain, roles),
            *_along(roles),
        )
    )
    return [Problem(place, message) for place, message in found]


def _of_role_keys(role: ChainRole, *, is_source: bool) -> Found:
    defaults = defaults_of(ChainRole)
    unit = role.member_of
    if unit is not None and not (isinstance(unit, ChainRole) and unit.by_unit):
        yield ("member_of",), f"{unit!r} is not a target by organizational unit: call its in_account(…)"
    for key, shape in ROLE_KEYS.items():
        value = getattr(role, key)
        if (value is None and defaults.get(key, ()) is None) or (key == "account" and role.by_unit):
            continue
        if is_source and key in OF_CALLEES:
            if value != defaults[key]:
                yield (key,), "no hop ends in the source role: declare it on the role that the hop assumes"
        elif key == "assumed_by" and value and not is_source:
            yield (key,), "a chain is entered at its source role only: declare it there"
        else:
            for rest, message in shape.wrong(value):
                yield (key, *rest), message


def _placed(place: Place, role: ChainRole, wrong: list[Place]) -> _Placed:
    entrances = {
        number: entrance
        for number, entrance in enumerate(role.assumed_by)
        if ("assumed_by",) not in wrong and ("assumed_by", number) not in wrong
    }
    if not wrong:
        return _Placed(place, role, entrances)
    keys = {rest[0] for rest in wrong}
    if "session_tags" in keys:
        keys.add("transitive_tag_keys")
    # A path that is wrong makes no name too long.
    blank = {key: value for key, value in {**defaults_of(ChainRole), "path": "/"}.items() if key in keys}
    return _Placed(place, replace(role, **{**blank, "assumed_by": (*entrances.values(),)}), entrances)


def _of_role(chain: Chain, placed: _Placed) -> Found:
    role = placed.role
    whole = f"{role.path}{role.role}"
    if not role.existing and len(whole) > CONSOLE_CHARACTERS:
        yield (
            ("role",),
            f"{whole} has {len(whole)} characters: the console cannot switch to a role whose path and name have more "
            f"than {CONSOLE_CHARACTERS}; shorten one",
        )
    if placed.is_source and role.trust != "principal_arn":
        yield (
            ("trust",),
            "no hop ends in the source role: declare its callers under assumed_by, and trust on the role of a hop",
        )
    if role.replaces and placed.place[0] != "middle":
        yield (
            ("replaces",),
            "only a middle role replaces another: declare both targets, the former and the new one",
        )
    elif role.replaces and partition_of(role.replaces) != chain.partition:
        yield ("replaces",), f"{role.replaces} is not in the chain's partition {chain.partition}: change one"
    if role.third_party and not role.existing:
        yield (
            ("third_party",),
            "this chain does not create a third party's role: add existing: true",
        )
    elif role.third_party and not placed.is_source:
        yield (
            ("third_party",),
            "a third party's role can only be the source of a chain: declare it as source",
        )
    if role.partition != chain.partition:
        here = f"{role.partition!r} is not the chain's partition {chain.partition!r}"
        yield ("partition",), f"{here}, and no hop crosses partitions"
    written = ("assumed_by", "description", "managed_policies", "permissions", "permissions_boundary")
    for key in written if role.existing else ():
        if getattr(role, key):
            yield (key,), f"the role exists and is not changed: remove {key}, or have its owner add it"


_PAIRS = (
    ("failure_tolerance_count", "failure_tolerance_percentage"),
    ("max_concurrent_count", "max_concurrent_percentage"),
)


def _of_units(chain: Chain, placed: _Placed) -> Found:
    """What a target by organizational unit needs, and what is for one alone."""
    role = placed.role
    if not role.by_unit:
        for key in OF_TARGETS_BY_UNIT:
            if getattr(role, key):
                yield (
                    (key,),
                    f"{key} is for a target by organizational unit: declare organizational_units, or remove it",
                )
        return
    at = ("organizational_units",)
    if placed.place[0] != "targets":
        yield at, "only a target can be in every account of organizational units: name the role's account"
    if role.existing:
        yield ("existing",), "a target by organizational unit is created by its stack set: remove existing"
    if not chain.organization:
        yield at, "it needs the organization, and the chain declares none: add organization: o-…"
    if role.path == "/":
        yield (
            ("path",),
            "a target by organizational unit needs a path of the chain's own, as its caller may assume every role of "
            "its path and name: remove path, or write one such as /rolechain/",
        )
    root = role.organizational_units[0].split("/")[0]
    for number, unit in enumerate(role.organizational_units):
        first, *below = unit.rstrip("/").split("/")
        if first != root:
            yield (
                (*at, number),
                f"{unit} and {root} are of two roots, and an organization has one: change one",
            )
        # Source: Organizations API Reference, OrganizationalUnit: Id.
        elif not all(each.startswith(f"ou-{root.removeprefix('r-')}-") for each in below):
            begin = f"ou-{root.removeprefix('r-')}-"
            yield (*at, number), f"{unit} holds a unit of another root: write ids that begin with {begin}"
    for key in ("organizational_units", "exclude"):
        listed = [each.rstrip("/") for each in getattr(role, key)]
        for number, each in enumerate(listed):
            if each in listed[:number]:
                yield (key, number), f"{each} occurs twice: remove one"
    for pair in _PAIRS if role.stack_set else ():
        if all(getattr(role.stack_set, key) is not None for key in pair):
            yield ("stack_set", pair[1]), f"{' and '.join(pair)} say the same: remove one"


def _of_session(role: ChainRole) -> Found:
    declared = {tag.key for tag in role.tags}
    for number, key in enumerate(role.transitive_tag_keys):
        if key not in declared:
            yield (
                ("transitive_tag_keys", number),
                f"{key!r} is not one of the session tags of this hop: add it to session_tags",
            )
    for number, arn in enumerate(role.policy_arns):
        if partition_of(arn) != role.partition:
            yield ("policy_arns", number), f"{arn!r} {NO_MANAGED_POLICY}"
        elif account_of(arn) not in ("aws", role.account):
            yield (
                ("policy_arns", number),
                f"{arn} is of account {account_of(arn)}, and STS looks in the role's own, {role.account}: name a "
                "policy of that account, or one of AWS's",
            )
    for key, message in beyond_quotas(role.policy, role.policy_arns):
        yield (key,), message


def _of_entrances(placed: _Placed) -> Found:
    for number, entrance in placed.entrances.items():
        each = list(entrance.each())
        found = [message for one in each for check in _OF_ENTRANCE for message in check(one)]
        found += [message for one in each for message in _of_account(placed.role, one)]
        for message in dict.fromkeys(found):
            yield ("assumed_by", number), message


def _of_account(role: ChainRole, one: Entrance) -> Iterator[str]:
    if one.kind not in ("arn", "oidc", "saml"):
        return
    if role.partition and partition_of(one.value) != role.partition:
        yield f"{one.value} lies in another partition than the role's, {role.partition}: no call crosses partitions"
    elif one.kind != "arn" and account_of(one.value) != role.account:
        yield (
            f"{one.value} is not of the role's account, {role.account}, and IAM refuses a provider of another "
            "account: create one there"
        )


def _of_variables(entrance: Entrance) -> Iterator[str]:
    """Values in which a policy would read ``${`` as the beginning of a variable."""
    written = {
        "audience": entrance.audiences,
        "subject": entrance.subjects,
        "source_arn": several(entrance.source_arn),
        "certificate": tuple(entrance.certificate.values()),
    }
    for name, values in written.items():
        for value in values:
            if "${" in value:
                yield f"{name}: {value!r} holds ${{, which begins a policy variable: write the value itself"


def _of_session_values(entrance: Entrance) -> Iterator[str]:
    known = entrance.known
    if entrance.certificate and entrance.value != ROLES_ANYWHERE:
        yield NO_CERTIFICATE.format(key="certificate", value=entrance.value)
    if known is None:
        transitive = [tag.key for tag in entrance.tags]
        origin = "the entrance declares: add it to session_tags"
    else:
        transitive = list(known.transitive)
        origin = f"{entrance.value} makes transitive: remove it"
        brings = [tag.key for tag in known.tags]
        for tag in entrance.tags:
            if tag.key not in brings:
                remediation = (
                    "declare it under certificate"
                    if entrance.value == ROLES_ANYWHERE
                    else f"write one of {', '.join(brings)}"
                )
                yield f"{entrance.value} sets no session tag {tag.key!r}: {remediation}"
        if entrance.identity and not known.identity:
            yield f"{entrance.value} sets no source identity: remove source_identity"
    for key in entrance.transitive_tag_keys:
        if key not in transitive:
            yield f"{key!r} is not one of the session tags that {origin}"


def _of_callers_of(entrance: Entrance) -> Iterator[str]:
    if entrance.third_party and entrance.external_id is None:
        yield (
            f"the third party {entrance.value} needs an external_id, or another customer of it can use your "
            "role: declare one that is unique to you"
        )
    asks = entrance.mfa or entrance.mfa_max_age is not None
    if asks and entrance.kind == "arn" and ":user/" not in entrance.value:
        yield NO_MFA.format(kind=entrance.kind, value=entrance.value)
    elif asks and entrance.kind == "account" and not entrance.iam_users:
        yield "mfa admits IAM users only, and iam_users: false excludes them: remove one of the two"
    if entrance.mfa_max_age is not None and not entrance.mfa:
        yield "mfa_max_age needs mfa: add mfa: true"


_OF_ENTRANCE = (_of_variables, _of_session_values, _of_callers_of)


def _repeated(roles: Sequence[_Placed]) -> Found:
    """Roles that the chain declares twice; IAM compares names without case."""
    seen: dict[tuple[str, str], _Placed] = {}
    for each in roles:
        place, role = each.place, each.role
        if not (role.by_unit or matches(ACCOUNT, role.account)):
            continue
        first = seen.setdefault((role.account, role.role.lower()), each)
        if first is each:
            continue
        known = Problem(first.place, "").where
        what = f"role {role.role} of account {role.account}"
        if role.by_unit:
            yield (
                (*place, "role"),
                f"role {role.role} of organizational units is declared at {known} already: list the units there, or "
                "rename one",
            )
        elif first.role.arn != role.arn:
            yield (
                (*place, "role"),
                f"{what} and {known} ({first.role.path}{first.role.role}) have one name: names are unique in an "
                "account, ignoring case and path; rename one",
            )
        elif place[0] == first.place[0] and place[0] != "middle":
            kind = "source" if each.is_source else "target"
            yield (*place, "role"), f"{what} is a {kind} already, at {known}: remove one"
        else:
            yield (
                (*place, "role"),
                f"{what} is declared at {known} already, which makes the chain a cycle: name another role",
            )


def _of_aliases(roles: Iterable[_Placed]) -> Found:
    """Aliases that select no target, or two."""
    seen: dict[str, Place] = {}
    for place, role in ((each.place, each.role) for each in roles if each.role.alias):
        if place[0] != "targets":
            yield (*place, "alias"), "an alias selects a target, and this role is none: remove it"
        elif (first := seen.setdefault(str(role.alias), place)) != place:
            known = Problem(first, "").where
            yield (*place, "alias"), f"{role.alias!r} is the alias of {known} already: choose another"


def _entered_from_within(roles: Sequence[_Placed]) -> Found:
    arns = {each.role.arn: each for each in roles}
    for placed in roles:
        for number, entrance in placed.entrances.items():
            for one in entrance.each():
                if known := arns.get(one.value):
                    why = (
                        "no hop ends in a source role"
                        if known.is_source
                        else "it would make the chain a cycle"
                    )
                    yield (
                        (*placed.place, "assumed_by", number),
                        f"{one.value} is {Problem(known.place, '').where} of this chain, and {why}: name a "
                        "principal outside the chain",
                    )


def _of_callers(chain: Chain, roles: Sequence[_Placed]) -> Found:
    """Conditions on the callers' accounts that no caller can meet."""
    third_parties = [each.role for each in roles if each.is_source and each.role.third_party]
    for place, role in ((each.place, each.role) for each in roles if not each.is_source):
        vendor = (
            third_parties[0].role if third_parties and (place == ("middle", 0) or not chain.middle) else None
        )
        if role.caller_organizational_units or role.trust == "organization":
            key = "caller_organizational_units" if role.caller_organizational_units else "trust"
            if not chain.organization:
                yield (
                    (*place, key),
                    "it needs the organization, and the chain declares none: add organization: o-…",
                )
            elif vendor:
                yield (
                    (*place, key),
                    f"its caller {vendor} is a third party's, in no organization of yours: remove {key}",
                )
        if vendor and role.external_id is None:
            yield (
                (*place, "external_id"),
                f"its caller {vendor} is a third party's: declare an external_id that is unique to you, or "
                "another customer of it can use your role",
            )


def _along(roles: Iterable[_Placed]) -> Found:
    """The tags and the source identity that sessions inherit from hop to hop."""
    tags, identity = inherited_values(
        one for each in roles for entrance in each.entrances.values() for one in entrance.each()
    )
    entry: Place = ("source", "assumed_by")
    inherited: dict[str, tuple[str, Place]] = {folded(tag.key): (tag.key, entry) for tag in tags}
    set_at: Place | None = entry if identity else None
    for each in roles:
        if each.is_source:
            continue
        for rest, message in _of_inherited(each.role, inherited, set_at):
            yield (*each.place, *rest), message
        if each.place[0] == "middle":
            inherited |= {folded(key): (key, each.place) for key in each.role.transitive_tag_keys}
            set_at = set_at or (each.place if each.role.identity else None)


def _of_inherited(role: ChainRole, inherited: dict[str, tuple[str, Place]], set_at: Place | None) -> Found:
    for tag in role.tags:
        if known := inherited.get(folded(tag.key)):
            key, first = known
            yield (
                ("session_tags", tag.key),
                f"the session inherits {key} as transitive from {Problem(first, '').where}, and STS refuses to have "
                "it passed again: remove it here, or from transitive_tag_keys there",
            )
    whole = len(inherited) + len(role.tags)
    if inherited and len(role.tags) <= SESSION_TAGS < whole:
        yield (
            ("session_tags",),
            f"{len(role.tags)} tags and {len(inherited)} inherited ones: a session has {SESSION_TAGS} at most; remove "
            f"{whole - SESSION_TAGS}",
        )
    if role.identity and set_at:
        yield (
            ("source_identity",),
            f"{Problem(set_at, '').where} sets the source identity already, and it cannot change: remove it here",
        )
