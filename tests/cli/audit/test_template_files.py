"""``rolechain audit``: the templates that it reads, and their lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]
Audited = Callable[..., tuple[int, dict[str, Any]]]

STATEMENT = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}

pytestmark = pytest.mark.usefixtures("folder")


def test_every_short_tag_reads_as_its_long_form(audited: Audited) -> None:
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
    code, document = audited("short.yaml", "--account", "short.yaml=111122223333")
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


def test_lines_of_json(audited: Audited) -> None:
    """A template in JSON, laid out with tabs, has its lines as well; a statement that is alone needs no list."""
    statement = '{\n\t\t"Effect": "Allow",\n\t\t"Action": "sts:AssumeRole",\n\t\t"Principal": "*"\n\t}'
    Path("open.json").write_text(
        '{"Resources": {"Role": {\n\t"Type": "AWS::IAM::Role", "Properties": {\n'
        f'\t"AssumeRolePolicyDocument": {{\n\t"Statement": {statement}}}}}}}}}}}'
    )
    _, document = audited("open.json")
    assert [(finding["rule"], finding["line"]) for finding in document["findings"]] == [("RC01", 4)]


def test_a_statement_behind_a_conditional_one_is_shown_by_its_list(audited: Audited, open_role: str) -> None:
    """Where Fn::If may leave a statement out, counting says nothing of lines: the list itself is named."""
    conditional = open_role.replace(
        "        Statement:\n", "        Statement:\n          - !If [Never, {}, !Ref AWS::NoValue]\n"
    )
    more = "          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: ec2.amazonaws.com}}\n"
    Path("open.yaml").write_text("Conditions: {Never: !Equals [a, b]}\n" + conditional + more)
    _, document = audited("open.yaml")
    assert [(finding["rule"], finding["statement"], finding["line"]) for finding in document["findings"]] == [
        ("RC01", 1, 9)
    ]


def test_templates_of_a_folder_belong_together(audited: Audited, closed_role: str) -> None:
    """Every template below a folder is read, and what is none is passed over; hops are found across them."""
    Path("app/deep").mkdir(parents=True)
    Path("app/README.md").write_text("Resources")
    Path("app/settings.json").write_text("{}")
    trust = closed_role.replace("Service: ec2.amazonaws.com", "AWS: arn:aws:iam::222222222222:role/caller")
    Path("app/callee.yaml").write_text(trust)
    policy = (
        "      Policies: [{PolicyName: p, PolicyDocument: {Version: 2012-10-17, Statement: {Effect: Allow,"
        " Action: sts:AssumeRole, Resource: 'arn:aws:iam::111111111111:role/open'}}}]\n"
    )
    Path("app/deep/caller.yml").write_text(closed_role.replace("RoleName: open", "RoleName: caller") + policy)
    accounts = ["--account", "app/callee.yaml=111111111111", "--account", "app/deep/caller.yml=222222222222"]
    _, document = audited("app", *accounts)
    assert [(hop["caller"], hop["callee"], hop["verdict"]) for hop in document["hops"]] == [
        ("arn:aws:iam::222222222222:role/caller", "arn:aws:iam::111111111111:role/open", "allow")
    ]


def test_templates_of_one_name_are_all_read(audited: Audited, open_role: str) -> None:
    """Files of one name in several folders, and stacks of one name in several cdk.out, go by their paths."""
    for folder in ("a", "b"):
        (Path(folder) / "cdk.out").mkdir(parents=True)
        Path(folder, "open.yaml").write_text(open_role)
        artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "app.json"}}
        Path(folder, "cdk.out", "manifest.json").write_text(json.dumps({"artifacts": {"app": artifact}}))
        role = {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Statement": STATEMENT}},
        }
        Path(folder, "cdk.out", "app.json").write_text(json.dumps({"Resources": {"Role": role}}))
    _, document = audited("a/open.yaml", "b/open.yaml", "a/cdk.out", "b/cdk.out")
    assert [(finding["rule"], finding["template"]) for finding in document["findings"]] == [
        ("RC01", name) for name in ("a/cdk.out/app.json", "a/open.yaml", "b/cdk.out/app.json", "b/open.yaml")
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: b: c", "a.yaml:1 is not a template"),
        ("a.yaml", "just a text", "a.yaml is not a CloudFormation template: it has no Resources"),
        ("a.json", "{", "a.json:1 is not a template: Expecting property name"),
        (
            "a.json",
            '{"Resources": {"A": {},\n"A": {}}}',
            "a.json:2 is not a template: the key 'A' occurs twice in one object: remove one",
        ),
        (
            "a.template",
            '{"Resources": {},\n\t"Resources": {}}',
            "a.template:2 is not a template: the key 'Resources' occurs twice in one object: remove one",
        ),
        ("a.json", '{"Parameters": {}}', "a.json is not a CloudFormation template: it has no Resources"),
        ("a.json", '{"Resources": []}', "a.json is not a CloudFormation template: it has no Resources"),
        ("a.yaml", "", "a.yaml is not a CloudFormation template: it has no Resources"),
        (
            "a.yaml",
            "Resources:\n  A: {}\n  A: {}\n",
            "a.yaml:3 is not a template: the key A",
        ),
        (
            "a.yaml",
            "Resources: &r\n  A: *r\n",
            "a.yaml:1 is not a template: it is nested too",
        ),
        (
            "a.yaml",
            "Resources:\n  <<: {}\n",
            "a.yaml:2 is not a template: CloudFormation",
        ),
        ("a.json", "[" * 100_000, "a.json is not a template: it is nested too deeply"),
    ],
)
def test_a_file_that_is_no_template(name: str, text: str, message: str, capsys: Capture) -> None:
    """What is not a template is a usage error of one line."""
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
        "none.yaml": "none.yaml cannot be read: No such file or directory: name another file",
        "bytes.yaml": "bytes.yaml cannot be read: it is not UTF-8 text: name another file",
        "empty": "empty holds no template: name a folder of CloudFormation templates",
    }.items():
        assert main(["audit", name]) == 2
        assert capsys.readouterr().err == f"rolechain: {message}\n"


def test_a_stack_set_whose_body_is_yaml(audited: Audited, open_role: str) -> None:
    """The template in a stack set is read as YAML too; what is found there is shown at the stack set."""
    body = "".join(f"        {line}\n" for line in open_role.splitlines())
    Path("set.yaml").write_text(
        "Resources:\n  Members:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n"
        f"      StackSetName: members\n      PermissionModel: SELF_MANAGED\n      TemplateBody: |\n{body}"
    )
    _, document = audited("set.yaml")
    opened = [finding for finding in document["findings"] if finding["rule"] == "RC01"]
    assert [(each["template"], each["logical_id"], each["file"], each["line"]) for each in opened] == [
        ("set.yaml/Members", "Role", "set.yaml", 2)
    ]


def test_lines_of_what_loops_and_sam_make(audited: Audited) -> None:
    """A role that a loop makes is shown at the loop, and the role of a function where the function says it."""
    trust = "AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: '*'}]}"
    Path("made.yaml").write_text(f"""\
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: python3.12, Handler: a.b, InlineCode: x, {trust}}}
  FnOther:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: python3.12, Handler: a.b, InlineCode: x, {trust}}}
  "Fn::ForEach::Roles":
    - Name
    - [A, B]
    - "${{Name}}Role":
        Type: AWS::IAM::Role
        Properties: {{{trust}}}
""")
    _, document = audited("made.yaml")
    opened = [(each["logical_id"], each["line"]) for each in document["findings"] if each["rule"] == "RC01"]
    assert sorted(opened) == [("ARole", 9), ("BRole", 9), ("FnOtherRole", 8), ("FnRole", 5)]
