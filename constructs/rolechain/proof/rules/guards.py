"""What the chain declares of its callers, and what its trust policies ask for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rolechain.chain import Chain
from rolechain.entrance import Entrance
from rolechain.hop import Hop
from rolechain.policy import decide
from rolechain.policy.hop_trust import IDENTITY, REQUEST_TAG, SET_IDENTITY
from rolechain.policy.statements import trust_statements
from rolechain.policy.writing import Conditions, asked, one_or_all
from rolechain.proof.calls import EVERYTHING, request_of
from rolechain.proof.rules import principals
from rolechain.proof.rules.rule import Fault, Faults, rule
from rolechain.proof.rules.ruling import Ruling
from rolechain.proof.rules.strangers import (
    ANYONE,
    ARN,
    EXTERNAL_ID,
    ORGANIZATION,
    PATHS,
    closes,
    lets_in,
    user_in,
)
from rolechain.proof.rules.survey import Survey
from rolechain.proof.sent import otherwise
from rolechain.proof.witness import witness
from rolechain.role import ChainRole

_ASSUME = "sts:assumerole"
_MFA, _MFA_AGE = "aws:multifactorauthpresent", "aws:multifactorauthage"
_SOMETHING = "q7zk"


@rule(
    "RC35",
    "what the chain declares of its callers (organization and unit, external id, session tags, source identity, MFA) "
    "stands as conditions in the trust policies, and a declared permissions boundary on its role",
    prevents="a declared guard that nothing enforces",
    source="IAM User Guide, How to use an external ID; Pass session tags in AWS STS; AWS guardrail IAM-STS-3",
)
def enforced(survey: Survey) -> Faults:
    """A statement that lets callers in without what the chain declares of the hop or of the entrance."""
    chain = survey.chain
    if chain is None:
        return
    for entry in survey.entries:
        if entry.statement.actions.match(_ASSUME) is False:
            continue
        declared = survey.hop_roles.get(entry.role.arn)
        found = _of_hop(entry, declared, chain) if declared else _of_entrances(entry, survey)
        for what, condition in found:
            yield Fault(
                entry.place, f"{entry.role.arn} lets callers in {what}", f"add {json.dumps(condition)}"
            )
    for hop in chain.hops():
        yield from _beyond(chain, hop, survey)
    yield from _unbounded(survey)


def _unbounded(survey: Survey) -> Faults:
    """A role without the permissions boundary that it is declared with."""
    for role in survey.world.roles:
        declared = survey.declared.get(role.arn)
        wanted = declared.boundary_arn if declared and not role.imported else None
        if wanted and (role.boundary is None or role.boundary.name != wanted):
            found = role.boundary.name if role.boundary else "none"
            yield Fault(
                replace(role.place, part="PermissionsBoundary"),
                f"{role.arn} is declared with the permissions boundary {wanted} and has {found}",
                f"write PermissionsBoundary: {wanted}",
            )


def _beyond(chain: Chain, hop: Hop, survey: Survey) -> Faults:
    """What a hop's call may carry besides what is declared, whatever the caller's own side says."""
    for what, action, sent in otherwise(hop):
        request = request_of(hop, sent, survey.world)
        if request is None:
            return
        trusting = replace(request, identity_policies=(EVERYTHING,), permissions_boundary=None)
        if decide(trusting).allowed:
            trust = survey.world.by_arn[hop.callee.arn][0].trust
            allowing = (each.index for each in trust.policy.allows if each.actions.match(action.lower()))
            written = [each for each in trust_statements(chain, hop.callee) if each["Action"] == action]
            yield Fault(
                replace(trust.place, statement=next(allowing, None)),
                f"{hop.callee.arn} lets {hop.caller.arn} in {what}",
                f"write as the statements of {action}: {json.dumps(written)}",
            )


def _of_hop(entry: Ruling, callee: ChainRole, chain: Chain) -> Iterator[tuple[str, Conditions]]:
    if chain.organization and not _of_third_parties(entry, chain):
        yield from _of_organization(entry, callee, chain.organization)
    if callee.external_id and not _with_external_id(entry, callee.external_id):
        yield (
            f"without the external id {callee.external_id}",
            {"StringEquals": {"sts:ExternalId": callee.external_id}},
        )
    if callee.trust in ("account", "organization"):
        yield from _of_users(entry, callee, chain)
    for tag in callee.tags:
        if tag.required and not _with_one_of(entry, REQUEST_TAG + tag.key, tag.values):
            yield f"without the session tag {tag.key} as declared", _asking(REQUEST_TAG + tag.key, tag.values)
    inherited = chain.calls_into(callee)[0].inherited_source_identity
    for key, identity in ((SET_IDENTITY, callee.identity), (IDENTITY, inherited)):
        if identity and identity.required and not _with_one_of(entry, key, identity.values):
            yield "without the source identity as declared", _asking(key, identity.values)


def _of_users(entry: Ruling, callee: ChainRole, chain: Chain) -> Iterator[tuple[str, Conditions]]:
    accounts = dict.fromkeys(hop.caller.account for hop in chain.calls_into(callee))
    if any(_lets_users_in(entry, account, chain.partition) for account in accounts):
        whose = ["*"] if callee.trust == "organization" else accounts
        roles = one_or_all(f"arn:{chain.partition}:iam::{account}:role/*" for account in whose)
        yield "that are IAM users", {"ArnLike": {"aws:PrincipalArn": roles}}


def _lets_users_in(entry: Ruling, account: str, partition: str) -> bool:
    """Whether an IAM user of an account, of whatever name, is let in."""
    user = user_in(account, partition)
    pattern = f"arn:{partition}:iam::{account}:user/*"
    named = (witness((pin, pattern)) for pin in principals.pinned(entry, ARN))
    return lets_in(entry, {**user, ARN: (*user[ARN], *filter(None, named))})


def _of_third_parties(entry: Ruling, chain: Chain) -> bool:
    """Whether a statement is for callers of accounts that are somebody else's."""
    strangers = {role.account for role in chain.sources if role.third_party}
    accounts = {account for account, _ in principals.of_accounts(entry)}
    return bool(accounts) and accounts <= strangers


def _of_organization(entry: Ruling, callee: ChainRole, organization: str) -> Iterator[tuple[str, Conditions]]:
    if not _within(entry, organization):
        yield (
            f"that belong to no organization or to another than {organization}",
            {"StringEquals": {"aws:PrincipalOrgID": organization}},
        )
    units = [f"{organization}/{unit.rstrip('/')}/*" for unit in callee.organizational_units]
    if not units:
        return
    elsewhere: list[str | None] = [f"{organization}/r-{_SOMETHING}/ou-{_SOMETHING}-{_SOMETHING * 2}/", None]
    pinned = set(principals.pinned(entry, PATHS))
    if not closes(entry, PATHS, elsewhere) or not pinned <= set(units):
        paths: list[str] | str = units if len(units) > 1 else units[0]
        yield (
            f"of other organizational units than {', '.join(callee.organizational_units)}",
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": paths}},
        )


def _within(entry: Ruling, organization: str) -> bool:
    strangers = [value for value in ANYONE[ORGANIZATION] if value != organization]
    if closes(entry, ORGANIZATION, strangers):
        written = list(principals.pinned(entry, ORGANIZATION))
        return all(value == organization or "${" in value for value in written)
    paths = list(principals.pinned(entry, PATHS))
    return closes(entry, PATHS, ANYONE[PATHS]) and all(path.split("/")[0] == organization for path in paths)


def _with_external_id(entry: Ruling, external_id: str) -> bool:
    if not closes(entry, EXTERNAL_ID, ("stranger-id", None)):
        return False
    others = [
        value.replace("*", "x").replace("?", "x")
        for value in principals.pinned(entry, EXTERNAL_ID)
        if value != external_id
    ]
    return closes(entry, EXTERNAL_ID, others)


def _with_one_of(entry: Ruling, key: str, values: Sequence[str]) -> bool:
    """Whether a statement is refused without a key, and with any other than the values that are declared."""
    lookup = key.lower()
    if not closes(entry, lookup, (None,)):
        return False
    return not values or (
        closes(entry, lookup, (_SOMETHING,)) and set(principals.pinned(entry, lookup)) <= set(values)
    )


def _asking(key: str, values: Iterable[str]) -> Conditions:
    conditions: Conditions = {}
    asked(key, values, conditions)
    return conditions


def _of_entrances(entry: Ruling, survey: Survey) -> Iterator[tuple[str, Conditions]]:
    """What the declared entrances that a statement stands for ask of who enters."""
    named = {account for account, _ in principals.of_accounts(entry)}
    for entrance in survey.entrances(entry.role).values():
        if entrance.kind == "arn":
            account = entrance.value.split(":")[4]
            pins = list(principals.pinned(entry, "aws:principalarn"))
            meant = account in named and (not pins or entrance.value in pins)
        else:
            account = entrance.value
            meant = entrance.kind == "account" and account in named and not _of_others(entry, survey, account)
        if meant:
            yield from _of_entrance(entry, entrance, account)


def _of_others(entry: Ruling, survey: Survey, account: str) -> bool:
    """Whether a statement is pinned to principals of the account that are entrances of their own."""
    pins = list(principals.pinned(entry, "aws:principalarn"))
    own = {
        value for kind, value in survey.entrances(entry.role) if kind == "arn" and f"::{account}:" in value
    }
    return bool(pins) and set(pins) <= own


def _of_entrance(entry: Ruling, entrance: Entrance, account: str) -> Iterator[tuple[str, Conditions]]:
    if entrance.external_id and not _with_external_id(entry, entrance.external_id):
        yield (
            f"without the external id {entrance.external_id}",
            {"StringEquals": {"sts:ExternalId": entrance.external_id}},
        )
    if entrance.mfa and not closes(entry, _MFA, ("false", None)):
        yield "without MFA", {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    age = entrance.mfa_max_age
    if age is not None and not closes(entry, _MFA_AGE, (str(age + 1), None)):
        yield (
            f"whose MFA is older than {age} seconds",
            {"NumericLessThanEquals": {"aws:MultiFactorAuthAge": str(age)}},
        )
    partition = entry.role.arn.split(":", 2)[1]
    if not entrance.iam_users and _lets_users_in(entry, account, partition):
        yield (
            "that are IAM users",
            {"ArnLike": {"aws:PrincipalArn": f"arn:{partition}:iam::{account}:role/*"}},
        )
