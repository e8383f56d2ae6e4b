"""A source role that asks for MFA: the profiles name the device, and a refusal says that no MFA was brought."""

from __future__ import annotations

import configparser
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import pytest
import yaml

from rolechain.local.mfa import code_at

HOME, MIDDLE, END = "640000000001", "640000000002", "640000000003"
ANN, DEVICE = f"arn:aws:iam::{HOME}:user/ann", f"arn:aws:iam::{HOME}:mfa/ann"
SOURCE = f"arn:aws:iam::{HOME}:role/rolechain/mfa-source"
KEYS = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = s\n"
NAMED = f"mfa_serial = {DEVICE}\n"
DECLARED = {
    "name": "mfa",
    "source": {"account": HOME, "assumed_by": {"arn": ANN, "mfa": True}},
    "middle": {"account": MIDDLE},
    "targets": {"account": END},
}
SESSION = "start with a session that was made with a code, as aws sts get-session-token makes it"
WITH_CODE = f"{SESSION}, or add --mfa-serial\n"


@pytest.fixture
def write(shell: Any) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Writes the profiles of a chain on a base profile; gives what was said, and the config file's sections."""

    def write(base: str, assumed_by: Any, credentials: str = "", **more: Any) -> tuple[Any, dict[str, Any]]:
        declared = DECLARED | {"source": {"account": HOME, "assumed_by": assumed_by}} | more
        (shell.folder / "chain.yaml").write_text(yaml.safe_dump(declared))
        (shell.folder / "config").write_text(f"[profile base]\n{base}")
        (shell.folder / "credentials").write_text(credentials)
        shell.environment.setenv("AWS_CONFIG_FILE", str(shell.folder / "config"))
        shell.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shell.folder / "credentials"))
        said = shell("profiles", "--profile", "base")
        assert (said.code, said.err) == (0, "")
        parser = configparser.RawConfigParser()
        parser.read(shell.folder / "config")
        return said, {name.removeprefix("profile "): dict(parser[name]) for name in parser.sections()}

    return write


@pytest.mark.parametrize(
    ("base", "credentials"),
    [
        (KEYS + NAMED, ""),
        (NAMED, f"[base]\n{KEYS}"),
        ("region = eu-west-1\n", f"[base]\n{KEYS}{NAMED}"),
    ],
    ids=["config", "keys in the credentials file", "credentials file"],
)
@pytest.mark.parametrize(
    "assumed_by",
    [
        {"arn": ANN, "mfa": True},
        {"account": HOME, "mfa": True, "mfa_max_age": 900},
        [{"service": "lambda.amazonaws.com"}, {"arn": ANN, "mfa": True}],
    ],
    ids=["user", "account", "beside a service"],
)
def test_the_profile_of_the_source_role_names_the_device(
    write: Any, base: str, credentials: str, assumed_by: Any
) -> None:
    """The device of the profile to start from stands in the source role's profile, and in no later one."""
    said, profiles = write(base, assumed_by, credentials)
    assert said.out.endswith("wrote profiles mfa-source, mfa-middle, mfa-target\n")
    assert profiles["mfa-source"]["mfa_serial"] == DEVICE
    assert profiles["mfa-source"]["source_profile"] == "base"
    assert [name for name, settings in profiles.items() if "mfa_serial" in settings] in (
        ["base", "mfa-source"],
        ["mfa-source"],
    )


@pytest.mark.parametrize(
    ("base", "assumed_by"),
    [
        (KEYS + NAMED, {"arn": ANN}),
        (KEYS + NAMED + "aws_session_token = t\n", {"arn": ANN, "mfa": True}),
        (NAMED + f"role_arn = arn:aws:iam::{HOME}:role/x\nsource_profile = y\n", {"arn": ANN, "mfa": True}),
        (NAMED + "credential_process = true\n", {"arn": ANN, "mfa": True}),
    ],
    ids=["not asked for", "temporary keys", "a role", "a process"],
)
def test_no_code_is_asked_for_in_vain(write: Any, base: str, assumed_by: Any) -> None:
    """Where MFA is not asked for, or the start is not a user's long-term keys, no device is named."""
    said, profiles = write(base, assumed_by)
    assert said.out.endswith("wrote profiles mfa-source, mfa-middle, mfa-target\n")
    assert "mfa_serial" not in profiles["mfa-source"]


def test_a_device_that_is_not_known_is_asked_for(write: Any) -> None:
    """Where every user needs MFA and the base names no device, one line says what to add, and where."""
    said, profiles = write(KEYS, {"arn": ANN, "mfa": True})
    assert said.out.splitlines()[1:] == [
        "profile mfa-source asks for MFA: add mfa_serial to profile base, and write again"
    ]
    assert "mfa_serial" not in profiles["mfa-source"]
    said, _ = write(KEYS, [{"arn": ANN, "mfa": True}, {"account": HOME}])
    assert said.out.count("\n") == 1


def test_of_two_source_roles_one_asks(write: Any) -> None:
    """Only the profile of the source role that asks for MFA names the device."""
    sources = [
        {"account": HOME, "assumed_by": {"account": HOME}},
        {"account": HOME, "assumed_by": {"arn": ANN, "mfa": True}},
    ]
    _, profiles = write(KEYS + NAMED, None, source=sources)
    assert "mfa_serial" not in profiles["mfa-source-1"]
    assert profiles["mfa-source-2"]["mfa_serial"] == DEVICE


def test_a_profile_that_calls_the_command_starts_where_the_code_was_given(write: Any) -> None:
    """A hop that config files cannot express starts from the source role's profile, which asks for the code."""
    middle = {"account": MIDDLE, "session_tags": {"Team": "red"}}
    _, profiles = write(KEYS + NAMED, {"arn": ANN, "mfa": True}, middle=middle)
    assert " --profile mfa-source " in profiles["mfa-middle"]["credential_process"]
    _, profiles = write(KEYS + NAMED, {"arn": ANN}, middle=middle)
    assert " --profile base " in profiles["mfa-middle"]["credential_process"]


class Ann:
    """The user, with keys and a device."""

    def __init__(self, deployed: Any) -> None:
        iam = deployed.iam(HOME)
        allow = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
        iam.create_user(UserName="ann")
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        self.keys = (key["AccessKeyId"], key["SecretAccessKey"])
        device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ann")["VirtualMFADevice"]
        self.device = device["SerialNumber"]
        self._seed = device["Base32StringSeed"].decode()
        now = time.time()
        iam.enable_mfa_device(
            UserName="ann",
            SerialNumber=self.device,
            AuthenticationCode1=code_at(self._seed, now - 30),
            AuthenticationCode2=code_at(self._seed, now),
        )

    def code(self) -> str:
        """What the device shows."""
        return code_at(self._seed, time.time())


@pytest.fixture(scope="session")
def guarded(deploy: Any) -> Any:
    """A chain that the user enters with MFA alone."""
    return deploy(DECLARED)


@pytest.fixture(scope="session")
def ann(guarded: Any) -> Ann:
    return Ann(guarded)


@pytest.fixture
def user_shell(shell_of: Any, guarded: Any, ann: Ann) -> Any:
    """A shell with the user's long-term keys."""
    shell = shell_of(guarded)
    shell.environment.setenv("AWS_ACCESS_KEY_ID", ann.keys[0])
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", ann.keys[1])
    return shell


@pytest.mark.parametrize("words", [("whoami",), ("exec", "--", "true"), ("env",), ("credential-process",)])
def test_a_refusal_says_that_no_mfa_was_brought(user_shell: Any, words: tuple[str, ...]) -> None:
    """The trust policy is as declared, so nobody is told to change it."""
    said = user_shell(*words)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert said.err.endswith(f"; no MFA was brought, and {SOURCE} asks for it: {WITH_CODE}")
    assert "trust policy must" not in said.err


def test_every_target_says_so_once(user_shell: Any) -> None:
    """What all targets share is said once."""
    said = user_shell("whoami", "--every-target")
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith(f"; no MFA was brought, and {SOURCE} asks for it: {WITH_CODE}")


def test_verify_says_so_too(user_shell: Any) -> None:
    """The report of the way in gives the lack of MFA as its reason."""
    said = user_shell("verify", "--json")
    assert said.code == 1
    detail = json.loads(said.out)[0]["detail"]
    assert f"; no MFA was brought, and {SOURCE} asks for it: start with a session" in detail
    assert "trust policy must" not in detail


def test_a_role_is_told_to_start_as_a_user(shell_of: Any, deploy: Any, organization: Any) -> None:
    """Of an account that asks for MFA no role gets in, whatever it brings."""
    shell = shell_of(
        deploy(
            {
                "name": "users",
                "source": {"account": HOME, "assumed_by": {"account": HOME, "mfa": True}},
                "targets": {"account": END},
            }
        )
    )
    administrator = organization.session(HOME)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": HOME}}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    iam = administrator.client("iam")
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
    iam.put_role_policy(RoleName="ci", PolicyName="own", PolicyDocument=json.dumps({"Statement": allow}))
    given = administrator.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{HOME}:role/ci", RoleSessionName="ci"
    )["Credentials"]
    shell.environment.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
    shell.environment.setenv("AWS_SESSION_TOKEN", given["SessionToken"])
    said = shell("env")
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith(
        f"; arn:aws:iam::{HOME}:role/rolechain/users-source asks for MFA, and no role's session brings it: start as "
        "an IAM user, with a session that was made with a code, as aws sts get-session-token makes it\n"
    )


def test_an_emergency(shell_of: Any, deploy: Any, ann: Ann) -> None:
    """What the entrance asks for and leaves open is given by options, passed once, and inherited by every hop."""
    asked = {
        "session_tags": {"Ticket": "INC-*"},
        "transitive_tag_keys": "Ticket",
        "source_identity": ["a@x", "b@x"],
    }
    entrances = [
        {"service": "lambda.amazonaws.com"},
        {"arn": ANN, "mfa": True, "until": "2999-01-01T00:00Z", **asked},
    ]
    shell = shell_of(
        deploy(
            {
                "name": "glass",
                "source": {"account": HOME, "assumed_by": entrances},
                "targets": {"account": END},
            }
        )
    )
    shell.environment.setenv("AWS_ACCESS_KEY_ID", ann.keys[0])
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", ann.keys[1])
    values = ("--source-identity", "a@x", "--session-tag", "Ticket=INC-7")
    said = shell("whoami", "--mfa-serial", ann.device, "--mfa-code", ann.code(), *values)
    assert (said.code, said.err) == (0, "")
    assert "assumed-role/glass-target/" in said.out
    assert shell("credential-process", "--mfa-serial", ann.device, *values).code == 0
    other = ("--source-identity", "b@x", "--session-tag", "Ticket=INC-7")
    assert shell("credential-process", "--mfa-serial", ann.device, *other).code == 2
    said = shell("whoami", "--session-tag", "Ticket=OPS-7")
    assert said.err.endswith("--session-tag Ticket: 'OPS-7' is not allowed: the chain allows INC-*\n")
    said = shell("whoami", "--session-tag", "Team=red")
    assert said.err.endswith("Team: no hop of this path passes it: the chain declares Ticket\n")


def test_a_closed_entrance_says_so(shell_of: Any, deploy: Any, ann: Ann) -> None:
    """The refusal says when it closed, whether a code was brought or not; the live test says it too."""
    until = {"assumed_by": {"arn": ANN, "mfa": True, "until": "2020-01-01T00:00Z"}}
    shell = shell_of(
        deploy({"name": "shut", "source": {"account": HOME, **until}, "targets": {"account": END}})
    )
    shell.environment.setenv("AWS_ACCESS_KEY_ID", ann.keys[0])
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", ann.keys[1])
    closed = (
        f"; the entrance of {ANN} into arn:aws:iam::{HOME}:role/rolechain/shut-source closed at 2020-01-01T00:00:00Z: "
        "declare a later until and deploy it"
    )
    for words in (("env",), ("env", "--mfa-serial", ann.device, "--mfa-code", ann.code())):
        said = shell(*words)
        assert (said.code, said.out) == (1, "")
        assert said.err.endswith(f"{closed}\n")
    assert closed in json.loads(shell("verify", "--json").out)[0]["detail"]


@pytest.mark.parametrize(
    "words", [("whoami", "--no-cache"), ("exec", "--", "true"), ("env",), ("credential-process",)]
)
def test_the_code_is_given_once(user_shell: Any, ann: Ann, words: tuple[str, ...]) -> None:
    """A device and its code lead into the source role, and to the end of the chain."""
    command, *rest = words
    said = user_shell.process(command, "--mfa-serial", ann.device, "--mfa-code", ann.code(), *rest)
    assert (said.code, said.err) == (0, "")


def test_a_kept_session_takes_no_code(user_shell: Any, ann: Ann) -> None:
    """The session that a code has made is found in the cache, by the device that is named."""
    named = ("credential-process", "--mfa-serial", ann.device)
    first = user_shell(*named, "--mfa-code", ann.code())
    assert (first.code, first.err) == (0, "")
    assert user_shell(*named).out == first.out
    assert user_shell("credential-process").code == 1


def test_the_code_is_asked_for_once_on_a_terminal(user_shell: Any, ann: Ann) -> None:
    """The device is the profile's; the code that is typed serves for every hop, and for the next command."""
    config = user_shell.folder / "config"
    config.write_text(
        f"[default]\naws_access_key_id = {ann.keys[0]}\naws_secret_access_key = {ann.keys[1]}\n"
        f"mfa_serial = {ann.device}\n"
    )
    user_shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        user_shell.environment.delenv(name)
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rolechain.cli", "whoami"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(terminal)
    assert process.stderr is not None
    prompt = f"Enter MFA code for {ann.device}: "
    # What is typed before the question is dropped.
    assert process.stderr.read(len(prompt)) == prompt
    os.write(controller, f"{ann.code()}\n".encode())
    out, err = process.communicate()
    os.close(controller)
    assert process.returncode == 0
    assert err.strip() == ""
    assert ":assumed-role/mfa-target/" in out
    again = user_shell("env")
    assert (again.code, again.err) == (0, "")


def test_without_a_terminal_the_code_is_an_option(user_shell: Any, ann: Ann) -> None:
    """Where nobody can be asked, one line names the option; a code alone, or one that is none, is a usage error."""
    user_shell.environment.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    said = user_shell("env", "--mfa-serial", ann.device)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"rolechain: the source role is assumed with a code of {ann.device}, and there is no terminal to ask for "
        "it: add --mfa-code\n"
    )
    said = user_shell("env", "--mfa-code", "123456")
    assert (said.code, said.err) == (
        2,
        "rolechain: --mfa-code is a code of a device that is not known: add --mfa-serial\n",
    )
    said = user_shell("env", "--mfa-code", "12345")
    assert said.code == 2
    assert "write the six digits that the MFA device shows" in said.err


def test_the_written_profiles_work_with_a_code(user_shell: Any, ann: Ann) -> None:
    """An SDK asks for the code of the device that the profile names, and the chain is taken."""
    config = user_shell.folder / "config"
    config.write_text(
        f"[profile base]\naws_access_key_id = {ann.keys[0]}\naws_secret_access_key = {ann.keys[1]}\n"
        f"mfa_serial = {ann.device}\n"
    )
    user_shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        user_shell.environment.delenv(name)
    assert user_shell("profiles", "--profile", "base").code == 0
    core = botocore.session.Session(profile="mfa-target")
    core.get_component("credential_provider").get_provider("assume-role")._prompter = lambda _: ann.code()
    arn = boto3.Session(botocore_session=core).client("sts").get_caller_identity()["Arn"]
    assert arn.startswith(f"arn:aws:sts::{END}:assumed-role/mfa-target/")
