"""What the fixture ``local_chain`` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rolechain.local import LocalOrganization
    from rolechain.model.chain import Chain


class LocalChain(NamedTuple):
    """A chain whose roles are made in a local organization.

    Attributes:
        organization: the organization; ``organization.session(account)`` is the administrator of an account of it.
        chain: the chain.
    """

    organization: LocalOrganization
    chain: Chain
