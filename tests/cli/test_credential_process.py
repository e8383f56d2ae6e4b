"""The chain's session for any SDK, as AWS's config files ask for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

WARM = (
    "import sys; from rolechain.cli import main; code = main(['credential-process', *sys.argv[1:]]);"
    "print([name for name in ('boto3', 'botocore', 'rich', 'ministack') if name in sys.modules], file=sys.stderr)"
)


def warm(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which says on stderr what of boto it has imported."""
    return subprocess.run([sys.executable, "-c", WARM, *words], capture_output=True, text=True, check=True)


def test_the_format_is_awss(shell: Any) -> None:
    """Version 1, the session whole, when it ends, and nothing else on stdout."""
    said = shell.process("credential-process")
    answer = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert list(answer) == [
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
        "AccountId",
    ]
    assert (answer["Version"], answer["AccountId"]) == (1, "333333333333")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["Expiration"])
    assert datetime.fromisoformat(answer["Expiration"]) > datetime.now(UTC)


def test_a_kept_session_needs_no_botocore(shell: Any) -> None:
    """The second call gives the same session from the cache, and imports neither boto3 nor botocore."""
    first, second = warm(), warm()
    assert first.stderr == "['boto3', 'botocore']\n"
    assert second.stderr == "[]\n"
    assert second.stdout == first.stdout
    files = list((shell.folder / "cache" / "rolechain").glob("*.json"))
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("where", ["config", "credentials"])
def test_a_profile_with_keys_needs_none_either(shell: Any, where: str, keys: Any) -> None:
    """Keys and region of a profile are read without botocore, and found to be the same session's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    given = keys("111111111111")
    config = "[profile base]\nregion = ap-south-1\n" + (given if where == "config" else "")
    (shell.folder / "config").write_text(config)
    (shell.folder / "credentials").write_text(f"[base]\n{given}" if where == "credentials" else "")
    shell.environment.setenv("AWS_CONFIG_FILE", str(shell.folder / "config"))
    shell.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shell.folder / "credentials"))
    first, second = warm("--profile", "base"), warm("--profile", "base")
    assert (first.stderr, second.stderr) == ("['boto3', 'botocore']\n", "[]\n")
    assert second.stdout == first.stdout


def test_a_session_inside_the_source_role_is_kept_too(shell: Any, deployed: Any) -> None:
    """A walk that began inside the source role is found in the cache like one that began outside."""
    given = (
        deployed.organization.session("111111111111")
        .client("sts")
        .assume_role(RoleArn=deployed.chain.source.arn, RoleSessionName="inside")["Credentials"]
    )
    shell.environment.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
    shell.environment.setenv("AWS_SESSION_TOKEN", given["SessionToken"])
    first, second = warm(), warm()
    assert (first.stderr, second.stderr) == ("['boto3', 'botocore']\n", "[]\n")
    assert second.stdout == first.stdout
    assert len(list((shell.folder / "cache" / "rolechain").glob("*.json"))) == 2


def test_another_source_is_given_its_own_session(shell: Any, deployed: Any) -> None:
    """What is kept for one source is not served to another, though both ask for the same role."""
    mine = json.loads(shell("credential-process").out)
    iam = deployed.iam("111111111111")
    iam.create_user(UserName="other")
    iam.put_user_policy(
        UserName="other",
        PolicyName="own",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
            }
        ),
    )
    key = iam.create_access_key(UserName="other")["AccessKey"]
    shell.environment.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    others = json.loads(shell("credential-process").out)
    assert others["AccessKeyId"] != mine["AccessKeyId"]


def test_without_the_cache_every_call_takes_the_hops(shell: Any) -> None:
    """--no-cache gives another session each time, and writes no file."""
    first, second = (json.loads(shell("credential-process", "--no-cache").out) for _ in range(2))
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert not (shell.folder / "cache").exists()


def test_a_cache_that_cannot_be_written_takes_nothing_away(shell: Any) -> None:
    """Where the cache folder cannot be made, the session is given all the same."""
    (shell.folder / "cache").write_text("in the way")
    said = shell("credential-process")
    assert said.code == 0
    assert json.loads(said.out)["Version"] == 1


def test_errors_stay_off_stdout(shell: Any) -> None:
    """A refused hop is one line on stderr; an SDK shows it to its user."""
    file = shell.folder / "chain.yaml"
    file.write_text(file.read_text().replace("ticket-7", "ticket-8"))
    said = shell("credential-process")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("rolechain: hop 3 of 3 refused: ")
    assert said.err.count("\n") == 1


def config_of(shell: Any, more: str = "") -> None:
    """A config file with a profile that the command provides."""
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    process = (
        f"{sys.executable} -m rolechain.cli credential-process --chain {shell.folder / 'chain.yaml'}{more}"
    )
    (shell.folder / "config").write_text(
        f"[profile base]\naws_access_key_id = 111111111111\naws_secret_access_key = {secret}\n"
        f"[profile chained]\ncredential_process = {process}\nregion = eu-central-1\n"
    )
    shell.environment.setenv("AWS_CONFIG_FILE", str(shell.folder / "config"))


def test_an_sdk_reads_it(shell: Any) -> None:
    """boto3 acts as the target by a profile; that AWS_PROFILE names this very profile does not lead in a circle."""
    config_of(shell, " --profile base")
    shell.environment.setenv("AWS_PROFILE", "chained")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    arn = boto3.Session().client("sts").get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/")


def test_a_profile_that_starts_from_itself_is_told_so(shell: Any) -> None:
    """A profile whose process starts from that profile ends at once, instead of calling itself for ever."""
    config_of(shell, " --profile chained")
    said = shell.process("credential-process", "--profile", "chained")
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert "credential-process starts from a profile that it provides itself (chained)" in said.err


def test_a_profile_that_assumes_a_role_is_not_asked_again(shell: Any, deployed: Any, keys: Any) -> None:
    """What the profile itself assumes is kept as the AWS CLI keeps it, so the chain's session is found again."""
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    }
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": deployed.chain.source.arn}
    iam = deployed.iam("111111111111")
    iam.create_role(RoleName="entry", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
    iam.put_role_policy(RoleName="entry", PolicyName="own", PolicyDocument=json.dumps({"Statement": allowed}))
    (shell.folder / "config").write_text(
        f"[profile base]\n{keys('111111111111')}"
        "[profile entry]\nrole_arn = arn:aws:iam::111111111111:role/entry\nsource_profile = base\n"
    )
    shell.environment.setenv("AWS_CONFIG_FILE", str(shell.folder / "config"))
    answers = [shell("credential-process", "--profile", "entry").out for _ in range(2)]
    assert json.loads(answers[0])["Version"] == 1
    assert answers[1] == answers[0]
    (kept,) = (shell.folder / ".aws" / "cli" / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    third = shell("credential-process", "--profile", "entry", "--no-cache").out
    assert json.loads(third)["AccessKeyId"] != json.loads(answers[0])["AccessKeyId"]
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("in the way")
    assert shell("credential-process", "--profile", "entry").code == 0
