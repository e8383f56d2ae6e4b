"""The synth of 1,000 target accounts, against the same roles hand-written with CDK's own ``Role``.

Every app has the same stacks, without telemetry and without CDK's built-in CloudFormation validator; each run is a
process of its own, and the cases take turns. What is printed are the shortest runs and ratios; nothing is asserted
of them, as machines differ. That both write the same roles is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rolechain.cli.toolchain import find_node

ROOT = Path(__file__).parent.parent
ROUNDS = 3
PEERS = {
    "by_hand": "the same roles, hand-written",
    "by_hand_untagged": "the same without their tags",
    "empty": "the same stacks, empty",
}


def main() -> None:
    """Prints the measurements of the synth."""
    cases = ("of_rolechain", "by_hand", "of_rolechain_proven", "by_hand_untagged", "empty")
    times: dict[str, list[float]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory(prefix="rolechain-bench-") as scratch:
        for number in range(ROUNDS):
            for case in cases:
                times[case].append(_seconds(case, Path(scratch, f"{case}-{number}")))
        ours, theirs = (_roles(Path(scratch, f"{case}-0")) for case in ("of_rolechain", "by_hand"))
    if ours != theirs:
        raise AssertionError("the roles that are compared are not the same")
    best = {case: min(seconds) for case, seconds in times.items()}
    seconds = best["of_rolechain"]
    print(f"a chain of {len(ours) - 2:,} target accounts: {seconds:.2f} s")
    for case, name in PEERS.items():
        print(f"    {name}: {best[case]:.2f} s; the chain takes {seconds / best[case]:.2f} of it")
    proven = best["of_rolechain_proven"]
    print(
        f"with its proof: {proven:.2f} s, {proven / best['by_hand']:.2f} of the same roles, hand-written and not proven"
    )


def _seconds(case: str, folder: Path) -> float:
    environment = os.environ | {
        "JSII_NODE": str(find_node()),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    command = [sys.executable, "-m", "benchmarks.synth_cases", case, str(folder)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout)


def _roles(folder: Path) -> list[dict[str, Any]]:
    """The properties of every role, in the order of their stacks; statements without the names that they may have."""
    roles = []
    for file in sorted(folder.glob("*.template.json")):
        for resource in json.loads(file.read_text())["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role":
                for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                    statement.pop("Sid", None)
                roles.append(resource["Properties"])
    return roles


if __name__ == "__main__":
    main()
