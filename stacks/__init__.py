"""The stacks that this repository's app deploys: one account's share of the chain each."""

from rolechain.cdk import AccountStack

__all__ = ["AccountStack"]
