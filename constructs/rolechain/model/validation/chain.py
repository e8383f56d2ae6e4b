"""What a chain as a whole must satisfy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rolechain.errors import Place, Problem
from rolechain.iam.limits import ACCOUNT, ORGANIZATION
from rolechain.iam.partitions import PARTITIONS, partition_of
from rolechain.model.entry_principal import Entrance
from rolechain.model.quotas import QUOTA_LIMITS, Quotas
from rolechain.model.role import ChainRole
from rolechain.model.validation.entrances import problems_of_entrance
from rolechain.model.validation.patterns import ADMINISTRATOR, CHAIN_NAME, Found, matches
from rolechain.model.validation.roles import problems_of_role
from rolechain.model.validation.sessions import problems_along

if TYPE_CHECKING:
    from rolechain.model.chain import Chain


def problems_of(chain: Chain) -> list[Problem]:
    """Every mistake in ``chain``, in the order of its declaration."""
    return [Problem(place, message) for place, message in _found(chain)]


def _found(chain: Chain) -> Found:
    if not matches(CHAIN_NAME, chain.name):
        yield (
            ("name",),
            f"{chain.name!r} cannot begin the names of roles and stacks: write a letter, then letters, digits "
            "and hyphens, 64 at most",
        )
    if chain.organization is not None and not matches(ORGANIZATION, chain.organization):
        yield (
            ("organization",),
            f"{chain.organization!r} is no organization id: write o- and 10 to 32 lowercase letters or digits",
        )
    yield from _of_region(chain)
    yield from _of_quotas(chain)
    yield from _of_documents(chain)
    yield from _of_administrators(chain)
    for place, role in _places(chain):
        for rest, message in problems_of_role(role, is_source=place[0] == "source"):
            yield (*place, *rest), message
        if role.partition != chain.partition:
            yield (
                (*place, "partition"),
                f"{role.partition!r} is not the chain's partition {chain.partition!r}, and no hop crosses partitions",
            )
    if not chain.sources:
        yield ("source",), "a chain has one source role at least: declare the role where it is entered"
    if not chain.targets:
        yield ("targets",), "a chain has one target at least: declare the role that it leads to"
    yield from _repeated(chain)
    yield from _entered_from_within(chain)
    yield from _of_callers(chain)
    declared = (entrance for source in chain.sources for entrance in source.assumed_by)
    yield from problems_along(chain, (each for each in declared if not any(problems_of_entrance(each))))


def _places(chain: Chain) -> Iterator[tuple[Place, ChainRole]]:
    """Every role with its place; a source that stands alone stands in no list."""
    alone = len(chain.sources) == 1
    for number, role in enumerate(chain.sources):
        yield ("source",) if alone else ("source", number), role
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


def _of_documents(chain: Chain) -> Found:
    for arn, document in chain.policy_documents.items():
        if not isinstance(arn, str) or not arn.startswith("arn:") or ":policy/" not in arn:
            yield (
                ("policy_documents", str(arn)),
                f"{arn!r} is no policy's ARN: write arn:aws:iam::<account>:policy/<name>",
            )
        elif not isinstance(document, Mapping) or "Statement" not in document:
            yield (
                ("policy_documents", arn),
                f"{document!r} is no policy document: write an object with Statement",
            )


def _of_administrators(chain: Chain) -> Found:
    for number, arn in enumerate(chain.administrators or ()):
        if not isinstance(arn, str) or not matches(ADMINISTRATOR, arn):
            yield (
                ("administrators", number),
                f"{arn!r} is no role's, user's or group's ARN: write arn:aws:iam::<account>:role/<path and name>, "
                "in which * and ? are wildcards",
            )


def _of_quotas(chain: Chain) -> Found:
    if not isinstance(chain.quotas, Quotas):
        yield ("quotas",), f"{chain.quotas!r} are no quotas: write Quotas(…)"
        return
    for name, (least, most) in QUOTA_LIMITS.items():
        value = getattr(chain.quotas, name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            yield (
                ("quotas", name),
                f"{value!r} is none that AWS gives: write {least} to {most}, as it is in the chain's accounts",
            )


def _repeated(chain: Chain) -> Found:
    """Roles that the chain declares twice; IAM compares names without case."""
    seen: dict[tuple[str, str], tuple[Place, ChainRole]] = {}
    for place, role in _places(chain):
        if not matches(ACCOUNT, role.account):
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
        elif place[0] == first_place[0] and place[0] in ("targets", "source"):
            kind = "target" if place[0] == "targets" else "source"
            yield (*place, "role"), f"{what} is a {kind} already, at {known}: leave one out"
        else:
            yield (
                (*place, "role"),
                f"{what} stands at {known} already, which makes the chain a cycle: name another role",
            )


def _entered_from_within(chain: Chain) -> Found:
    """Entrances that are roles of the chain themselves."""
    arns = {role.arn: Problem(place, "").where for place, role in _places(chain)}
    for place, role in _places(chain):
        for number, entrance in enumerate(role.assumed_by):
            for one in entrance.each() if isinstance(entrance, Entrance) else ():
                if not isinstance(one.value, str) or one.value not in arns:
                    continue
                known = arns[one.value]
                why = (
                    "no hop ends in a source role"
                    if known.startswith("source")
                    else "it would make the chain a cycle"
                )
                yield (
                    (*place, "assumed_by", number),
                    f"{one.value} is {known} of this chain, and {why}: name who enters from outside",
                )


def _of_callers(chain: Chain) -> Found:
    """What a role asks of its callers' accounts, and cannot."""
    strangers = [role for role in chain.sources if role.third_party]
    for place, role in _places(chain):
        if place[0] == "source":
            continue
        first = place == ("middle", 0) or not chain.middle
        if (role.organizational_units or role.trust == "organization") and not chain.organization:
            key = "organizational_units" if role.organizational_units else "trust"
            yield (
                (*place, key),
                "it is asked of the organization, and the chain declares none: write organization: o-…",
            )
        elif first and strangers and (role.organizational_units or role.trust == "organization"):
            key = "organizational_units" if role.organizational_units else "trust"
            yield (
                (*place, key),
                f"its caller {strangers[0].role} is a third party's, in no organization of yours: leave {key} out",
            )
        if first and strangers and role.external_id is None:
            yield (
                (*place, "external_id"),
                f"its caller {strangers[0].role} is a third party's: declare an external_id used for you alone, "
                "or another of its customers can have it act on you",
            )
