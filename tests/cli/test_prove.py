"""``rolechain prove``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain
from rolechain.cli import main
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]

CHAIN = """\
name: deploy
source:
  account: "111111111111"
  assumed_by: {service: lambda.amazonaws.com}
middle:
  - account: "222222222222"
targets:
  - account: "333333333333"
    external_id: ext-1
"""


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder's cdk.out, of a chain in its chain.yaml that is closed."""
    monkeypatch.chdir(tmp_path)
    Path("chain.yaml").write_text(CHAIN)
    chain = Chain.load("chain.yaml")
    folder = Path("cdk.out")
    folder.mkdir()
    artifacts: Json = {}
    for role in chain.roles:
        properties: Json = {
            "RoleName": role.role,
            "Path": role.path,
            "AssumeRolePolicyDocument": _document(trust_statements(chain, role)),
        }
        if statements := permission_statements(chain, role):
            properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": _document(statements)}]
        body = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
        (folder / f"{role.role}.json").write_text(json.dumps(body))
        artifacts[f"stack-{role.role}"] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{role.account}/us-east-1",
            "properties": {"templateFile": f"{role.role}.json"},
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


@pytest.fixture
def change(assembly: Path) -> Callable[[str, Callable[[Json], None]], None]:
    """Changes the properties of a role in its template."""

    def make(role: str, edit: Callable[[Json], None]) -> None:
        file = assembly / f"{role}.json"
        body = json.loads(file.read_text())
        edit(body["Resources"]["Role"]["Properties"])
        file.write_text(json.dumps(body))

    return make


Change = Callable[[str, Callable[[Json], None]], None]


def open_the_middle(properties: Json) -> None:
    """Lets every principal of the source's account in."""
    del properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


def close_the_target(properties: Json) -> None:
    """Lets nobody in who can be."""
    properties["AssumeRolePolicyDocument"]["Statement"][0]["Action"] = "sts:TagSession"


def test_a_closed_chain_is_proven(assembly: Path, capsys: Capture) -> None:
    """Each hop and each entrance is shown as good, and the last line says that the chain is proven."""
    assert main(["prove"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "hops",
        "  ✓ rolechain/deploy-source (111111111111) → rolechain/deploy-middle (222222222222)",
        "  ✓ rolechain/deploy-middle (222222222222) → rolechain/deploy-target (333333333333)",
        "entrances",
        "  ✓ rolechain/deploy-source (111111111111) lets in the service lambda.amazonaws.com",
        "taken for granted",
        "  that CDK's bootstrap execution role of each account is meant to change the chain",
        "chain deploy is proven from cdk.out: 2 hops can be taken, and nothing else gets in than by "
        "1 declared entrance",
    ]


def test_an_open_door_is_shown_with_place_and_cure(change: Change, capsys: Capture) -> None:
    """A condition that was taken away: who gets in, the rule, the statement, what to write; exit code 1."""
    change("deploy-middle", open_the_middle)
    assert main(["prove"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (
        "  ✗ rolechain/deploy-middle (222222222222) lets in every principal of account 111111111111 that its own "
        "account allows, which is not declared"
    ) in lines
    place = "stack-deploy-middle Role AssumeRolePolicyDocument statement 0"
    assert {f"  error RC05 {place}", f"  error RC06 {place}"} <= set(lines)
    caller = "arn:aws:iam::111111111111:role/rolechain/deploy-source"
    cure = f'      fix: add {{"ArnEquals": {{"aws:PrincipalArn": "{caller}"}}}}'
    assert cure in lines
    assert lines[-1].startswith("chain deploy is not proven from cdk.out: ")


def test_a_hop_that_does_not_work_is_crossed_out(change: Change, capsys: Capture) -> None:
    """A hop that is refused is marked, with the reason below it, while the other stays good."""
    change("deploy-target", close_the_target)
    assert main(["prove"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  ✓ rolechain/deploy-source")
    assert lines[2] == "  ✗ rolechain/deploy-middle (222222222222) → rolechain/deploy-target (333333333333)"
    assert lines[3].startswith("      ")
    assert any(line.startswith("  error RC08 stack-deploy-target Role") for line in lines)


def test_warnings_fail_a_strict_proof_only(change: Change, capsys: Capture) -> None:
    """A warning is shown and leaves the exit code 0; --strict makes it 1, and the last line says why."""
    change("deploy-target", lambda properties: properties.update(MaxSessionDuration=7200))
    assert main(["prove"]) == 0
    said = capsys.readouterr().out
    assert "  warning RC15 stack-deploy-target Role" in said
    assert said.endswith("nothing else gets in than by 1 declared entrance; 1 warning\n")
    assert main(["prove", "--strict"]) == 1
    assert capsys.readouterr().out.endswith("; 1 warning, which --strict does not allow\n")


def test_who_may_change_the_chain_is_listed(change: Change, capsys: Capture) -> None:
    """Who may change a role is listed, is a warning, and is counted in the last line; --strict does not allow it."""

    def administer(properties: Json) -> None:
        properties["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/IAMFullAccess"]

    change("deploy-target", administer)
    assert main(["prove", "--strict"]) == 1
    assert main(["prove"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("who may change the chain") + 1] == (
        "  ! rolechain/deploy-target (333333333333) may change rolechain/deploy-target (333333333333)"
    )
    assert "  warning RC38 stack-deploy-target Role ManagedPolicyArns statement 0" in lines
    assert lines[-1] == (
        "chain deploy is proven from cdk.out: 2 hops can be taken, and nothing else gets in than by 1 declared "
        "entrance, and 1 principal of the templates may change it; 1 warning"
    )


def test_json_is_one_document(change: Change, capsys: Capture) -> None:
    """--json prints the proof as one document, with every finding's rule, level, place, message and cure."""
    change("deploy-middle", open_the_middle)
    assert main(["prove", "cdk.out", "--chain", "chain.yaml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["proven", "hops", "entrances", "findings", "assumptions", "changers"]
    assert found["proven"] is False
    (opened,) = [each for each in found["findings"] if each["rule"] == "RC06"]
    assert list(opened) == ["rule", "level", "template", "logical_id", "statement", "message", "cure"]
    assert (opened["template"], opened["logical_id"], opened["statement"]) == (
        "stack-deploy-middle",
        "Role",
        0,
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["prove", "nowhere"],
            "nowhere is not a folder that cdk synth wrote: run cdk synth first, or name the folder",
        ),
        (["prove", "--chain", "none.yaml"], "none.yaml: no such file: create it"),
    ],
)
def test_nothing_to_prove(assembly: Path, words: list[str], message: str, capsys: Capture) -> None:
    """A missing cdk.out or chain is a usage error of one line, which is not to be taken for a broken chain."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"rolechain: {message}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", [["prove"], ["audit", "cdk.out"]])
def test_neither_boto3_nor_cdk_is_needed(assembly: Path, command: list[str]) -> None:
    """To prove or to audit, neither boto3 nor CDK nor the local organization is imported."""
    script = (
        f"import sys; from rolechain.cli import main; main({command!r}); "
        "print(sorted({'boto3', 'botocore', 'aws_cdk', 'ministack'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
