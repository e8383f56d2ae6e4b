"""A new app, and a chain in an app that there is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.cli import main

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "constructs" / "rolechain" / "cli" / "new_app"
ACCOUNTS = ["--source", "111111111111", "--middle", "222222222222", "--target", "prod=333333333333"]
Capture = pytest.CaptureFixture[str]
CHAIN = Chain(
    "deploy",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole("222222222222")],
    targets=[ChainRole("333333333333", alias="prod")],
)


@pytest.mark.xdist_group("cdk")
def test_a_new_app_runs(tmp_path: Path) -> None:
    """What init writes passes its own tests at once, and its chain is deployed and taken by the demo."""

    def run(*words: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("rolechain", "init", *ACCOUNTS)
    assert Chain.load(tmp_path / "chain.yaml") == CHAIN
    assert (tmp_path / "chain.yaml").read_text().splitlines()[1:] == [
        "name: deploy",
        "region: us-east-1",
        'source: {account: "111111111111", assumed_by: {service: lambda.amazonaws.com}}',
        "middle:",
        '  - {account: "222222222222"}',
        "targets:",
        '  - {account: "333333333333", alias: prod}',
    ]
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    quiet = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest"]
    assert "1 snapshot generated" in run("pytest", *quiet, "--snapshot-update")
    assert "2 passed" in run("pytest", *quiet)
    assert "✗" not in run("rolechain", "demo", "--chain", "chain.yaml")


@pytest.mark.parametrize(
    ("template", "own"), [("app.py", "app.py"), ("cdk.json", "cdk.json"), ("stacks.py", "stacks/__init__.py")]
)
def test_the_new_app_is_of_the_shape_of_this_repository(template: str, own: str) -> None:
    """The app, its stacks and its settings are this repository's own."""
    assert (TEMPLATES / f"{template}.txt").read_text() == (ROOT / own).read_text()


def test_an_app_that_there_is(tmp_path: Path, capsys: Capture) -> None:
    """In a folder with a cdk.json only the chain and its test are written, and what to add to the app is said."""
    (tmp_path / "cdk.json").write_text("{}")
    assert main(["init", str(tmp_path), *ACCOUNTS, "--name", "jump", "--assumed-by", "444444444444"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("wrote chain.yaml, tests/test_chain.py\n")
    assert 'RoleChain(app, "jump", chain=Chain.load("chain.yaml"))' in said
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == [
        "cdk.json",
        "chain.yaml",
        "test_chain.py",
    ]
    assert Chain.load(tmp_path / "chain.yaml").source.assumed_by == (Entrance.account("444444444444"),)


def test_nothing_is_overwritten(tmp_path: Path, capsys: Capture) -> None:
    """Where one of the files is there, none is written."""
    (tmp_path / "README.md").write_text("mine")
    assert main(["init", str(tmp_path), *ACCOUNTS]) == 2
    assert capsys.readouterr().err == f"rolechain: {tmp_path}/README.md exists: name another folder\n"
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "init needs --source and --target, as there is no terminal to ask for it: add it"),
        (
            ["--source", "111111111111", "--target", "7"],
            "targets[0].account: '7' has 1 characters: an account id is",
        ),
        ([*ACCOUNTS, "--region", "mars"], "'mars' is not a region: name one such as us-east-1 with --region"),
        ([*ACCOUNTS, "--name", "1st"], "name: '1st' cannot begin the names of roles and stacks"),
        (
            ["--from-profile", "prdo"],
            "there is no profile 'prdo' in the AWS config files: did you mean prod?",
        ),
        (
            ["--from-profile", "base"],
            "profile 'base' tells 1 accounts, and a chain has two at least: name a profile",
        ),
        (
            ["--from-profile", "round"],
            "profile 'round' tells 1 accounts, and a chain has two at least: name a profile",
        ),
    ],
)
@pytest.mark.usefixtures("profiles")
def test_what_does_not_do(tmp_path: Path, words: list[str], expected: str, capsys: Capture) -> None:
    """What is missing or wrong is said, and nothing is written."""
    folder = tmp_path / "app"
    assert main(["init", str(folder), *words]) == 2
    assert capsys.readouterr().err.startswith(f"rolechain: {expected}")
    assert not folder.exists()


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of an AWS config file that rest on each other."""
    file = tmp_path / "config"
    file.write_text(
        "[profile base]\nsso_account_id = 444444444444\n"
        "[profile entry]\nrole_arn = arn:aws:iam::111111111111:role/x\nsource_profile = base\n"
        "[profile jump]\nrole_arn = arn:aws:iam::222222222222:role/x\nsource_profile = entry\n"
        "[profile prod]\nrole_arn = arn:aws:iam::333333333333:role/x\nsource_profile = jump\n"
        "[profile round]\nrole_arn = arn:aws:iam::333333333333:role/x\nsource_profile = round\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.mark.usefixtures("profiles")
def test_the_accounts_of_a_profile(tmp_path: Path) -> None:
    """The profiles that a profile rests on are the chain, and whoever signs in enters it."""
    assert main(["init", str(tmp_path / "app"), "--from-profile", "prod"]) == 0
    chain = Chain.load(tmp_path / "app" / "chain.yaml")
    assert chain.accounts == ("111111111111", "222222222222", "333333333333")
    assert chain.source.assumed_by == (Entrance.account("444444444444"),)
    assert main(["init", str(tmp_path / "two"), "--from-profile", "entry"]) == 0
    assert Chain.load(tmp_path / "two" / "chain.yaml").accounts == ("444444444444", "111111111111")


def test_what_is_asked_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal init asks for what no option gives."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rolechain", "init", "--organization", "o-exampleorg1"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(terminal)
    os.write(controller, b"\n111111111111\n222222222222\nprod=333333333333, 555555555555\n\n")
    shown = b""
    try:
        while data := os.read(controller, 4096):
            shown += data
    except OSError:
        os.close(controller)
    assert process.wait() == 0, shown
    assert b"who enters: a service, an account or an ARN [lambda.amazonaws.com]: " in shown
    chain = Chain.load(tmp_path / "chain.yaml")
    assert chain.organization == "o-exampleorg1"
    assert chain.targets[:1] == CHAIN.targets
    assert chain.targets[1].account == "555555555555"
