"""What the command says of itself, and of calls that it cannot make sense of."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main
from rolechain.cli.main import COMMANDS, TASKS

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--fly"], "the following arguments are required: COMMAND; see rolechain --help"),
        (["env", "--shell", "bsh"], "(choose from 'bash', 'fish', 'powershell'): did you mean bash?; see"),
        (["env", "--tragte", "x"], "unrecognized arguments: --tragte x: did you mean --target?; see"),
        (["fly"], "rolechain: 'fly' is not a command; see rolechain --help"),
        (["exce"], "rolechain: 'exce' is not a command: did you mean exec?; see rolechain --help"),
        (["simulate"], "simulate: the following arguments are required: CASES.json"),
        (["demo", "--fast"], "unrecognized arguments: --fast"),
        (["local", "--port", "1x"], "argument --port: invalid int value: '1x'"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(words: list[str], expected: str, capsys: Capture) -> None:
    """A call that cannot be made sense of says what to do, in one line."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    said = capsys.readouterr()
    assert caught.value.code == 2
    assert said.out == ""
    assert expected in said.err
    assert said.err.count("\n") == 1


def test_the_commands_by_their_tasks(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """--help prints every command under its task; without a word the same is a usage error."""
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["--help"]) == 0
    told = capsys.readouterr()
    for task, commands in TASKS.items():
        assert f"\n{task}:\n  {next(iter(commands))} " in told.out
    assert [name for name in COMMANDS if f"\n  {name} " not in told.out] == []
    assert max(map(len, told.out.splitlines())) <= 60
    assert main([]) == 2
    assert capsys.readouterr() == ("", told.out)


def test_the_help_imports_no_model() -> None:
    """To list the commands, the chain's model is not imported."""
    script = (
        "import sys; from rolechain.cli import main; main(['--help']); "
        "print('rolechain.model.chain' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.endswith("\nFalse\n")


def test_an_error_is_fit_for_a_terminal(tmp_path: Path, capsys: Capture) -> None:
    """Control characters of a name are escaped, and a value that is too long is cut."""
    name = f"{tmp_path}/\x1b[2J\x9b\u202e.json"
    assert main(["simulate", name]) == 2
    assert capsys.readouterr().err == (
        f"rolechain: {tmp_path}/\\x1b[2J\\x9b\\u202e.json: no such file: name a file of cases in JSON\n"
    )
    with pytest.raises(SystemExit):
        main(["exec", "--jobs", "9" * 100_000])
    said = capsys.readouterr().err
    assert (len(said), said[-2:]) == (2001, "…\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_describes_itself(name: str, capsys: Capture) -> None:
    """Each command that is listed exists and says what it does."""
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert COMMANDS[name] in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("command", "extras"), [("demo", "cdk,cli,local"), ("prove", "cli"), ("whoami", "cli")]
)
def test_an_extra_that_is_not_installed(
    command: str, extras: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A command whose library is missing says what to install, and no more than it needs."""
    import_module = importlib.import_module

    def missing(name: str, *words: Any) -> Any:
        if name == f"rolechain.cli.{command}":
            raise ModuleNotFoundError("No module named 'rich'", name="rich")
        return import_module(name, *words)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SystemExit) as caught:
        main([command])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"rolechain: {command} needs rich, which is not installed: pip install 'rolechain[{extras}]'; "
        "see rolechain --help\n"
    )


def test_no_import_that_only_another_command_needs(tmp_path: Path) -> None:
    """To decide cases, neither boto3 nor CDK nor the local organization is imported."""
    script = (
        "import sys; from rolechain.cli import main; main(['simulate', sys.argv[1]]); "
        "print(sorted({'boto3', 'botocore', 'aws_cdk', 'rich', 'yaml', 'ministack'} & set(sys.modules)))"
    )
    cases = tmp_path / "cases.json"
    cases.write_text('{"format": "iam-assume-role-vectors/1", "vectors": []}')
    said = subprocess.run(
        [sys.executable, "-c", script, str(cases)], capture_output=True, text=True, check=True
    ).stdout
    assert said == "[]\n"


def test_a_reader_that_has_had_enough() -> None:
    """Where the output is cut off, the command ends without a word."""
    cases = Path(__file__).parents[1] / "policy" / "assume_role_cases.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "rolechain.cli", "simulate", str(cases)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1
    process.stderr.close()


def test_the_version(capsys: Capture) -> None:
    """--version prints that of the distribution, and python -m rolechain is the command."""
    assert main(["--version"]) == 0
    line = capsys.readouterr().out
    assert re.fullmatch(r"rolechain \d+\.\d+\.\d+\S*\n", line)
    run = subprocess.run(
        [sys.executable, "-m", "rolechain", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout == line


def test_the_chain_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """By the environment, else in the working folder, else in the nearest folder above."""

    def proven() -> str:
        main(["prove", "cdk.out"])
        return capsys.readouterr().err

    folder = tmp_path / "app" / "src"
    folder.mkdir(parents=True)
    (folder / "cdk.out").mkdir()
    (folder / "cdk.out" / "manifest.json").write_text("{}")
    monkeypatch.chdir(folder)
    assert "chain.yaml" in proven()
    (tmp_path / "chain.yaml").write_text("name: [")
    assert str(tmp_path / "chain.yaml") in proven()
    (folder.parent / "chain.yaml").write_text("name: [")
    assert str(folder.parent / "chain.yaml") in proven()
    (folder / "chain.yaml").write_text("name: [")
    assert proven().startswith("rolechain: chain.yaml")
    (folder / "chain.yaml").unlink()
    (folder / "chain.json").write_text("[")
    assert proven().startswith("rolechain: chain.json")
    monkeypatch.setenv("ROLECHAIN_CHAIN", "named.yaml")
    assert proven().startswith("rolechain: named.yaml")


def test_a_chain_of_somebody_else_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A file above that belongs to another user, as in a shared folder, is left alone."""
    (tmp_path / "chain.yaml").write_text("name: [")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr("os.getuid", lambda: 4711)
    main(["prove"])
    assert capsys.readouterr().err.startswith("rolechain: chain.yaml")
