"""``rolechain prove --live``: a chain proven from what its accounts hold, and what differs from the templates."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from rolechain.cdk import RoleChain
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.statements.builder import trust_statements

_numbers = itertools.count(650000000001)


@pytest.fixture
def accounts() -> list[str]:
    return [str(next(_numbers)) for _ in range(3)]


@pytest.fixture
def mine(deploy: Any, accounts: list[str]) -> Any:
    """A chain that this test alone uses."""
    source, middle, target = accounts
    return deploy(
        {
            "name": "live",
            "source": {"account": source, "assumed_by": {"service": "lambda.amazonaws.com"}},
            "middle": {"account": middle},
            "targets": {"account": target},
        }
    )


@pytest.fixture
def shell(
    shell_of: Callable[[Any], Any], mine: Any, accounts: list[str], tmp_path: Path, keys: Callable[[str], str]
) -> Any:
    """A shell with a profile for each account's administrator."""
    shell = shell_of(mine)
    file = tmp_path / "credentials"
    known = (*accounts, MANAGEMENT_ACCOUNT)
    file.write_text("".join(f"[admin-{account}]\n{keys(account)}" for account in known))
    shell.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return shell


@pytest.fixture
def profiles(accounts: list[str]) -> list[str]:
    """The options that name a profile for each account."""
    return [
        word
        for account in (*accounts, MANAGEMENT_ACCOUNT)
        for word in ("--account-profile", f"{account}=admin-{account}")
    ]


@pytest.fixture
def live(shell: Any, profiles: list[str]) -> Callable[..., Any]:
    """The command, with a profile for each account."""
    return lambda *words: shell("prove", "--live", *profiles, *words)


def _append(mine: Any, statement: dict[str, Any]) -> None:
    """Adds a statement to the target's trust policy, as somebody does by hand."""
    target = mine.chain.targets[0]
    iam = mine.iam(target.account)
    document = iam.get_role(RoleName=target.role)["Role"]["AssumeRolePolicyDocument"]
    document["Statement"].append(statement)
    iam.update_assume_role_policy(RoleName=target.role, PolicyDocument=json.dumps(document))


STRANGER = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
}


def test_what_is_deployed_is_proven(live: Callable[..., Any]) -> None:
    """The last line says from what, and the exit code is 0."""
    said = live()
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == (
        "chain live is proven from 3 accounts: 2 hops can be taken, and nothing else gets in than by "
        "1 declared entrance"
    )


def test_what_was_added_by_hand_is_found_until_it_is_taken_away(live: Callable[..., Any], mine: Any) -> None:
    """A trust that was appended fails the proof with its statement; without it, the chain is proven again."""
    _append(mine, STRANGER)
    said = live()
    assert said.code == 1
    assert "RC05" in said.out
    assert "AssumeRolePolicyDocument statement 1" in said.out
    target = mine.chain.targets[0]
    iam = mine.iam(target.account)
    document = iam.get_role(RoleName=target.role)["Role"]["AssumeRolePolicyDocument"]
    document["Statement"].pop()
    iam.update_assume_role_policy(RoleName=target.role, PolicyDocument=json.dumps(document))
    assert live().code == 0


def test_an_organization_that_is_not_read(live: Callable[..., Any], shell: Any, accounts: list[str]) -> None:
    """Whether a hop works is not known: the chain is not proven, and the exit code is 1."""
    said = shell(
        "prove",
        "--live",
        "--account-profile",
        f"{accounts[1]}=admin-{accounts[1]}",
        "--account-profile",
        f"{accounts[2]}=admin-{accounts[2]}",
    )
    assert said.code == 1
    assert (
        "whether a control policy of the organization refuses a hop is not known: AccessDeniedException"
        in said.out
    )
    assert said.out.splitlines()[-1].startswith("chain live is not proven from 3 accounts: 1 error")


def test_an_account_without_credentials(shell: Any, accounts: list[str]) -> None:
    """It is told, and nothing is proven of it; with none at all it is a usage error that names what it takes."""
    said = shell("prove", "--live", "--profile", f"admin-{accounts[0]}")
    assert said.code == 1
    for account in accounts[1:]:
        assert f"account {account} could not be read: no credentials for account {account}" in said.out
    assert "chain live is not proven from 1 account" in said.out
    said = shell("prove", "--live", "--profile", "nobody")
    assert (said.code, said.out) == (1, "")


def test_what_is_saved_is_proven_without_credentials(
    live: Callable[..., Any], shell: Any, accounts: list[str]
) -> None:
    """The folder holds an account a file, no secret is in it, and it is proven alike."""
    assert live("--save", "accounts").code == 0
    folder = shell.folder / "accounts"
    assert sorted(file.stem for file in folder.iterdir()) == [*sorted(accounts), "organization"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    said = shell("prove", "--from", "accounts", "--json")
    assert (said.code, json.loads(said.out)["proven"]) == (0, True)
    (folder / f"{accounts[2]}.json").unlink()
    said = shell("prove", "--from", "accounts")
    assert said.code == 1
    assert f"account {accounts[2]} could not be read: it was not asked for" in said.out


def test_what_differs_from_the_templates(live: Callable[..., Any], mine: Any, shell: Any) -> None:
    """A statement that no template has is told with its role; the exit code is 1 where it matters."""
    app = cdk.App(outdir=str(shell.folder / "cdk.out"))
    RoleChain(app, "deploy", chain=mine.chain)
    app.synth()
    same = live("--drift", "--json")
    assert [each for each in json.loads(same.out)["drift"] if each["matters"]] == []
    assert same.code == 0
    _append(mine, STRANGER)
    said = live("--drift")
    assert said.code == 1
    first, second = said.out.splitlines()[:2]
    assert first == "differs from the templates"
    assert second.startswith(f"  ✗ trust policy of {mine.chain.targets[0].arn} holds what no template says: ")


def test_what_is_deployed_beside_the_templates(live: Callable[..., Any], mine: Any, shell: Any) -> None:
    """``diff`` finds nothing between a synthesis and the accounts that hold it, and then what was added by hand."""
    app = cdk.App(outdir=str(shell.folder / "cdk.out"))
    RoleChain(app, "deploy", chain=mine.chain)
    app.synth()
    live("--save", "accounts")
    same = shell("diff", "cdk.out", "accounts")
    assert (same.code, same.out) == (0, "no new access\n")
    _append(mine, STRANGER)
    live("--save", "accounts")
    opened = json.loads(shell("diff", "cdk.out", "accounts", "--json").out)
    assert [(each["who"], each["role"]) for each in opened["gained"]] == [
        ("444444444444", mine.chain.targets[0].arn)
    ]
    closed = shell("diff", "accounts", "cdk.out", "--json")
    assert (closed.code, json.loads(closed.out)["lost"]) == (0, opened["gained"])


def test_a_picture_of_live_accounts(shell: Any, profiles: list[str]) -> None:
    """It says what is proven, and on stderr what was called in AWS."""
    said = shell("graph", "--live", *profiles)
    assert said.code == 0
    assert said.out.startswith("chain live is proven from 3 accounts: 2 hops can be taken")
    assert "rolechain: called, by permissions of the same names: iam:GetAccountAuth" in said.err


def test_the_trial(live: Callable[..., Any], mine: Any, shell: Any) -> None:
    """What somebody adds by hand on both sides is told with its statement and the remedy, and gone after it."""
    app = cdk.App(outdir=str(shell.folder / "cdk.out"))
    RoleChain(app, "deploy", chain=mine.chain)
    app.synth()
    middle, target = mine.chain.middle[0], mine.chain.targets[0]
    star = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    )
    _append(mine, STRANGER)
    mine.iam(middle.account).put_role_policy(RoleName=middle.role, PolicyName="fix", PolicyDocument=star)
    said = live("--drift")
    assert said.code == 1
    out = " ".join(said.out.split())
    assert f"trust policy of {target.arn} holds what no template says: " in out
    assert f'permissions of {middle.arn} holds what no template says: {{"Action": ["*"]' in out
    assert f"{target.arn} lets in every principal of account 444444444444" in out
    assert "fix: let the trust policy hold these statements and no others" in out
    assert f"{middle.arn} may change" in out
    mine.iam(middle.account).delete_role_policy(RoleName=middle.role, PolicyName="fix")
    trust = json.dumps({"Version": "2012-10-17", "Statement": trust_statements(mine.chain, target)})
    mine.iam(target.account).update_assume_role_policy(RoleName=target.role, PolicyDocument=trust)
    assert live("--drift").code == 0


def test_what_changed_is_watched(
    live: Callable[..., Any], mine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first time says everything, later ones what came and what went; an interruption ends it."""
    target = mine.chain.targets[0]
    trust = json.dumps({"Version": "2012-10-17", "Statement": trust_statements(mine.chain, target)})
    steps: Iterator[Callable[[], Any]] = iter(
        [
            lambda: _append(mine, STRANGER),
            lambda: mine.iam(target.account).update_assume_role_policy(
                RoleName=target.role, PolicyDocument=trust
            ),
        ]
    )

    def sleep(seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            wait(seconds)
            return
        assert seconds == 30
        if (step := next(steps, None)) is None:
            raise KeyboardInterrupt
        step()

    wait = time.sleep
    monkeypatch.setattr("rolechain.cli.live.time.sleep", sleep)
    said = live("--watch", "30")
    assert said.code == 0
    later = said.out.split("chain live is proven", 1)[1].splitlines()[1:]
    changes = [line.split(" ", 1)[1] for line in later]
    assert (
        f"+ {target.arn} lets in every principal of account 444444444444 that its own account allows"
        in changes
    )
    assert {line[2:] for line in changes if line[0] == "+"} == {
        line[2:] for line in changes if line[0] == "-"
    }


def test_a_folder_that_cannot_be_written(live: Callable[..., Any], shell: Any) -> None:
    """It is a usage error of one line."""
    (shell.folder / "file").write_text("")
    said = live("--save", "file")
    assert (said.code, said.out) == (2, "")
    assert said.err == "rolechain: file cannot be written: File exists\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--live", "--from", "x"], "--live reads accounts and --from a folder: leave one of the two out"),
        (["--drift"], "--save, --drift and --watch are about accounts: add --live, or --from DIR"),
        (["--from", "none"], "none holds no accounts: write some with rolechain prove --live --save none"),
    ],
)
def test_options_that_do_not_fit(shell: Any, words: list[str], said: str) -> None:
    """They are usage errors of one line."""
    result = shell("prove", *words)
    assert (result.code, result.err) == (2, f"rolechain: {said}\n")


def test_a_report_of_live_accounts(
    live: Callable[..., Any], shell: Any, accounts: list[str], profiles: list[str], tmp_path: Path
) -> None:
    """It names the caller, and the files of what was read, by which the hashes are compared; the picture agrees."""
    said = live("--save", "accounts", "--html", "report.html")
    assert (said.code, said.err) == (0, "")
    written = Path("report.html").read_text()
    assert "chain live is proven from 3 accounts" in written
    assert f"<dt>made by</dt><dd>arn:aws:iam::{accounts[0]}:" in written
    for account in accounts:
        assert f"<td>accounts/{account}.json</td>" in written
    drawn = [shell("graph", *words).out for words in (["--live", *profiles], ["--from", "accounts"])]
    assert "chain live is proven from 3 accounts" in drawn[0]
    assert drawn[0].splitlines()[1:] == drawn[1].splitlines()[1:]
    assert "1 ✓✓" in drawn[0]
