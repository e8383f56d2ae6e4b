"""Who walked, from many events: how fast they are read, joined and linked, and the memory that it takes.

``ROLECHAIN_EVENTS=1000000 python -m benchmarks trace`` for a million.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.trail import TrailFiles, log_files, sessions_query, trace

EVENTS = int(os.environ.get("ROLECHAIN_EVENTS", "100000"))
PER_FILE = 5_000
CHAIN = Chain(
    "watched",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=ChainRole("222222222222"),
    targets=ChainRole("333333333333"),
)
_SERVICE = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}


def main() -> None:
    """Writes events, and traces the chain in a process of its own, whose memory is measured."""
    with tempfile.TemporaryDirectory(prefix="rolechain-events-") as folder:
        walks = _write(Path(folder), EVENTS)
        measured = subprocess.run(
            [sys.executable, "-m", "benchmarks.trace", folder], capture_output=True, text=True, check=True
        )
        seconds, cpu, found, megabytes = map(float, measured.stdout.split())
        print(f"{EVENTS:,} events in {EVENTS // PER_FILE} files, {walks:,} walks planted, {found:,.0f} found")
        rate, cpu_rate = EVENTS / seconds, EVENTS / cpu
        print(
            f"{seconds:.1f} s, {rate:,.0f} events a second, {megabytes:.0f} MB; {cpu_rate:,.0f} a second of CPU time"
        )


def _trace(folder: str) -> None:
    import resource

    began = time.perf_counter()
    with TrailFiles() as files:
        files.read(log_files([folder]))
        found = trace(CHAIN, files.ask(sessions_query(role.arn for role in CHAIN.roles)))
    seconds = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    print(seconds, usage.ru_utime + usage.ru_stime, len(found.walks), kilobytes / 1024)


def _write(folder: Path, events: int) -> int:
    """Writes log files of as many events, one in 200 of which belongs to a walk; returns the number of walks."""
    draw = random.Random(1)  # noqa: S311 - no secrets
    source, middle, target = (role.arn for role in CHAIN.roles)
    walks, number = 0, 0
    records: list[str] = []
    while number < events:
        key = f"ASIA{walks:016d}"
        steps = [
            (_SERVICE, source),
            (_session(source, f"{key}0"), middle),
            (_session(middle, f"{key}1"), target),
        ]
        for step, (caller, role) in enumerate(steps):
            records.append(_event(draw, caller, "sts", "AssumeRole", role, f"{key}{step}"))
        for _ in range(597):
            worker = f"arn:aws:iam::{444444444444 + draw.randrange(500)}:role/worker"
            caller = _session(worker, f"ASIAWORKER{draw.randrange(20_000):010d}")
            records.append(_event(draw, caller, "ec2", "DescribeInstances"))
        walks, number = walks + 1, number + 600
        while len(records) >= PER_FILE or (number >= events and records):
            part, records = records[:PER_FILE], records[PER_FILE:]
            text = '{"Records":[' + ",".join(part) + "]}"
            name = f"{len(list(folder.iterdir())):06d}.json.gz"
            (folder / name).write_bytes(gzip.compress(text.encode(), 1))
    return walks


def _session(role: str, key: str) -> dict[str, object]:
    account = role.split(":")[4]
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:s",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[1]}/s",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLE",
                "arn": role,
                "accountId": account,
            },
            "attributes": {"creationDate": "2026-11-01T00:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def _event(
    draw: random.Random, caller: object, service: str, name: str, role: str | None = None, key: str = ""
) -> str:
    answer = {"credentials": {"accessKeyId": key, "sessionToken": "x" * 400}}
    return json.dumps(
        {
            "eventVersion": "1.11",
            "userIdentity": caller,
            "eventTime": f"2026-11-01T{draw.randrange(24):02d}:{draw.randrange(60):02d}:00Z",
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": "us-east-1",
            "sourceIPAddress": f"203.0.113.{draw.randrange(256)}",
            "userAgent": "Boto3/1.43.106 md/Botocore#1.43.106 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11",
            "requestParameters": {"roleArn": role, "roleSessionName": "s"} if role else {"filterSet": {}},
            "responseElements": answer if role else None,
            "requestID": f"{draw.getrandbits(128):032x}",
            "eventID": f"{draw.getrandbits(128):032x}",
            "readOnly": True,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": "444444444444",
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "clientProvidedHostHeader": "ec2.us-east-1.amazonaws.com",
            },
        },
        separators=(",", ":"),
    )


if __name__ == "__main__":
    _trace(sys.argv[1])
