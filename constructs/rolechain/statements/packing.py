"""The packing of a role's policies into IAM's quotas.

Permissions name each callee by its ARN as long as that fits, in one managed policy or in several. A full policy is
split in two by the next bit of the hash of each callee's ARN, so that the policy of a callee does not depend on other
callees, and one target more or less changes one policy. The first half keeps the policy's name, so that a deployment
never attaches more policies than there are before or after it; the callees of the other half only ever go on to a later
policy, which is made first, or back to an earlier one, before theirs is deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from rolechain.errors import RolechainError
from rolechain.iam import limits
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.statements import permissions_policy as named_by
from rolechain.statements.builder import own_statements, trust_statements
from rolechain.statements.permissions_policy import Named, hop_permission_statements
from rolechain.statements.revocation import deny_before
from rolechain.statements.statement_json import StatementJson

REVOKED = "Revoked"
"""The id of the policy that ends a role's older sessions."""


class PackingError(RolechainError):
    """A role's policies exceed the quotas however they are packed."""


@dataclass(frozen=True)
class ManagedPolicy:
    """One managed policy.

    Attributes:
        id: its name among the role's policies; the same from one synth to the next.
        statements: its statements.
    """

    id: str
    statements: tuple[StatementJson, ...]


@dataclass(frozen=True)
class PackedPolicies:
    """The managed policies of a role.

    Attributes:
        hops: those that allow its hops, each to be updated after those that follow it.
        own: those of its other permissions, likewise, and of what ends its older sessions.
        note: how the callees are named, in words; None where one policy names each by its ARN.
    """

    hops: tuple[ManagedPolicy, ...]
    own: tuple[ManagedPolicy, ...]
    note: str | None = None


def length_of(statements: Iterable[StatementJson]) -> int:
    """The characters of a policy with these statements, as IAM counts them: without blanks."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return limits.length_of_document(document)


def pack(chain: Chain, role: ChainRole) -> PackedPolicies:
    """The managed policies of a role of a chain.

    Raises:
        PackingError: they, or its trust policy, exceed the quotas; the message gives the numbers and the choices.
    """
    _check_trust(chain, role)
    own = _own(role)
    if chain.revoked_before:
        own += (ManagedPolicy(REVOKED, (deny_before(chain.revoked_before),)),)
    room = chain.quotas.managed_policies_per_role - len(role.managed_policies) - len(own)
    hops = chain.calls_of(role)
    if not hops:
        if room < 0:
            most = chain.quotas.managed_policies_per_role
            raise PackingError(
                f"{role.arn} needs {len(role.managed_policies) + len(own)} managed policies, and the quota is {most}: "
                f"declare fewer, or have AWS raise the quota ({limits.MOST_POLICIES_OF_ROLE} at most) and declare it "
                "under quotas"
            )
        return PackedPolicies((), own)
    listed = _spread(chain, hops, named_by.by_arn)
    if len(listed) == 1 <= room:
        return PackedPolicies(listed, own)
    if 1 < len(listed) <= room:
        note = f"the {len(hops)} callees of {role.role} are named in {len(listed)} managed policies"
        return PackedPolicies(listed, own, note)
    too_many = (
        f"the {len(hops)} callees of {role.role} would need {len(listed)} managed policies, and there is room for "
        f"{max(room, 0)}: they are named by "
    )
    for words, named in _in_organization(chain, hops) if room > 0 else ():
        statements = hop_permission_statements(hops, chain.organization, named)
        if length_of(statements) <= limits.MANAGED_POLICY_CHARACTERS:
            note = f"{too_many}{words} in every account of {chain.organization} (aws:ResourceOrgID)"
            return PackedPolicies((ManagedPolicy("Hops", tuple(statements)),), own, note)
    shorter = _spread(chain, hops, named_by.by_account)
    if len(shorter) <= room:
        note = f"{too_many}path, name and account (aws:ResourceAccount), in {len(shorter)}"
        return PackedPolicies(shorter, own, note)
    raise PackingError(_refusal(chain, role, len(hops), len(listed), room))


def _spread(chain: Chain, hops: Sequence[Hop], named: Named, bits: str = "") -> tuple[ManagedPolicy, ...]:
    """The hops in as many policies as they need."""
    statements = hop_permission_statements(hops, chain.organization, named)
    if length_of(statements) <= limits.MANAGED_POLICY_CHARACTERS or len(hops) == 1:
        return (ManagedPolicy(f"Hops{bits.rstrip('0')}", tuple(statements)),)
    halves = [[hop for hop in hops if _bit(hop, len(bits)) == bit] for bit in "01"]
    return tuple(
        policy
        for bit, half in zip("01", halves, strict=True)
        if half
        for policy in _spread(chain, half, named, bits + bit)
    )


def _bit(hop: Hop, number: int) -> str:
    digest = hashlib.sha256(hop.callee.arn.encode()).digest()
    return format(int.from_bytes(digest), "0256b")[number]


def _in_organization(chain: Chain, hops: Sequence[Hop]) -> list[tuple[str, Named]]:
    """How callees can be named in any account of the organization, narrowest first; never under the path ``/``."""
    if not chain.organization or any(hop.callee.path == "/" for hop in hops):
        return []
    patterns = {named_by.in_any_account(hop) for hop in hops if not hop.callee.by_unit}
    units = [hop.callee for hop in hops if hop.callee.by_unit]
    ways: list[tuple[str, Named]] = []
    # What names a target by organizational unit besides would open the accounts that it leaves out.
    if patterns.isdisjoint(unit.arn for unit in units):
        ways.append(("path and name", partial(named_by.by_path, organization=chain.organization)))
    if not units:
        ways.append(("path", partial(named_by.by_folder, organization=chain.organization)))
    return ways


def _own(role: ChainRole) -> tuple[ManagedPolicy, ...]:
    """A role's own permissions in their order, each policy filled before the next is begun."""
    policies: list[list[StatementJson]] = []
    for statement in own_statements(role):
        if length_of([statement]) > limits.MANAGED_POLICY_CHARACTERS:
            raise PackingError(
                f"one of the permissions of {role.arn} has {length_of([statement]):,} characters, and a managed policy "
                f"takes {limits.MANAGED_POLICY_CHARACTERS:,}: spread its actions or resources over several permissions"
            )
        if policies and length_of([*policies[-1], statement]) <= limits.MANAGED_POLICY_CHARACTERS:
            policies[-1].append(statement)
        else:
            policies.append([statement])
    return tuple(
        ManagedPolicy("Permissions" if number == 1 else f"Permissions{number}", tuple(statements))
        for number, statements in enumerate(policies, 1)
    )


def _check_trust(chain: Chain, role: ChainRole) -> None:
    most = chain.quotas.role_trust_policy_length
    length = length_of(trust_statements(chain, role))
    if length > most:
        entered = "entrances" if role.assumed_by else "session tags, allowed values or source roles"
        raised = (
            f", or have AWS raise the quota ({limits.MOST_TRUST_POLICY_CHARACTERS:,} at most) and declare it as "
            f"quotas: {{role_trust_policy_length: {length}}}"
            if length <= limits.MOST_TRUST_POLICY_CHARACTERS
            else ""
        )
        raise PackingError(
            f"the trust policy of {role.arn} has {length:,} characters, {length - most:,} more than the quota of "
            f"{most:,}: declare fewer {entered}{raised}"
        )


def _refusal(chain: Chain, role: ChainRole, hops: int, needed: int, room: int) -> str:
    most = chain.quotas.managed_policies_per_role
    choices = []
    if not chain.organization:
        choices.append("declare the organization, so that they can be named by path")
    if most < limits.MOST_POLICIES_OF_ROLE:
        choices.append(
            f"have AWS raise the quota ({limits.MOST_POLICIES_OF_ROLE} at most) and declare it as "
            "quotas: {managed_policies_per_role: …}"
        )
    choices.append(
        "give the targets one path of their own, one name and one external id, or split the chain in two"
    )
    return (
        f"the {hops} callees of {role.arn} need {needed} managed policies of "
        f"{limits.MANAGED_POLICY_CHARACTERS:,} characters, and {max(room, 0)} of {most} are left: "
        f"{'; or '.join(choices)}"
    )
