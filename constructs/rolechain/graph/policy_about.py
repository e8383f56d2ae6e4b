"""A policy as far as it is about one role: long lists of ARNs are looked up instead of tried one by one."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

from rolechain.policy import Policy
from rolechain.policy.resources import Resources
from rolechain.policy.statement import Statement

_LONG = 8


class _Split:
    """The resources of a statement, those that are single ARNs apart from the others."""

    def __init__(self, statement: Statement, resources: Resources) -> None:
        self.statement = statement
        self.resources = resources
        numbered = list(enumerate(resources.written))
        self.exact = {written: number for number, written in numbered if is_exact(written)}
        self.others = [number for number, written in numbered if not is_exact(written)]

    def about(self, arn: str) -> Statement | None:
        """The statement with what may match ``arn`` alone; None if nothing of it does."""
        numbers = self.others + ([self.exact[arn]] if arn in self.exact else [])
        if not numbers:
            return None
        written = self.resources.written
        kept = replace(
            self.resources,
            written=tuple(written[number] for number in numbers),
            exact=self.resources.exact & {arn},
        )
        return replace(self.statement, resources=kept)


_split: WeakKeyDictionary[Policy, tuple[Statement | _Split, ...] | None] = WeakKeyDictionary()


def is_exact(resource: str) -> bool:
    """Whether an entry of a Resource element is one whole ARN, without wildcards and variables."""
    return resource.startswith("arn:") and resource.count(":") >= 5 and not set(resource) & set("*?$")


def narrowed(policy: Policy, arn: str) -> Policy:
    """A policy that decides about ``arn`` as ``policy`` does, with the same numbers of its statements."""
    if policy not in _split:
        parts = tuple(map(_part, policy.statements))
        _split[policy] = parts if any(isinstance(part, _Split) for part in parts) else None
    found = _split[policy]
    if found is None:
        return policy
    statements = (part.about(arn) if isinstance(part, _Split) else part for part in found)
    return Policy(tuple(statement for statement in statements if statement), policy.missing)


def _part(statement: Statement) -> Statement | _Split:
    resources = statement.resources
    if resources is None or resources.negated or len(resources.written) < _LONG:
        return statement
    return _Split(statement, resources)
