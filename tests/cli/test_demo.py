"""The main job, end to end, as a user runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.cli.demo import Deployment

ROOT = Path(__file__).parents[2]
# One demo at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")


def demo(folder: Path, scratch: Path, *words: str) -> subprocess.Popen[str]:
    """``rolechain demo``, run in ``folder``, its temporary files in ``scratch``."""
    return subprocess.Popen(
        [sys.executable, "-m", "rolechain.cli", "demo", *words],
        cwd=folder,
        env={
            **os.environ,
            "TMPDIR": str(scratch),
            "COLUMNS": "120",
            # What a user may have set, and what must not lead anywhere here.
            "AWS_PROFILE": "nobody",
            "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def running_with(text: str) -> list[str]:
    """The command lines of the processes that have a text in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and text in (process / "environ").read_text(errors="replace"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_every_hop_is_taken_and_every_shortcut_refused(tmp_path: Path) -> None:
    """The repository's own app is deployed by the real CDK CLI, and its chain is taken and tried."""
    said, error = demo(ROOT, tmp_path).communicate()
    rows = re.findall(r"^ *(\d?)  +(\S.*?) +\d{12} +([✓✗] \w+) +(\w+ \w+) +\d+ *$", said, re.MULTILINE)
    assert error == ""
    assert rows == [
        ("1", "deploy-source → deploy-middle", "✓ allowed", "both halves"),
        ("2", "deploy-middle → deploy-target", "✓ allowed", "both halves"),
        ("", "deploy-source → deploy-target", "✓ refused", "identity policy"),
        ("", "deploy-middle → deploy-target, without external id", "✓ refused", "identity policy"),
        ("", "administrator of 111111111111 → deploy-middle", "✓ refused", "trust policy"),
        ("", "administrator of 111111111111 → deploy-target", "✓ refused", "trust policy"),
        ("", "administrator of 999999999999 → deploy-middle", "✓ refused", "trust policy"),
        ("", "administrator of 999999999999 → deploy-target", "✓ refused", "trust policy"),
    ]
    assert re.search(r"account 333333333333 has version \d+ of the bootstrap, read through the chain", said)
    assert "traced by CloudTrail's events: deploy: 2 walks (2 declared), 6 attempts refused" in said
    path = r"deploy-source \(1+\) → deploy-middle \(2+\) → deploy-target \(3+\)"
    assert len(re.findall(rf"lambda\.amazonaws\.com → {path}, .* 1 call at the end", said)) == 2
    assert running_with(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_an_app(tmp_path: Path) -> None:
    """Where there is no app, the chain alone is deployed, from a file that is named; every source role is shown.

    The second source role is a third party's, which stands outside of the organization, and the hop passes what the
    chain leaves open.
    """
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    chain = tmp_path / "two.yaml"
    chain.write_text(
        "name: two\norganization: o-exampleorg1\n"
        'source: [{account: "111111111111", assumed_by: {account: "444444444444"}}, '
        '{account: "888888888888", role: vendor, path: /, existing: true, third_party: true}]\n'
        'middle: [{account: "222222222222", external_id: vendor-7, session_tags: {Stage: [dev, test]}}, '
        '{account: "222222222222", trust: role_arn}]\n'
        'targets: [{account: "333333333333", trust: role_arn}, {account: "111111111111"}]\n'
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    said, error = demo(tmp_path, scratch, "--chain", str(chain)).communicate()
    assert error == ""
    assert said.count("✓ allowed") == 5
    assert "✗" not in said
    for caller in ("two-source-1", "vendor"):
        for altered in (
            "without external id",
            "without session tag Stage",
            "with session tag Stage=not-allowed",
        ):
            assert re.search(rf"{caller} → two-middle-1, {altered} +222222222222 +✓ refused", said)
    assert "which may read no parameters there" in said
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("account", "selected"),
    [("222222222222", ["--all"]), ("999999999999", ["one"])],
    ids=["of the chain", "of nobody"],
)
def test_stacks_of_other_accounts_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str, selected: list[str]
) -> None:
    """An app may hold stacks of accounts that are none of the chain's, such as the guardrails of the management one."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        targets=ChainRole("222222222222"),
    )
    assembly = tmp_path / "cdk.out"
    assembly.mkdir()
    (assembly / "t.json").write_text("{}")
    stacks = {
        name: {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{each}/us-east-1",
            "properties": {"templateFile": "t.json"},
        }
        for name, each in (("one", "111111111111"), ("other", account))
    }
    (assembly / "manifest.json").write_text(json.dumps({"artifacts": stacks}))
    given: list[str] = []

    def run(_: Deployment, __: str, *words: str) -> Any:
        given.extend(words)
        return contextlib.nullcontext(SimpleNamespace(finish=lambda: None))

    monkeypatch.setattr(Deployment, "_cdk", run)
    none: Any = None
    left_out = Deployment(none, none, chain, tmp_path, tmp_path).deploy()
    assert given[: given.index("--app")] == ["deploy", *selected]
    assert left_out == ([] if selected == ["--all"] else ["other"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Stopped in the middle of the bootstrap, it ends every process and removes every temporary folder."""
    process = demo(ROOT, tmp_path)
    deadline = time.monotonic() + 60
    while not any("bootstrap" in line for line in running_with(str(tmp_path))):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert error == "rolechain: interrupted\n"
    assert process.returncode == 130
    assert running_with(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """Killed in the middle of the bootstrap, it cannot end anything itself: every process ends by itself."""
    process = demo(ROOT, tmp_path)
    deadline = time.monotonic() + 60
    while not any("bootstrap" in line for line in running_with(str(tmp_path))):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()
    for _ in range(1000):
        if not (left := running_with(str(tmp_path))):
            break
        time.sleep(0.02)
    assert left == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            None,
            "rolechain: {file}: no such file: create it (docs/chain.md describes its keys), or name another "
            "with --chain",
        ),
        ("name: x\n\tsource: y\n", "rolechain: {file}:2: a tab indents this line: indent with spaces"),
        (
            'name: x\nsource: {account: "111111111111", assumed_by: {permission_set: Deploy}}\n'
            'middle: {account: "222222222222"}\ntargets: {account: "333333333333"}\n',
            "rolechain: a chain is entered as a service or an account in the local organization, and x-source "
            "lets in neither: add one to assumed_by, such as {{service: lambda.amazonaws.com}}",
        ),
        (
            'name: x\nsource: {account: "111111111111", assumed_by: {service: codebuild.amazonaws.com, '
            'source_organization: o-exampleorg1}}\ntargets: {account: "333333333333"}\n',
            "rolechain: a chain is entered as a service or an account in the local organization, and x-source "
            "lets in neither: add one to assumed_by, such as {{service: lambda.amazonaws.com}}",
        ),
    ],
)
def test_a_chain_that_does_not_do(tmp_path: Path, text: str | None, expected: str) -> None:
    """A chain that cannot be read or taken is one line and an exit code; nothing is started."""
    file = tmp_path / "chain.yaml"
    if text is not None:
        file.write_text(text)
    said, error = (process := demo(tmp_path, tmp_path, "--chain", str(file))).communicate()
    assert (said, error) == ("", expected.format(file=file) + "\n")
    assert process.returncode == 1


def test_a_deployment_that_fails(tmp_path: Path) -> None:
    """A deployment that fails is said with what the CDK CLI said, and leaves nothing behind."""
    (tmp_path / "cdk.json").write_text('{"app": "echo the app is broken; exit 3"}')
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = demo(tmp_path, scratch, "--chain", str(ROOT / "chain.yaml"))
    _, error = process.communicate()
    assert process.returncode == 1
    assert error.startswith("rolechain: cdk synth as account 222222222222 failed:\n")
    assert "the app is broken" in error
    assert "Traceback" not in error
    assert running_with(str(scratch)) == []
    assert list(scratch.iterdir()) == []
