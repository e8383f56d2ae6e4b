"""Sessions over a chain that renew themselves, and the live test of a deployed chain.

Needs boto3 alone, and imports it with the first name that needs it: a session that is kept in a cache is read
without (``warm_session``).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolechain.runtime.attempts import attempt as attempt
    from rolechain.runtime.error_classification import Cause as Cause
    from rolechain.runtime.errors import HopError as HopError
    from rolechain.runtime.fanout import fan_out as fan_out
    from rolechain.runtime.file_cache import FileCache as FileCache
    from rolechain.runtime.file_cache import default_cache_folder as default_cache_folder
    from rolechain.runtime.hop import Hop as Hop
    from rolechain.runtime.hop import legal_session_name as legal_session_name
    from rolechain.runtime.report import HopReport as HopReport
    from rolechain.runtime.session import chain_session as chain_session
    from rolechain.runtime.session_cache import warm_session as warm_session
    from rolechain.runtime.unit_accounts import UnitAccounts as UnitAccounts
    from rolechain.runtime.unit_accounts import UnitAccountsError as UnitAccountsError
    from rolechain.runtime.unit_accounts import list_unit_accounts as list_unit_accounts
    from rolechain.runtime.verification import verify as verify

# No module here is called as what it holds: once it is imported it would stand in the name's place.
_HOMES = {
    "Cause": "error_classification",
    "FileCache": "file_cache",
    "Hop": "hop",
    "HopError": "errors",
    "HopReport": "report",
    "attempt": "attempts",
    "chain_session": "session",
    "default_cache_folder": "file_cache",
    "UnitAccounts": "unit_accounts",
    "UnitAccountsError": "unit_accounts",
    "fan_out": "fanout",
    "legal_session_name": "hop",
    "list_unit_accounts": "unit_accounts",
    "verify": "verification",
    "warm_session": "session_cache",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
