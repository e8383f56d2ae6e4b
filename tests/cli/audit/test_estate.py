"""``rolechain audit``: an estate of many templates, of which one may be broken and some findings are known."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rolechain.cli import main

Capture = pytest.CaptureFixture[str]
Audited = Callable[..., tuple[int, dict[str, Any]]]

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def estate(open_role: str, closed_role: str) -> Path:
    """A folder with an open role, a closed one, a broken template and what is none."""
    folder = Path("estate")
    (folder / "iam").mkdir(parents=True)
    (folder / "open.yaml").write_text(open_role)
    (folder / "iam" / "closed.yaml").write_text(closed_role)
    (folder / "appspec.yaml").write_text(
        "version: 0.0\nResources:\n  - Service:\n      Type: AWS::ECS::Service\n"
    )
    (folder / "broken.json").write_text('{"Resources": {"A": {"Type": "AWS::SNS::Topic"}')
    (folder / "package.json").write_text('{"name": "app"}')
    return folder


def _rules(document: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in document["findings"]]


def test_a_broken_file_is_skipped_and_said(estate: Path, audited: Audited, capsys: Capture) -> None:
    """The others are audited; what is not a template at all is not mentioned."""
    code, document = audited(str(estate))
    assert (code, _rules(document)) == (1, ["RC01"])
    assert [each["file"] for each in document["skipped"]] == ["estate/appspec.yaml", "estate/broken.json"]
    main(["audit", str(estate)])
    assert capsys.readouterr().out.splitlines()[-1] == "2 templates: 1 error; 2 of the files skipped"


def test_a_broken_file_alone_decides_where_it_is_asked_to(estate: Path, audited: Audited) -> None:
    """With --strict-files the exit code tells of it."""
    (estate / "open.yaml").unlink()
    assert audited(str(estate))[0] == 0
    assert audited(str(estate), "--strict-files")[0] == 1


def test_a_file_that_is_named_is_not_skipped(estate: Path, capsys: Capture) -> None:
    """Whoever names a file means it."""
    assert main(["audit", str(estate / "broken.json")]) == 2
    assert capsys.readouterr().err.startswith("rolechain: estate/broken.json")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--include", "iam/*"], 1),
        (["--exclude", "open.*", "--exclude", "*.json"], 1),
        (["--include", "*.yaml", "--exclude", "iam/*"], 1),
    ],
)
def test_files_are_chosen(estate: Path, capsys: Capture, options: list[str], count: int) -> None:
    """Patterns on the path below the folder choose what is read."""
    main(["audit", str(estate), *options])
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{count} template: ")


def test_rules_are_chosen_and_given_levels(estate: Path, audited: Audited) -> None:
    """A rule that is left out, off or a warning fails nothing; one that is made an error does."""
    assert audited(str(estate), "--only", "RC04,RC06")[0] == 0
    assert audited(str(estate), "--level", "RC01=off")[0] == 0
    code, document = audited(str(estate), "--level", "RC01=warning")
    assert (code, [finding["level"] for finding in document["findings"]]) == (0, ["warning"])
    assert audited(str(estate), "--level", "RC01=warning", "--strict")[0] == 1


@pytest.mark.parametrize("words", [["--only", "RC99"], ["--level", "RC01=loud"], ["--level", "RC01"]])
def test_a_rule_or_level_that_is_none(estate: Path, capsys: Capture, words: list[str]) -> None:
    """It is a usage error of one line."""
    with pytest.raises(SystemExit) as ended:
        main(["audit", str(estate), *words])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_in_the_baseline_does_not_count(
    estate: Path, audited: Audited, open_role: str, capsys: Capture
) -> None:
    """Only a finding that is new fails, wherever the lines of the others have moved."""
    assert main(["audit", str(estate), "--write-baseline", "known.json"]) == 0
    assert capsys.readouterr().out == "known.json: 1 finding\n"
    (estate / "open.yaml").write_text(f"# moved\n\n{open_role}")
    code, document = audited(str(estate), "--baseline", "known.json")
    assert (code, _rules(document), document["known"]) == (0, [], 1)
    (estate / "new.yaml").write_text(open_role.replace("open", "another"))
    code, document = audited(str(estate), "--baseline", "known.json")
    assert (code, _rules(document), document["known"]) == (1, ["RC01"], 1)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "other", "findings": {}}'])
def test_a_baseline_that_is_none(estate: Path, capsys: Capture, text: str) -> None:
    """It is said with what to do; a missing one as well."""
    assert main(["audit", str(estate), "--baseline", "none.json"]) == 2
    Path("known.json").write_text(text)
    assert main(["audit", str(estate), "--baseline", "known.json"]) == 2
    assert "known.json is not a baseline: write one with --write-baseline" in capsys.readouterr().err


ACKNOWLEDGED = """\
    Metadata:
      rolechain:
        acknowledge: [{rule: RC01, reason: the bucket policy keeps strangers out}]
"""


def test_a_template_acknowledges_a_finding(open_role: str, audited: Audited, capsys: Capture) -> None:
    """The reason is printed, the finding does not count, and no other rule is acknowledged with it."""
    text = open_role.replace("    Properties:\n", f"{ACKNOWLEDGED}    Properties:\n")
    Path("role.yaml").write_text(text)
    code, document = audited("role.yaml")
    assert (code, _rules(document)) == (0, [])
    assert [each["reason"] for each in document["acknowledged"]] == ["the bucket policy keeps strangers out"]
    main(["audit", "role.yaml"])
    assert capsys.readouterr().out.splitlines()[-1] == "1 template: no finding; 1 acknowledged"
    Path("role.yaml").write_text(text.replace("RC01", "RC04"))
    assert audited("role.yaml")[0] == 1


@pytest.mark.parametrize(
    "entry", ["{rule: RC01}", "{rule: RC01, reason: ' '}", "{rule: RC99, reason: x}", "RC01"]
)
def test_an_acknowledgement_needs_a_reason(open_role: str, capsys: Capture, entry: str) -> None:
    """One that is not written as it has to be is an error, and accepts nothing."""
    metadata = f"    Metadata: {{rolechain: {{acknowledge: [{entry}]}}}}\n    Properties:\n"
    Path("role.yaml").write_text(open_role.replace("    Properties:\n", metadata))
    assert main(["audit", "role.yaml"]) == 2
    assert capsys.readouterr().err.startswith("rolechain: the Metadata of role.yaml Role acknowledges ")


def test_the_formats(estate: Path, capsys: Capture) -> None:
    """JUnit has a failed test, CSV and Markdown a row, with the file and the line."""
    main(["audit", str(estate), "--format", "junit"])
    suites = ElementTree.fromstring(capsys.readouterr().out)  # noqa: S314 - written here
    assert [(each.get("name"), each.get("tests"), each.get("failures")) for each in suites] == [
        ("estate/iam/closed.yaml", "1", "0"),
        ("estate/open.yaml", "1", "1"),
    ]
    main(["audit", str(estate), "--format", "csv"])
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (row["level"], row["rule"], row["file"], row["line"]) == (
        "error",
        "RC01",
        "estate/open.yaml",
        "12",
    )
    main(["audit", str(estate), "--format", "markdown"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "**2 templates: 1 error; 2 of the files skipped**"
    assert lines[4].startswith("| error | RC01 | estate/open.yaml:12 Role | ")


def test_a_cell_is_no_formula(open_role: str, capsys: Capture) -> None:
    """What a template is named cannot run in a spreadsheet, nor break a table."""
    from rolechain.cli.report_formats import Row, as_csv, as_markdown
    from rolechain.proof import Finding, Level

    finding = Finding("RC01", Level.ERROR, None, "=cmd()|a", "fix")
    assert as_csv([Row(finding, "", 0)]).splitlines()[1] == "error,RC01,,,,,,'=cmd()|a,fix"
    assert as_markdown([Row(finding, "", 0)], "x").splitlines()[4] == "| error | RC01 |  | =cmd()\\|a | fix |"


def test_many_findings_stand_in_groups(open_role: str, capsys: Capture) -> None:
    """A hundred templates fill a screen or two; each rule shows some of its findings, and how to see the others."""
    Path("estate").mkdir()
    for number in range(100):
        Path(f"estate/{number:03}.yaml").write_text(open_role.replace("open", f"open-{number}"))
    main(["audit", "estate"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 120
    assert "    and 97 more: --only RC01 lists them" in lines
    assert lines[0].startswith("RC01: ")
    main(["audit", "estate", "--all", "--quiet"])
    assert sum("RC01" in line for line in capsys.readouterr().out.splitlines()) == 100


@pytest.mark.parametrize(
    ("group", "begins"),
    [
        ("rule", "RC01: "),
        ("role", "open.yaml Role ("),
        ("account", "account 111111111111 ("),
        ("file", "estate/open.yaml ("),
    ],
)
def test_findings_are_put_together(estate: Path, capsys: Capture, group: str, begins: str) -> None:
    """By the rule, the role, the account or the file."""
    main(["audit", str(estate), "--group", group, "--account", "estate/open.yaml=111111111111"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(
        {
            "rule": "RC01: ",
            "role": "open.yaml Role (",
            "account": "account 111111111111 (",
            "file": "estate/open.yaml (",
        }[group]
    )


def test_options_come_from_a_file(estate: Path, audited: Audited, capsys: Capture) -> None:
    """What the command line gives takes the place of what the file does; lists are put together."""
    Path("audit.yaml").write_text(
        f"templates: {estate}\nlevel: {{RC01: warning}}\nstrict: true\nexclude: [iam/*]\n"
    )
    code, document = audited("--config", "audit.yaml")
    assert (code, [finding["level"] for finding in document["findings"]]) == (1, ["warning"])
    assert audited("--config", "audit.yaml", "--level", "RC01=off")[0] == 0
    for text, said in {
        "nothing: 1": "audit.yaml: 'nothing' is not an option: write one of templates, account, ",
        "strict: maybe": "audit.yaml: strict is 'maybe': write true or false",
        "- a": "audit.yaml gives no options: write a mapping",
        "only: RC99": "audit.yaml: argument --only: 'RC99' is not a rule",
        "include: [[a]]": "audit.yaml: include is [['a']]: write a text",
    }.items():
        Path("audit.yaml").write_text(text)
        assert main(["audit", "--config", "audit.yaml", str(estate)]) == 2
        assert capsys.readouterr().err.startswith(f"rolechain: {said}")


def test_values_of_other_stacks_and_of_systems_manager(audited: Audited) -> None:
    """An export and a parameter in Systems Manager that the templates lack are given on the command line."""
    Path("role.yaml").write_text("""\
Parameters:
  Trusted: {Type: "AWS::SSM::Parameter::Value<String>", Default: /trusted}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {AWS: !ImportValue caller}}
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: !Ref Trusted}}
""")
    found = audited("role.yaml")[1]["findings"]
    assert [each["rule"] for each in found] == ["RC00", "RC00"]
    assert [each["cure"].partition(",")[0] for each in found] == [
        "give --import caller=VALUE",
        "give --ssm /trusted=VALUE",
    ]
    given = ("--import", "caller=arn:aws:iam::222222222222:role/ci", "--ssm", "/trusted=lambda.amazonaws.com")
    for account in ([], ["--account", "role.yaml=111111111111"]):
        _, document = audited("role.yaml", *given, *account)
        assert "RC00" not in _rules(document)
        assert [entrance["who"] for entrance in document["entrances"]] == [
            "arn:aws:iam::222222222222:role/ci",
            "lambda.amazonaws.com",
        ]


def test_nothing_to_audit(capsys: Capture) -> None:
    """Without a template there is nothing to do."""
    assert main(["audit"]) == 2
    assert (
        capsys.readouterr().err == "rolechain: audit needs a template: name a file, a folder or a cdk.out\n"
    )
