"""``rolechain trace``: who walked the chain, when, from where and what they did at the end, by CloudTrail's events."""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rolechain.cli.account_sessions import AccountSessions
from rolechain.cli.options import UsageError, add_account_options, add_format_option, add_options
from rolechain.cli.output import ProofText, progress
from rolechain.cli.report_formats import as_text
from rolechain.cli.streams import printable
from rolechain.errors import ChainError
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.model.chain import Chain
from rolechain.proof.report import counted
from rolechain.trail import (
    Session,
    Trace,
    TrailFiles,
    Unread,
    Walk,
    accounts_of,
    log_files,
    sessions_query,
    shown,
    trace,
    write_records,
)
from rolechain.trail.aws import ask_athena, lookup_events

_GLOBAL_REGION = FIRST_REGIONS["aws"]
_LOOKUP_DAYS = 1
_PER_FILE = 50_000
_COLUMNS = ("verdict", "person", "start", "end", "path", "addresses", "calls", "session", "problems")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="log files as CloudTrail writes them, or folders of them"
    )
    add_options(parser, "--chain", "--profile", "--region")
    parser.add_argument(
        "--since", metavar="TIME", type=_moment, help="the first moment, in UTC, such as 2026-11-01"
    )
    parser.add_argument("--until", metavar="TIME", type=_moment, help="the moment after the last one")
    parser.add_argument(
        "--session", metavar="KEYID", help="all that is known of one session, by its access key id"
    )
    add_format_option(parser, ("text", "json", "csv"))
    parser.add_argument("--print-sql", action="store_true", help="print the query, and run it nowhere")
    live = parser.add_argument_group("without files")
    live.add_argument(
        "--lookup",
        action="store_true",
        help="ask CloudTrail in each account for the last 90 days (default: 1 day)",
    )
    live.add_argument(
        "--athena", metavar="DATABASE.TABLE", help="ask Athena, which reads the table of a trail"
    )
    live.add_argument("--workgroup", default="primary", help="Athena's workgroup (default: primary)")
    live.add_argument("--output-location", metavar="S3_URL", help="where Athena writes its answer")
    live.add_argument(
        "--partitions",
        metavar="COLUMNS",
        default="account,year,month,day",
        help="the partition columns of the table (default: account,year,month,day; or account,timestamp)",
    )
    add_account_options(parser, "which may look up events there")


def run(arguments: argparse.Namespace) -> int:
    """Prints each walk, and what was refused.

    Returns:
        0 if the chain declares every walk; 1 if not, or where a beginning or a part of the events is not known.
    """
    given = sum(map(bool, (arguments.files, arguments.lookup, arguments.athena)))
    if given > 1 or not (given or arguments.print_sql):
        raise UsageError("name log files of CloudTrail, or one of --lookup and --athena")
    if arguments.athena and not re.fullmatch(r"[^.]+\.[^.]+", arguments.athena):
        raise UsageError(f"{arguments.athena!r} is no table: write --athena DATABASE.TABLE")
    try:
        chain = Chain.load(arguments.chain)
    except ChainError as error:
        raise UsageError(str(error)) from error
    if arguments.lookup and not arguments.since:
        arguments.since = _written(datetime.now(UTC) - timedelta(days=_LOOKUP_DAYS))
    if arguments.since and arguments.until and arguments.since >= arguments.until:
        raise UsageError("--until is no later than --since: name a later moment")
    sql = _query(chain, arguments)
    if arguments.print_sql:
        print(sql)
        return 0
    unread: list[Unread] = []
    asks = arguments.athena or arguments.lookup
    sessions = AccountSessions.opened(arguments, chain.region, chain.partition) if asks else None
    if sessions and arguments.athena:
        source = f"from {arguments.athena}"
        rows = ask_athena(
            sessions.base,
            sql,
            database=arguments.athena.split(".")[0],
            workgroup=arguments.workgroup,
            output_location=arguments.output_location,
        )
    else:
        rows, source, unread = _of_events(chain, arguments, sql, sessions)
    found = trace(chain, rows)
    if arguments.session:
        found = found.of_session(arguments.session)
        if not found.walks and not found.refused:
            raise UsageError(f"no session {arguments.session} of the chain is in the events")
    called = sessions.called if sessions else {}
    _PRINTERS[arguments.format](chain, found, source, unread, called, arguments.session)
    return 0 if found.declared and not unread else 1


def trace_of_folder(chain: Chain, folder: Path) -> Trace:
    """The trace of a chain from a folder of log files.

    Raises:
        TrailError: DuckDB is not installed.
    """
    with TrailFiles() as files:
        files.read(log_files([str(folder)]))
        return trace(chain, files.ask(sessions_query(role.arn for role in chain.roles)))


def _query(chain: Chain, arguments: argparse.Namespace) -> str:
    roles = [role.arn for role in chain.roles]
    if not arguments.athena:
        return sessions_query(roles, since=arguments.since, until=arguments.until)
    columns = [name for name in arguments.partitions.lower().replace(" ", "").split(",") if name]
    return sessions_query(
        roles,
        dialect="athena",
        table=arguments.athena,
        since=arguments.since,
        until=arguments.until,
        partitions=columns,
        accounts=accounts_of(chain),
    )


def _of_events(
    chain: Chain, arguments: argparse.Namespace, sql: str, sessions: AccountSessions | None
) -> tuple[list[dict[str, Any]], str, list[Unread]]:
    with TrailFiles() as files, tempfile.TemporaryDirectory(prefix="rolechain-lookup-") as folder:
        if sessions:
            paths, unread = _looked_up(chain, arguments, sessions, Path(folder))
        else:
            paths, unread = list(log_files(arguments.files)), []
        with progress("log files", len(paths)) as advance:
            files.read(paths, advance)
        rows = files.ask(sql)
        source = f"from {counted(files.events, 'event')} in {counted(files.files, 'file')}"
        if sessions:
            accounts = counted(len(chain.accounts) - len(unread), "account")
            source = f"from {counted(files.events, 'event')} of {accounts}"
        return rows, source, [*unread, *files.unread]


def _looked_up(
    chain: Chain, arguments: argparse.Namespace, sessions: AccountSessions, folder: Path
) -> tuple[list[Path], list[Unread]]:
    """The events of each account in files, and the accounts that refuse."""
    regions = [sessions.base.region_name]
    regions += [_GLOBAL_REGION] if chain.partition == "aws" and _GLOBAL_REGION not in regions else []
    paths: list[Path] = []
    unread: list[Unread] = []
    accounts = {each: partial(sessions.session, each) for each in chain.accounts}
    for target in chain.targets:
        if target.by_unit:
            units = ", ".join(target.organizational_units)
            print(
                f"rolechain: accounts of {units} are not looked up: their callers' accounts hold the calls into them",
                file=sys.stderr,
            )
    with progress("accounts", len(accounts)) as advance:
        for found in lookup_events(
            accounts,
            regions,
            [role.arn for role in chain.roles],
            since=arguments.since,
            until=arguments.until,
        ):
            advance()
            if isinstance(found, Unread):
                unread.append(found)
            else:
                for start in range(0, len(found), _PER_FILE):
                    paths.append(folder / f"{len(paths)}.json.gz")
                    write_records(paths[-1], found[start : start + _PER_FILE])
    return paths, unread


def _print_json(
    chain: Chain,
    found: Trace,
    source: str,
    unread: Sequence[Unread],
    called: Mapping[str, int],
    _: str | None,
) -> None:
    document = {
        "chain": chain.name,
        "source": source.removeprefix("from "),
        "walks": [walk.to_json() for walk in found.walks],
        "refused": [each.to_json() for each in found.refused],
        "unread": [vars(each) for each in unread],
        "called": dict(sorted(called.items())),
    }
    print(json.dumps(document, ensure_ascii=False, indent=2))


def _print_csv(
    _: Chain, found: Trace, __: str, unread: Sequence[Unread], ___: Mapping[str, int], ____: str | None
) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for walk in found.walks:
        roles, last = " > ".join(each.role for each in walk.sessions), walk.last
        row = [walk.verdict, walk.person, walk.start, walk.end, roles, ", ".join(_addresses(walk))]
        writer.writerow([*map(_cell, row), last.calls, last.id, _cell("; ".join(walk.problems))])
    for each in found.refused:
        row = ["refused", each.caller, each.time or "", each.time or "", each.role, each.address or ""]
        writer.writerow([*map(_cell, row), 0, each.caller_key or "", _cell(each.error or "")])
    for part in unread:
        print(part, file=sys.stderr)


def _cell(text: str) -> str:
    # Callers choose the names of their sessions.
    return as_text(printable(text))


def _print_text(
    chain: Chain,
    found: Trace,
    source: str,
    unread: Sequence[Unread],
    called: Mapping[str, int],
    session: str | None,
) -> None:
    text = ProofText()
    by_verdict: Mapping[str, str] = {
        "declared": "walked as declared",
        "beginning unknown": "walked, the beginning is unknown",
        "not declared": "walked, and not declared",
    }
    for verdict, heading in by_verdict.items():
        walks = [walk for walk in found.walks if walk.verdict == verdict]
        lines = [line for walk in walks for line in ([walk_line(walk)] if not session else _whole(walk))]
        text.items(heading, lines, bad=verdict != "declared")
    text.items("refused", [_attempt(each) for each in found.refused])
    text.items("could not be read", [str(each) for each in unread], bad=True)
    text.called(called)
    text.verdict(last_line(chain.name, found, source, unread), good=found.declared and not unread)


_PRINTERS = {"text": _print_text, "json": _print_json, "csv": _print_csv}


def walk_line(walk: Walk) -> str:
    """A walk in one line: who, over which roles, when, from where, how many calls at the end."""
    path = " → ".join([shown(walk.person), *(shown(each.role) for each in walk.sessions)])
    problems = f": {'; '.join(walk.problems)}" if walk.problems else ""
    when = walk.start if walk.start == walk.end else f"{walk.start} to {walk.end}"
    addresses = ", ".join(_addresses(walk)) or "unknown addresses"
    calls = counted(walk.last.calls, "call")
    return f"{path}, {when}, from {addresses}, {calls} at the end, session {walk.last.id}{problems}"


def last_line(name: str, found: Trace, source: str = "", unread: Sequence[Unread] = ()) -> str:
    """What was found, in numbers."""
    numbers = [
        f"{count} {verdict}"
        for verdict in ("declared", "beginning unknown", "not declared")
        if (count := sum(walk.verdict == verdict for walk in found.walks))
    ]
    walks = counted(len(found.walks), "walk")
    walks += f" ({', '.join(numbers)})" if numbers else ""
    parts = [walks, f"{counted(len(found.refused), 'attempt')} refused"]
    parts += [f"{len(unread)} not read"] if unread else []
    return f"{name}: {', '.join([*parts, *([source] if source else [])])}"


def _addresses(walk: Walk) -> list[str]:
    """Where the calls of a walk came from, in the order of its hops."""
    every = [address for each in walk.sessions for address in (each.address, *each.addresses) if address]
    return list(dict.fromkeys(every))


def _whole(walk: Walk) -> Iterator[str]:
    """A walk in full, a line for each fact."""
    yield walk_line(walk)
    for session in walk.sessions:
        yield f"session {session.id} of {session.role}"
        facts = {
            "session name": session.name,
            "obtained by": session.caller if session.issued else "unknown: the call is not in the events",
            "with access key": session.caller_key,
            "at": session.time,
            "from": session.address,
            "source identity": session.source_identity,
            "external id": session.external_id,
            "session tags": ", ".join(f"{key}={value}" for key, value in session.tags.items()),
            "calls": _calls(session),
            "called": ", ".join(session.actions),
            "calls from": ", ".join(session.addresses),
        }
        yield from (f"  {name}: {value}" for name, value in facts.items() if value)


def _calls(session: Session) -> str:
    if not session.calls:
        return "none"
    refused = f", {session.refused_calls} of them refused" if session.refused_calls else ""
    return f"{session.calls}{refused}, {session.first_call} to {session.last_call}"


def _attempt(session: Session) -> str:
    who, where = shown(session.caller), session.address or "an unknown address"
    return f"{who} → {shown(session.role)}, {session.time}, from {where}: {session.error}"


def _moment(text: str) -> str:
    """A moment as CloudTrail writes it; without an offset it is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        # Moments before this year are not in the order of their texts.
        if 1000 <= moment.year < MAXYEAR:
            return _written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no moment: write 2026-11-01 or 2026-11-01T12:00")


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
