"""The command ``rolechain local``: the local organization in the foreground."""

from __future__ import annotations

import argparse
import shlex
from contextlib import suppress

from rolechain.cli.options import UsageError, add_repeated_option
from rolechain.local import LocalOrganization, LocalOrganizationError

EXAMPLE_ACCOUNT = "111111111111"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("--port", type=int, help="the port on 127.0.0.1 (default: a free one)")
    outside = "an account that does not belong to the organization, as a third party's"
    add_repeated_option(parser, "--outside", "ACCOUNT", outside)
    unit = "an organizational unit to begin with, as in r-ab12/ou-ab12-11111111"
    add_repeated_option(parser, "--unit", "PATH", unit)
    stack_sets = "an account that operates StackSets: 000000000000, or a member as delegated administrator"
    add_repeated_option(parser, "--stack-sets", "ACCOUNT", stack_sets)
    add_services(parser)
    parser.add_argument(
        "--trail", metavar="DIR", help="write every call in log files as CloudTrail writes them, for trace"
    )


def add_services(parser: argparse.ArgumentParser) -> None:
    """Adds ``--services``, which names more services of the local organization."""
    services = "a service to serve besides those that chains and the CDK call, such as lambda, which runs code as you"
    add_repeated_option(parser, "--services", "SERVICE", services)


def run(arguments: argparse.Namespace) -> int:
    """Prints the environment to export, and serves until Ctrl-C.

    Returns:
        0 when it was stopped; a server that ends by itself is an error.
    """
    try:
        local = LocalOrganization(
            port=arguments.port,
            outside=arguments.outside,
            services=arguments.services,
            units=arguments.unit,
            stack_sets=arguments.stack_sets,
            trail=arguments.trail,
        )
    except LocalOrganizationError as error:
        raise UsageError(str(error)) from error
    with suppress(KeyboardInterrupt), local as organization:
        print(f"# organization {organization.organization_id} at {organization.endpoint_url}, until Ctrl-C")
        print("# an access key id of 12 digits acts as that account's administrator, with this secret")
        if organization.outside:
            print(f"# outside of the organization: {', '.join(organization.outside)}")
        if organization.stack_sets:
            print(f"# StackSets are operated by: {', '.join(organization.stack_sets)}")
        print("unset AWS_PROFILE")
        for name, value in organization.environment(EXAMPLE_ACCOUNT).items():
            print(f"export {name}={shlex.quote(value)}")
        print("# another account: export AWS_ACCESS_KEY_ID=222222222222")
        print("# an AWS service, for AssumeRole: export AWS_ACCESS_KEY_ID=lambda.amazonaws.com", flush=True)
        organization.wait()
    return 0
