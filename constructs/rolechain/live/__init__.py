"""What is deployed: accounts read through IAM, proven as templates are."""

from rolechain.live.account import Account, AccountError, read_account, read_accounts
from rolechain.live.drift import Difference, drift
from rolechain.live.folder import FolderError, holds_accounts, load_accounts, save_accounts
from rolechain.live.proof import prove_live
from rolechain.live.template import template_of

__all__ = [
    "Account",
    "AccountError",
    "Difference",
    "FolderError",
    "drift",
    "holds_accounts",
    "load_accounts",
    "prove_live",
    "read_account",
    "read_accounts",
    "save_accounts",
    "template_of",
]
