"""What the commands print with ``--json`` is what the schemas of ``docs/schemas`` say, on real outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
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
from rolechain.runtime import Cause, HopReport
from rolechain.runtime.report import Outcome
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
        return _valid(words[0], capsys.readouterr().out)

    return checked


def _schema(command: str) -> Any:
    return json.loads((ROOT / "docs" / "schemas" / f"{command}.schema.json").read_text())


def _valid(command: str, printed: str) -> Any:
    document, schema = json.loads(printed), _schema(command)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    return document


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


def test_warnings_of_the_bootstrap(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    """They are one line for an account and a rule; an error about such a role, --verbose and --json have each."""
    account = chain.targets[0].account
    file = Path(f"before/{account}.json")
    document = json.loads(file.read_text())
    for kind, statement in (("deploy", {**STAR, "Action": "iam:*"}), ("lookup", STAR)):
        name = f"cdk-hnb659fds-{kind}-role-{account}-us-east-1"
        trust = {**STRANGER, "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
        role: dict[str, Any] = {"Arn": f"arn:aws:iam::{account}:role/{name}", "Path": "/", "RoleName": name}
        role["AssumeRolePolicyDocument"] = {"Version": "2012-10-17", "Statement": [trust]}
        role["RolePolicyList"] = [{"PolicyName": "own", "PolicyDocument": {"Statement": [statement]}}]
        document["RoleDetailList"].append(role)
    file.write_text(json.dumps(document))

    def findings(*words: str) -> list[str]:
        capsys.readouterr()
        assert main(["prove", "--from", "before", *words]) == 1
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("  warning RC06")]

    folded = f"  warning RC06 account {account}: 2 times of CDK's bootstrap roles, which --verbose prints"
    assert findings() == [folded]
    assert [line.split()[4] for line in findings("--verbose")] == [
        f"role/cdk-hnb659fds-{kind}-role-{account}-us-east-1" for kind in ("deploy", "lookup")
    ]
    declared = yaml.safe_load(Path("chain.yaml").read_text()) | {
        "administrators": [f"arn:aws:iam::{account}:role/nobody"]
    }
    Path("chain.yaml").write_text(yaml.safe_dump(declared))
    capsys.readouterr()
    main(["prove", "--from", "before"])
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  error RC38")]
    assert len(errors) == 2


@pytest.fixture
def watched(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """``accounts`` holds another file each time that it is looked at: none, the one of before, and the own again."""
    file = Path(f"accounts/{chain.targets[0].account}.json")
    steps = iter(["{", Path("before", file.name).read_text(), file.read_text()])

    def sleep(_: float) -> None:
        if (step := next(steps, None)) is None:
            raise KeyboardInterrupt
        file.write_text(step)

    monkeypatch.setattr("rolechain.cli.live.time.sleep", sleep)


def test_watch(watched: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The document is one line, and each change is one; an error is told, and the next time is as any other."""
    capsys.readouterr()
    assert main(["prove", "--from", "accounts", "--watch", "1", "--json"]) == 1
    first, *changes = map(json.loads, capsys.readouterr().out.splitlines())
    schemas = ROOT / "docs" / "schemas"
    jsonschema.validate(first, json.loads((schemas / "prove.schema.json").read_text()))
    for change in changes:
        jsonschema.validate(change, json.loads((schemas / "watch.schema.json").read_text()))
    broken, closed, opened = changes
    assert "333333333333.json is not an account that rolechain saved" in broken["error"]
    assert (broken["came"], broken["went"]) == ([], [])
    assert any("444444444444" in each for each in closed["went"])
    assert (opened["came"], opened["went"]) == (closed["went"], closed["came"])


def test_watch_in_lines(watched: None, capsys: pytest.CaptureFixture[str]) -> None:
    """An error is one line with its moment."""
    capsys.readouterr()
    assert main(["prove", "--from", "accounts", "--watch", "1"]) == 1
    lines = [
        line for line in capsys.readouterr().out.splitlines() if " ! " in line and "333333333333.json" in line
    ]
    assert len(lines) == 1


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


def test_commands_on_a_deployed_chain(shell_of: Callable[[Any], Any], torn: Any) -> None:
    """Hops and targets that are reached, one that refuses, and roles for whose accounts there are no credentials."""
    shell = shell_of(torn)
    reports = _valid("verify", shell("verify", "--json").out)
    assert {(each["verdict"], each["ok"]) for each in reports} == {
        ("allowed", True),
        ("refused", True),
        ("refused", False),
    }
    assert len(_valid("whoami", shell("whoami", "--target", "640000000014", "--json").out)["hops"]) == 3
    targets = _valid("whoami", shell("whoami", "--every-target", "--json").out)["targets"]
    assert [bool(each["error"]) for each in targets] == [True, False]
    revoked = _valid("revoke", shell("revoke", "--yes", "--json").out)
    assert [each["revoked"] for each in revoked] == [True, False, False, False]


def test_words_of_verify() -> None:
    """The schema of ``verify`` has the causes, outcomes and keys that there are, and no others."""
    properties = _schema("verify")["items"]["properties"]
    assert {*properties["cause"]["enum"]} == {*Cause, None}
    assert {*properties["verdict"]["enum"]} == {*Outcome}
    assert {*properties} == {field.name for field in fields(HopReport)} | {"ok"}


def test_guardrails(checked: Callable[..., Any], chain: Chain) -> None:
    """Both kinds of policy."""
    assert {each["type"] for each in checked("guardrails")} == {
        "SERVICE_CONTROL_POLICY",
        "RESOURCE_CONTROL_POLICY",
    }


@pytest.fixture
def torn(deploy: Callable[[Any], Any]) -> Any:
    """A chain one of whose two targets trusts its own account alone."""
    deployed = deploy(
        {
            "name": "torn-json",
            "source": {"account": "640000000011", "assumed_by": {"account": "640000000011"}},
            "middle": {"account": "640000000012"},
            "targets": [{"account": "640000000013"}, {"account": "640000000014"}],
        }
    )
    own = {**STRANGER, "Principal": {"AWS": "arn:aws:iam::640000000013:root"}}
    deployed.iam("640000000013").update_assume_role_policy(
        RoleName="torn-json-target", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": own})
    )
    return deployed
