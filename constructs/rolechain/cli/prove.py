"""``rolechain prove``: the proof of a chain, from the templates that ``cdk synth`` wrote or from what accounts hold."""

from __future__ import annotations

import argparse
import json

from rolechain.cli.options import LIVE, UsageError, add_account_options, add_options, seconds
from rolechain.cli.output import ProofText
from rolechain.cli.template_files import synthesized
from rolechain.errors import ChainError
from rolechain.model.chain import Chain
from rolechain.proof import prove
from rolechain.proof.report import passes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "cdk_out",
        metavar="CDK_OUT",
        nargs="?",
        default="cdk.out",
        help="what cdk synth wrote (default: cdk.out)",
    )
    add_options(parser, "--chain", *LIVE)
    parser.add_argument("--html", metavar="FILE", help="also write a report to sign, as one page")
    parser.add_argument(
        "--by",
        metavar="NAME",
        help="who makes the report (default: with --live the AWS caller, else the user of this machine)",
    )
    parser.add_argument(
        "--drift",
        action="store_true",
        help="also tell what differs from CDK_OUT, and exit 1 where that matters",
    )
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        type=seconds,
        help="read the accounts again and again, so many seconds apart, and print only what changed",
    )
    add_account_options(parser, "which may read IAM there")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="let warnings, and what depends on a default, fail the proof too",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="print each warning, where those of a kind are one line"
    )
    parser.add_argument(
        "--scope",
        choices=("chain", "app"),
        default="chain",
        help="app: what is wrong with a role that has nothing to do with the chain is an error too (default: chain)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints what was proven: each hop, who is let in, what is wrong and what to write instead.

    Returns:
        0 if the chain is proven; 1 if not, or if there is a warning and ``--strict`` is given, or a difference that
        matters and ``--drift``.
    """
    try:
        chain = Chain.load(arguments.chain)
        if arguments.live or arguments.folder:
            from rolechain.cli.live import prove_accounts

            return prove_accounts(chain, arguments)
        if arguments.save or arguments.drift or arguments.watch is not None:
            raise UsageError("--save, --drift and --watch are about accounts: add --live, or --from DIR")
        proof = prove(chain, synthesized(arguments.cdk_out), scope=arguments.scope)
        source = f" from {arguments.cdk_out}"
        if arguments.html:
            from rolechain.cli.signed_report import write_report

            write_report(chain, proof, source, arguments)
    except ChainError as error:
        raise UsageError(str(error)) from error
    if arguments.json:
        print(json.dumps(proof.to_json(), ensure_ascii=False, indent=2))
    else:
        ProofText(names=proof.names, verbose=arguments.verbose).proof(
            chain.name, proof, source, strict=arguments.strict
        )
    return 0 if passes(proof, strict=arguments.strict) else 1
