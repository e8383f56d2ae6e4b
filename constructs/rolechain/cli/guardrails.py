"""``rolechain guardrails``: the control policies that keep others from a chain's roles."""

from __future__ import annotations

import argparse
import json

from rolechain.cli.options import UsageError, add_options
from rolechain.errors import ChainError
from rolechain.iam.limits import CONTROL_POLICY_CHARACTERS, length_of_document
from rolechain.model.chain import Chain
from rolechain.statements.guardrails import GuardrailError, guardrails


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, "--chain")
    parser.add_argument("--json", action="store_true", help="print one JSON document: the policies in full")
    parser.add_argument(
        "--administrator",
        metavar="ARN",
        action="append",
        dest="administrators",
        help="who may change the roles, wildcards allowed (default: administrators of the chain)",
    )
    parser.add_argument(
        "--administration",
        action="store_true",
        help="let nobody else assume administrators, update stacks, or change identity providers and assignments",
    )
    for option, what in (("--source-ip", "network"), ("--source-vpc", "VPC")):
        parser.add_argument(
            option, action="append", default=[], help=f"a {what} from which the roles' sessions may call AWS"
        )


def run(arguments: argparse.Namespace) -> int:
    """Prints the policies, to be made in the management account or a delegated administrator's.

    Returns:
        0.
    """
    try:
        found = guardrails(
            Chain.load(arguments.chain),
            administrators=arguments.administrators,
            administration=arguments.administration,
            source_ip=arguments.source_ip,
            source_vpc=arguments.source_vpc,
        )
    except (ChainError, GuardrailError) as error:
        raise UsageError(str(error)) from error
    if arguments.json:
        listed = [{"name": each.name, "type": each.type, "content": each.content} for each in found]
        print(json.dumps(listed, ensure_ascii=False, indent=2))
        return 0
    for each in found:
        size = f"{length_of_document(each.content):,} of {CONTROL_POLICY_CHARACTERS:,} characters"
        print(f"{each.name}  {each.type}  {size}")
        for statement in each.content["Statement"]:
            print(f"  {statement['Sid']}")
    return 0
