"""The stack set that creates a target in every account of its organizational units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rolechain.model.session_values import several

CallAs = Literal["SELF", "DELEGATED_ADMIN"]
ConcurrencyMode = Literal["STRICT_FAILURE_TOLERANCE", "SOFT_FAILURE_TOLERANCE"]

SERVICE_PRINCIPAL = "member.org.stacksets.cloudformation.amazonaws.com"
"""The service of which an account is a delegated administrator that may operate stack sets."""


@dataclass(frozen=True)
class StackSet:
    """The options of a service-managed stack set, named as CloudFormation names them.

    Region order and concurrency have no option: a role is global, and the set deploys to the chain's region alone.

    Source: CloudFormation User Guide, "AWS::CloudFormation::StackSet".

    Attributes:
        administrator_account: the id of the account that holds the stack set: the management account or a delegated
            administrator; by default the account of the target's caller.
        call_as: ``SELF`` in the management account, ``DELEGATED_ADMIN`` in a delegated administrator's.
        failure_tolerance_count: how many accounts may fail before an operation stops; 0 by default.
        failure_tolerance_percentage: the same in percent of the accounts, 0 to 100.
        max_concurrent_count: how many accounts are deployed to at a time; one by default.
        max_concurrent_percentage: the same in percent of the accounts, 1 to 100.
        concurrency_mode: whether failures lower how many accounts are deployed to at a time, as they do by default.
        depends_on: the ARNs of stack sets that are deployed to an account that joins before this one.
    """

    administrator_account: str | None = None
    call_as: CallAs = "DELEGATED_ADMIN"
    failure_tolerance_count: int | None = None
    failure_tolerance_percentage: int | None = None
    max_concurrent_count: int | None = None
    max_concurrent_percentage: int | None = None
    concurrency_mode: ConcurrencyMode = "STRICT_FAILURE_TOLERANCE"
    depends_on: str | Iterable[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "depends_on", several(self.depends_on))
