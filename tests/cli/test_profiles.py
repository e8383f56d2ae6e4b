"""The chain as profiles of an AWS config file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from rolechain.runtime.hop import default_session_name

BASE = """\
# mine, and it stays

[default]
region=eu-west-1
[profile base]   ; the way in
aws_access_key_id = 111111111111
aws_secret_access_key = local
s3 =
    max_concurrent_requests = 20
"""
WRITTEN = f"""\
# rolechain deploy: begin (what stands here is replaced by `rolechain profiles`)
[profile deploy-source]
role_arn = arn:aws:iam::111111111111:role/rolechain/deploy-source
source_profile = base
role_session_name = {default_session_name()}
region = eu-central-1

[profile deploy-middle]
role_arn = arn:aws:iam::222222222222:role/rolechain/deploy-middle
source_profile = deploy-source
role_session_name = {default_session_name()}
region = eu-central-1

[profile deploy-target]
role_arn = arn:aws:iam::333333333333:role/rolechain/deploy-target
source_profile = deploy-middle
external_id = ticket-7
role_session_name = {default_session_name()}
region = eu-central-1
# rolechain deploy: end
"""


@pytest.fixture
def config(shell: Any, keys: Any) -> Path:
    """The user's config file, with a profile to start from and no keys in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    file: Path = shell.folder / "aws" / "config"
    file.parent.mkdir()
    file.write_text(BASE)
    file.chmod(0o600)
    # What stands in this file comes before what the other says.
    credentials = shell.folder / "credentials"
    credentials.write_text(f"[base]\n{keys('111111111111')}")
    shell.environment.setenv("AWS_CONFIG_FILE", str(file))
    shell.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return file


def test_a_profile_for_each_hop(shell: Any, config: Path) -> None:
    """Each role is a profile that rests on the one before it; what was there stays, comments included."""
    said = shell("profiles", "--profile", "base")
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{config}: wrote profiles deploy-source, deploy-middle, deploy-target\n"
    assert config.read_text() == f"{BASE}\n{WRITTEN}"
    assert config.stat().st_mode & 0o777 == 0o600
    assert os.listdir(config.parent) == ["config"]


def test_any_sdk_takes_the_chain_by_them(shell: Any, config: Path) -> None:
    """boto3 without rolechain acts as the target by the profile's name, external id and all."""
    shell("profiles", "--profile", "base")
    arn = boto3.Session(profile_name="deploy-target").client("sts").get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::333333333333:assumed-role/deploy-target/{default_session_name()}"


def test_again_changes_nothing(shell: Any, config: Path) -> None:
    """A second time the file is not even written."""
    shell("profiles", "--profile", "base")
    before = config.stat()
    said = shell("profiles", "--profile", "base")
    assert said.out.startswith(f"{config}: nothing to change: has profiles deploy-source, ")
    after = config.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_changed_chain_is_written_in_place(shell: Any, config: Path) -> None:
    """What belongs to the chain is replaced where it stands, and what follows it stays."""
    shell("profiles", "--profile", "base")
    later = "\r\n[profile later]\r\nregion = eu-west-2\r\n; the end, without a line's end"
    with config.open("a", newline="") as file:
        file.write(later)
    chain = shell.folder / "chain.yaml"
    chain.write_text(chain.read_text().replace("ticket-7", "ticket-8"))
    shell("profiles", "--profile", "base")
    text = config.read_bytes().decode()
    assert text.startswith(BASE)
    assert text.endswith(later)
    assert text.count("[profile deploy-target]") == 1
    assert "external_id = ticket-8" in text
    assert "ticket-7" not in text


def test_two_chains_in_one_file(shell: Any, config: Path) -> None:
    """Each chain has its own part, and leaves the other's alone."""
    shell("profiles", "--profile", "base")
    (shell.folder / "other.yaml").write_text(
        'name: other\nsource: {account: "111111111111"}\nmiddle: {account: "222222222222"}\n'
        'targets: [{account: "333333333333", role: end}, {account: "444444444444", role: end}]\n'
    )
    said = shell("profiles", "--profile", "base", "--chain", "other.yaml", "--region", "us-west-2")
    names = "other-source, other-middle, end-333333333333, end-444444444444"
    assert said.out == f"{config}: wrote profiles {names}\n"
    assert config.read_text().startswith(f"{BASE}\n{WRITTEN}\n# rolechain other: begin")
    assert "region = us-west-2" in config.read_text()


@pytest.mark.parametrize(
    "theirs", ["[profile deploy-middle]", '[ profile  "deploy-middle" ]', "  [profile deploy-middle]"]
)
def test_a_profile_of_somebody_elses_is_refused(shell: Any, config: Path, theirs: str) -> None:
    """A profile of the same name outside of the chain's part is not touched, and is named in one line."""
    config.write_text(f"{theirs}\nregion = eu-west-1\n{BASE}")
    before = config.read_bytes()
    said = shell("profiles", "--profile", "base")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "rolechain: profile deploy-middle stands in the file already, outside of what rolechain writes "
        f"({theirs.strip()}): rename one of the two, or remove that one\n"
    )
    assert config.read_bytes() == before


def test_a_profile_of_the_credentials_file_is_refused(shell: Any, config: Path) -> None:
    """A profile of the same name in the credentials file would win over the chain's, so nothing is written."""
    (config.parent.parent / "credentials").write_text("[deploy-middle]\naws_access_key_id = a\n")
    said = shell("profiles", "--profile", "base")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: the credentials file has a profile deploy-middle of its own: rename or remove it\n"
    )
    assert config.read_text() == BASE


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("nobody", "profile nobody does not exist: name one to start from with --profile"),
        ("default", "profile default holds no credentials: name one to start from with --profile"),
        (
            "deploy-middle",
            "profile deploy-middle is one of the chain's own: name the one to start from with --profile",
        ),
    ],
)
def test_a_start_that_is_none(shell: Any, config: Path, profile: str, expected: str) -> None:
    """The profile to start from has to exist, hold credentials, and lie outside of the chain."""
    shell("profiles", "--profile", "base")
    before = config.read_bytes()
    said = shell("profiles", "--profile", profile)
    assert (said.code, said.out, said.err) == (2, "", f"rolechain: {expected}\n")
    assert config.read_bytes() == before


def test_a_profile_that_is_the_source_role(shell: Any, config: Path) -> None:
    """Where the start is a profile of the source role, the middle role rests on it."""
    more = (
        "[profile ci]\nrole_arn = arn:aws:iam::111111111111:role/rolechain/deploy-source\n"
        "source_profile = base\n"
    )
    config.write_text(BASE + more)
    said = shell("profiles", "--profile", "ci")
    assert said.out.endswith("wrote profiles deploy-middle, deploy-target\n")
    arn = boto3.Session(profile_name="deploy-target").client("sts").get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/")


def test_without_a_profile_to_start_from(shell: Any, config: Path, organization: Any) -> None:
    """Where the credentials are the environment's or the machine's own, the profiles call the command."""
    said = shell("profiles")
    assert said.out == f"{config}: wrote profiles deploy-middle, deploy-target\n"
    text = config.read_text()
    assert "source_profile" not in text
    (line,) = [line for line in text.splitlines() if line.endswith("deploy-target --region eu-central-1")]
    assert line.startswith("credential_process = /")
    assert (
        f" credential-process --chain {shell.folder}/chain.yaml --target arn:aws:iam::333333333333:" in line
    )
    # botocore prefers the environment's keys to a profile that the environment names.
    shell.environment.setenv("AWS_ACCESS_KEY_ID", "111111111111")
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", organization.secret_access_key)
    arn = boto3.Session(profile_name="deploy-target").client("sts").get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/rolechain-")


def test_a_new_file_is_its_owners_only(shell: Any, config: Path) -> None:
    """A file that is not there yet is made, folder and all, for the user alone."""
    file = shell.folder / "new" / "config"
    said = shell("profiles", "--config", str(file))
    assert said.code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.read_text().startswith("# rolechain deploy: begin")


def test_a_link_stays_one(shell: Any, config: Path) -> None:
    """A config file that is a link, as to a folder of dotfiles, is written where it leads."""
    real = shell.folder / "dotfiles"
    config.rename(real)
    real.chmod(0o640)
    config.symlink_to(real)
    assert shell("profiles", "--profile", "base").code == 0
    assert config.is_symlink()
    assert real.read_text() == f"{BASE}\n{WRITTEN}"
    assert real.stat().st_mode & 0o777 == 0o640


def test_bytes_that_are_no_text_stay(shell: Any, config: Path) -> None:
    """Comments in another encoding, and the line's ends of another system, are kept to the byte."""
    theirs = BASE.replace("\n", "\r\n").encode() + b"# caf\xe9\r\n"
    config.write_bytes(theirs)
    shell("profiles", "--profile", "base")
    assert config.read_bytes() == theirs + b"\r\n" + WRITTEN.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "theirs",
    [
        BASE.replace("\n", "\r"),
        BASE.replace("\n", "\r").rstrip("\r"),
        BASE + "# the last line\r",
        "\r" + BASE,
        BASE.replace("\n", "\r\n") + "\r",
    ],
)
def test_lone_carriage_returns(shell: Any, config: Path, theirs: str) -> None:
    """Written a second time, a file with the line's ends of an old system stays as it is."""
    config.write_bytes(theirs.encode())
    assert shell("profiles", "--profile", "base").code == 0
    once = config.read_bytes()
    assert once.startswith(theirs.encode())
    said = shell("profiles", "--profile", "base")
    assert (said.code, said.err) == (0, "")
    assert "nothing to change" in said.out
    assert config.read_bytes() == once


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("# rolechain deploy: begin\n[profile x]\n", "1 begin, 0 end"),
        ("# rolechain deploy: end\n", "0 begin, 1 end"),
        ("# rolechain deploy: end\n# rolechain deploy: begin\n", "1 begin, 1 end"),
    ],
)
def test_a_part_that_is_not_whole_is_refused(shell: Any, config: Path, text: str, counts: str) -> None:
    """Where one of the two lines is missing it is not known what is the chain's, so nothing is written."""
    config.write_text(BASE + text)
    said = shell("profiles", "--profile", "base")
    assert (said.code, said.out) == (1, "")
    assert counts in said.err
    assert said.err.count("\n") == 1
    assert config.read_text() == BASE + text


def test_a_setting_of_several_lines_is_refused(shell: Any, config: Path) -> None:
    """What is given cannot bring a profile of its own into the file."""
    before = config.read_bytes() if config.exists() else None
    folder = shell.folder / "a\n[profile other]"
    folder.mkdir()
    (shell.folder / "chain.yaml").rename(folder / "chain.yaml")
    shell.environment.setenv("AWS_PROFILE", "nobody")
    said = shell("profiles", "--chain", str(folder / "chain.yaml"))
    assert (said.code, said.out) == (1, "")
    assert "holds a line break, which would begin another setting" in said.err
    assert said.err.count("\n") == 1
    assert (config.read_bytes() if config.exists() else None) == before


def test_a_file_that_is_no_config_file(shell: Any, config: Path) -> None:
    """A file that AWS's tools could not read either is left as it is, and its lines are not repeated."""
    config.write_text("aws_secret_access_key = hidden\n")
    said = shell("profiles", "--profile", "base")
    assert (said.code, said.out) == (1, "")
    assert (
        said.err
        == f"rolechain: {config} is not a config file of AWS: write [sections], and name = value below them\n"
    )


def test_what_is_no_ordinary_file_is_never_replaced(shell: Any, config: Path) -> None:
    """A device such as /dev/null, by which a user hides the config file, is not replaced by a file."""
    shell.environment.setenv("AWS_CONFIG_FILE", os.devnull)
    said = shell("profiles")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"rolechain: {os.devnull} is not an ordinary file, and is left as it is: name another with --config\n"
    )
    assert not Path(os.devnull).is_file()


def test_a_region_that_is_none_is_not_written(shell: Any, config: Path) -> None:
    """A region that no SDK could use is refused, in one line."""
    said = shell("profiles", "--region", "us-east-1\n[profile other]")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: 'us-east-1\\n[profile other]' is not a region: name one such as us-east-1 with --region\n"
    )
    assert config.read_text() == BASE
