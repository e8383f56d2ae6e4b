"""One step of a chain: a caller that assumes a callee."""

from __future__ import annotations

from dataclasses import dataclass

from rolechain.role import ChainRole


@dataclass(frozen=True)
class Hop:
    """One AssumeRole that a chain declares.

    Everything that the two halves of the hop and the call itself have to agree on is read from here.

    Attributes:
        caller: the role that calls.
        callee: the role that is assumed.
        index: its place on the way from the source role, counted from 1.
    """

    caller: ChainRole
    callee: ChainRole
    index: int

    @property
    def role_arn(self) -> str:
        """The ARN that the call names."""
        return self.callee.arn

    @property
    def external_id(self) -> str | None:
        """What the call passes as ``ExternalId``."""
        return self.callee.external_id
