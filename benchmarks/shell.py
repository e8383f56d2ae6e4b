"""``rolechain credential-process`` with a warm cache, beside ``aws configure export-credentials`` of the AWS CLI.

The AWS CLI's command came with its version 2, which is not on PyPI: it is measured where one is on PATH. It is given
keys in the environment, the least that it can have to do; a role's session in its own cache would take it longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.runtime import sts

CHAIN = """\
name: deploy
region: us-east-1
source: {account: "111111111111", assumed_by: {account: "111111111111"}}
middle: {account: "222222222222"}
targets: {account: "333333333333"}
"""
ROUNDS = 15
PEER = ("configure", "export-credentials")


def main() -> None:
    """Prints how long each command takes, start of the process included."""
    with tempfile.TemporaryDirectory(prefix="rolechain-bench-") as scratch, sts(0) as url:
        folder = Path(scratch)
        (folder / "chain.yaml").write_text(CHAIN)
        environment = _environment(folder, url)
        command = [sys.executable, "-m", "rolechain.cli", "credential-process"]
        cli = _aws_cli(environment)
        own = environment | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        _seconds(command, folder, own)  # fills the cache
        ours = theirs = float("inf")
        for _ in range(ROUNDS):
            # In turn, so that what else the machine does falls on each alike; the least is the least disturbed.
            ours = min(ours, _seconds(command, folder, own))
            if cli:
                theirs = min(theirs, _seconds([cli, *PEER], folder, environment))
    print(f"credential-process, warm cache: {ours * 1000:.0f} ms")
    name = f"aws {' '.join(PEER)}"
    if cli:
        print(f"    {name}: {theirs * 1000:.0f} ms, {theirs / ours:.1f} times as long")
    else:
        print(f"    {name}: not measured, there is no AWS CLI 2 on PATH")


def _environment(folder: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return kept | {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIABASE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def _aws_cli(environment: dict[str, str]) -> str | None:
    """The first AWS CLI on PATH that has the command."""
    for folder in environment.get("PATH", "").split(os.pathsep):
        found = Path(folder, "aws")
        if not os.access(found, os.X_OK):
            continue
        if not subprocess.run([found, *PEER], env=environment, capture_output=True).returncode:
            return str(found)
    return None


def _seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    took = time.perf_counter() - began
    if "AccessKeyId" not in json.loads(done.stdout):
        raise ValueError(f"{command} gave no credentials")
    return took


if __name__ == "__main__":
    main()
