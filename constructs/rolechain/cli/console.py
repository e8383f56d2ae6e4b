"""``rolechain console``: a URL that signs a browser in to the AWS console with the chain's session.

Source: IAM User Guide, "Enable custom identity broker access to the AWS console".
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
import webbrowser
from urllib.parse import urlencode, urlsplit

from rolechain.cli.options import CREDENTIALS, UsageError, add_options
from rolechain.cli.resolved_credentials import resolve
from rolechain.errors import RolechainError
from rolechain.model.chain import Chain
from rolechain.runtime.session_credentials import SessionCredentials

_TIMEOUT_SECONDS = 15.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

DOMAINS = {"aws": "aws.amazon.com", "aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}
"""The domain of the console and its sign-in by partition, as far as AWS documents them."""


class FederationError(RolechainError):
    """The endpoint gave no token for a session."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CREDENTIALS)
    parser.add_argument("--open", action="store_true", help="open the browser, and print nothing")
    parser.add_argument(
        "--destination", metavar="URL", help="the page to land on (default: the console's home)"
    )
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="the federation endpoint (default: the partition's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the URL, or opens it, and returns 0; it is secret, and signs anybody in for 15 minutes."""
    if arguments.destination and not arguments.destination.startswith("https://"):
        raise UsageError(f"{arguments.destination!r} is not a page of the console: write an https:// URL")
    partition = Chain.load(arguments.chain).partition
    endpoint = endpoint_of(partition, arguments.endpoint_url)
    resolved = resolve(arguments)
    query = {
        "Action": "login",
        "Destination": arguments.destination or home_of(partition, resolved.region),
        # The console's session ends with the chain's: AWS takes no duration for a chained one.
        "SigninToken": _token(endpoint, resolved.session),
    }
    url = f"{endpoint}?{urlencode(query)}"
    if not arguments.open:
        sys.stdout.write(url + "\n")
    elif not webbrowser.open(url):
        raise UsageError("no browser was found to open: remove --open, and the URL is printed")
    return 0


def home_of(partition: str, region: str) -> str:
    """The console's first page in a region."""
    if partition not in DOMAINS:
        raise UsageError(f"no console is known for partition {partition}: name a page with --destination")
    return f"https://console.{DOMAINS[partition]}/console/home?{urlencode({'region': region})}"


def endpoint_of(partition: str, url: str | None) -> str:
    """The federation endpoint of a partition, or ``url`` in its place."""
    if url is None:
        if partition not in DOMAINS:
            raise UsageError(
                f"no sign-in endpoint is known for partition {partition}: name it with --endpoint-url"
            )
        return f"https://signin.{DOMAINS[partition]}/federation"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: name an https:// URL") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"{url!r} would take the session in the clear: name an https:// URL")
    return url


def _token(endpoint: str, session: SessionCredentials) -> str:
    """What the endpoint gives for a session, to sign in with."""
    given = {"sessionId": session.access_key, "sessionKey": session.secret_key, "sessionToken": session.token}
    query = urlencode({"Action": "getSigninToken", "Session": json.dumps(given)})
    host = urlsplit(endpoint).netloc
    problem = "gave no sign-in token: a proxy may stand in between"
    # These exceptions may hold the URL, which holds the session: the message omits them.
    try:
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        request = urllib.request.Request(f"{endpoint}?{query}")  # noqa: S310 - endpoint_of looks at the scheme
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=context) as answer:  # noqa: S310
            token = json.load(answer)["SigninToken"]
        if isinstance(token, str) and token:
            return token
    except urllib.error.HTTPError as error:
        problem = f"refused the session (HTTP {error.code}): take it anew with --no-cache"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        problem = f"did not answer ({type(reason).__name__}): try again, or look at the network"
    except (ValueError, KeyError, TypeError):
        pass
    raise FederationError(f"{host} {problem}")
