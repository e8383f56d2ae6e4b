"""Sweeps every target of the chain: the accounts that have no alias, and those that could not be reached."""

from pathlib import Path
from typing import Any

from rolechain import Chain
from rolechain.runtime import HopError, fan_out

chain = Chain.load(Path(__file__).with_name("chain.json"))
ways = [chain.hops_to(target) for target in chain.targets]


def handler(_event: Any, _context: Any) -> dict[str, Any]:
    """What a sweep found, by account."""
    without, failed = [], {}
    # The middle role is assumed once for all targets.
    for target, result in fan_out(ways[0][:-1], [way[-1] for way in ways]):
        account = target.role_arn.split(":")[4]
        if isinstance(result, HopError):
            failed[account] = str(result)
        elif not result.client("iam").list_account_aliases()["AccountAliases"]:
            without.append(account)
    return {"without": sorted(without), "failed": failed}
