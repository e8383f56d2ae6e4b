"""The deployed chain, taken from the shell."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from rolechain.statements.builder import trust_statements

MIDDLE, TARGET = (
    "arn:aws:iam::222222222222:role/rolechain/deploy-middle",
    "arn:aws:iam::333333333333:role/rolechain/deploy-target",
)


def test_a_chain_as_declared(shell: Any) -> None:
    """Every hop is allowed and every shortcut refused, a row for each; the exit code is 0."""
    said = shell("verify")
    rows = re.findall(r"^ *(\d?)  +(\S.*?) +\d{12} +([✓✗] \w+) +(\w+ \w+) +\d+ *$", said.out, re.MULTILINE)
    assert said.code == 0
    assert rows == [
        ("1", "administrator of 111111111111 → deploy-source", "✓ allowed", "both halves"),
        ("2", "deploy-source → deploy-middle", "✓ allowed", "both halves"),
        ("3", "deploy-middle → deploy-target", "✓ allowed", "both halves"),
        ("", "deploy-source → deploy-target", "✓ refused", "identity policy"),
        ("", "deploy-middle → deploy-target, without external id", "✓ refused", "identity policy"),
    ]


def test_for_machines(shell: Any) -> None:
    """The same as a JSON list, with each report's verdict and cause."""
    said = shell("verify", "--json")
    reports = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert [(each["index"], each["verdict"], each["cause"], each["ok"]) for each in reports] == [
        (1, "allowed", None, True),
        (2, "allowed", None, True),
        (3, "allowed", None, True),
        (3, "refused", "identity_policy", True),
        (3, "refused", "identity_policy", True),
    ]


@pytest.fixture
def broken(deploy: Callable[[Any], Any]) -> Any:
    """A chain one of whose two targets does not trust the middle role any more."""
    deployed = deploy(
        {
            "name": "torn",
            "source": {"account": "610000000001", "assumed_by": {"account": "610000000001"}},
            "middle": {"account": "610000000002"},
            "targets": [{"account": "610000000003"}, {"account": "610000000004"}],
        }
    )
    iam = deployed.iam("610000000003")
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::610000000003:root"},
            },
        }
    )
    iam.update_assume_role_policy(RoleName="torn-target", PolicyDocument=trust)
    yield deployed
    for role in deployed.chain.roles:
        iam = deployed.iam(role.account)
        for name in iam.list_role_policies(RoleName=role.role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role.role, PolicyName=name)
        iam.delete_role(RoleName=role.role)


def test_a_chain_that_is_not_as_declared(shell_of: Callable[[Any], Any], broken: Any) -> None:
    """The hop that fails says which side refused, and the exit code is 1; what --target leaves out is not tried."""
    shell = shell_of(broken)
    said = shell("verify", "--json")
    failed = [each for each in json.loads(said.out) if not each["ok"]]
    assert said.code == 1
    assert [(each["callee"].split(":")[4], each["verdict"], each["cause"]) for each in failed] == [
        ("610000000003", "refused", "trust_policy")
    ]
    assert shell("verify", "--target", "610000000003").code == 1
    assert shell("verify", "--target", "610000000004").code == 0


def test_a_change_that_is_not_seen_everywhere_yet(shell_of: Callable[[Any], Any], broken: Any) -> None:
    """With --wait, a hop that is allowed a moment later is tried again until it is."""
    shell = shell_of(broken)
    trust = json.dumps({"Statement": trust_statements(broken.chain, broken.chain.targets[0])})
    iam = broken.iam("610000000003")
    mend = threading.Timer(
        0.2, iam.update_assume_role_policy, kwargs={"RoleName": "torn-target", "PolicyDocument": trust}
    )
    words = ("verify", "--json", "--target", "610000000003")
    assert shell(*words).code == 1
    mend.start()
    try:
        said = shell(*words, "--wait", "60")
    finally:
        mend.join()
    assert said.code == 0
    assert all(report["ok"] for report in json.loads(said.out))


def test_a_profile_reads_what_the_chain_may_not(
    shell_of: Callable[[Any], Any], broken: Any, keys: Any
) -> None:
    """With a profile of the target's account, the detail says what its trust policy lacks."""
    shell = shell_of(broken)
    config = shell.folder / "config"
    config.write_text(f"[profile admin3]\n{keys('610000000003')}")
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    words = ("verify", "--json", "--target", "610000000003")
    (blind,) = [each for each in json.loads(shell(*words).out) if not each["ok"]]
    said = shell(*words, "--account-profile", "610000000003=admin3")
    (seen,) = [each for each in json.loads(said.out) if not each["ok"]]
    assert len(seen["detail"]) > len(blind["detail"])
    assert "trust policy" in seen["detail"].removeprefix(blind["detail"])


@pytest.mark.parametrize(
    ("lacking", "action"),
    [("AllowSetSourceIdentity", "sts:SetSourceIdentity"), ("AllowTagSession", "sts:TagSession")],
)
def test_what_a_session_hands_on_is_known(
    shell_of: Callable[[Any], Any],
    deploy: Callable[[Any], Any],
    lacking: str,
    action: str,
    keys: Any,
) -> None:
    """Where a later hop lacks the permission for an inherited tag or source identity, the detail says just that."""
    number = lacking == "AllowTagSession"
    accounts = [f"64000000000{each + 3 * number}" for each in (1, 2, 3)]
    deployed = deploy(
        {
            "name": "kin",
            "source": {"account": accounts[0], "assumed_by": {"account": accounts[0]}},
            "middle": {
                "account": accounts[1],
                "session_tags": {"Project": "apollo"},
                "transitive_tag_keys": "Project",
                "source_identity": {"required": True},
            },
            "targets": {"account": accounts[2]},
        }
    )
    whole = trust_statements(deployed.chain, deployed.chain.targets[0])
    trust = json.dumps({"Statement": [each for each in whole if each["Sid"] != lacking]})
    deployed.iam(accounts[2]).update_assume_role_policy(RoleName="kin-target", PolicyDocument=trust)
    shell = shell_of(deployed)
    words: list[str] = []
    config = shell.folder / "config"
    for account in accounts[1:]:
        with config.open("a") as file:
            file.write(f"[profile a{account}]\n{keys(account)}")
        words += ["--account-profile", f"{account}=a{account}"]
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    said = shell("verify", "--json", "--source-identity", "ann", *words)
    (wrong,) = [each for each in json.loads(said.out) if not each["ok"]]
    assert (wrong["index"], wrong["verdict"], wrong["cause"]) == (3, "refused", "trust_policy")
    _, found = wrong["detail"].split("; as IAM has it, ")
    assert found.startswith(f"for {action} no statement of the trust policy lets arn:aws:sts::{accounts[1]}:")
    assert found.endswith(" would, but its Action is sts:AssumeRole")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--wait", "soon"], "argument --wait: 'soon' is not a number of seconds: write 0 or more"),
        (["--wait", "-1"], "argument --wait: "),
        (
            ["--account-profile", "12=x"],
            "argument --account-profile: '12=x' is not of the form 222222222222=name-of-a-profile",
        ),
        (["--target", MIDDLE], f"{MIDDLE} is not a target of chain deploy: name one with --target"),
        (["--target", "9"], f"chain deploy has no target '9': it has {TARGET}"),
    ],
)
def test_a_usage_error(shell: Any, words: list[str], expected: str) -> None:
    """One line and exit code 2."""
    said = shell("verify", *words)
    assert (said.code, said.out) == (2, "")
    assert expected in said.err
    assert said.err.count("\n") == 1
