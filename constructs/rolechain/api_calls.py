"""Calls of AWS's API by those that read much: tried again while AWS throttles them, and their failures in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config


def retry_config() -> Config:
    """The configuration of a client whose throttled calls are tried again, ever later, up to ten times."""
    from botocore.config import Config

    return Config(retries={"mode": "adaptive", "max_attempts": 10})


@contextmanager
def answered(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Has a call that AWS refuses, does not answer or does not answer whole be a failure with the reason in a line."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        raise failure(f"{told.get('Code')}: {told.get('Message')}") from error
    except BotoCoreError as error:
        raise failure(" ".join(str(error).split())) from error
    except (ResponseParserError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise failure(f"AWS's answer is not whole: {reason}") from error
