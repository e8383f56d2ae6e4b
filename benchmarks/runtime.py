"""A chain of sessions against its peers: aws-assume-role-lib, botocore itself, and AWS's JavaScript SDK.

The peers are installed into a scratch folder for the run. What is printed are medians and ratios; nothing is asserted,
as machines differ.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

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
        floor = 3 * LATENCY
        many_floor = LATENCY * (1 + -(-500 // WORKERS))
        for title, url in (("no latency", here), (f"{LATENCY * 1000:.0f} ms latency", away)):
            ours = _median("cold_rolechain", url)
            print(f"three cold hops, {title}: rolechain {ours * 1000:.0f} ms")
            _compare("botocore's fetchers", _median("cold_botocore", url), ours)
            if peers:
                _compare("aws-assume-role-lib, nested", _median("cold_nested", url, path=peers), ours)
            if js:
                _compare("AWS SDK for JavaScript v3", _median_js(js, url), ours)
        once = _median("warm_rolechain", away)
        print(f"three cold hops at {LATENCY * 1000:.0f} ms, a client at hand: {once * 1000:.0f} ms", end="")
        print(f", {once / floor:.2f} times the floor of three round trips")
        hot = _median("hot_rolechain", here)
        print(f"a hot read of credentials: rolechain {hot * 1e6:.2f} µs")
        _compare("botocore's refreshable credentials", _median("hot_botocore", here), hot)
        many = _median("many_rolechain", away)
        print(f"500 targets at {LATENCY * 1000:.0f} ms: rolechain {many:.2f} s", end="")
        print(f", {many / many_floor:.2f} times the floor of {WORKERS} at a time")
        if peers:
            _compare(
                "aws-assume-role-lib, middle shared", _median("many_nested", away, times=1, path=peers), many
            )
        kept = _median("kept_rolechain", here)
        print(f"a session from a warm file cache: {kept * 1000:.2f} ms")


def _compare(name: str, theirs: float, ours: float) -> None:
    shown = f"{theirs * 1e6:.2f} µs" if theirs < 1e-4 else f"{theirs * 1000:.0f} ms"
    print(f"    {name}: {shown}, {theirs / ours:.1f} times as long")


def _median(case: str, url: str, *, times: int = 5, path: Path | None = None) -> float:
    command = [sys.executable, "-m", "benchmarks.runtime_cases", case]
    paths = [str(ROOT), *([str(path)] if path else [])]
    return _median_of(command, _environment(url) | {"PYTHONPATH": os.pathsep.join(paths)}, ROOT, times)


def _median_js(folder: Path, url: str) -> float:
    return _median_of(["node", "bench.mjs"], _environment(url), folder, 5)


def _median_of(command: list[str], environment: Mapping[str, str], folder: Path, times: int) -> float:
    runs = [
        subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
        for _ in range(times)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def _environment(url: str) -> dict[str, str]:
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
