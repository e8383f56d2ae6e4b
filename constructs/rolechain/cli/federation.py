"""The federation endpoint, which turns a session into a sign-in to the console.

As the IAM User Guide has it, "Enable custom identity broker access to the AWS console".
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from rolechain.cli.chain_options import UsageError
from rolechain.errors import RolechainError
from rolechain.runtime.session_credentials import SessionCredentials

_TIMEOUT_SECONDS = 15.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class FederationError(RolechainError):
    """The endpoint gave no token for a session."""


@dataclass(frozen=True)
class Endpoint:
    """Where a partition's sessions sign in.

    Attributes:
        url: the federation endpoint.
        console: the console, without a path; None where it is not known.
    """

    url: str
    console: str | None

    def home(self, region: str) -> str:
        """The console's first page in a region.

        Raises:
            UsageError: it is not known.
        """
        if self.console is None:
            raise UsageError("no console is known for this partition: name a page with --destination")
        return f"{self.console}/console/home?{urllib.parse.urlencode({'region': region})}"


ENDPOINTS = {
    "aws": Endpoint("https://signin.aws.amazon.com/federation", "https://console.aws.amazon.com"),
    "aws-cn": Endpoint("https://signin.amazonaws.cn/federation", "https://console.amazonaws.cn"),
    "aws-us-gov": Endpoint(
        "https://signin.amazonaws-us-gov.com/federation", "https://console.amazonaws-us-gov.com"
    ),
}
"""By partition, as far as AWS documents them."""


def endpoint_of(partition: str, url: str | None = None) -> Endpoint:
    """The endpoint of a partition, or another in its place.

    Raises:
        UsageError: none is known for the partition, or ``url`` would send the session in the clear.
    """
    known = ENDPOINTS.get(partition)
    if url is None:
        if known is None:
            raise UsageError(
                f"no sign-in endpoint is known for partition {partition}: name it with --endpoint-url"
            )
        return known
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: name an https:// URL") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"{url!r} would take the session in the clear: name an https:// URL")
    return Endpoint(url, known.console if known else None)


def sign_in_url(endpoint: Endpoint, session: SessionCredentials, destination: str) -> str:
    """A URL that signs in with a session; secret, and good for 15 minutes.

    The console's session ends with the one that it is made of: AWS takes no duration for a chained one.

    Raises:
        FederationError: the endpoint refused the session, or did not answer.
    """
    query = {"Action": "login", "Destination": destination, "SigninToken": _token(endpoint, session)}
    return f"{endpoint.url}?{urllib.parse.urlencode(query)}"


def _token(endpoint: Endpoint, session: SessionCredentials) -> str:
    given = {
        "sessionId": session.access_key,
        "sessionKey": session.secret_key,
        "sessionToken": session.token,
    }
    query = urllib.parse.urlencode({"Action": "getSigninToken", "Session": json.dumps(given)})
    host = urllib.parse.urlsplit(endpoint.url).netloc
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
    request = urllib.request.Request(f"{endpoint.url}?{query}")  # noqa: S310 - endpoint_of looks at the scheme
    # What these raise may repeat the URL, and with it the session: it is told without them.
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=context) as answer:  # noqa: S310
            token = json.load(answer)["SigninToken"]
    except urllib.error.HTTPError as error:
        problem = f"{host} refused the session (HTTP {error.code}): take it anew with --no-cache"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        problem = f"{host} did not answer ({type(reason).__name__}): try again, or look at the network"
    except (ValueError, KeyError, TypeError):
        problem = f"{host} gave no sign-in token: a proxy may stand in between"
    else:
        if isinstance(token, str) and token:
            return token
        problem = f"{host} gave no sign-in token: a proxy may stand in between"
    raise FederationError(problem)
