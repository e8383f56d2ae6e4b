"""One decision beside that of npm's ``@cloud-copilot/iam-simulate``, where that is installed (see ``make oracle``)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.oracle import PACKAGE, missing, started
from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import decide
from rolechain.policy.cases import Case, parse
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
REPEATS, ROUND, ROUNDS = 2000, 250, 20


def main() -> None:
    """Prints how long the decision of a chain's last hop takes: allowed, and refused for a wrong external id."""
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333", external_id="deploy/1")],
    )
    for what, external_id in (("allowed", "deploy/1"), ("refused", "deploy/2")):
        case = _case(chain, external_id)
        _compare(f"a hop that is {what}", case)


def _case(chain: Chain, external_id: str) -> Json:
    """The last hop of a chain, as a case of ``rolechain simulate``."""
    caller, callee = chain.middle[-1], chain.targets[0]
    session = f"arn:aws:sts::{caller.account}:assumed-role/{caller.role}/session"
    context = {
        "aws:PrincipalArn": caller.arn,
        "aws:PrincipalAccount": caller.account,
        "aws:PrincipalOrgID": chain.organization,
        "sts:ExternalId": external_id,
        "sts:RoleSessionName": "session",
    }
    return {
        "id": "hop",
        "caller": {"type": "role-session", "arn": session, "role_arn": caller.arn},
        "caller_policies": [_document(permission_statements(chain, caller))],
        "callee": {"arn": callee.arn, "trust_policy": _document(trust_statements(chain, callee))},
        "request": {"actions": ["sts:AssumeRole"], "context": context},
    }


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _compare(title: str, case: Json) -> None:
    parsed = parse(case)
    if not isinstance(parsed, Case):
        raise TypeError(f"the case leaves open who calls: {parsed}")
    request = parsed.request
    ways: list[tuple[str, Callable[[], object]]] = [
        ("its policies read once", lambda: decide(request)),
        ("and explained in words", lambda: decide(request).reason),
        ("its policies read from JSON each time", lambda: parse(case).decide()),
    ]
    ours = [min(_microseconds(run) for _ in range(ROUNDS)) for _, run in ways]
    theirs, reason = None, missing()
    if reason is None:
        with started() as oracle:
            oracle.microseconds(case, REPEATS)  # warms its compiler
            theirs = oracle.microseconds(case, ROUND)
            for _ in range(ROUNDS):
                # In turn, so that what else the machine does falls on each alike; the least is the least disturbed.
                ours = [min(before, _microseconds(run)) for before, (_, run) in zip(ours, ways, strict=True)]
                theirs = min(theirs, oracle.microseconds(case, ROUND))
    print(title)
    for (how, _), took in zip(ways, ours, strict=True):
        beside = f" {theirs / took:6.0f} times as fast" if theirs else ""
        print(f"    {how:38}{took:8.1f} µs{beside}")
    if theirs:
        print(f"    {PACKAGE}, which reads them each time: {theirs:.0f} µs")
    else:
        print(f"    {PACKAGE}: not measured: {reason}")


def _microseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(ROUND):
        run()
    return (time.perf_counter() - start) / ROUND * 1e6
