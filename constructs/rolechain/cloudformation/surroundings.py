"""What the values of a template depend on besides the template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rolechain.cloudformation.template import Json


@dataclass(frozen=True)
class Surroundings:
    """What a template's values depend on besides the template.

    Attributes:
        stack: the stack's name; None if that is not known.
        account: the id of its account, or what stands in for one that is not known.
        account_known: whether it is known.
        region: its region; None if that is not known.
        partition: its partition.
        parameters: the values that its parameters are given.
        stored: what Systems Manager holds where it is deployed, by name.
        by_user: whether the user gives its parameters, and no other stack.
        imported: looks up an export of another stack by its name.
        output: looks up an output of another stack, given the argument of Fn::GetStackOutput.
        nested: looks up an output of a nested stack, by logical id and name.
        assume: is told what is taken for granted, in words.
    """

    stack: str | None
    account: str
    account_known: bool
    region: str | None
    partition: str
    parameters: Mapping[str, Json]
    stored: Mapping[str, str]
    by_user: bool
    imported: Callable[[str], Json | None]
    output: Callable[[Mapping[str, Json]], Json | None]
    nested: Callable[[str, str], Json | None]
    assume: Callable[[str], None]
