"""A chain of sessions against its peers: aws-assume-role-lib, botocore itself, and AWS's JavaScript SDK.

The peers are installed into a scratch folder for the run. Nothing is asserted, as machines differ.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PEER = "aws-assume-role-lib==2.10.0"
JS_PACKAGES = ("@aws-sdk/credential-providers@3", "@aws-sdk/client-sts@3")
LATENCY = 0.05
WORKERS = 32

_JS = """
import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
const clientConfig = { region: "us-east-1" };
const began = performance.now();
let credentials = { accessKeyId: "AKIABASE", secretAccessKey: "secret" };
for (const digit of "234")
  credentials = fromTemporaryCredentials({
    masterCredentials: credentials, clientConfig,
    params: { RoleArn: `arn:aws:iam::${digit.repeat(12)}:role/r`, RoleSessionName: "bench" },
  });
await credentials();
console.log((performance.now() - began) / 1000);
"""


def main() -> None:
    """Prints the measurements of the runtime."""
    with tempfile.TemporaryDirectory(prefix="rolechain-bench-") as scratch, contextlib.ExitStack() as servers:
        peers = _install_python(Path(scratch))
        js = _install_js(Path(scratch))
        here = servers.enter_context(sts(0))
        away = servers.enter_context(sts(LATENCY))
        cold = {"rolechain": _case("cold_rolechain"), "botocore's fetchers": _case("cold_botocore")}
        if peers:
            cold["aws-assume-role-lib, nested"] = _case("cold_nested", peers)
        if js:
            cold["AWS SDK for JavaScript v3"] = Case(["node", "bench.mjs"], js)
        for title, url in (("no latency", here), (f"{LATENCY * 1000:.0f} ms latency", away)):
            _print(f"three cold hops, {title}", _least(cold, url))
        once = _least({"rolechain": _case("warm_rolechain")}, away)["rolechain"]
        print(f"three cold hops at {LATENCY * 1000:.0f} ms, a client at hand: {once * 1000:.0f} ms", end="")
        print(f", {once / (3 * LATENCY):.2f} times the floor of three round trips")
        hot = {
            "rolechain": _case("hot_rolechain"),
            "botocore's refreshable credentials": _case("hot_botocore"),
        }
        _print("a hot read of credentials", _least(hot, here, rounds=3))
        many = {"rolechain": _case("many_rolechain")}
        if peers:
            many["aws-assume-role-lib, middle shared"] = _case("many_nested", peers)
        took = _least(many, away, rounds=3)
        _print(f"500 targets at {LATENCY * 1000:.0f} ms", took)
        floor = LATENCY * (1 + -(-500 // WORKERS))
        print(
            f"    the floor of {WORKERS} at a time: {floor:.2f} s, {took['rolechain'] / floor:.2f} times that"
        )
        kept = _least({"rolechain": _case("kept_rolechain")}, here)["rolechain"]
        print(f"a session from a warm file cache: {kept * 1000:.2f} ms")


class Case(NamedTuple):
    """A program that prints how many seconds something took; each run is a process of its own."""

    command: list[str]
    folder: Path = ROOT
    path: Path | None = None


def _case(name: str, path: Path | None = None) -> Case:
    return Case([sys.executable, "-m", "benchmarks.runtime_cases", name], path=path)


def _least(cases: Mapping[str, Case], url: str, *, rounds: int = 9) -> dict[str, float]:
    """The shortest run of each case.

    They run in turn, so that what else the machine does falls on each alike; the shortest is the least disturbed.
    """
    took = dict.fromkeys(cases, float("inf"))
    for _ in range(rounds):
        for name, case in cases.items():
            paths = os.pathsep.join(str(path) for path in (ROOT, case.path) if path)
            run = subprocess.run(
                case.command,
                env=environment(url) | {"PYTHONPATH": paths},
                cwd=case.folder,
                capture_output=True,
                text=True,
                check=True,
            )
            took[name] = min(took[name], float(run.stdout))
    return took


def _print(title: str, took: Mapping[str, float]) -> None:
    ours = took["rolechain"]
    print(f"{title}: rolechain {_shown(ours)}")
    for name, theirs in took.items():
        if name != "rolechain":
            print(f"    {name}: {_shown(theirs)}, {theirs / ours:.1f} times as long")


def _shown(seconds: float) -> str:
    if seconds < 1e-4:
        return f"{seconds * 1e6:.2f} µs"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def environment(url: str) -> dict[str, str]:
    """The environment of a program that calls the endpoint, and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def sts(latency: float) -> Iterator[str]:
    """The address of an endpoint that answers after so many seconds."""
    command = [sys.executable, "-m", "benchmarks.runtime_sts", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def _install_python(scratch: Path) -> Path | None:
    folder = scratch / "python"
    # Without its dependencies: it is measured over the boto3 that is measured with rolechain.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), PEER]
    return _installed(command, folder, PEER)


def _install_js(scratch: Path) -> Path | None:
    folder = scratch / "js"
    folder.mkdir()
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("AWS SDK for JavaScript v3: not measured, there is no Node on PATH")
        return None
    (folder / "bench.mjs").write_text(_JS)
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *JS_PACKAGES]
    return _installed(command, folder, "AWS SDK for JavaScript v3")


def _installed(command: list[str], folder: Path, name: str) -> Path | None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return folder
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(f"{name}: not measured, it could not be installed: {last}")
    return None


if __name__ == "__main__":
    main()
