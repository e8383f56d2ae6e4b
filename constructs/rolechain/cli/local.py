"""``rolechain local``: the local organization in the foreground, with a chain's roles, or for one program."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from rolechain.cli.chain_selection import in_every_account
from rolechain.cli.exec import NOT_EXECUTABLE, NOT_FOUND
from rolechain.cli.options import CHAIN_VARIABLE, UsageError, add_options, add_repeated_option
from rolechain.cli.subprocesses import interrupt_when_terminated
from rolechain.local import LocalOrganization, LocalOrganizationError
from rolechain.local.chain_roles import make_roles, organization_of, workload_environment
from rolechain.model.chain import Chain

EXAMPLE_ACCOUNT = "111111111111"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.usage = "%(prog)s [options] [-- CMD ...]"
    add_options(parser, "--chain")
    # Without a program and a chain that is named, the organization is empty.
    parser.set_defaults(chain=None, found_chain=parser.get_default("chain"))
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
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="CMD",
        help="a program that is run as the workload of the chain's source role; the organization ends with it",
    )


def add_services(parser: argparse.ArgumentParser) -> None:
    """Adds ``--services``, which names more services of the local organization."""
    services = "a service to serve besides those that chains and the CDK call, such as lambda, which runs code as you"
    add_repeated_option(parser, "--services", "SERVICE", services)


def run(arguments: argparse.Namespace) -> int:
    """Prints the environment to export, and serves until Ctrl-C; or runs a program with it, and ends with that.

    Returns:
        0 when it was stopped; a server that ends by itself is an error. With a program, its exit code.
    """
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    file: str | None = arguments.chain or (arguments.found_chain if words else None)
    chain = Chain.load(file) if file else None
    names = ("port", "outside", "services", "stack_sets", "trail")
    settings = {name: getattr(arguments, name) for name in names} | {"units": arguments.unit}
    try:
        local = organization_of(chain, **settings) if chain else LocalOrganization(**settings)
    except LocalOrganizationError as error:
        raise UsageError(str(error)) from error
    interrupt_when_terminated()
    with local as organization:
        environment = organization.environment(EXAMPLE_ACCOUNT)
        if chain and file:
            make_roles(organization, chain)
            for target in chain.targets:
                if target.by_unit:
                    left_out = (
                        f"{in_every_account(target)}: none is made here, until its stack set is deployed"
                    )
                    print(f"rolechain: {left_out}", file=sys.stderr)
            environment = workload_environment(organization, chain)
            environment[CHAIN_VARIABLE] = os.path.abspath(file)
        if words:
            return _run(words, environment)
        with suppress(KeyboardInterrupt):
            _print(organization, chain, environment)
            organization.wait()
    return 0


def _print(organization: LocalOrganization, chain: Chain | None, environment: Mapping[str, str]) -> None:
    print(f"# organization {organization.organization_id} at {organization.endpoint_url}, until Ctrl-C")
    if chain:
        print(f"# it holds the roles of chain {chain.name}; this is a session of {chain.source.arn}")
        print(
            f"# an account's administrator: its id as access key id, the secret {organization.secret_access_key}"
        )
    else:
        print("# an access key id of 12 digits acts as that account's administrator, with this secret")
    if organization.outside:
        print(f"# outside of the organization: {', '.join(organization.outside)}")
    if organization.stack_sets:
        print(f"# StackSets are operated by: {', '.join(organization.stack_sets)}")
    print("unset AWS_PROFILE")
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
    if not chain:
        print("# another account: export AWS_ACCESS_KEY_ID=222222222222")
        print("# an AWS service, for AssumeRole: export AWS_ACCESS_KEY_ID=lambda.amazonaws.com")
    sys.stdout.flush()


def _run(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a program with no other AWS settings than these, and gives its exit code as a shell does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        program = subprocess.Popen(words, env={**kept, **environment})
    except FileNotFoundError:
        print(f"rolechain: {words[0]}: no such program", file=sys.stderr)
        return NOT_FOUND
    except OSError as error:
        print(f"rolechain: {words[0]}: cannot be run: {error.strerror}", file=sys.stderr)
        return NOT_EXECUTABLE
    try:
        code = program.wait()
    except KeyboardInterrupt:
        # Ctrl-C has reached the program too, SIGTERM has not.
        program.terminate()
        program.wait()
        raise
    return code if code >= 0 else 128 - code
