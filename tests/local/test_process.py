"""The server's process: started, pointed at, and gone with whoever started it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from rolechain.local import LocalOrganization, LocalOrganizationError

COMMAND = Path(sys.executable).with_name("rolechain")
HOLDER = """
import os, sys, time
from rolechain.local import LocalOrganization
with LocalOrganization() as organization:
    print(organization.endpoint_url, flush=True)
    {ending}
"""


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """Starts a process that holds a local organization, and gives it with the port of its server."""
    started: list[subprocess.Popen[str]] = []

    def start(ending: str) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(ending=ending)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            text=True,
        )
        started.append(process)
        assert process.stdout
        return process, int(process.stdout.readline().rsplit(":", 1)[1])

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _gone(port: int, temporary: Path) -> bool:
    """Waits for a server to end and to leave nothing behind; False only if it never does."""
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) and not list(temporary.iterdir()):
                return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise ValueError"])
def test_the_server_ends_with_the_block(holder: Any, tmp_path: Path, ending: str) -> None:
    """Whether the block ends well or by an exception, server and folder are gone when it has."""
    process, port = holder(ending)
    process.wait()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_its_parent(holder: Any, tmp_path: Path, number: signal.Signals) -> None:
    """A parent that is interrupted or killed takes the server along, and no folder is left."""
    process, port = holder("time.sleep(60)")
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    process.wait()
    assert _gone(port, tmp_path)


def test_the_server_ends_with_its_parent_alone(holder: Any, tmp_path: Path) -> None:
    """A process that the parent has forked, and which outlives it, does not keep the server."""
    process, port = holder("child = os.fork(); child and print(child, flush=True); time.sleep(60)")
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    try:
        assert _gone(port, tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_port_in_use(organization: LocalOrganization) -> None:
    """A port that is taken is one clear line."""
    port = int(organization.endpoint_url.rsplit(":", 1)[1])
    with pytest.raises(LocalOrganizationError) as caught, LocalOrganization(port=port):
        pass
    assert str(caught.value) == (
        f"port {port} is in use on 127.0.0.1: name another with --port, or leave it out for a free one"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70000}, "70000 is not a port: name one from 1 to 65535, or leave it out for a free one"),
        (
            {"organization_id": "o-1"},
            "'o-1' is not an organization id: write o- and 10 to 32 lowercase letters or digits",
        ),
    ],
)
def test_settings_that_are_none(settings: Any, message: str) -> None:
    """A wrong port or organization id is refused before anything starts."""
    with pytest.raises(LocalOrganizationError) as caught:
        LocalOrganization(**settings)
    assert str(caught.value) == message


def test_outside_of_the_block() -> None:
    """An organization that does not run says so."""
    with pytest.raises(LocalOrganizationError, match="is not running: use it in a with block"):
        print(LocalOrganization().endpoint_url)


def test_a_server_that_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever waits for the server is told that it has ended, and its folder is removed all the same."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalOrganization() as organization:
        process = organization._process
        assert process
        process.kill()
        with pytest.raises(LocalOrganizationError, match="the local organization has ended"):
            organization.wait()
    assert list(tmp_path.iterdir()) == []


def test_another_organization_id() -> None:
    """The id that is asked for is the organization's."""
    with LocalOrganization(organization_id="o-0123456789") as organization:
        described: Any = organization.session("111111111111").client("organizations").describe_organization()
    assert described["Organization"]["Id"] == "o-0123456789"


def test_the_environment_is_enough(organization: LocalOrganization) -> None:
    """A program acts as the account's administrator with nothing but the given variables."""
    program = (
        "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'], "
        "boto3.client('organizations').describe_organization()['Organization']['Id'])"
    )
    environment = organization.environment("222222222222")
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "arn:aws:iam::222222222222:user/administrator o-exampleorg1"


def test_sessions_ignore_the_users_configuration(
    organization: LocalOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile, a token and an endpoint of the user's change nothing."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    identity = organization.session("222222222222").client("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::222222222222:user/administrator"


def test_an_account_id_has_twelve_digits(organization: LocalOrganization) -> None:
    """An account is named by its 12 digits only."""
    with pytest.raises(LocalOrganizationError, match="'222' is not an account id: write 12 digits"):
        organization.session("222")


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    """The command prints what to export, serves it, and ends with 0 and no traceback on Ctrl-C."""
    process = subprocess.Popen(
        [COMMAND, "local", "--outside", "888888888888", "--stack-sets", "999999999999"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        text=True,
    )
    assert process.stdout
    lines: list[str] = []
    while not lines or "an AWS service" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.communicate()
    printed = "".join(lines)
    exported = dict(re.findall(r"^export (\w+)=(.*)$", printed, re.MULTILINE))
    assert exported["AWS_ACCESS_KEY_ID"] == "111111111111"
    assert len(exported["AWS_SECRET_ACCESS_KEY"]) >= 40
    assert "unset AWS_PROFILE\n" in printed
    assert "# outside of the organization: 888888888888\n" in printed
    assert "# StackSets are operated by: 999999999999\n" in printed
    # Ctrl-C reaches the command once it waits; until then it is a start that was interrupted.
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(exported["AWS_ENDPOINT_URL"])  # noqa: S310
    caught.value.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "0"], "0 is not a port: name one from 1 to 65535, or leave it out for a free one"),
        (["--outside", "8"], "'8' is not an account id: write 12 digits"),
        (["--stack-sets", "8"], "'8' is not an account id: write 12 digits"),
        (
            ["--unit", "ou-ab12-11111111"],
            "'ou-ab12-11111111' is not a unit below the organization's root: write the root and the units down to it, "
            "as in r-ab12/ou-ab12-11111111",
        ),
    ],
)
def test_the_command_says_what_it_cannot_serve(words: list[str], message: str) -> None:
    """What makes no sense is a usage error, and nothing is started."""
    done = subprocess.run([COMMAND, "local", *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"rolechain: {message}\n")


def test_the_command_says_what_is_not_installed() -> None:
    """Without the extra the command is a usage error, with what to install."""
    program = "import sys; sys.modules['ministack'] = None; from rolechain.cli import main; sys.exit(main(['local']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    message = "rolechain: ministack is not installed: pip install 'rolechain[local]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_the_command_says_that_a_port_is_taken(organization: LocalOrganization) -> None:
    """The command ends with 1 and one line where its port is taken."""
    port = organization.endpoint_url.rsplit(":", 1)[1]
    done = subprocess.run([COMMAND, "local", "--port", port], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"rolechain: port {port} is in use on 127.0.0.1: name another with --port, or leave it out for a free one\n"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "import importlib.metadata; importlib.metadata.version = lambda name: '9.9.9'",
            "ministack 9.9.9 is installed, and the local organization is made for 1.5.33: "
            "pip install ministack==1.5.33",
        ),
        (
            "import ministack.services.iam; del ministack.services.iam._trust_policy_not_principal_error",
            "ministack 1.5.33 is not as published, services.iam._trust_policy_not_principal_error is missing: "
            "pip install --force-reinstall ministack==1.5.33",
        ),
    ],
)
def test_another_ministack(change: str, message: str, tmp_path: Path) -> None:
    """A ministack that is not the pinned one is refused in one line before anything is served."""
    settings = {
        "port": 0,
        "folder": str(tmp_path),
        "organization_id": "o-exampleorg1",
        "outside": [],
        "services": [],
    }
    program = f"{change}\nimport sys; from rolechain.local import server; sys.exit(server.main())"
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(settings)], capture_output=True, text=True
    )
    assert (done.returncode, json.loads(done.stdout)) == (1, {"error": message})
