"""What is deployed: accounts read through IAM, proven as templates are."""

from rolechain.live.account import Account, AccountError, read_account, read_accounts
from rolechain.live.drift import Difference, drift
from rolechain.live.folder import (
    FolderError,
    holds_accounts,
    load_accounts,
    load_organization,
    save_accounts,
    save_organization,
)
from rolechain.live.organization import Organization, OrganizationError, read_organization
from rolechain.live.proof import prove_live
from rolechain.live.template import template_of

__all__ = [
    "Account",
    "AccountError",
    "Difference",
    "FolderError",
    "Organization",
    "OrganizationError",
    "drift",
    "holds_accounts",
    "load_accounts",
    "load_organization",
    "prove_live",
    "read_account",
    "read_accounts",
    "read_organization",
    "save_accounts",
    "save_organization",
    "template_of",
]
