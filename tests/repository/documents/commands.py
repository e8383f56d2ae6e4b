"""Every command that the documents show, held against what it calls."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
from botocore import xform_name
from botocore.session import Session
from packaging.requirements import Requirement

from rolechain.cli import main
from rolechain.cli.toolchain import find
from tests.repository.documents.blocks import ROOT

Words = Sequence[str]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_ASSIGNMENT = re.compile(r"([A-Z0-9_]+)=(\S+)")
_SUBSHELL = re.compile(r"\$\((.*)\)")


def check(line: str) -> None:
    """Holds a command line against the programs that it calls; one that is not in the table fails."""
    for words in _calls(line):
        while words and (assigned := _ASSIGNMENT.fullmatch(words[0])):
            _variable(assigned[1])
            words = words[1:]
        assert words[0] in PROGRAMS, f"nothing is known of {words[0]}: give it a line in the table"
        PROGRAMS[words[0]](words[1:])


def command_lines(text: str) -> list[str]:
    """The lines of a block, each with those that continue it; comments and blank lines are none."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _calls(line: str) -> Iterator[list[str]]:
    """The words of each program that a line calls."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    reader.whitespace_split = True
    words: list[str] = []
    for word in reader:
        if word in ("|", "&&", ";"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _variable(name: str) -> None:
    """A test reads it."""
    tests = (ROOT / "tests").rglob("*.py")
    assert any(f'"{name}"' in file.read_text(encoding="utf-8") for file in tests), name


def _rolechain(words: Words) -> None:
    """The command's own parser takes it; a program that it runs is a command too, and a file may take the output."""
    words = words[: words.index(">")] if ">" in words else words
    module = importlib.import_module(f"rolechain.cli.{words[0].replace('-', '_')}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run", lambda _: 0)
        assert main(words) == 0
    if "--" in words:
        check(shlex.join(words[words.index("--") + 1 :]))


def _make(words: Words) -> None:
    """The Makefile has the targets."""
    targets = re.findall(r"^([a-z]+(?: [a-z]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words) <= {target for each in targets for target in each.split()}


def _npx(words: Words) -> None:
    """It starts the CLI that package.json pins."""
    assert '"aws-cdk"' in (ROOT / "package.json").read_text()
    assert words[0] == "cdk"
    _cdk(words[1:])


def _cdk(words: Words) -> None:
    """The CDK CLI's help of the command has each option."""
    known = _cdk_help(words[0])
    options = [word for word in words[1:] if word.startswith("--")]
    assert [option for option in options if not re.search(rf"{option}\b", known)] == []


@cache
def _cdk_help(command: str) -> str:
    tools = find(ROOT)
    asked = [str(tools.cdk), command, "--help"]
    said = subprocess.run(asked, env=tools.environment(), capture_output=True, text=True, check=True).stdout
    assert f"cdk {command}" in said
    return said


def _pip(words: Words) -> None:
    """It installs this distribution with extras that there are, or what the tests are run with."""
    assert words[0] == "install"
    beside = {Requirement(each).name for each in _PROJECT["dependency-groups"]["test"]}
    for requirement in map(Requirement, words[1:]):
        if requirement.name == _PROJECT["project"]["name"]:
            assert requirement.extras <= set(_PROJECT["project"]["optional-dependencies"])
        else:
            assert requirement.name in beside


def _aws(words: Words) -> None:
    """The service has the operation; ``s3`` has commands of the AWS CLI's own."""
    service, operation = words[:2]
    if service != "s3":
        model = Session().get_service_model(service)
        assert operation.replace("-", "_") in {xform_name(each) for each in model.operation_names}
    else:
        assert operation == "ls"


def _python(words: Words) -> None:
    """It runs tests that there are."""
    assert list(words[:2]) == ["-m", "pytest"]
    assert all((ROOT / word).exists() for word in words if "/" in word)


def _cd(words: Words) -> None:
    """There is such a folder."""
    assert (ROOT / words[0]).is_dir()


def _eval(words: Words) -> None:
    """What is evaluated is printed by a command."""
    inner = _SUBSHELL.fullmatch(words[0])
    assert inner
    check(inner[1])


def _others(words: Words) -> None:
    """A shell's own, or a program that stands for any: nothing of it is claimed but its name."""


PROGRAMS: dict[str, Callable[[Words], None]] = {
    "rolechain": _rolechain,
    "make": _make,
    "npx": _npx,
    "cdk": _cdk,
    "pip": _pip,
    "aws": _aws,
    ".venv/bin/python": _python,
    ".venv-local/bin/pip": _pip,
    ".venv-local/bin/python": _python,
    "eval": _eval,
    "cd": _cd,
    "source": _others,
    "Out-String": _others,
    "Invoke-Expression": _others,
    "printenv": _others,
    "./report.sh": _others,
    "terraform": _others,
    "python": _others,
    "python3": _others,
}
"""What each program's words are held against."""
