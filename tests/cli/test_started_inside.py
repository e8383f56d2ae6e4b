"""Commands that start with a session of the chain itself: they go on from there, or say that no hop leads on."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

MIDDLE = "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
TARGET = "arn:aws:iam::333333333333:role/rolechain/deploy-target"
CHANGED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
OTHER = "start from another session with --profile"


def enter(shell: Any, role: str, *given: str) -> dict[str, Any]:
    """Makes a session of a role of the chain the shell's own, as ``env`` does, and says what it is."""
    said = shell("credential-process", "--target", role, *given)
    assert said.code == 0, said.err
    answer: dict[str, Any] = json.loads(said.out)
    for name, key in zip(CHANGED, ("AccessKeyId", "SecretAccessKey", "SessionToken"), strict=True):
        shell.environment.setenv(name, answer[key])
    shell.environment.setenv("AWS_CREDENTIAL_EXPIRATION", answer["Expiration"])
    return answer


def hops(said: Any) -> list[str]:
    """The roles that ``whoami --json`` took."""
    assert (said.code, said.err) == (0, "")
    return [hop["role_arn"] for hop in json.loads(said.out)["hops"]]


def test_the_second_env_gives_the_same_session(shell: Any) -> None:
    """Lines that are evaluated a second time set what they set before, and take no hop."""
    enter(shell, TARGET)
    shell.environment.setenv("AWS_REGION", "eu-central-1")
    said = shell("env")
    assert (said.code, said.err) == (0, "")
    exported = dict(re.findall(r"^export (\w+)=(.*)$", said.out, re.MULTILINE))
    assert [exported[name].strip("'") for name in CHANGED] == [os.environ[name] for name in CHANGED]
    assert exported["AWS_CREDENTIAL_EXPIRATION"] == os.environ["AWS_CREDENTIAL_EXPIRATION"]


def test_an_end_that_is_not_known_is_taken_away(shell: Any) -> None:
    """Keys in a file do not say when they end, and what the environment says of other keys is not left beside them."""
    answer = enter(shell, TARGET)
    config = shell.folder / "config"
    config.write_text(
        f"[profile end]\naws_access_key_id = {answer['AccessKeyId']}\n"
        f"aws_secret_access_key = {answer['SecretAccessKey']}\naws_session_token = {answer['SessionToken']}\n"
    )
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    shell.environment.setenv("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z")
    said = shell("env", "--profile", "end")
    assert (said.code, said.err) == (0, "")
    assert "AWS_CREDENTIAL_EXPIRATION" in said.out.splitlines()[0]
    assert "export AWS_CREDENTIAL_EXPIRATION" not in said.out


def test_whoami_as_the_target_takes_no_hop(shell: Any) -> None:
    """Who starts is who answers."""
    enter(shell, TARGET)
    said = shell("whoami", "--json")
    assert hops(said) == []
    answer = json.loads(said.out)
    assert answer["arn"] == answer["start"]
    assert answer["arn"].startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/")
    assert shell("whoami").out == f"start  {answer['arn']}\n"


def test_exec_goes_on_from_the_middle_role(shell: Any) -> None:
    """A session of a middle role takes the hops that are left, and the program runs as the target."""
    enter(shell, MIDDLE)
    assert hops(shell("whoami", "--json")) == [TARGET]
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    said = shell.process("exec", "--", sys.executable, "-c", program)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/")


def test_what_was_taken_from_the_middle_role_is_kept(shell: Any) -> None:
    """The session that a walk from a middle role gave is found again, and given once more."""
    enter(shell, MIDDLE)
    first, second = shell("credential-process"), shell("credential-process")
    assert (first.code, first.out) == (0, second.out)


@pytest.mark.parametrize("known", [True, False])
def test_credential_process_gives_what_it_starts_with(shell: Any, known: bool) -> None:
    """The target's session is given whole, with its end where that is known."""
    answer = enter(shell, TARGET)
    if not known:
        del answer["Expiration"]
        shell.environment.delenv("AWS_CREDENTIAL_EXPIRATION")
    said = shell("credential-process")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == answer


def test_a_profile_that_is_the_target(shell: Any, keys: Any) -> None:
    """AWS_PROFILE may name the profile that ``profiles`` wrote for the target, or the one for a middle role."""
    for name in CHANGED[:2]:
        shell.environment.delenv(name)
    config = shell.folder / "config"
    config.write_text(f"[profile base]\n{keys('111111111111')}")
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    assert shell("profiles", "--profile", "base").code == 0
    shell.environment.setenv("AWS_PROFILE", "deploy-target")
    assert hops(shell("whoami", "--json")) == []
    assert re.search(r"^export AWS_CREDENTIAL_EXPIRATION=", shell("env").out, re.MULTILINE)
    assert hops(shell("whoami", "--json", "--profile", "deploy-middle")) == [TARGET]


def test_no_hop_leads_back(shell: Any) -> None:
    """The target does not reach the middle role, and one line says so, without an advice that makes a circle."""
    enter(shell, TARGET)
    said = shell("env", "--target", MIDDLE)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"rolechain: chain deploy leads to {MIDDLE} by no hop from here: the session that it starts from is of "
        f"{TARGET} already; {OTHER}\n"
    )


def test_every_target_as_a_target(shell: Any) -> None:
    """No target is reached from a target; all are from the middle role."""
    enter(shell, MIDDLE)
    said = shell("whoami", "--every-target", "--json")
    assert said.code == 0
    assert [target["role_arn"] for target in json.loads(said.out)["targets"]] == [TARGET]
    enter(shell, TARGET)
    said = shell("whoami", "--every-target")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: chain deploy leads to every target by no hop from here: the session that it starts from is of "
        f"{TARGET} already; {OTHER}\n"
    )


def test_another_target_is_not_reached(shell_of: Callable[[Any], Any], featured: Any) -> None:
    """A session of one target does not reach the next one, and what was chosen for hops behind is not dropped."""
    shell = shell_of(featured)
    given = ("--session-tag", "Stage=dev", "--source-identity", "ann")
    first, second = (role.arn for role in featured.chain.targets)
    middle = featured.chain.middle[0].arn
    enter(shell, middle, *given)
    said = shell("env", "--target", first, *given)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: --session-tag Stage, --source-identity: no hop that is left passes it: the session that it "
        f"starts from is of {middle} already; {OTHER}, or remove it\n"
    )
    for name, value in featured.organization.environment("620000000001").items():
        shell.environment.setenv(name, value)
    shell.environment.delenv("AWS_SESSION_TOKEN")
    shell.environment.delenv("AWS_CREDENTIAL_EXPIRATION")
    enter(shell, first, *given)
    said = shell("env", "--target", second, *given)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"rolechain: chain open leads to {second} by no hop from here: the session that it starts from is of "
        f"{first} already; {OTHER}\n"
    )


def test_a_session_name_comes_too_late(shell: Any) -> None:
    """A session has the name that it was made with: the same one may be given again, another not."""
    enter(shell, TARGET, "--session-name", "release-7")
    assert shell("env", "--session-name", "release-7").code == 0
    said = shell("env", "--session-name", "release-8")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("rolechain: --session-name: no hop that is left passes it: ")


def test_a_role_of_the_same_name_elsewhere_is_outside(shell: Any, deployed: Any) -> None:
    """A role of another account that is called like the target is not a role of the chain."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}}
    iam = deployed.iam("444444444444")
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    iam.create_role(RoleName="deploy-target", AssumeRolePolicyDocument=document)
    sts = deployed.organization.session("111111111111").client("sts")
    given = sts.assume_role(
        RoleArn="arn:aws:iam::444444444444:role/deploy-target", RoleSessionName="elsewhere"
    )["Credentials"]
    for name, key in zip(CHANGED, ("AccessKeyId", "SecretAccessKey", "SessionToken"), strict=True):
        shell.environment.setenv(name, given[key])
    said = shell("env", "--no-cache")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        "rolechain: hop 1 of 3 refused: arn:aws:sts::444444444444:assumed-role/deploy-target/elsewhere may not "
    )


def test_verify_starts_outside(shell: Any) -> None:
    """The test of a whole chain does not begin in the middle of it, and says where it does."""
    enter(shell, TARGET)
    said = shell("verify")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"rolechain: session: it is of {TARGET} already, a role further on: start from a session outside of the "
        "chain, or of a source role\n"
    )


def test_profiles_rest_on_no_role_further_on(shell: Any) -> None:
    """A profile of the target under another name is not what the source role's profile rests on."""
    config = shell.folder / "config"
    before = f"[profile end]\nrole_arn = {TARGET}\nsource_profile = base\n"
    config.write_text(before)
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    said = shell("profiles", "--profile", "end")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"rolechain: profile end is of {TARGET}, a role of the chain itself: name the one to start from with "
        "--profile\n"
    )
    assert config.read_text() == before
