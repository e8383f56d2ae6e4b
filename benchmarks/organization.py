"""An organization of targets by unit: synth, templates and proof beside listed accounts, and the fan-out over members.

The app of a target by unit holds no member's id: that of 60 accounts and that of 6,000 are one declaration, and what
their rows differ by is the noise of the machine. Each fan-out is a process of its own, against an endpoint without
latency; its floor is one AssumeRole a target by bare boto3 clients. Nothing is asserted of times.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.runtime import ROOT, WORKERS, environment, sts
from benchmarks.runtime_cases import MEMBERS
from rolechain import Chain, ChainRole, Entrance
from rolechain.cli.toolchain import find_node
from rolechain.proof import prove, templates_in

ROUNDS = 3
UNIT = ChainRole(organizational_units=["r-ab12/ou-ab12-11111111"])


Row = tuple[float, ...]


def main() -> None:
    """Prints the measurements of an organization."""
    apps = {
        "60 by unit": (60, [UNIT]),
        "6,000 by unit": (6_000, [UNIT]),
        "60 listed": (60, [ChainRole(account) for account in _accounts(60)]),
    }
    os.environ.setdefault("JSII_NODE", str(find_node()))
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    _app(1, [UNIT])  # loads CDK and starts Node
    rows: dict[str, list[Row]] = {name: [] for name in apps}
    for _ in range(ROUNDS):
        for name, (count, targets) in apps.items():
            rows[name].append(_app(count, targets))
    print("accounts          synth    templates      proof   hops to each")
    for name, runs in rows.items():
        synth, size, proof, hops = _least(runs)
        print(f"{name:14} {synth:6.2f} s {size:10,.0f} B {proof * 1000:7.0f} ms {hops * 1000:11.1f} ms")
    print(f"fan-out over {MEMBERS:,} accounts, {WORKERS} at a time, no latency")
    with sts(0) as url:
        floor, ours = (
            _least([_fan_out(case, url) for _ in range(ROUNDS)]) for case in ("floor", "rolechain")
        )
    for name, (seconds, calls, mebibytes) in (("floor", floor), ("rolechain", ours)):
        print(f"    {name:10} {seconds:6.2f} s {calls:7,.0f} calls {mebibytes:6.0f} MiB at most")
    print(f"    rolechain takes {ours[0] / floor[0]:.2f} times the floor")


def _least(rows: Sequence[Row]) -> Row:
    return tuple(map(min, *rows))


def _accounts(count: int) -> list[str]:
    return [f"{300000000000 + number}" for number in range(count)]


def _app(count: int, targets: Sequence[ChainRole]) -> Row:
    """The seconds of a synth, the bytes of its templates, the seconds of the proof and of the hops to each account."""
    import aws_cdk as cdk

    from rolechain.cdk import RoleChain

    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222")],
        targets=targets,
    )
    with tempfile.TemporaryDirectory(prefix="rolechain-bench-") as folder:
        times = [time.perf_counter()]
        app = cdk.App(outdir=folder, analytics_reporting=False, builtin_cloud_formation_validation=False)
        RoleChain(app, "deploy", chain=chain, proof=False)
        # The proof is measured by itself, which the app says at its synth.
        with contextlib.redirect_stderr(io.StringIO()):
            app.synth()
        times.append(time.perf_counter())
        if not prove(chain, templates_in(folder)).proven:
            raise AssertionError("the chain that is measured is not proven")
        times.append(time.perf_counter())
        for account in _accounts(count):
            chain.hops_to(account)
        times.append(time.perf_counter())
        size = sum(file.stat().st_size for file in Path(folder).glob("*.template.json"))
    synth, proof, hops = (after - before for before, after in pairwise(times))
    return synth, size, proof, hops


def _fan_out(case: str, url: str) -> Row:
    """The seconds, the calls of AssumeRole and the peak of memory of a case of ``runtime_cases``."""
    command = [sys.executable, "-m", "benchmarks.runtime_cases", f"members_{case}"]
    run = subprocess.run(
        command, env=environment(url), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return tuple(map(float, run.stdout.split()))


if __name__ == "__main__":
    main()
