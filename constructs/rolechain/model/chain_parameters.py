"""A chain in the parameters of SSM's Parameter Store, for a program without its file.

The declaration is JSON in as many parameters as it takes, ``/rolechain/<chain>/1``, ``/2``, …: a parameter of the
standard tier, which costs nothing, holds 4 KB. Each value begins with the digest of the whole, its own number and how
many there are, as an update replaces one after another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from rolechain.errors import RolechainError
from rolechain.model.chain_yaml import Made, chain_of_json

FOLDER = "/rolechain/"
_PART = 4000
"""Characters of ASCII: 4,096 bytes are the most, less the head of each value."""


class ChainParametersError(RolechainError, LookupError):
    """No parameters hold the chain, or they are being replaced."""


def parameters_of(name: str, declaration: str) -> dict[str, str]:
    """The parameters of a chain, the values by their names.

    Args:
        name: the chain's.
        declaration: JSON, in ASCII.
    """
    digest = hashlib.sha256(declaration.encode()).hexdigest()[:16]
    parts = [declaration[at : at + _PART] for at in range(0, len(declaration), _PART)]
    return {
        f"{FOLDER}{name}/{number}": f"{digest} {number}/{len(parts)} {part}"
        for number, part in enumerate(parts, 1)
    }


def read(name: str, session: Any, make: Callable[..., Made]) -> Made:
    """The chain that the parameters hold; see ``Chain.from_ssm``."""
    folder = f"{FOLDER}{name}"
    pages = session.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=folder)
    values = [each["Value"].split(" ", 2) for page in pages for each in page["Parameters"]]
    if not values:
        raise ChainParametersError(
            f"no parameters below {folder} in this account and region: deploy ChainParameters of the chain, or "
            "name the region of its source account"
        )
    by_number = {at: part for digest, at, part in values if digest == values[0][0]}
    count = len(values)
    whole = "".join(by_number.get(f"{number}/{count}", "") for number in range(1, count + 1))
    if hashlib.sha256(whole.encode()).hexdigest()[:16] != values[0][0]:
        raise ChainParametersError(f"the parameters below {folder} are being replaced: try again in a minute")
    return chain_of_json(whole, make, folder)
