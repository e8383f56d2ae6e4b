"""``rolechain audit``: what it reads, what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rolechain.cli import main
from rolechain.proof.rules import RULES

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]

OPEN = """\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: open
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: {Service: ec2.amazonaws.com}
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: "*"
"""
CLOSED = OPEN.split(
    '          - Effect: Allow\n            Action: sts:AssumeRole\n            Principal: "*"'
)[0]

STATEMENT = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audited(capsys: Capture, *words: str) -> tuple[int, Json]:
    """The exit code and the document of an audit."""
    code = main(["audit", *words, "--json"])
    document: Json = json.loads(capsys.readouterr().out)
    return code, document


def test_an_open_role_is_shown_at_its_line(capsys: Capture) -> None:
    """Who is let in, and each finding with file, line, place and cure; exit code 1."""
    Path("open.yaml").write_text(OPEN)
    assert main(["audit", "open.yaml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  • open (<open.yaml>) lets in everyone that its own account allows" in lines
    assert "  error RC01 open.yaml:12 Role AssumeRolePolicyDocument statement 1" in lines
    assert lines[-1] == "1 template: 1 error"


def test_a_sound_template_has_no_finding(capsys: Capture) -> None:
    """A role that only a service may assume: exit code 0, and nothing but who is let in."""
    Path("closed.yaml").write_text(CLOSED)
    assert main(["audit", "closed.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "who is let in",
        "  • open (<closed.yaml>) lets in the service ec2.amazonaws.com",
        "taken for granted",
        "  the partition aws where no region is known",
        "1 template: no finding",
    ]


def test_json_names_file_and_line(capsys: Capture) -> None:
    """--json is the document of ``prove``, each finding with its file and line."""
    Path("open.yaml").write_text(OPEN)
    code, document = audited(capsys, "open.yaml")
    assert code == 1
    assert list(document) == ["proven", "hops", "entrances", "findings", "assumptions"]
    (finding,) = document["findings"]
    assert {
        key: finding[key] for key in ("rule", "level", "template", "logical_id", "statement", "file", "line")
    } == {
        "rule": "RC01",
        "level": "error",
        "template": "open.yaml",
        "logical_id": "Role",
        "statement": 1,
        "file": "open.yaml",
        "line": 12,
    }


def test_every_short_tag_reads_as_its_long_form(capsys: Capture) -> None:
    """A template with short tags says the same as one that writes each function out."""
    short = """\
Parameters: {Account: {Type: String, Default: "444455556666"}, Last: {Type: CommaDelimitedList, Default: "x,runner"}}
Mappings: {Ids: {o: {id: o-exampleorg1}}}
Conditions:
  Always: !Equals [a, a]
  Never: !Not [!Condition Always]
  Both: !And [!Condition Always, !Or [!Condition Never, !Condition Always]]
Resources:
  Caller: {Type: AWS::IAM::Role, Properties: {RoleName: caller, AssumeRolePolicyDocument: {Statement: []}}}
  Role:
    Type: AWS::IAM::Role
    Condition: Both
    Properties:
      RoleName: !Join ["-", [a, !Select [1, !Ref Last]]]
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: {AWS: !If [Never, "*", !Sub "arn:${AWS::Partition}:iam::${Account}:root"]}
            Condition:
              StringEquals: {aws:PrincipalOrgID: !FindInMap [Ids, o, id]}
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {AWS: !GetAtt Caller.Arn}}
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: !ImportValue not-here}}
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: !Select [0, !Split [",", "a.amazonaws.com,"]]}}
"""
    Path("short.yaml").write_text(short)
    code, document = audited(capsys, "short.yaml", "--account", "short.yaml=111122223333")
    assert code == 1
    assert [entrance["words"] for entrance in document["entrances"]] == [
        "every principal of account 444455556666 in organization o-exampleorg1 that its own account allows",
        "the principal arn:aws:iam::111122223333:role/caller",
        "a principal that cannot be resolved",
        "the service a.amazonaws.com",
    ]
    assert {entrance["role"] for entrance in document["entrances"]} == {
        "arn:aws:iam::111122223333:role/a-runner"
    }
    (unknown,) = [finding for finding in document["findings"] if finding["rule"] == "RC00"]
    assert unknown["statement"] == 2
    assert "an unresolved Fn::ImportValue" in unknown["message"]


def test_lines_of_json(capsys: Capture) -> None:
    """A template in JSON, laid out with tabs, has its lines as well; a statement that is alone needs no list."""
    statement = '{\n\t\t"Effect": "Allow",\n\t\t"Action": "sts:AssumeRole",\n\t\t"Principal": "*"\n\t}'
    Path("open.json").write_text(
        '{"Resources": {"Role": {\n\t"Type": "AWS::IAM::Role", "Properties": {\n'
        f'\t"AssumeRolePolicyDocument": {{\n\t"Statement": {statement}}}}}}}}}}}'
    )
    _, document = audited(capsys, "open.json")
    assert [(finding["rule"], finding["line"]) for finding in document["findings"]] == [("RC01", 4)]


def test_a_statement_behind_a_conditional_one_is_shown_by_its_list(capsys: Capture) -> None:
    """Where Fn::If may leave a statement out, counting says nothing of lines: the list itself is named."""
    conditional = OPEN.replace(
        "        Statement:\n", "        Statement:\n          - !If [Never, {}, !Ref AWS::NoValue]\n"
    )
    more = "          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: ec2.amazonaws.com}}\n"
    Path("open.yaml").write_text("Conditions: {Never: !Equals [a, b]}\n" + conditional + more)
    _, document = audited(capsys, "open.yaml")
    assert [(finding["rule"], finding["statement"], finding["line"]) for finding in document["findings"]] == [
        ("RC01", 1, 9)
    ]


def test_templates_of_a_folder_belong_together(capsys: Capture) -> None:
    """Every template below a folder is read, and what is none is passed over; hops are found across them."""
    Path("app/deep").mkdir(parents=True)
    Path("app/README.md").write_text("Resources")
    Path("app/settings.json").write_text("{}")
    trust = CLOSED.replace("Service: ec2.amazonaws.com", "AWS: arn:aws:iam::222222222222:role/caller")
    Path("app/callee.yaml").write_text(trust)
    policy = (
        "      Policies: [{PolicyName: p, PolicyDocument: {Version: 2012-10-17, Statement: {Effect: Allow,"
        " Action: sts:AssumeRole, Resource: 'arn:aws:iam::111111111111:role/open'}}}]\n"
    )
    Path("app/deep/caller.yml").write_text(CLOSED.replace("RoleName: open", "RoleName: caller") + policy)
    accounts = ["--account", "app/callee.yaml=111111111111", "--account", "app/deep/caller.yml=222222222222"]
    _, document = audited(capsys, "app", *accounts)
    assert [(hop["caller"], hop["callee"], hop["verdict"]) for hop in document["hops"]] == [
        ("arn:aws:iam::222222222222:role/caller", "arn:aws:iam::111111111111:role/open", "allow")
    ]


def test_templates_of_one_name_are_all_read(capsys: Capture) -> None:
    """Files of one name in several folders, and stacks of one name in several cdk.out, go by their paths."""
    for folder in ("a", "b"):
        (Path(folder) / "cdk.out").mkdir(parents=True)
        Path(folder, "open.yaml").write_text(OPEN)
        artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "app.json"}}
        Path(folder, "cdk.out", "manifest.json").write_text(json.dumps({"artifacts": {"app": artifact}}))
        role = {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Statement": STATEMENT}},
        }
        Path(folder, "cdk.out", "app.json").write_text(json.dumps({"Resources": {"Role": role}}))
    _, document = audited(capsys, "a/open.yaml", "b/open.yaml", "a/cdk.out", "b/cdk.out")
    assert [(finding["rule"], finding["template"]) for finding in document["findings"]] == [
        ("RC01", name) for name in ("a/cdk.out/app.json", "a/open.yaml", "b/cdk.out/app.json", "b/open.yaml")
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: b: c", "a.yaml:1 is neither JSON nor YAML of a template"),
        ("a.yaml", "just a text", "a.yaml is no CloudFormation template: it has no Resources"),
        ("a.json", "{", "a.json is no JSON: Expecting property name"),
        ("a.json", '{"Parameters": {}}', "a.json is no CloudFormation template: it has no Resources"),
        ("a.json", '{"Resources": []}', "a.json is no CloudFormation template: it has no Resources"),
        ("a.yaml", "", "a.yaml is no CloudFormation template: it has no Resources"),
        (
            "a.yaml",
            "Resources:\n  A: {}\n  A: {}\n",
            "a.yaml:3 is neither JSON nor YAML of a template: the key A",
        ),
        (
            "a.yaml",
            "Resources: &r\n  A: *r\n",
            "a.yaml:1 is neither JSON nor YAML of a template: it is nested too",
        ),
        (
            "a.yaml",
            "Resources:\n  <<: {}\n",
            "a.yaml:2 is neither JSON nor YAML of a template: CloudFormation",
        ),
        ("a.json", "[" * 100_000, "a.json is nested too deeply to be a template"),
    ],
)
def test_a_file_that_is_no_template(name: str, text: str, message: str, capsys: Capture) -> None:
    """What is no template is a usage error of one line."""
    Path(name).write_text(text)
    assert main(["audit", name]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"rolechain: {message}")
    assert said.err.count("\n") == 1


def test_files_that_cannot_be_read(capsys: Capture) -> None:
    """A file that is missing or no text, and a folder without templates, are said in one line each."""
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00")
    Path("empty").mkdir()
    for name, message in {
        "none.yaml": "none.yaml cannot be read: No such file or directory: name a template",
        "bytes.yaml": "bytes.yaml is no template: it is not UTF-8 text",
        "empty": "empty holds no template: name a folder of CloudFormation templates",
    }.items():
        assert main(["audit", name]) == 2
        assert capsys.readouterr().err == f"rolechain: {message}\n"


@pytest.mark.parametrize("words", ["x", "=111111111111", "open.yaml=1", "open.yaml=\u0661" + "1" * 11])
def test_an_account_that_is_none(words: str, capsys: Capture) -> None:
    """--account takes a file and 12 digits."""
    with pytest.raises(SystemExit) as caught:
        main(["audit", "open.yaml", "--account", words])
    assert caught.value.code == 2
    assert "is not FILE=ID: write a template's path, =, and 12 digits" in capsys.readouterr().err


def test_an_account_of_a_file_that_is_not_given(capsys: Capture) -> None:
    """--account for a file that is not audited is a mistake, and said."""
    Path("open.yaml").write_text(OPEN)
    assert main(["audit", "open.yaml", "--account", "opne.yaml=111111111111"]) == 2
    assert "--account opne.yaml=111111111111 names none of the templates" in capsys.readouterr().err


def test_an_account_of_ones_own(capsys: Capture) -> None:
    """An account that --account names is no third party: what is asked for is its caller, and no external id."""
    root = CLOSED.replace("Service: ec2.amazonaws.com", 'AWS: "444455556666"')
    Path("root.yaml").write_text(root)
    found = [
        [(each["rule"], each["level"]) for each in audited(capsys, "root.yaml", *words)[1]["findings"]]
        for words in ((), ("--account", "444455556666"))
    ]
    assert found == [[("RC04", "error"), ("RC06", "warning")], [("RC06", "error")]]


def test_warnings_are_findings_of_a_strict_audit_only(capsys: Capture) -> None:
    """A warning leaves the exit code 0; --strict makes it 1."""
    wide = (
        "      Policies: [{PolicyName: p, PolicyDocument: {Version: 2012-10-17, Statement: {Effect: Allow,"
        " Action: sts:AssumeRole, Resource: 'arn:aws:iam::*:role/x'}}}]\n"
    )
    Path("wide.yaml").write_text(CLOSED + wide)
    code, document = audited(capsys, "wide.yaml")
    assert (code, [finding["rule"] for finding in document["findings"]]) == (0, ["RC07"])
    assert audited(capsys, "wide.yaml", "--strict")[0] == 1


def test_a_stack_set_whose_body_is_yaml(capsys: Capture) -> None:
    """The template in a stack set is read as YAML too; what is found there is shown at the stack set."""
    body = "".join(f"        {line}\n" for line in OPEN.splitlines())
    Path("set.yaml").write_text(
        "Resources:\n  Members:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n"
        f"      StackSetName: members\n      PermissionModel: SELF_MANAGED\n      TemplateBody: |\n{body}"
    )
    _, document = audited(capsys, "set.yaml")
    opened = [finding for finding in document["findings"] if finding["rule"] == "RC01"]
    assert [(each["template"], each["logical_id"], each["file"], each["line"]) for each in opened] == [
        ("set.yaml/Members", "Role", "set.yaml", 2)
    ]


_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_LOG = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "minItems": 1,
            "items": {
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "properties": {"driver": {"required": ["name", "rules"]}},
                        "required": ["driver"],
                    },
                    "results": {
                        "items": {
                            "additionalProperties": False,
                            "required": [
                                "ruleId",
                                "ruleIndex",
                                "level",
                                "message",
                                "locations",
                                "partialFingerprints",
                            ],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": _TEXT,
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "minItems": 1,
                                    "items": {
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {"uri": {"pattern": "^[^\\\\ ]+$"}},
                                                    },
                                                    "region": {
                                                        "required": ["startLine"],
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1}
                                                        },
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}
"""The part of the SARIF 2.1.0 schema that a log of this command uses, and what code scanning asks for besides."""


def test_sarif_shows_findings_at_their_lines(capsys: Capture) -> None:
    """A SARIF log: every rule with its help, and each finding with its level, file and line."""
    Path("with blank").mkdir()
    Path("with blank/open.yaml").write_text(OPEN)
    assert main(["audit", "with blank/open.yaml", "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    jsonschema.validate(log, _LOG)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["RC00", *(rule.id for rule in RULES)]
    assert rules[1]["name"] == "OpenToEveryone"
    assert rules[1]["defaultConfiguration"] == {"level": "error"}
    assert "every AWS account of the world" in rules[1]["help"]["text"]
    (result,) = run["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("RC01", 1, "error")
    assert result["message"]["text"].startswith("arn:aws:iam::<open.yaml>:role/open trusts *")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "with%20blank/open.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert (
        location["logicalLocations"][0]["fullyQualifiedName"] == "Role.AssumeRolePolicyDocument.Statement[1]"
    )


def test_sarif_fingerprints_outlive_lines(capsys: Capture) -> None:
    """A finding that moved to another line keeps its fingerprint, so that it is not reported as new."""
    prints = []
    for text in (OPEN, "# a comment\n" + OPEN):
        Path("open.yaml").write_text(text)
        main(["audit", "open.yaml", "--format", "sarif"])
        (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
        prints.append(
            (result["locations"][0]["physicalLocation"]["region"]["startLine"], result["partialFingerprints"])
        )
    assert [line for line, _ in prints] == [12, 13]
    assert prints[0][1] == prints[1][1]
