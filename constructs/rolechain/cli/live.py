"""The proof of a chain from what its accounts hold, for ``rolechain prove --live`` and ``--from``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rolechain.cli.account_sessions import AccountSessions
from rolechain.cli.base_session import open_session
from rolechain.cli.options import UsageError
from rolechain.cli.output import ProofText, progress
from rolechain.live import Account, Difference, drift, load_accounts, prove_live, read_accounts, save_accounts
from rolechain.live.account import ACTIONS
from rolechain.model.chain import Chain
from rolechain.proof import Template, templates_in
from rolechain.proof.report import counted, passes


def prove_accounts(chain: Chain, arguments: argparse.Namespace) -> int:
    """Reads the accounts, or the folder that holds them, and prints what was proven and what differs.

    Returns:
        The exit code of ``rolechain prove``.
    """
    if arguments.live and arguments.folder:
        raise UsageError("--live reads accounts and --from a folder: leave one of the two out")
    unread: Mapping[str, str] = {}
    if arguments.folder:
        accounts, source = load_accounts(Path(arguments.folder)), f" from {arguments.folder}"
    else:
        accounts, unread = _read(chain, arguments)
        source = f" from {counted(len(accounts), 'account')}"
    if arguments.save:
        save_accounts(Path(arguments.save), accounts)
    proof = prove_live(chain, accounts, unread, scope=arguments.scope)
    differences = drift(chain, _templates(arguments.cdk_out), accounts) if arguments.drift else []
    if arguments.json:
        document = proof.to_json()
        if arguments.drift:
            document["drift"] = [vars(each) for each in differences]
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        text = ProofText()
        _show_drift(text, differences)
        text.proof(chain.name, proof, source, strict=arguments.strict)
    matters = any(each.matters for each in differences)
    return 0 if passes(proof, strict=arguments.strict) and not matters else 1


def _read(chain: Chain, arguments: argparse.Namespace) -> tuple[list[Account], dict[str, str]]:
    """The accounts of the chain, in their order, and why others could not be read."""
    base = open_session(arguments.profile, arguments.region, chain.region)
    sessions = AccountSessions(base, chain.partition, dict(arguments.account_profile), arguments.account_role)
    read: dict[str, Account] = {}
    unread: dict[str, str] = {}
    with progress("accounts", len(chain.accounts)) as advance:
        for account, found in read_accounts(
            {each: partial(sessions.session, each) for each in chain.accounts}
        ):
            advance()
            if isinstance(found, Account):
                read[account] = found
            else:
                unread[account] = str(found)
    if not read:
        reasons = "; ".join(dict.fromkeys(unread.values()))
        raise UsageError(f"no account could be read, which takes {', '.join(ACTIONS)}: {reasons}")
    return [read[account] for account in chain.accounts if account in read], unread


def _templates(folder: str) -> list[Template]:
    if not (Path(folder) / "manifest.json").is_file():
        raise UsageError(
            f"{folder} is not a folder that cdk synth wrote: run cdk synth first, or name the folder"
        )
    return list(templates_in(folder))


def _show_drift(text: ProofText, differences: list[Difference]) -> None:
    text.items("differs from the templates", [str(each) for each in differences if each.matters], bad=True)
    text.items("differs in tags or durations", [str(each) for each in differences if not each.matters])
