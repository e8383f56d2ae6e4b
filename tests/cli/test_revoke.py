"""Every session of a chain, ended from the shell."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count(640000000001)


@pytest.fixture
def accounts() -> list[str]:
    """Three accounts that no other test uses."""
    return [str(next(_numbers)) for _ in range(3)]


@pytest.fixture
def mine(deploy: Callable[[Any], Any], accounts: list[str]) -> Any:
    """A chain of its own for each test, as it is changed."""
    source, middle, target = accounts
    return deploy(
        {
            "name": "revoked",
            "source": {"account": source, "assumed_by": {"account": source}},
            "middle": {"account": middle},
            "targets": {"account": target, "permissions": {"actions": "iam:ListUsers", "resources": "*"}},
        }
    )


@pytest.fixture
def shell(shell_of: Callable[[Any], Any], mine: Any, accounts: list[str], keys: Any) -> Any:
    """A shell with a profile for each account, ``admin-<account>``."""
    made = shell_of(mine)
    config = made.folder / "config"
    config.write_text("".join(f"[profile admin-{account}]\n{keys(account)}" for account in accounts))
    made.environment.setenv("AWS_CONFIG_FILE", str(config))
    return made


def everyone(accounts: list[str]) -> list[str]:
    """The options that give a profile for the two other accounts."""
    return [word for account in accounts[1:] for word in ("--account-profile", f"{account}=admin-{account}")]


def session(mine: Any, shell: Any) -> Any:
    """A client of a session of the target, and of the middle role."""
    sessions = []
    for role in (mine.chain.middle[0], mine.chain.targets[0]):
        given = json.loads(shell("credential-process", "--target", role.arn).out)
        made = mine.organization.session_with(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        sessions.append(made)
    return sessions


def test_every_session_of_every_role_is_ended(shell: Any, mine: Any, accounts: list[str]) -> None:
    """Sessions that worked are denied everything, each role's with AWS's own policy, and a new walk goes through."""
    middle, target = session(mine, shell)
    target.client("iam").list_users()
    said = shell("revoke", "--yes", *everyone(accounts))
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(
        "".join(
            rf"✓ {role.arn}: sessions issued before \S+Z are denied everything\n" for role in mine.chain.roles
        ),
        said.out,
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        target.client("iam").list_users()
    with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
        middle.client("sts").assume_role(RoleArn=mine.chain.targets[0].arn, RoleSessionName="again")


@pytest.mark.parametrize("redirection", [">&-", "> /dev/full"])
def test_every_role_is_revoked_though_nobody_can_read_of_it(
    shell: Any, mine: Any, accounts: list[str], redirection: str
) -> None:
    """Output that cannot be written is an error, and keeps no role's sessions alive."""
    words = [sys.executable, "-m", "rolechain.cli", "revoke", "--yes", *everyone(accounts)]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *words],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("rolechain: the output cannot be written: ")
    for role in mine.chain.roles:
        mine.iam(role.account).get_role_policy(RoleName=role.role, PolicyName="AWSRevokeOlderSessions")


def test_the_policy_is_that_of_the_console(shell: Any, mine: Any, accounts: list[str]) -> None:
    """The policy has the console's name and form, so that the console shows and replaces it."""
    before = int(time.time())
    shell("revoke", "--yes", *everyone(accounts))
    for role in mine.chain.roles:
        policy = mine.iam(role.account).get_role_policy(
            RoleName=role.role, PolicyName="AWSRevokeOlderSessions"
        )["PolicyDocument"]
        (statement,) = policy["Statement"]
        time_of = statement.pop("Condition")
        assert policy["Version"] == "2012-10-17"
        assert statement == {"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}
        assert list(time_of) == ["DateLessThan"]
        told = datetime.fromisoformat(time_of["DateLessThan"]["aws:TokenIssueTime"]).timestamp()
        assert before < told <= time.time() + 1


def test_kept_sessions_are_forgotten(shell: Any, mine: Any, accounts: list[str]) -> None:
    """What the cache keeps of these roles is of no use any more and goes; another chain's sessions stay."""
    shell("credential-process")
    folder = shell.folder / "cache" / "rolechain"
    other = {
        "Credentials": {},
        "AssumedRoleUser": {"Arn": "arn:aws:sts::222222222222:assumed-role/deploy-middle/x"},
    }
    (folder / "other.json").write_text(json.dumps(other))
    (folder / "other.json").chmod(0o600)
    assert len(list(folder.glob("*.json"))) == 4
    shell("revoke", "--yes", *everyone(accounts))
    assert [file.name for file in folder.glob("*.json")] == ["other.json"]


def test_a_new_session_works_again(shell: Any, mine: Any, accounts: list[str]) -> None:
    """Who may enter the chain may enter it again: sessions that are issued after the time are not denied."""
    shell("revoke", "--yes", *everyone(accounts))
    # Sessions are dated by the second, and the time lies at the end of one.
    for _ in range(100):
        said = shell("whoami", "--no-cache")
        if said.code == 0:
            break
        time.sleep(0.05)
    assert said.code == 0


def test_an_account_without_credentials(shell: Any, mine: Any, accounts: list[str]) -> None:
    """A role that cannot be reached does not keep the others from being revoked, and the exit code is 1."""
    _, middle, target = accounts
    said = shell("revoke", "--yes", "--account-profile", f"{target}=admin-{target}")
    lines = said.out.splitlines()
    assert said.code == 1
    assert [line[0] for line in lines] == ["✓", "✗", "✓"]
    assert lines[1] == (
        f"✗ {mine.chain.middle[0].arn}: no credentials for account {middle}: name a profile with "
        f"--account-profile {middle}=PROFILE, or a role with --account-role"
    )
    assert mine.iam(middle).list_role_policies(RoleName="revoked-middle")["PolicyNames"] == ["own"]


def test_a_profile_of_another_account_is_not_used(shell: Any, mine: Any, accounts: list[str]) -> None:
    """A role of the same name in the wrong account is never touched."""
    source, middle, _ = accounts
    iam = mine.iam(source)
    trust = iam.get_role(RoleName="revoked-source")["Role"]["AssumeRolePolicyDocument"]
    iam.create_role(RoleName="revoked-middle", AssumeRolePolicyDocument=json.dumps(trust))
    said = shell("revoke", "--yes", "--account-profile", f"{middle}=admin-{source}", "--json")
    reports = json.loads(said.out)
    assert said.code == 1
    assert [report["revoked"] for report in reports] == [True, False, False]
    assert reports[1]["detail"] == (
        f"profile admin-{source} is of account {source}, not of {middle}: name another"
    )
    assert iam.list_role_policies(RoleName="revoked-middle")["PolicyNames"] == []


def test_a_role_of_the_organization_reaches_every_account(shell: Any, mine: Any, accounts: list[str]) -> None:
    """With --account-role, the session assumes that role in every account that is not its own."""
    source, *others = accounts
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{source}:root"},
        },
    }
    allowed = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "*"},
    }
    for account in others:
        iam = mine.iam(account)
        iam.create_role(RoleName="OrganizationAccountAccessRole", AssumeRolePolicyDocument=json.dumps(trust))
        # It may not even read the role.
        iam.put_role_policy(
            RoleName="OrganizationAccountAccessRole", PolicyName="own", PolicyDocument=json.dumps(allowed)
        )
    said = shell("revoke", "--yes", "--account-role", "OrganizationAccountAccessRole")
    assert (said.code, said.err) == (0, "")
    assert said.out.count("✓") == 3
    said = shell("revoke", "--yes", "--account-role", "NoSuchRole")
    assert said.code == 1
    assert "✗ " in said.out
    assert "role NoSuchRole does not work: hop 1 of 1 refused: " in said.out


def test_what_iam_refuses_is_told(shell: Any, mine: Any, accounts: list[str]) -> None:
    """A role that is gone, and one that has another path, are told as such and not touched."""
    _, middle, target = accounts
    iam = mine.iam(middle)
    iam.delete_role_policy(RoleName="revoked-middle", PolicyName="own")
    iam.delete_role(RoleName="revoked-middle")
    iam = mine.iam(target)
    trust = iam.get_role(RoleName="revoked-target")["Role"]["AssumeRolePolicyDocument"]
    for name in iam.list_role_policies(RoleName="revoked-target")["PolicyNames"]:
        iam.delete_role_policy(RoleName="revoked-target", PolicyName=name)
    iam.delete_role(RoleName="revoked-target")
    iam.create_role(Path="/other/", RoleName="revoked-target", AssumeRolePolicyDocument=json.dumps(trust))
    said = shell("revoke", "--yes", "--json", *everyone(accounts))
    details = [report["detail"] for report in json.loads(said.out)]
    assert said.code == 1
    assert details[1].startswith("NoSuchEntity: ")
    assert details[2] == (
        f"the role of that name is arn:aws:iam::{target}:role/other/revoked-target: correct the path in the chain"
    )
    assert iam.list_role_policies(RoleName="revoked-target")["PolicyNames"] == []


def test_nobody_to_ask(shell: Any, mine: Any, accounts: list[str]) -> None:
    """Without a terminal, --yes is needed; nothing is revoked before."""
    said = shell.process("revoke", stdin=subprocess.DEVNULL)
    assert (said.code, said.out) == (2, "")
    assert said.err == ("rolechain: revoke ends the sessions of everybody at work: confirm it with --yes\n")
    assert mine.iam(accounts[0]).list_role_policies(RoleName="revoked-source")["PolicyNames"] == ["own"]


@pytest.mark.parametrize(
    ("answer", "code", "names"), [("y", 0, ["AWSRevokeOlderSessions", "own"]), ("", 1, ["own"])]
)
def test_whoever_sits_at_the_terminal_is_asked(
    shell: Any, mine: Any, accounts: list[str], answer: str, code: int, names: list[str]
) -> None:
    """Only y goes on; the roles are listed before the question."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "rolechain.cli", "revoke", *everyone(accounts)],
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == code
    assert done.stderr.startswith("".join(f"{role.arn}\n" for role in mine.chain.roles))
    assert "end every session of these 3 roles? [y/N] " in done.stderr
    found = mine.iam(accounts[0]).list_role_policies(RoleName="revoked-source")["PolicyNames"]
    assert sorted(found) == names
