"""Whether the conditions of a statement close it against whoever is not meant.

A condition closes only by what a request is: it is asked about strangers, by its own meaning, and not read by
the name of its operator. A key that the stranger chooses is taken to have the value that lets it in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from rolechain.policy.conditions import Condition, NullCheck
from rolechain.policy.context import Context
from rolechain.policy.statement import Statement
from rolechain.proof.rules.ruling import Ruling, account_of

ARN, ACCOUNT, USER_ID = "aws:principalarn", "aws:principalaccount", "aws:userid"
ORGANIZATION, PATHS = "aws:principalorgid", "aws:principalorgpaths"
EXTERNAL_ID = "sts:externalid"
RESOURCE_ORGANIZATION = "aws:resourceorgid"
RESOURCE_ACCOUNT = "aws:resourceaccount"

STRANGER_ACCOUNT = "000000000000"
STRANGER_ID = "AROASTRANGERSTRANGER0:stranger"
Stranger = Mapping[str, Sequence[str | None]]
"""By condition key in lower case, the values that a stranger may bring; None where the key may be absent.

The stranger chooses every other key.
"""

ANYONE: Stranger = {
    ARN: (f"arn:aws:iam::{STRANGER_ACCOUNT}:role/stranger", f"arn:aws:iam::{STRANGER_ACCOUNT}:user/stranger"),
    ACCOUNT: (STRANGER_ACCOUNT,),
    USER_ID: (STRANGER_ID,),
    ORGANIZATION: ("o-stranger00", None),
    PATHS: ("o-stranger00/r-st00/ou-st00-stranger/", None),
}
"""A principal of an account that nobody has heard of, in another organization or in none."""

_HEADS = {ARN: (":", 4), ACCOUNT: (":", 0), USER_ID: (":", 0), ORGANIZATION: ("/", 0), PATHS: ("/", 0)}
_HEADS[RESOURCE_ORGANIZATION] = _HEADS[ORGANIZATION]
"""By key, what parts its values, and which part says whose the principal is."""


def somebody_in(account: str, partition: str) -> Stranger:
    """A role or user of an account; only what it is within the account tells it from others."""
    root = f"arn:{partition}:iam::{account}"
    names = ("role/stranger", "role/some/where/stranger", "user/stranger", "user/some/where/stranger")
    return {ARN: tuple(f"{root}:{name}" for name in names), ACCOUNT: (account,), USER_ID: (STRANGER_ID,)}


def user_in(account: str, partition: str) -> Stranger:
    """An IAM user of an account."""
    return {
        ARN: (f"arn:{partition}:iam::{account}:user/stranger",),
        ACCOUNT: (account,),
        USER_ID: ("AIDASTRANGERSTRANGER0",),
    }


def caller(role_arn: str) -> Stranger:
    """A session of a role."""
    return {ARN: (role_arn,), ACCOUNT: (account_of(role_arn),)}


def lets_in(ruling: Ruling, stranger: Stranger, *, action: str = "sts:assumerole") -> bool:
    """Whether a statement may let a stranger in, so far as its policy's denials do not keep it out.

    Args:
        ruling: the statement, which allows.
        stranger: who asks.
        action: what is asked, in lower case.
    """
    groups = ruling.by_key
    for key in stranger.keys() & groups.keys():
        if not any(_met(key, value, groups[key]) for value in _candidates(stranger, key, groups[key])):
            return False
    keeping = [deny for deny in ruling.denies if deny.effect == "Deny" and deny.actions.match(action)]
    if not keeping:
        return True
    options = [
        [
            value
            for value in _candidates(stranger, key, groups.get(key, ()))
            if _met(key, value, groups.get(key, ()))
        ]
        for key in stranger
    ]
    combinations = (dict(zip(stranger, values, strict=True)) for values in product(*options))
    return any(not any(_keeps_out(deny, stranger, given) for deny in keeping) for given in combinations)


def _candidates(
    stranger: Stranger, key: str, conditions: Iterable[Condition | NullCheck]
) -> Iterator[str | None]:
    yield from stranger[key]
    # A stranger of one account cannot bring another's ARN.
    if stranger is ANYONE or key not in (ARN, ACCOUNT):
        yield from _alike(key, conditions)


def closes(ruling: Ruling, key: str, others: Collection[str | None]) -> bool:
    """Whether a statement is refused to whoever brings one of ``others`` as ``key``; None is its absence."""
    return not lets_in(ruling, {key: tuple(others)})


def requires(ruling: Ruling, key: str) -> bool:
    """Whether a statement is refused to a call that leaves ``key``, in lower case, out."""
    return closes(ruling, key, (None,))


def needs(ruling: Ruling, key: str) -> bool:
    """Whether a statement's own conditions are never met where ``key``, in lower case, is absent."""
    return not _met(key, None, ruling.by_key.get(key, ()))


def _met(key: str, value: str | None, conditions: Iterable[Condition | NullCheck]) -> bool:
    """Whether all conditions on one key may be met by a value of it."""
    context = Context({} if value is None else {key: value})
    for condition in conditions:
        given = context
        if value is not None and len(condition.keys) > 1:
            # A variable that names what the caller brings is worth nothing: the caller brings what fits.
            names = (name for name in condition.keys if _is_of_resource(name) == _is_of_resource(key))
            given = Context(dict.fromkeys(names, value))
        if condition.holds(given) is False:
            return False
    return True


def _is_of_resource(key: str) -> bool:
    return key.startswith("aws:resource")


def _keeps_out(deny: Statement, stranger: Stranger, given: Mapping[str, str | None]) -> bool:
    """Whether it is certain that a denying statement applies to the stranger, whatever it chooses."""
    if deny.principals is None or not (deny.principals.everyone or deny.principals.aws):
        return False
    if not deny.principals.everyone and not _names(deny.principals.aws, given.get(ARN)):
        return False
    context = Context({key: value for key, value in given.items() if value is not None})
    return all(
        condition.keys <= stranger.keys() and condition.holds(context) for condition in deny.conditions
    )


def _names(principals: Collection[str], arn: str | None) -> bool:
    if arn is None:
        return False
    root = ":".join([*arn.split(":")[:5], "root"])
    return arn in principals or root in principals or account_of(arn) in principals


def _alike(key: str, conditions: Iterable[Condition | NullCheck]) -> Iterator[str]:
    """What fits the values of conditions as to form, with a stranger where they leave open whose it is."""
    if key not in _HEADS:
        return
    separator, index = _HEADS[key]
    for condition in conditions:
        for value in condition.values if isinstance(condition, Condition) else ():
            parts = value.split(separator)
            if len(parts) > index and set(parts[index]) & set("*?"):
                filled = [part.replace("*", "x").replace("?", "x") for part in parts]
                if key in (ARN, ACCOUNT):
                    head = parts[index].replace("*", STRANGER_ACCOUNT[: 12 - len(parts[index].strip("*"))])
                    filled[index] = head.replace("?", "0")
                yield separator.join(filled)
