"""Reads the recipients of a report in the account that holds them."""

import os
from typing import Any

from rolechain.runtime import chain_session

session = chain_session(*os.environ["HOPS"].split())


def handler(_event: Any, _context: Any) -> str:
    """The recipients."""
    value: str = session.client("ssm").get_parameter(Name="/report/recipients")["Parameter"]["Value"]
    return value
