"""The completion of commands, options, values and targets, in the shells themselves."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rolechain.cli import main
from rolechain.cli.main import COMMANDS

CHAIN = """\
name: deploy
source: {account: "111111111111"}
targets:
  - {account: "333333333333", alias: prod}
  - {account: "444444444444", alias: "$(touch owned)"}
"""
COMPLETED = [
    ("rolechain pro", {"prove", "profiles"}),
    ("rolechain env --sh", {"--shell"}),
    ("rolechain env --shell ", {"bash", "fish", "powershell"}),
    ("rolechain audit --format js", {"json"}),
    ("rolechain completion f", {"fish"}),
    ("rolechain exec --target ", {"prod", "333333333333", "444444444444"}),
    ("rolechain exec --chain other.json --target ", {"555555555555"}),
    ("rolechain prove --chain other", {"other.json"}),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two chains, in a shell that finds the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    Path("chain.yaml").write_text(CHAIN)
    Path("other.json").write_text('{"targets": {"account": "555555555555"}}')
    return tmp_path


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def said_by(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("folder")
def test_bash(capsys: pytest.CaptureFixture[str]) -> None:
    """In bash; a name that it would expand is not completed, and behind -- stands a program."""
    Path("script").write_text(script("bash", capsys))
    asks = (
        ". ./script; line=$1; COMP_WORDS=($1); [[ $line == *' ' ]] && COMP_WORDS+=(''); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _rolechain; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    for line, expected in COMPLETED[:-1]:
        assert set(said_by("bash", "-c", asks, "bash", line).split()) == expected, line
    # Nothing of its own leaves it to bash, which completes files.
    assert said_by("bash", "-c", asks, "bash", COMPLETED[-1][0]) == "\n"
    assert "bash" in said_by("bash", "-c", asks, "bash", "rolechain exec -- bas").split()
    assert set(said_by("bash", "-c", asks, "bash", "rolechain ").split()) == {
        *COMMANDS,
        "--help",
        "--version",
    }
    assert not Path("owned").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish(capsys: pytest.CaptureFixture[str]) -> None:
    """In fish."""
    Path("script").write_text(script("fish", capsys))
    for line, expected in COMPLETED:
        completed = said_by("fish", "-c", "source script; complete -C $argv[1]", line)
        assert {each.split("\t")[0] for each in completed.splitlines()} == expected, line
    assert not Path("owned").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh(capsys: pytest.CaptureFixture[str]) -> None:
    """In zsh, as it is typed on a terminal."""
    Path("script").write_text(script("zsh", capsys))
    Path(".zshrc").write_text("PROMPT='> '\n. ~/script\n")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["zsh", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    os.write(controller, b"rolechain env --shell powe\t; rolechain exec --target pr\t; exit\n")
    shown = b""
    try:
        while data := os.read(controller, 4096):
            shown += data
    except OSError:
        os.close(controller)
    process.wait()
    assert b"--shell powershell" in shown
    assert b"--target prod" in shown


def test_a_chain_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, or is no chain, has no targets, and nobody is told."""
    for text in (None, "[", "a: b", "targets: 7"):
        file = tmp_path / "chain.yaml"
        if text is not None:
            file.write_text(text)
        assert main(["completion", "targets", "--chain", str(file)]) == 0
        assert capsys.readouterr() == ("", "")


def test_the_targets_need_neither_the_model_nor_botocore(folder: Path) -> None:
    """What runs at each completion of a target imports little."""
    asks = (
        "import sys; from rolechain.cli import main; main(['completion', 'targets']); "
        "print(sorted({'botocore', 'rich', 'rolechain.model.chain'} & set(sys.modules)))"
    )
    assert said_by(sys.executable, "-c", asks) == "prod\n333333333333\n444444444444\n[]\n"
