"""The proof of a chain from what its accounts hold, for ``rolechain prove --live`` and ``--from``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rolechain.cli.account_sessions import AccountSessionError, AccountSessions
from rolechain.cli.base_session import open_session
from rolechain.cli.options import UsageError, writing
from rolechain.cli.output import ProofText, progress
from rolechain.cli.template_files import synthesized
from rolechain.errors import RolechainError
from rolechain.live import (
    Account,
    Difference,
    Organization,
    drift,
    load_accounts,
    load_organization,
    prove_live,
    read_accounts,
    read_organization,
    save_accounts,
    save_organization,
)
from rolechain.live.organization import management_account
from rolechain.model.chain import Chain
from rolechain.proof import Proof
from rolechain.proof.report import counted, passes
from rolechain.statements.audit_role import ACCOUNT_ACTIONS


def prove_accounts(chain: Chain, arguments: argparse.Namespace) -> int:
    """Reads the accounts, or the folder that holds them, and prints what was proven and what differs.

    With ``--watch``, again and again, and what changed since; Ctrl-C ends it.

    Returns:
        The exit code of ``rolechain prove``, of the last time.
    """
    if arguments.live and arguments.folder:
        raise UsageError("--live reads accounts and --from a folder: leave one of the two out")
    if arguments.watch is not None and arguments.json:
        raise UsageError("--watch prints lines and --json one document: leave one of the two out")
    proof, differences, source = _proven(chain, arguments)
    if arguments.json:
        document = proof.to_json()
        if arguments.drift:
            document["drift"] = [vars(each) for each in differences]
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        text = ProofText()
        for heading, matters in (("from the templates", True), ("in tags or durations", False)):
            listed = [str(each) for each in differences if each.matters is matters]
            text.items(f"differs {heading}", listed, bad=matters)
        text.proof(chain.name, proof, source, strict=arguments.strict)
    with suppress(KeyboardInterrupt):
        while arguments.watch is not None:
            before = _lines(proof, differences)
            time.sleep(arguments.watch)
            proof, differences, _ = _proven(chain, arguments)
            now = _lines(proof, differences)
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            for sign, lines in (("+", now - before), ("-", before - now)):
                for line in sorted(lines):
                    print(f"{moment} {sign} {line}", flush=True)
    matters = any(each.matters for each in differences)
    return 0 if passes(proof, strict=arguments.strict) and not matters else 1


def _proven(chain: Chain, arguments: argparse.Namespace) -> tuple[Proof, list[Difference], str]:
    """What is proven and what differs now, and from what."""
    unread: Mapping[str, str] = {}
    if arguments.folder:
        accounts, source = load_accounts(Path(arguments.folder)), f" from {arguments.folder}"
        organization = load_organization(Path(arguments.folder)) or f"it is not in {arguments.folder}"
    else:
        base = open_session(arguments.profile, arguments.region, chain.region)
        profiles = dict(arguments.account_profile)
        sessions = AccountSessions(base, chain.partition, profiles, arguments.account_role)
        accounts, unread = read_all(chain.accounts, sessions)
        organization = _read_organization(accounts, sessions)
        source = f" from {counted(len(accounts), 'account')}"
    if arguments.save:
        with writing(arguments.save):
            save_accounts(Path(arguments.save), accounts)
            if isinstance(organization, Organization):
                save_organization(Path(arguments.save), organization)
    proof = prove_live(chain, accounts, unread, organization=organization, scope=arguments.scope)
    differences = drift(chain, synthesized(arguments.cdk_out), accounts) if arguments.drift else []
    return proof, differences, source


def _lines(proof: Proof, differences: list[Difference]) -> set[str]:
    """What a proof says, a line each."""
    hops = {f"{hop.caller} → {hop.callee}: {hop.verdict.value}" for hop in proof.hops}
    entrances = {f"{each.role} lets in {each.words}" for each in proof.entrances}
    findings = {
        f"{each.level.value} {each.rule} {each.place or ''} {each.message}" for each in proof.findings
    }
    return hops | entrances | findings | {str(each) for each in differences}


def read_all(accounts: Sequence[str], sessions: AccountSessions) -> tuple[list[Account], dict[str, str]]:
    """The accounts, in their order, and why others could not be read."""
    read: dict[str, Account] = {}
    unread: dict[str, str] = {}
    with progress("accounts", len(accounts)) as advance:
        for account, found in read_accounts({each: partial(sessions.session, each) for each in accounts}):
            advance()
            if isinstance(found, Account):
                read[account] = found
            else:
                unread[account] = str(found)
    if not read:
        reasons = "; ".join(dict.fromkeys(unread.values()))
        raise UsageError(f"no account could be read, which takes {', '.join(ACCOUNT_ACTIONS)}: {reasons}")
    return [read[account] for account in accounts if account in read], unread


def _read_organization(accounts: list[Account], sessions: AccountSessions) -> Organization | str:
    """What binds accounts, read in the management account or else by the user's own session, or why it is unread."""
    try:
        management = management_account(sessions.session(accounts[0].id))
        try:
            session = sessions.session(management)
        except AccountSessionError:
            # A delegated administrator may read it as well.
            session = sessions.base
        return read_organization(session, [account.id for account in accounts])
    except RolechainError as error:
        return str(error)
