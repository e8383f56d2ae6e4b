"""Policy variables: ``${aws:username}``, ``${aws:PrincipalTag/team, 'none'}``, and the literal ``${*}``.

Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rolechain.iam.glob import Glob, GlobPart
from rolechain.policy.context import Context
from rolechain.policy.elements import PolicyError, PolicyVariableError, shown
from rolechain.policy.logic import Ternary

Test = Callable[[str, Context], Ternary]
"""Whether a value of the request matches a value of the policy."""

_VARIABLE = re.compile(r"\$\{((?:[^{}']|'[^']*')*)\}")
_KEY = re.compile(r"[^\s,:]+:[^,]*")
_LITERALS = frozenset("*?$")


@dataclass(frozen=True)
class Variable:
    """A reference to a condition key.

    Attributes:
        key: the condition key, in lower case.
        default: the value where the key is absent, if any.
    """

    key: str
    default: str | None = None


@dataclass(frozen=True)
class TextWithVariables:
    """A string of a policy with its policy variables.

    Attributes:
        parts: the text and the variables in order.
    """

    parts: tuple[GlobPart | Variable, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys that it depends on, in lower case."""
        return frozenset(part.key for part in self.parts if isinstance(part, Variable))

    @property
    def constant(self) -> Glob | None:
        """The text, if it holds no variable."""
        texts = tuple(part for part in self.parts if isinstance(part, GlobPart))
        return texts if len(texts) == len(self.parts) else None

    def resolve(self, context: Context) -> Glob | Literal[False] | None:
        """The text with the value of each variable, which is literal.

        Returns:
            The text; False where a variable has no value, so that the text matches nothing; None where a variable has
            several values, as AWS does not document which one applies.
        """
        resolved: list[GlobPart] = []
        for part in self.parts:
            if isinstance(part, GlobPart):
                resolved.append(part)
                continue
            values = context.find(part.key)
            if values is None:
                if part.default is None:
                    return False
                resolved.append(GlobPart(part.default, literal=True))
            elif len(values) > 1:
                return None
            else:
                resolved.append(GlobPart(values[0], literal=True))
        return tuple(resolved)

    def test(self, match: Callable[[Glob], Test]) -> Test:
        """Whether a value of the request matches the text, which ``match`` tests once it is resolved."""
        if (constant := self.constant) is not None:
            return match(constant)

        def test(given: str, context: Context) -> Ternary:
            pattern = self.resolve(context)
            return pattern if pattern is None or pattern is False else match(pattern)(given, context)

        return test


def parse(text: str, variables: bool) -> TextWithVariables:
    """``text`` as a template; if ``variables`` is false, ``${`` has no special meaning.

    Raises:
        PolicyError: a variable is not closed, or is not a condition key.
    """
    if not variables or "${" not in text:
        return TextWithVariables((GlobPart(text),))
    parts: list[GlobPart | Variable] = []
    rest = 0
    for match in _VARIABLE.finditer(text):
        _literal(text[rest : match.start()], text, parts)
        rest = match.end()
        inner = match[1]
        if inner in _LITERALS:
            parts.append(GlobPart(inner, literal=True))
        elif variable := _named(inner):
            parts.append(variable)
        else:
            raise PolicyVariableError(
                f"{shown(match[0])} is not a policy variable: write ${{key}} or ${{key, 'default'}}"
            )
    _literal(text[rest:], text, parts)
    return TextWithVariables(tuple(parts))


def _named(inner: str) -> Variable | None:
    """The variable of the text between the braces: a key with or without a default; None for another text."""
    # Blanks are stripped before the match: the key of a tag may hold some, and a pattern backtracks over a long run.
    key, comma, default = inner.partition(",")
    key, default = key.strip(), default.strip()
    if not _KEY.fullmatch(key):
        return None
    if not comma:
        return Variable(key.lower())
    quoted = len(default) >= 2 and default[0] == default[-1] == "'" and "'" not in default[1:-1]
    return Variable(key.lower(), default[1:-1]) if quoted else None


def _literal(part: str, text: str, parts: list[GlobPart | Variable]) -> None:
    if "${" in part:
        raise PolicyError(f"{shown(text)} opens a policy variable that is not well closed: write ${{key}}")
    if part:
        parts.append(GlobPart(part))
