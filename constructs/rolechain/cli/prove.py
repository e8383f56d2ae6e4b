"""``rolechain prove``: the proof of a chain, from the templates that ``cdk synth`` wrote."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rolechain.cli.options import UsageError, add_chain_option, add_json_option
from rolechain.cli.output import ProofText
from rolechain.errors import ChainError
from rolechain.model.chain import Chain
from rolechain.proof import AssemblyError, Proof, prove
from rolechain.proof.report import last_line, passes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "cdk_out",
        metavar="CDK_OUT",
        nargs="?",
        default="cdk.out",
        help="what cdk synth wrote (default: cdk.out)",
    )
    add_chain_option(parser)
    add_json_option(parser, "print one JSON document")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="let warnings, and what depends on a default, fail the proof too",
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
        0 if the chain is proven; 1 if not, or if there is a warning and ``--strict`` is given.
    """
    try:
        chain = Chain.load(arguments.chain)
        if not (Path(arguments.cdk_out) / "manifest.json").is_file():
            raise UsageError(
                f"{arguments.cdk_out} is no folder that cdk synth wrote: run cdk synth first, or name the folder"
            )
        proof = prove(chain, arguments.cdk_out, scope=arguments.scope)
    except (ChainError, AssemblyError) as error:
        raise UsageError(str(error)) from error
    if arguments.json:
        print(json.dumps(proof.to_json(), ensure_ascii=False, indent=2))
    else:
        _show(chain, proof, arguments.cdk_out, strict=arguments.strict)
    return 0 if passes(proof, strict=arguments.strict) else 1


def _show(chain: Chain, proof: Proof, folder: str, *, strict: bool) -> None:
    text = ProofText()
    text.hops("hops", proof.hops, judged=True)
    text.entrances("entrances", proof.entrances, judged=True)
    text.changers("who may change the chain", proof.changers or ())
    text.assumptions(proof.assumptions)
    text.findings(proof.findings)
    text.verdict(
        last_line(chain.name, proof, source=f" from {folder}", strict=strict),
        good=passes(proof, strict=strict),
    )
