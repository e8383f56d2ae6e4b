"""``rolechain console``: a URL that signs a browser in to the AWS console with the chain's session."""

from __future__ import annotations

import argparse
import sys
import webbrowser

from rolechain.cli.chain_options import UsageError, add_cache_option, add_chain_options, add_session_options
from rolechain.cli.federation import endpoint_of, sign_in_url
from rolechain.cli.walk import walk_to_target
from rolechain.model.chain import Chain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_session_options(parser)
    add_cache_option(parser)
    parser.add_argument("--open", action="store_true", help="open the browser, and print nothing")
    parser.add_argument(
        "--destination", metavar="URL", help="the page to land on (default: the console's home)"
    )
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="the federation endpoint (default: the partition's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the URL, or opens it: whoever has it within 15 minutes is signed in.

    Returns:
        0.

    Raises:
        UsageError: the destination or the endpoint is no https URL.
        RolechainError: there is no session, or it could not be signed in.
    """
    if arguments.destination and not arguments.destination.startswith("https://"):
        raise UsageError(f"{arguments.destination!r} is no page of the console: write an https:// URL")
    chain = Chain.load(arguments.chain)
    endpoint = endpoint_of(chain.partition, arguments.endpoint_url)
    walked = walk_to_target(arguments)
    url = sign_in_url(endpoint, walked.session, arguments.destination or endpoint.home(walked.region))
    if not arguments.open:
        sys.stdout.write(url + "\n")
    elif not webbrowser.open(url):
        raise UsageError("no browser was found to open: leave --open out, and the URL is printed")
    return 0
