"""An AWS organization on one machine: many accounts, one server on 127.0.0.1, no AWS.

``LocalOrganization`` starts it. The services are ministack's; that a role chain behaves in it as it does on
AWS (every AssumeRole decided by ``rolechain.policy.decide``, one organization above all accounts, service
control policies, trust policies whose principals must exist) is added here.

Only ``emulator`` touches ministack, and only the server's own process imports it.
"""

from rolechain.local.errors import LocalOrganizationError
from rolechain.local.organization import MANAGEMENT_ACCOUNT, LocalOrganization

__all__ = ["MANAGEMENT_ACCOUNT", "LocalOrganization", "LocalOrganizationError"]
