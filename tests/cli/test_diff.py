"""``rolechain diff``: who gets in by new templates, or by accounts as they are now, and did not before."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main
from rolechain.live import Account, save_accounts

Capture = pytest.CaptureFixture[str]
ROLE = "arn:aws:iam::111111111111:role/deploy"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _body(*accounts: str) -> dict[str, Any]:
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": "deploy",
                    "AssumeRolePolicyDocument": {
                        "Statement": [
                            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principals}}
                        ]
                    },
                },
            }
        }
    }


def _write(path: str, *accounts: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(_body(*accounts)))
    return path


def test_two_files(capsys: Capture) -> None:
    """The new principal is named with an example, and the exit code is 1; the other way round it is lost, and 0."""
    old, new = _write("old.json", "222222222222"), _write("new.json", "222222222222", "333333333333")
    assert main(["diff", old, new]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "gets in now"
    assert "lets in every principal of account 333333333333" in lines[1]
    assert "for example: " in lines[2]
    assert lines[-1] == "new access: 1"
    assert main(["diff", new, old]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no new access, lost: 1"
    assert main(["diff", old, old]) == 0
    assert capsys.readouterr().out == "no new access\n"


def test_two_folders(capsys: Capture) -> None:
    """Templates are the same by where they are below the folders; a role of a new one is new."""
    _write("a/iam/role.json", "222222222222")
    _write("b/iam/role.json", "222222222222")
    assert main(["diff", "a", "b"]) == 0
    _write("b/other.json", "444444444444")
    assert main(["diff", "a", "b", "--json"]) == 1
    found = json.loads(capsys.readouterr().out.split("no new access\n", 1)[1])
    assert [(each["who"], each["certain"], each["template"]) for each in found["gained"]] == [
        ("444444444444", True, "other.json")
    ]


def test_a_revision_of_git(folder: Path, capsys: Capture) -> None:
    """What a template was in a revision is compared with what it is in the working tree."""

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True
        )

    git("init", "-q", "-b", "main")
    _write("iam/role.json", "222222222222")
    git("add", ".")
    git("commit", "-qm", "first")
    assert main(["diff", "--base", "main", "iam"]) == 0
    _write("iam/role.json", "333333333333")
    assert main(["diff", "--base", "main", "iam", "--format", "markdown"]) == 1
    out = capsys.readouterr().out
    assert "**new access: 1, lost: 1**" in out
    assert "### Gets in now" in out
    assert main(["diff", "--base", "main", "iam/role.json"]) == 1
    assert main(["diff", "--base", "no-such-branch", "iam"]) == 2
    assert "rolechain: --base 'no-such-branch': git says: " in capsys.readouterr().err


@pytest.mark.parametrize("revision", ["--output=written", "--list", "two\nlines", "main:iam"])
def test_a_revision_that_git_would_take_for_something_else(
    revision: str, folder: Path, capsys: Capture
) -> None:
    """It is no option of git's: nothing is written, and the error is one line."""
    subprocess.run(["git", "init", "-q", "-b", "main"], check=True)
    _write("iam/role.json", "222222222222")
    assert main(["diff", f"--base={revision}", "iam"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"rolechain: --base {revision!r}: git says: fatal: Needed a single revision"
    ]
    assert not list(folder.rglob("written"))


def test_without_git(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git is told so."""
    monkeypatch.setenv("PATH", "")
    assert main(["diff", "--base", "main", str(Path(_write("iam/role.json", "222222222222")).parent)]) == 2
    assert capsys.readouterr().err == "rolechain: --base needs git: install it\n"


def test_accounts_that_were_saved(folder: Path, capsys: Capture) -> None:
    """An account as it was and as it is, each read by prove --live --save."""
    for name, principal in (("before", "222222222222"), ("after", "333333333333")):
        role = {
            "Path": "/",
            "RoleName": "deploy",
            "Arn": ROLE,
            "AssumeRolePolicyDocument": _body(principal)["Resources"]["Role"]["Properties"][
                "AssumeRolePolicyDocument"
            ],
        }
        details = {"RoleDetailList": [role], "UserDetailList": [], "GroupDetailList": [], "Policies": []}
        save_accounts(folder / name, [Account("111111111111", details)])
    assert main(["diff", "before", "after"]) == 1
    assert f"{ROLE} lets in every principal of account 333333333333" in capsys.readouterr().out


def _account(account: str, *roles: Any, policies: Any = ()) -> Account:
    details = {
        "RoleDetailList": list(roles),
        "UserDetailList": [],
        "GroupDetailList": [],
        "Policies": list(policies),
    }
    return Account(account, details)


def test_an_account_that_was_not_read_again(folder: Path, capsys: Capture) -> None:
    """Nothing is known of its roles any more, and nobody takes them for closed."""
    save_accounts(folder / "before", [_account("111111111111"), _account("222222222222")])
    save_accounts(folder / "after", [_account("111111111111")])
    assert main(["diff", "before", "after"]) == 1
    assert "account 222222222222 is not among those that were read" in capsys.readouterr().out
    assert main(["diff", "after", "before"]) == 0


def test_a_policy_of_aws_that_aws_changed(folder: Path, capsys: Capture) -> None:
    """Each side has the documents that its accounts hold."""
    arn = "arn:aws:iam::aws:policy/MadeUpAccess"
    trust = _body("111111111111")["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
    role = {"Path": "/", "RoleName": "deploy", "Arn": ROLE, "AssumeRolePolicyDocument": trust}
    caller = {**role, "RoleName": "caller", "Arn": ROLE.replace("deploy", "caller")}
    caller["AttachedManagedPolicies"] = [{"PolicyName": "MadeUpAccess", "PolicyArn": arn}]
    for name, action in (("before", "s3:*"), ("after", "sts:*")):
        document = {"Statement": [{"Effect": "Allow", "Action": action, "Resource": ROLE}]}
        policy = {"PolicyName": "MadeUpAccess", "Path": "/", "Arn": arn, "DefaultVersionId": "v1"}
        version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": document}
        policy["PolicyVersionList"] = [version]  # type: ignore[assignment]
        save_accounts(folder / name, [_account("111111111111", role, caller, policies=[policy])])
    # Within an account the trust in its root asks for the permission.
    assert main(["diff", "before", "after"]) == 1
    assert f"{caller['Arn']} can assume {ROLE}" in capsys.readouterr().out


def test_what_may_be_new(capsys: Capture) -> None:
    """Access that is allowed to be new does not count."""
    old, new = _write("old.json", "222222222222"), _write("new.json", "222222222222", "333333333333")
    assert main(["diff", old, new, "--allow-new", "3333*"]) == 0
    assert main(["diff", old, new, "--allow-new", "444444444444"]) == 1


def test_what_is_not_known_any_more(capsys: Capture) -> None:
    """A macro that is new may change who gets in: nothing is said of no new access alone, and the exit code is 1."""
    old = _write("old.json", "222222222222")
    Path("new.json").write_text(json.dumps({**_body("222222222222"), "Transform": "Own"}))
    assert main(["diff", old, "new.json"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "no new access, not known any more: 1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one.json"], "diff needs OLD and NEW, or NEW and --base REVISION"),
        (["a", "b", "c"], "diff needs OLD and NEW"),
        (["a", "b", "--base", "main"], "diff needs OLD and NEW"),
        (["none.json", "none.json"], "none.json cannot be read"),
        (["--base", "main", "none"], "none is not there"),
    ],
)
def test_what_is_missing(words: list[str], said: str, capsys: Capture) -> None:
    """It is a usage error of one line."""
    assert main(["diff", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"rolechain: {said}")
    assert error.count("\n") == 1
