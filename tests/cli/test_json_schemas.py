"""What the commands print with ``--json`` is what the schemas of ``docs/schemas`` say, on real outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rolechain import Chain
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app
from rolechain.cli import main
from rolechain.live import Account, save_accounts
from rolechain.statements.builder import permission_statements, trust_statements

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(str(each) for each in (ROOT / "examples" / "audit").iterdir())
STRANGER = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
}
STAR = {"Effect": "Allow", "Action": "*", "Resource": "*"}
CHAIN = {
    "name": "deploy",
    "source": {"account": "111111111111", "assumed_by": {"service": "lambda.amazonaws.com"}},
    "middle": {"account": "222222222222"},
    "targets": {"account": "333333333333"},
}


@pytest.fixture
def checked(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command with ``--json``, and holds what it prints against its schema."""

    def checked(*words: str) -> Any:
        capsys.readouterr()
        assert main([*words, "--json"]) in (0, 1)
        document = json.loads(capsys.readouterr().out)
        schema = json.loads((ROOT / "docs" / "schemas" / f"{words[0]}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema)
        return document

    return checked


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """A chain in a folder of its own, its templates, and its accounts as somebody changed them."""
    monkeypatch.chdir(tmp_path)
    Path("chain.yaml").write_text(yaml.safe_dump(CHAIN))
    chain = Chain.load("chain.yaml")
    app = quick_app(tmp_path / "cdk.out")
    RoleChain(app, "deploy", chain=chain)
    app.synth()
    for folder, more in (("before", []), ("accounts", [STRANGER])):
        save_accounts(Path(folder), [_account(chain, role, more) for role in chain.roles])
    return chain


def _account(chain: Chain, role: Any, more: list[Any]) -> Account:
    statements = [*permission_statements(chain, role), *([STAR] if more else [])]
    detail = {
        "Arn": role.arn,
        "Path": role.path,
        "RoleName": role.role,
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [*trust_statements(chain, role), *more],
        },
        "RolePolicyList": [
            {"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
        ],
    }
    details = {"RoleDetailList": [detail], "UserDetailList": [], "GroupDetailList": [], "Policies": []}
    return Account(role.account, details)


def test_prove(checked: Callable[..., Any], chain: Chain) -> None:
    """A chain that is proven, accounts that are not, and what differs between them."""
    assert checked("prove")["proven"]
    document = checked("prove", "--from", "accounts", "--drift")
    assert document["drift"]
    assert document["findings"]
    assert document["changers"]


def test_diff(checked: Callable[..., Any], chain: Chain) -> None:
    """Somebody who gets in now, and who does not any more."""
    assert checked("diff", "before", "accounts")["gained"]
    assert checked("diff", "accounts", "before")["lost"]
    Path("old").mkdir()
    Path("new").mkdir()
    macro = {"Transform": "Own", "Resources": {}}
    Path("old/a.json").write_text(json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}))
    Path("new/a.json").write_text(json.dumps(macro | {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}))
    assert checked("diff", "old", "new")["unknown"]


def test_audit(checked: Callable[..., Any], tmp_path: Path) -> None:
    """The examples, and a file that is no template."""
    broken = tmp_path / "templates"
    broken.mkdir()
    (broken / "broken.json").write_text('{"Resources": ')
    document = checked("audit", *EXAMPLES, str(broken))
    assert document["findings"]
    assert {element["level"] for element in document["findings"]} == {"error", "warning"}


def test_import(checked: Callable[..., Any], chain: Chain) -> None:
    """A chain with nothing to note, and one with a statement that no chain has."""
    assert checked("import", "cdk.out")["chains"][0]["notes"] == []
    document = checked("import", "--from", "accounts")
    statements = [note["statement"] for note in document["chains"][0]["notes"]]
    assert STRANGER in [json.loads(each) for each in statements if each]
