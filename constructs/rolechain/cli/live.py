"""The proof of a chain from what its accounts hold, for ``rolechain prove --live`` and ``--from``."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rolechain.cli.account_sessions import AccountSessionError, AccountSessions
from rolechain.cli.options import UsageError, writing
from rolechain.cli.output import ProofText, progress
from rolechain.cli.signed_report import write_report
from rolechain.cli.streams import printable
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


@dataclass(frozen=True)
class Read:
    """What was read of accounts.

    Attributes:
        accounts: those that could be read, in their order.
        unread: why others could not, by their ids.
        organization: what binds them, or why that is not known.
        called: how often each action was called.
    """

    accounts: list[Account]
    unread: dict[str, str] = field(default_factory=dict)
    organization: Organization | str = "it was not asked for"
    called: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> list[str]:
        """What was called in one line, for commands whose output is a file; none where nothing was."""
        times = ", ".join(
            f"{action}: {counted(number, 'time')}" for action, number in sorted(self.called.items())
        )
        return [f"called, by permissions of the same names: {times}"] if times else []


def prove_accounts(chain: Chain, arguments: argparse.Namespace) -> int:
    """Reads the accounts, or the folder that holds them, and prints what was proven and what differs.

    With ``--watch``, again and again, and what changed since; Ctrl-C ends it, and an error does not.

    Returns:
        The exit code of ``rolechain prove``, of the last time; 1 where that time ended with an error.
    """
    if arguments.live and arguments.folder:
        raise UsageError("--live reads accounts and --from a folder: leave one of the two out")
    if arguments.html and not (arguments.folder or arguments.save):
        raise UsageError("--html names the hash of each file that was read: add --save DIR, which keeps them")
    before: set[str] | None = None
    code = 1
    while True:
        try:
            code, before = _round(chain, arguments, before)
            if arguments.watch is None:
                return code
            time.sleep(arguments.watch)
        except KeyboardInterrupt:
            if arguments.watch is None:
                raise
            return code


def _round(
    chain: Chain, arguments: argparse.Namespace, before: set[str] | None
) -> tuple[int, set[str] | None]:
    """Proves once, and prints that or what changed since; returns the exit code and the lines to compare with."""
    try:
        read, proof, differences = proven(chain, arguments)
    except RolechainError as error:
        # What the options name was there once: later it is only not at hand.
        if arguments.watch is None or (before is None and getattr(error, "usage", False)):
            raise
        _show_change(arguments, set(), set(), str(error))
        return 1, before
    now = _lines(proof, differences)
    if before is None:
        if arguments.html:
            write_report(chain, proof, source_of(read, arguments), arguments)
        _show(chain, arguments, read, proof, differences)
    else:
        _show_change(arguments, now - before, before - now)
    matters = any(each.matters for each in differences)
    return 0 if passes(proof, strict=arguments.strict) and not matters else 1, now


def proven(chain: Chain, arguments: argparse.Namespace) -> tuple[Read, Proof, list[Difference]]:
    """What was read, what is proven of it, and what differs from the templates."""
    read = _read(chain, arguments)
    proof = prove_live(
        chain, read.accounts, read.unread, organization=read.organization, scope=arguments.scope
    )
    differences = drift(chain, synthesized(arguments.cdk_out), read.accounts) if arguments.drift else []
    return read, proof, differences


def _show(
    chain: Chain, arguments: argparse.Namespace, read: Read, proof: Proof, differences: list[Difference]
) -> None:
    if arguments.json:
        document = proof.to_json() | {"called": dict(sorted(read.called.items()))}
        if arguments.drift:
            document["drift"] = [vars(each) for each in differences]
        # What changes later is a line each.
        indent = 2 if arguments.watch is None else None
        print(json.dumps(document, ensure_ascii=False, indent=indent), flush=True)
        return
    text = ProofText(verbose=arguments.verbose)
    for heading, matters in (("from the templates", True), ("in tags or durations", False)):
        listed = [str(each) for each in differences if each.matters is matters]
        text.items(f"differs {heading}", listed, bad=matters)
    text.called(read.called)
    text.proof(chain.name, proof, source_of(read, arguments), strict=arguments.strict)


def source_of(read: Read, arguments: argparse.Namespace) -> str:
    """What a proof is from, with a blank before."""
    return f" from {arguments.folder or counted(len(read.accounts), 'account')}"


def _show_change(arguments: argparse.Namespace, came: set[str], went: set[str], error: str = "") -> None:
    """Prints what changed since the last time, with the moment; nothing where nothing did."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    if arguments.json:
        if came or went or error:
            change = {"time": moment, "came": sorted(came), "went": sorted(went), "error": error or None}
            print(json.dumps(change, ensure_ascii=False), flush=True)
        return
    for sign, lines in (("+", came), ("-", went), ("!", [" ".join(error.split())] if error else [])):
        for line in sorted(lines):
            print(f"{moment} {sign} {printable(line)}", flush=True)


def _lines(proof: Proof, differences: list[Difference]) -> set[str]:
    """What a proof says, a line each."""
    hops = {f"{hop.caller} → {hop.callee}: {hop.verdict.value}" for hop in proof.hops}
    entrances = {f"{each.role} lets in {each.words}" for each in proof.entrances}
    findings = {
        f"{each.level.value} {each.rule} {each.place or ''} {each.message}" for each in proof.findings
    }
    return hops | entrances | findings | {str(each) for each in differences}


def _read(chain: Chain, arguments: argparse.Namespace) -> Read:
    if not arguments.folder:
        sessions = AccountSessions.opened(arguments, chain.region, chain.partition)
        return read_all(chain.accounts, sessions, arguments.save)
    folder = Path(arguments.folder)
    read = Read(load_accounts(folder), {}, load_organization(folder) or f"it is not in {folder}")
    _save(read, arguments.save)
    return read


def read_all(
    accounts: Sequence[str], sessions: AccountSessions, save: str | None, *, bound: bool = True
) -> Read:
    """Reads accounts and, where that is asked for, what binds them; writes it to a folder where one is named.

    Raises:
        UsageError: none of them could be read.
    """
    found: dict[str, Account] = {}
    unread: dict[str, str] = {}
    with progress("accounts", len(accounts)) as advance:
        for account, each in read_accounts({each: partial(sessions.session, each) for each in accounts}):
            advance()
            if isinstance(each, Account):
                found[account] = each
            else:
                unread[account] = str(each)
    if not found:
        reasons = "; ".join(dict.fromkeys(unread.values()))
        raise UsageError(f"no account could be read, which takes {', '.join(ACCOUNT_ACTIONS)}: {reasons}")
    listed = [account for account in accounts if account in found]
    organization = _organization(listed, sessions) if bound else Read([]).organization
    read = Read([found[account] for account in listed], unread, organization, sessions.called)
    _save(read, save)
    return read


def _save(read: Read, place: str | None) -> None:
    if place:
        with writing(place):
            save_accounts(Path(place), read.accounts)
            if isinstance(read.organization, Organization):
                save_organization(Path(place), read.organization)


def _organization(accounts: Sequence[str], sessions: AccountSessions) -> Organization | str:
    """What binds accounts, read in the management account or else by the user's own session, or why it is unread."""
    try:
        asked = (management_account(sessions.session(account)) for account in accounts)
        if (management := next(filter(None, asked), None)) is None:
            return Organization("", "", {account: (account,) for account in accounts})
        try:
            session = sessions.session(management)
        except AccountSessionError:
            # A delegated administrator may read it as well.
            session = sessions.base
        return read_organization(session, accounts)
    except RolechainError as error:
        return str(error)
