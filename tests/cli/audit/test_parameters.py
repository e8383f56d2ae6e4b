"""``rolechain audit``: the values of parameters and the region."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]
Audited = Callable[..., tuple[int, dict[str, Any]]]

pytestmark = pytest.mark.usefixtures("template")


@pytest.fixture
def template(folder: Path, closed_role: str) -> None:
    """A role that the services of two parameters may assume, one of them in a region."""
    parameters = (
        "Parameters:\n"
        "  Stage: {Type: String, AllowedValues: [dev, prod]}\n"
        "  Services: {Type: CommaDelimitedList}\n"
    )
    listed = "!Sub ['${Stage}.${AWS::Region}.amazonaws.com,${S}', {S: !Join [',', !Ref Services]}]"
    services = f"Service: !Split [',', {listed}]"
    (folder / "t.yaml").write_text(parameters + closed_role.replace("Service: ec2.amazonaws.com", services))


def _let_in(document: Json) -> list[str]:
    return [entrance["words"] for entrance in document["entrances"]]


EVERYONE = [f"the service {name}.amazonaws.com" for name in ("a", "b", "prod.eu-west-1")]


def test_values_of_the_command_line(audited: Audited) -> None:
    """--parameter and --region say what a template leaves open; a list takes commas."""
    words = (
        "--parameter",
        "Stage=prod",
        "--parameter",
        "Services=a.amazonaws.com,b.amazonaws.com",
        "--region",
        "eu-west-1",
    )
    code, document = audited("t.yaml", *words)
    assert (code, _let_in(document), document["assumptions"]) == (0, EVERYONE, [])


@pytest.mark.parametrize(
    "text",
    [
        '[{"ParameterKey": "Stage", "ParameterValue": "prod"}, '
        '{"ParameterKey": "Services", "ParameterValue": "a.amazonaws.com,b.amazonaws.com"}]',
        '{"Parameters": {"Stage": "prod", "Services": "a.amazonaws.com,b.amazonaws.com"}, "Tags": {"x": "y"}}',
        '{"Parameters": [{"ParameterKey": "Stage", "ParameterValue": "prod"}, '
        '{"ParameterKey": "Services", "ParameterValue": "a.amazonaws.com,b.amazonaws.com"}]}',
        "Stage: prod\nServices: [a.amazonaws.com, b.amazonaws.com]\n",
        "\ufeffStage: prod\nServices: a.amazonaws.com,b.amazonaws.com\n",
        "- {ParameterKey: Stage, ParameterValue: prod}\n"
        "- {ParameterKey: Services, ParameterValue: 'a.amazonaws.com, b.amazonaws.com'}\n",
    ],
)
def test_values_of_a_file(audited: Audited, text: str) -> None:
    """--parameters reads CloudFormation's list, CodePipeline's object and a mapping, in JSON and in YAML."""
    Path("values").write_text(text)
    code, document = audited("t.yaml", "--parameters", "values", "--region", "eu-west-1")
    assert (code, _let_in(document)) == (0, EVERYONE)


def test_an_option_takes_the_place_of_a_files_value(audited: Audited) -> None:
    """A value of the command line counts before a file's."""
    Path("values.yaml").write_text("{Stage: dev, Services: 'a.amazonaws.com,b.amazonaws.com'}")
    words = ("--parameters", "values.yaml", "--parameter", "Stage=prod", "--region", "eu-west-1")
    assert _let_in(audited("t.yaml", *words)[1]) == EVERYONE


def test_an_account_id_of_a_file_keeps_its_zeros(audited: Audited, closed_role: str) -> None:
    """An account id that stands in YAML without quotes is read as it is written."""
    root = closed_role.replace("Service: ec2.amazonaws.com", "AWS: !Ref Account")
    Path("t.yaml").write_text("Parameters: {Account: {Type: String}}\n" + root)
    Path("values.yaml").write_text("Account: 011111111111\n")
    _, document = audited("t.yaml", "--parameters", "values.yaml")
    assert _let_in(document) == ["every principal of account 011111111111 that its own account allows"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--parameter", "Stge=prod"],
            "no template declares the parameter Stge: give one of Stage, Services",
        ),
        (
            ["--parameter", "Stage=test"],
            "parameter Stage of t.yaml does not take 'test': give one of its AllowedValues dev, prod",
        ),
        (
            ["--parameter", "Stage=dev", "--parameter", "Stage=prod"],
            "parameter Stage is given two values (--parameter): remove one of them",
        ),
        (
            ["--parameters", "none.json"],
            "none.json cannot be read: No such file or directory: name another file",
        ),
        (["--region", "us-east-1a"], "'us-east-1a' is not a region: write one such as us-east-1"),
        (["--region", "us-east1"], "'us-east1' is not a region: write one such as us-east-1"),
    ],
)
def test_values_that_are_refused(words: list[str], message: str, capsys: Capture) -> None:
    """A value that no template takes, and a region that is none, are usage errors of one line."""
    assert main(["audit", "t.yaml", *words]) == 2
    assert capsys.readouterr() == ("", f"rolechain: {message}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Stage: dev\nStage: prod\n",
            "values:2 gives no parameters: the key Stage occurs twice: remove one",
        ),
        ("", "values gives no parameters: write a list of ParameterKey and ParameterValue, or a mapping"),
        (
            "just a text",
            "values gives no parameters: write a list of ParameterKey and ParameterValue, or a mapping",
        ),
        (
            '[{"ParameterKey": "Stage", "UsePreviousValue": true}]',
            "values gives Stage no ParameterValue: write the value that it has",
        ),
        (
            '["Stage"]',
            "values holds an element that is not a parameter: write its ParameterKey and ParameterValue",
        ),
        ("Stage:\n", "values gives Stage no value: write a text or a list"),
        ("Stage: [dev]\n", "parameter Stage of type String takes no list: give a text"),
        (
            '[{"ParameterKey": "Stage", "ParameterValue": "dev"}, {"ParameterKey": "Stage", "ParameterValue": "prod"}]',
            "parameter Stage is given two values (values): remove one of them",
        ),
    ],
)
def test_files_that_are_refused(text: str, message: str, capsys: Capture) -> None:
    """A file that gives no values, or a value that is none, is a usage error of one line."""
    Path("values").write_text(text)
    assert main(["audit", "t.yaml", "--parameters", "values"]) == 2
    assert capsys.readouterr() == ("", f"rolechain: {message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parameter", "Stage"], "'Stage' is not of the form KEY=VALUE"),
        (["--parameter", "=prod"], "'=prod' is not of the form KEY=VALUE"),
    ],
)
def test_options_that_are_refused(words: list[str], message: str, capsys: Capture) -> None:
    """A parameter without a value or a name is a usage error of one line."""
    with pytest.raises(SystemExit) as caught:
        main(["audit", "t.yaml", *words])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said == f"rolechain audit: argument {words[0]}: {message}; see rolechain audit --help\n"


def test_the_cure_names_the_options(audited: Audited) -> None:
    """What a template leaves open is an error that says how to give it."""
    code, document = audited("t.yaml")
    assert code == 1
    (finding,) = document["findings"]
    assert finding["cure"] == (
        "give --parameter Stage=VALUE, or write a value that is known before deployment"
    )
