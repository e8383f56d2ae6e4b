"""``rolechain prove``: the proof of a chain, from the templates that ``cdk synth`` wrote."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from rolechain.chain import Chain
from rolechain.cli.proof_text import ProofText, counted, tally
from rolechain.errors import ChainError, RolechainError
from rolechain.policy import Verdict
from rolechain.proof import AssemblyError, Level, Proof, prove


class NothingToProveError(RolechainError):
    """The chain or its templates cannot be read, so that nothing can be said of them."""

    usage = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "cdk_out",
        metavar="CDK_OUT",
        nargs="?",
        default="cdk.out",
        help="what cdk synth wrote (default: cdk.out)",
    )
    parser.add_argument("--chain", metavar="FILE", default="chain.yaml", help="default: chain.yaml")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument("--strict", action="store_true", help="let warnings fail the proof too")


def run(arguments: argparse.Namespace) -> int:
    """Prints what was proven: each hop, who is let in, what is wrong and what to write instead.

    Returns:
        0 if the chain is proven; 1 if not, or if there is a warning and ``--strict`` is given.

    Raises:
        NothingToProveError: the chain or the templates cannot be read.
    """
    try:
        chain = Chain.load(arguments.chain)
        if not (Path(arguments.cdk_out) / "manifest.json").is_file():
            raise NothingToProveError(
                f"{arguments.cdk_out} is no folder that cdk synth wrote: run cdk synth first, or name the folder"
            )
        proof = prove(chain, arguments.cdk_out)
    except (ChainError, AssemblyError) as error:
        raise NothingToProveError(str(error)) from error
    if arguments.json:
        print(json.dumps(proof.to_json(), ensure_ascii=False, indent=2))
    else:
        _show(chain, proof, arguments.cdk_out, strict=arguments.strict)
    return 0 if passes(proof, strict=arguments.strict) else 1


def passes(proof: Proof, *, strict: bool) -> bool:
    """Whether no finding stands against it: no error, and with ``strict`` no warning."""
    return proof.proven and not (strict and proof.findings)


def _show(chain: Chain, proof: Proof, folder: str, *, strict: bool) -> None:
    text = ProofText(Console(highlight=False))
    text.hops("hops", proof.hops, broken=Verdict.UNKNOWN)
    text.entrances("entrances", proof.entrances, judged=True)
    text.assumptions(proof.assumptions)
    text.findings(proof.findings)
    text.verdict(_verdict(chain, proof, folder, strict=strict), good=passes(proof, strict=strict))


def _verdict(chain: Chain, proof: Proof, folder: str, *, strict: bool) -> str:
    if not proof.proven:
        return f"chain {chain.name} is not proven from {folder}: {tally(proof.findings)}"
    hops = counted(len(proof.hops), "hop")
    words = f"chain {chain.name} is proven from {folder}: {hops} can be taken, and nothing else gets in"
    warnings = sum(finding.level is Level.WARNING for finding in proof.findings)
    if not warnings:
        return words
    return f"{words}; {counted(warnings, 'warning')}{', which --strict does not allow' if strict else ''}"
