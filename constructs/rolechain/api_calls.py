"""Calls of AWS's API by those that read much: tried again while AWS throttles them, and its refusals in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.exceptions import ClientError


def retry_config() -> Config:
    """The configuration of a client whose throttled calls are tried again, ever later, up to ten times."""
    from botocore.config import Config

    return Config(retries={"mode": "adaptive", "max_attempts": 10})


def refusal(error: ClientError) -> str:
    """The code and the message of an error that AWS answered."""
    told = error.response.get("Error", {})
    return f"{told.get('Code')}: {told.get('Message')}"
