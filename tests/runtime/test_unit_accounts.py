"""The accounts of organizational units, as Organizations lists them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from rolechain import ChainRole
from rolechain.runtime import list_unit_accounts


class Asked(Exception):  # noqa: N818 - what was asked, not what went wrong
    """The address of a request, in place of its answer."""


def test_the_partition_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session without a region asks the Organizations of the target's partition."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret")

    def stop(request: Any, **_: Any) -> None:
        raise Asked(request.url)

    session.events.register("before-send.organizations", stop)
    with pytest.raises(Asked, match=r"cn-north-1|cn-northwest-1"):
        list_unit_accounts(ChainRole("", organizational_units=["r-ab12"], partition="aws-cn"), session)
