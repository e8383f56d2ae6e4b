"""``rolechain graph``: the chain, or the roles of any templates, as a picture with what was proven."""

from __future__ import annotations

import argparse
import sys

from rolechain.cli.live import proven, source_of
from rolechain.cli.options import UsageError, add_account_options, add_options, write_file
from rolechain.cli.template_files import read, synthesized
from rolechain.diagram import FORMATS, diagram_of_chain, diagram_of_graph
from rolechain.errors import ChainError
from rolechain.model.chain import Chain
from rolechain.proof import audit, prove


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "cdk_out",
        metavar="CDK_OUT",
        nargs="?",
        default="cdk.out",
        help="what cdk synth wrote; with --no-chain, any template or folder of them (default: cdk.out)",
    )
    add_options(parser, "--chain")
    parser.add_argument("--no-chain", action="store_true", help="draw the roles of any templates")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="default: text")
    parser.add_argument("--output", metavar="FILE", help="the file to write (default: stdout)")
    add_options(parser, "--live", "--from", "--profile", "--region")
    add_account_options(parser, "which may read IAM there")
    parser.set_defaults(save=None, drift=False, scope="chain")


def run(arguments: argparse.Namespace) -> int:
    """Prints or writes the picture.

    Returns:
        0, whatever was proven: the picture says it.
    """
    if arguments.live and arguments.folder:
        raise UsageError("--live reads accounts and --from a folder: leave one of the two out")
    if arguments.no_chain and (arguments.live or arguments.folder):
        raise UsageError("--no-chain draws templates: leave --live and --from out")
    try:
        if arguments.no_chain:
            files = read([arguments.cdk_out], {})
            diagram = diagram_of_graph(audit([each.template for each in files.values()]), arguments.cdk_out)
        else:
            chain = Chain.load(arguments.chain)
            if arguments.live or arguments.folder:
                accounts, proof, _ = proven(chain, arguments)
                source = source_of(accounts, arguments)
                for line in accounts.calls:
                    print(f"rolechain: {line}", file=sys.stderr)
            else:
                proof, source = prove(chain, synthesized(arguments.cdk_out)), f" from {arguments.cdk_out}"
            diagram = diagram_of_chain(chain, proof, source=source)
    except ChainError as error:
        raise UsageError(str(error)) from error
    written = FORMATS[arguments.format](diagram)
    if arguments.output:
        write_file(arguments.output, written)
    else:
        sys.stdout.write(written)
    return 0
