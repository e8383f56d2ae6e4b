"""The elements of a policy document: reading them from JSON, and showing them in messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rolechain.errors import RolechainError
from rolechain.json_keys import RepeatedKeyError, unrepeated

UNRESOLVED = "an unresolved "
"""What a value that is not known begins with, where it is written as a text."""


class PolicyError(RolechainError, ValueError):
    """A policy document does not follow IAM's policy grammar; IAM refuses it."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class PolicyVariableError(PolicyError):
    """A policy variable is none of IAM's; whether IAM refuses it, or takes it for a text, is not documented."""


@dataclass(frozen=True)
class Intrinsic:
    """A CloudFormation intrinsic function in place of a value that is not known.

    Attributes:
        function: its name, ``Fn::GetAtt`` or ``Ref``.
    """

    function: str

    def __str__(self) -> str:
        return f"{UNRESOLVED}{self.function}"


def load(text: str) -> Any:
    """The JSON of a document.

    Raises:
        PolicyError: it is not JSON, or an object holds a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=unrepeated, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise PolicyError(f"the policy is not JSON: line {error.lineno}: {error.msg}") from None
    except PolicyError:
        raise
    except RepeatedKeyError as error:
        raise PolicyError(str(error)) from None
    except ValueError:
        raise PolicyError("the policy holds a number that is too long: IAM's grammar has none") from None
    except RecursionError:
        raise PolicyError("the policy is nested too deeply: IAM's grammar has five levels") from None


def _no_constant(name: str) -> None:
    raise PolicyError(f"the policy holds {name}, which no JSON has: write a text")


def intrinsic_of(value: object) -> Intrinsic | None:
    """The intrinsic function that ``value`` is, if any."""
    if isinstance(value, Mapping) and len(value) == 1:
        name = next(iter(value))
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return Intrinsic(name)
    return None


def mapping(value: object, what: str, known: Iterable[str] | None = None) -> Mapping[str, Any]:
    """``value`` as an object, with ``known`` keys only.

    Raises:
        PolicyError: it is not an object, or holds an unknown key.
    """
    if not isinstance(value, Mapping):
        raise PolicyError(f"{what} is {shown(value)}: write an object")
    known = None if known is None else tuple(known)
    for key in value:
        if not isinstance(key, str) or (known is not None and key not in known):
            hint = f": known are {', '.join(known)}" if known else ""
            raise PolicyError(f"{what} has no element {key!r}{hint}")
    return value


def texts(value: object, what: str, scalars: bool = False) -> tuple[str | Intrinsic, ...]:
    """``value``, a text or a list of texts, as a tuple.

    Args:
        value: the value of the document.
        what: its name, for the error.
        scalars: whether numbers and booleans are accepted, as in the values of a condition.

    Raises:
        PolicyError: it is another type of value.
    """
    items = value if isinstance(value, (list, tuple)) else [value]
    found: list[str | Intrinsic] = []
    for item in items:
        if scalars and isinstance(item, (bool, int, float)):
            item = str(item).lower() if isinstance(item, bool) else str(item)
        text = item if isinstance(item, str) else intrinsic_of(item)
        if text is None:
            raise PolicyError(f"{what} is {shown(item)}: write a text or a list of texts")
        found.append(text)
    return tuple(found)


def printable(text: str) -> str:
    """``text`` on one line, with control characters escaped as in Python."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def shown(value: object) -> str:
    """``value`` for an error message, shortened to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(words: Iterable[str], last: str = "and") -> str:
    """The words as a list in prose, with ``last`` before the last word; of more than four, the first three."""
    *most, final = [word or "''" for word in words] or [""]
    if len(most) > 3:
        most, final = most[:3], f"{len(most) - 2} more"
    return f"{', '.join(most)} {last} {final}" if most else final
