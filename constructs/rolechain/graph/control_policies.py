"""The service and resource control policies that templates hold, and the accounts that they bind.

Source: AWS Organizations User Guide, "SCP evaluation" and "Resource control policies (RCPs)".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rolechain.cloudformation import texts
from rolechain.cloudformation.resources import CONTROL_POLICY
from rolechain.cloudformation.stacks import Stack
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.calls import EVERYTHING
from rolechain.graph.chain_facts import home_of
from rolechain.graph.documents import Documents
from rolechain.graph.role_graph import AccountLimits, ControlPolicyRecord
from rolechain.iam.limits import CONTROL_POLICY_CHARACTERS, length_of_document
from rolechain.model.chain import Chain
from rolechain.statements.guardrails import ATTACHED, RCP, SCP


def control_policies_of(stacks: Iterable[Stack]) -> Iterator[ControlPolicyRecord]:
    """The control policies of some stacks; one that Organizations refuses binds nobody and is left out."""
    for stack in stacks:
        for resource in stack.resources(CONTROL_POLICY):
            given = resource.resolved_properties()
            if isinstance(given, Unresolved):
                given = dict.fromkeys(("Type", "Content", "TargetIds"), given)
            kind, content, listed = (given.get(each) for each in ("Type", "Content", "TargetIds"))
            named = texts.scalar(given.get("Name")) or resource.logical_id
            compiled = Documents().compile(content, named)
            if compiled.refused or not (kind in (SCP, RCP) or isinstance(kind, Unresolved)):
                continue
            targets = [each for each in texts.items_of(listed) if isinstance(each, str)]
            yield ControlPolicyRecord(
                place=resource.place,
                name=named,
                kinds=(SCP, RCP) if isinstance(kind, Unresolved) else (str(kind),),
                policy=compiled.policy,
                targets=frozenset(targets),
                account=resource.account,
                known=resource.made is True
                and not (compiled.problem or compiled.unresolved or isinstance(kind, Unresolved))
                and length_of_document(content) <= CONTROL_POLICY_CHARACTERS,
                elsewhere=len(targets) < len(texts.items_of(listed)),
            )


def limits_of(records: Sequence[ControlPolicyRecord], chain: Chain) -> dict[str, AccountLimits]:
    """What control policies of templates do to the accounts of a chain, by their ids.

    Whether a call works is asked of every policy that may be attached above an account; what binds its principals, of
    those that surely are: to the account itself, to the root of its organization, or, for an account of organizational
    units, above each of the units.
    """
    per_target = Counter((kind, target) for each in records for kind in each.kinds for target in each.targets)
    full = {target for (kind, target), count in per_target.items() if kind == SCP and count > ATTACHED}
    home = home_of(chain)
    units = {each.account: each.member_of.organizational_units for each in chain.targets if each.member_of}

    def may_bind(record: ControlPolicyRecord, account: str) -> bool:
        above = any(not target.isdecimal() for target in record.targets) and (account in home or not home)
        return record.elsewhere or above or account in record.targets

    def binds(record: ControlPolicyRecord, account: str) -> bool:
        # The account of the policies may be the management account, which none of them binds.
        if (
            not record.known
            or record.kinds != (SCP,)
            or record.account[:1] == "<"
            or record.account == account
        ):
            return False
        targets = record.targets - full
        above = [unit.strip("/").split("/") for unit in units.get(account, ())]
        in_root = account in home and any(target.startswith("r-") for target in targets)
        return account in targets or in_root or (bool(above) and not any(map(targets.isdisjoint, above)))

    found: dict[str, AccountLimits] = {}
    for account in dict.fromkeys(role.account for role in chain.roles) if records else ():
        above = [each for each in records if may_bind(each, account)]
        scps, rcps = (tuple(each.policy for each in above if kind in each.kinds) for kind in (SCP, RCP))
        found[account] = AccountLimits(
            path="",
            scps=((EVERYTHING, *scps),) if scps else None,
            rcps=(rcps,) if rcps else None,
            binding=tuple(each.policy for each in records if binds(each, account)),
        )
    return found


def assumptions_of(limits: Iterable[AccountLimits]) -> Iterator[str]:
    """What no template shows of the control policies that bind, in words."""
    if any(each.binding for each in limits):
        yield (
            "assuming that service control policies are enabled in the organization, that none of the chain's accounts "
            "but that of the policies is its management account, and that nobody else may act as whom they except"
        )
