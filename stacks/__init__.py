"""The stacks that this repository's app deploys."""

from stacks.account_stack import AccountStack

__all__ = ["AccountStack"]
