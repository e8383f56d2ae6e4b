"""Sets of AssumeRole requests: who calls, and what the condition keys of the call may be.

A set is a union of products. A product gives, for one kind of caller, the values that each condition key may have,
independently of the others; a key that it leaves out may have any value. Keys that determine each other are held by one
of them: the account and a user's name by ``aws:PrincipalArn``, the organization by ``aws:PrincipalOrgPaths``.

A set holds at least the requests that it stands for. Where it may hold more, because a value is not known or because it
would take too long to tell, its ``doubts`` say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import takewhile
from typing import NamedTuple

from rolechain.graph.language import (
    EVERY_TEXT,
    NO_TEXT,
    Language,
    Pattern,
    Position,
    TooLarge,
    glob_of,
    matching,
    segments_of,
    text_of,
)
from rolechain.graph.values import ManyValues, OneValue, Values, WholeNumber
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.condition_keys import ALWAYS, NEVER, PERHAPS, Kind

MOST = 256
"""How many products a set may have before it is widened instead of split further."""

_TOO_LARGE = "there are too many combinations of conditions to decide"
_REST = Position(repeated=True)
_ID = Position(repeated=True, excluded="*?")
_NAMED = Position(excluded="*?/")
"""How a name of IAM ends: no wildcard is a part of one."""
_PATH = Pattern([*map(Position, "o-"), _ID, Position("/"), _ID])
"""The path of an organizational unit; ids hold no wildcards, so that a path that is compared as a text holds none."""
ACCOUNTS = (
    (Position(digit=True),) * 12,
    (Position("<"), Position(repeated=True, excluded=":"), Position(">")),
)
"""The account of an ARN: 12 digits, or what stands in for one that is not known."""
_ANY_ACCOUNT = glob_of("?" * 12)


@dataclass(frozen=True)
class Requests:
    """One product of a set.

    Attributes:
        kind: the kind of caller.
        values: what each condition key may be, by its name in lower case; a key that is left out may be anything.
        doubts: why the set may hold more than it stands for.
    """

    kind: Kind
    values: Mapping[str, Values] = field(default_factory=dict)
    doubts: frozenset[str] = frozenset()

    def where(self, key: str, values: Values) -> Requests | None:
        """The requests of it in which a key is one of ``values``; None where there are certainly none."""
        found = self.values.get(key)
        narrowed = values if found is None else found & values
        if key == keys_of.ORGANIZATION_PATHS and isinstance(narrowed, ManyValues):
            narrowed = _of_one_organization(narrowed)
        try:
            if narrowed.is_empty():
                return None
            doubts = self.doubts
        except TooLarge:
            doubts = self.doubts | {_TOO_LARGE}
        return Requests(self.kind, {**self.values, key: narrowed}, doubts)

    def __and__(self, other: Requests) -> Requests | None:
        if self.kind != other.kind:
            return None
        found: Requests | None = replace(self, doubts=self.doubts | other.doubts)
        for key, values in other.values.items():
            found = found and found.where(key, values)
        return found

    def minus(self, other: Requests) -> Iterator[Requests]:
        """Products that together hold what ``other`` does not."""
        if self.kind != other.kind or _TOO_LARGE in self.doubts or (self & other) is None:
            yield self
            return
        rest: Requests | None = self
        for key, values in other.values.items():
            if rest is None:
                return
            found = rest.values.get(key) or all_or_none(key, present=True, absent=True)
            for outside in found.minus(values):
                if part := rest.where(key, outside):
                    yield part
            rest = rest.where(key, values)


def all_or_none(key: str, *, present: bool, absent: bool) -> Values:
    """Every value that a key, in lower case, may have, or none; with its absence, or without."""
    if key in keys_of.WHOLE_NUMBERS:
        return WholeNumber(0 if present else 1, None if present else 0, absent)
    texts = EVERY_TEXT if present else NO_TEXT
    return ManyValues(texts, (), absent) if keys_of.MULTIVALUED.fullmatch(key) else OneValue(texts, absent)


def both(ones: Iterable[Requests], others: Iterable[Requests]) -> tuple[Requests, ...]:
    """The requests that are in both sets."""
    listed = tuple(others)
    return tuple(found for one in ones for other in listed if (found := one & other))


def beyond(requests: Iterable[Requests], others: Iterable[Requests]) -> tuple[Requests, ...]:
    """The requests of a set that are not in another."""
    left = tuple(requests)
    for other in others:
        after: list[Requests] = []
        for one in left:
            after += one.minus(other)
            if len(after) > MOST:
                return tuple(replace(one, doubts=one.doubts | {_TOO_LARGE}) for one in left)
        left = tuple(after)
    return left


class Narrowing(NamedTuple):
    """What a condition asks of a request.

    Attributes:
        key: the key, in lower case.
        values: what it may be.
    """

    key: str
    values: Values


def where(requests: Requests, asked: Narrowing | bool) -> Requests | None:
    """The requests that meet what a condition asks; None where there are certainly none."""
    if isinstance(asked, Narrowing):
        return requests.where(*asked)
    return requests if asked else None


def asking(kind: Kind, key: str, values: Values, *, surely: bool = False) -> Narrowing | bool:
    """What it means for a caller of a kind that a key is one of ``values``.

    Args:
        kind: the kind of caller.
        key: the condition key in lower case.
        values: the values as conditions on the key ask for them.
        surely: whether a caller that may meet it is taken not to.

    Returns:
        The key that says it and its values; or whether every such caller meets it, or none.
    """
    if key in NEVER[kind]:
        return values.absent
    if key in (keys_of.CURRENT_TIME, keys_of.EPOCH_TIME) and isinstance(values, WholeNumber):
        # Both keys say when a call is made, and every call has them.
        return Narrowing(keys_of.CURRENT_TIME, replace(values, absent=False))
    if kind == "role" and key in PERHAPS and isinstance(values, OneValue):
        present = PERHAPS[key] in values.texts
        return present if present == values.absent else not surely
    if (constant := ALWAYS[kind].get(key)) is not None and isinstance(values, OneValue):
        return constant in values.texts or (values.absent and not surely)
    if kind in ("role", "user") and isinstance(values, OneValue):
        if ways := _OF_ARN.get(key):
            arns = OneValue(_lifted(values.texts, *ways), absent=False)
            return Narrowing(keys_of.PRINCIPAL_ARN, arns)
        if key == keys_of.PRINCIPAL_ARN:
            return Narrowing(key, replace(values, absent=False))
        if key == keys_of.ORGANIZATION:
            paths = ManyValues(_lifted(values.texts, _of_organization), (), values.absent)
            return Narrowing(keys_of.ORGANIZATION_PATHS, paths)
    return Narrowing(key, values)


def _of_one_organization(paths: ManyValues) -> ManyValues:
    """Paths of one principal, all of which lie in the same organization: where one names it, all do."""
    every = paths.every
    for some in paths.some:
        if some.values is None and len(some.within) != 1:
            continue
        patterns = [*map(text_of, some.values or ()), *(each for within in some.within for each in within)]
        heads = [_head(pattern) for pattern in patterns]
        if all(head is not None for head in heads):
            every &= matching(_of_organization(head) for head in heads if head is not None)
    return replace(paths, every=every)


def _head(path: Pattern) -> Pattern | None:
    """The organization that a pattern of paths begins with; None where a wildcard stands in it."""
    positions = tuple(takewhile(lambda each: each.text not in ("", "/"), path.positions))
    at = len(positions)
    ends = at < len(path.positions) and path.positions[at].text == "/"
    return Pattern(positions) if ends else None


def _lifted(texts: Language, *ways: Callable[[Pattern], Pattern]) -> Language:
    """The texts of which a part is in ``texts``; ``ways`` say where that part stands."""

    def lift(patterns: Iterable[Pattern]) -> frozenset[Pattern]:
        return frozenset(way(pattern) for pattern in patterns for way in ways)

    within = [lift(patterns) for patterns in texts.within]
    if texts.values is not None:
        within.append(lift(map(text_of, texts.values)))
    found = Language(without=lift(texts.without))
    for patterns in within:
        found &= matching(patterns) if patterns else NO_TEXT
    return found


def _confined(pattern: Pattern, separator: str) -> list[Position]:
    """The positions of a pattern whose wildcards take no ``separator``."""
    return [
        each if each.text else each._replace(excluded=each.excluded + separator) for each in pattern.positions
    ]


@lru_cache(maxsize=4096)
def _of_account(account: Pattern) -> Pattern:
    # An account that is not known has 12 digits too.
    named = "*" if account == _ANY_ACCOUNT else _confined(account, ":")
    return segments_of(("*", "*", "*", "*", named, "*"))


@lru_cache(maxsize=4096)
def _of_user(name: Pattern, path: tuple[Position, ...] = ()) -> Pattern:
    return segments_of(("*", "*", "*", "*", "*", [*map(Position, "user/"), *path, *_confined(name, "/")]))


@lru_cache(maxsize=4096)
def _of_organization(organization: Pattern) -> Pattern:
    return Pattern([*_confined(organization, "/"), Position("/"), _REST])


_OF_ARN: Mapping[str, tuple[Callable[[Pattern], Pattern], ...]] = {
    keys_of.PRINCIPAL_ACCOUNT: (_of_account,),
    keys_of.USER_NAME: (_of_user, partial(_of_user, path=(_REST, Position("/")))),
}
"""How the ARN of a principal holds its account, and the name of a user."""


@lru_cache
def anybody(kind: Kind, partition: str) -> Requests:
    """Every request that a caller of a kind may make.

    Args:
        kind: the kind of caller.
        partition: the partition of the role that is assumed, which no call crosses.
    """
    values: dict[str, Values] = {}
    if kind in ("role", "user"):
        begins = ("arn", partition, "iam", "")
        name = [*map(Position, f"{kind}/"), _REST, _NAMED]
        arns = matching(segments_of((*begins, account, name)) for account in ACCOUNTS)
        values[keys_of.PRINCIPAL_ARN] = OneValue(arns, absent=False)
        values[keys_of.ORGANIZATION_PATHS] = ManyValues(matching([_PATH]), (), absent=True)
    if kind == "service":
        values[keys_of.SERVICE] = OneValue(EVERY_TEXT, absent=False)
    if kind in ("web_identity", "saml"):
        values[keys_of.PROVIDER] = OneValue(EVERY_TEXT, absent=False)
    return Requests(kind, values)
