"""The AWS CLI's cache of the sessions that profiles assume or sign in to, shared with it.

The CLI keeps them in files that only their owner can read, and ``aws sso logout`` removes them there.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import botocore.session
from botocore.utils import JSONFileCache

_log = logging.getLogger(__name__)
_FOLDER = "~/.aws/cli/cache"
_PROVIDERS = ("assume-role", "assume-role-with-web-identity", "sso")


def share_cache(session: botocore.session.Session) -> None:
    """Has a session's providers keep what they get where the AWS CLI keeps it.

    Raises:
        botocore.exceptions.BotoCoreError: there is no such profile, or the config file cannot be read.
    """
    resolver: Any = session.get_component("credential_provider")
    try:
        cache = _CliCache(str(Path(_FOLDER).expanduser()))
    except RuntimeError:
        # A user without a home folder, as in some containers, has nothing there.
        return
    for name in _PROVIDERS:
        resolver.get_provider(name).cache = cache


class _CliCache(JSONFileCache):
    """The cache; a folder that cannot be written costs a call or a code more, and takes nothing away."""

    def __setitem__(self, cache_key: str, value: Any) -> None:
        try:
            super().__setitem__(cache_key, value)
        except OSError as error:
            _log.warning("%s cannot be written (%s): the session is not kept", _FOLDER, error.strerror)
