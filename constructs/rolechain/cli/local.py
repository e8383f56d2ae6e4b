"""The command ``rolechain local``: the local organization in the foreground."""

from __future__ import annotations

import argparse
import shlex

from rolechain.cli.chain_options import UsageError
from rolechain.local import LocalOrganization, LocalOrganizationError

EXAMPLE_ACCOUNT = "111111111111"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("--port", type=int, help="the port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--outside",
        metavar="ACCOUNT",
        action="append",
        default=[],
        help="an account that does not belong to the organization, as a third party's; may be given again",
    )
    add_services(parser)


def add_services(parser: argparse.ArgumentParser) -> None:
    """Declares the option that names more services of the local organization."""
    parser.add_argument(
        "--services",
        metavar="SERVICE",
        action="append",
        default=[],
        help="a service to serve besides those that chains and the CDK call, such as lambda, which runs code as you",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C, and prints what to export meanwhile.

    Returns:
        0 when it was stopped; a server that ends by itself is an error.

    Raises:
        UsageError: there is no such port or account.
    """
    try:
        with _organization(arguments) as organization:
            print(
                f"# organization {organization.organization_id} at {organization.endpoint_url}, until Ctrl-C"
            )
            print("# an access key id of 12 digits acts as that account's administrator, with this secret")
            if organization.outside:
                print(f"# outside of the organization: {', '.join(organization.outside)}")
            print("unset AWS_PROFILE")
            for name, value in organization.environment(EXAMPLE_ACCOUNT).items():
                print(f"export {name}={shlex.quote(value)}")
            print("# another account: export AWS_ACCESS_KEY_ID=222222222222")
            print(
                "# an AWS service, for AssumeRole: export AWS_ACCESS_KEY_ID=lambda.amazonaws.com", flush=True
            )
            organization.wait()
    except KeyboardInterrupt:
        pass
    return 0


def _organization(arguments: argparse.Namespace) -> LocalOrganization:
    try:
        return LocalOrganization(port=arguments.port, outside=arguments.outside, services=arguments.services)
    except LocalOrganizationError as error:
        raise UsageError(str(error)) from error
