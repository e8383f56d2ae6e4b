"""A botocore session that talks to the local organization, whatever else is configured on the machine."""

from __future__ import annotations

import functools
import os
from typing import Any

from botocore.loaders import create_loader
from botocore.session import Session

# To read the service models takes ten times as long as to make a client of them.
_loader = functools.cache(create_loader)


class EndpointSession(Session):
    """Gives every client one endpoint, and reads neither the user's configuration nor a profile."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        super().__init__(session_vars={"profile": (None, None, None, None)})
        self._endpoint_url = endpoint_url
        self.register_component("data_loader", _loader())
        self.set_config_variable("config_file", os.devnull)
        self.set_config_variable("credentials_file", os.devnull)
        self.set_config_variable("region", region)

    def create_client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """As botocore's, with the local organization's endpoint unless the call names one."""
        if len(args) < 5 and kwargs.get("endpoint_url") is None:
            kwargs["endpoint_url"] = self._endpoint_url
        return super().create_client(service_name, *args, **kwargs)
