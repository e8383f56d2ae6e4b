"""The names by which the canary's construct, its function and its alarms know each other."""

from __future__ import annotations

from rolechain.iam.arn import iam_arn
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole

TASK = "canary.json"
"""The file beside the package that holds the chain and the values that it leaves open."""
NAMESPACE = "Rolechain"
"""The namespace of the metrics."""
WALKED = "Walked"
"""A chain's metric: 1 where every hop and every refusal was as declared, else 0."""
SUCCESS = "Success"
"""A hop's metric: 1 where the declared role answered, else 0."""


def canary_arn(chain: Chain, source: ChainRole | None = None) -> str:
    """The ARN of the canary's role, to be declared among the entrances of the source role.

    Args:
        chain: the chain.
        source: the source role in whose account it stands; by default the first.
    """
    source = source or chain.source
    return iam_arn(chain.partition, source.account, f"role{source.path}{chain.name}-canary")


def session_name(chain: Chain) -> str:
    """What the canary's sessions are called."""
    return f"{chain.name}-canary"[:64]
