"""ARNs as sets of texts: what an entry of Resource matches, and which ARNs a resource may have that is partly known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolechain.graph.language import Language, Pattern, Position, glob_of, matching, segments_of, text_of
from rolechain.iam.arn import account_of, is_arn
from rolechain.policy import PolicyError
from rolechain.policy.elements import UNRESOLVED
from rolechain.policy.variables import Variable
from rolechain.policy.variables import parse as parse_template

_REST = Position(repeated=True)
_UNKNOWN = re.compile(r"(<[^<>]*>*)")
_UNPLACED = re.compile(r"arn:[^:]*:[^:]*:[^:]*:(<[^:>]+>):")
"""The beginning of an ARN in an account that is not known."""
ANY = matching([glob_of("*")])


def anywhere(entry: str) -> str:
    """An entry of Resource with the account that is not known as a wildcard, wherever it stands."""
    unplaced = _UNPLACED.match(entry)
    return entry.replace(unplaced[1], "*") if unplaced else entry


def is_plain(entry: str) -> bool:
    """Whether it is documented and known what an entry of Resource matches."""
    return "${" not in entry and (entry == "*" or (entry.startswith("arn:") and is_arn(entry)))


def pattern_of(entry: str) -> Pattern:
    """What an entry of Resource may match; a variable may bring in any text, and an ARN cut short goes on anyhow."""
    if entry.startswith(UNRESOLVED):
        return Pattern([_REST])
    try:
        parts = parse_template(entry, variables=True).parts
    except PolicyError:
        # A document of the first version, where ``${`` is text.
        return glob_of(f"{entry}*")
    positions: list[Position] = []
    for part in parts:
        positions += [_REST] if isinstance(part, Variable) else glob_of(part.text).positions
    # AWS completes an ARN that lacks segments, also where a variable stands in it.
    written = "".join(part.text for part in parts if not isinstance(part, Variable))
    if entry != "*" and not (entry.startswith("arn:") and is_arn(written)):
        positions.append(_REST)
    return Pattern(positions)


def one_arn(arn: str) -> Language:
    """An ARN; what is not known of it may be any text, but no stand-in for what is not known of another one."""
    if "<" not in arn:
        return Language(frozenset({arn}))
    return matching([text_of(arn), Pattern(around_unknown(arn))])


def around_unknown(text: str, excluded: str = "<:") -> Iterator[Position]:
    """A text, with any other one in place of what is not known of it.

    Args:
        text: the text, with ``<name>`` for what is not known.
        excluded: the characters that do not stand there.
    """
    for part in _UNKNOWN.split(text):
        yield from (
            [Position(repeated=True, excluded=excluded)] if part.startswith("<") else map(Position, part)
        )


def accounts_in(arns: Language) -> frozenset[str] | None:
    """The accounts that the ARNs of a set may be of; None for any."""
    if arns.values is not None:
        return frozenset(map(account_of, arns.values))
    begins = ([pattern.prefix for pattern in patterns] for patterns in arns.within)
    return next((frozenset(map(account_of, each)) for each in begins if all(map(is_arn, each))), None)


def arns_like(service: str, region: str, account: str, resource: str, partition: str = "*") -> Language:
    """The ARNs of a resource, no wildcard of which stands for a colon; ``*`` alone is any resource."""
    last = resource if resource == "*" else glob_of(resource, ":").positions
    return matching([segments_of(("arn", partition, service, region, account, last))])


def versions_of(arn: str) -> Language:
    """The ARNs that a workload may have, those of its versions and aliases included."""
    qualified = [*around_unknown(arn), Position(":"), Position(repeated=True, excluded="<")]
    return matching([text_of(arn), Pattern(around_unknown(arn)), Pattern(qualified)])
