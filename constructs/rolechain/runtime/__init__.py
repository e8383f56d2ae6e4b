"""Sessions over a chain that renew themselves, and the live test of a deployed chain.

Needs boto3 alone.
"""

from rolechain.runtime.attempt import attempt
from rolechain.runtime.causes import Cause
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop
from rolechain.runtime.report import HopReport
from rolechain.runtime.session import chain_session
from rolechain.runtime.verify import verify

__all__ = ["Cause", "Hop", "HopError", "HopReport", "attempt", "chain_session", "verify"]
