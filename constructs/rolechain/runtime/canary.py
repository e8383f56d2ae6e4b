"""The function of ``ChainCanary``: verifies the deployed chain, and reports each hop in its log and in metrics.

The metrics are written in the embedded metric format, from which CloudWatch Logs extracts them: no call is made for
them. Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from rolechain.iam.arn import account_of
from rolechain.model.canary import NAMESPACE, SUCCESS, TASK, WALKED, session_name
from rolechain.model.chain import Chain
from rolechain.model.chain_yaml import chain_of_json
from rolechain.runtime.report import HopReport, Outcome
from rolechain.runtime.verification import verify


def handler(_event: object, _context: object) -> dict[str, int]:
    """Walks the chain once, and prints a line of JSON for each hop and each call that had to be refused.

    The last line says whether all was as declared, and which targets were left out: those by organizational unit.

    Returns:
        How many calls were made, and how many were not as declared.

    Raises:
        HopError: the function has no credentials that work, so nothing could be tried.
    """
    task = json.loads(Path(os.environ["LAMBDA_TASK_ROOT"], TASK).read_text(encoding="utf-8"))
    chain = chain_of_json(json.dumps(task["chain"]), Chain, TASK)
    core = botocore.session.get_session()
    # An endpoint that the function's network does not reach must not take the time of the other hops.
    core.set_default_client_config(
        Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    )
    reports = verify(
        chain,
        session=boto3.Session(botocore_session=core),
        session_tags=task["session_tags"],
        source_identity=task["source_identity"],
        session_name=session_name(chain),
    )
    for report in reports:
        print(json.dumps(_line(chain.name, report)))
    failed = sum(not report.ok for report in reports)
    whole = {"Chain": chain.name, WALKED: int(not failed), "calls": len(reports), "failed": failed}
    if left_out := [target.arn for target in chain.targets if target.by_unit]:
        whole["left_out"] = left_out
    if chain.revoked_before:
        whole["revoked_before"] = chain.revoked_before
    print(json.dumps(_measured(whole, ["Chain"], {WALKED: "Count"})))
    return {"calls": len(reports), "failed": failed}


def _line(name: str, report: HopReport) -> dict[str, Any]:
    """A report as a line of the log; of a declared hop, which is there to be allowed, with its metrics."""
    caller, callee = report.caller.rsplit("/", 1)[-1], report.callee.rsplit("/", 1)[-1]
    hop = f"{report.index} {caller} to {account_of(report.callee)}/{callee}"
    line = {"Chain": name, "Hop": hop, "ok": report.ok, **asdict(report)}
    if report.expected is not Outcome.ALLOWED:
        return line
    measured = {
        SUCCESS: ("Count", int(report.ok)),
        "Milliseconds": ("Milliseconds", report.milliseconds),
        "SessionSeconds": ("Seconds", report.session_seconds),
    }
    given = {each: (unit, value) for each, (unit, value) in measured.items() if value is not None}
    line |= {each: value for each, (_, value) in given.items()}
    return _measured(line, ["Chain", "Hop"], {each: unit for each, (unit, _) in given.items()})


def _measured(line: dict[str, Any], dimensions: list[str], units: dict[str, str]) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}
    return {**line, "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}}
