"""What a walk starts with, read without botocore, is what botocore would start with, or nothing."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest

from rolechain.cli.aws_config import static_keys

KEYS = "aws_access_key_id = {0}\naws_secret_access_key = s\n"
CONFIG = (
    "[default]\nregion = eu-west-1\n"
    + KEYS.format("AKIADEFAULT")
    + "[profile mine]\n"
    + KEYS.format("AKIACONFIG")
)
CREDENTIALS = "[mine]\n" + KEYS.format("AKIACREDENTIALS") + "[half]\naws_access_key_id = AKIAHALF\n"
PROVIDED = "[profile other]\n{0}\n" + KEYS.format("AKIANOT")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AWS's two files, in a folder of their own."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(CREDENTIALS)
    return tmp_path


@pytest.mark.parametrize(
    ("profile", "environment", "expected"),
    [
        (None, {}, "AKIADEFAULT"),
        ("mine", {}, "AKIACREDENTIALS"),
        (None, {"AWS_PROFILE": "mine"}, "AKIACREDENTIALS"),
        (None, {"AWS_PROFILE": "mine", "AWS_DEFAULT_PROFILE": "default"}, "AKIADEFAULT"),
        (None, {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}, "AKIAENV"),
        (
            None,
            {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "mine"},
            "AKIAENV",
        ),
        ("mine", {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}, "AKIACREDENTIALS"),
    ],
)
def test_the_key_is_the_one_that_botocore_finds(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    profile: str | None,
    environment: dict[str, str],
    expected: str,
) -> None:
    """Between option, environment and the two files, botocore's order holds."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = static_keys(profile, None)
    theirs = botocore.session.Session(profile=profile).get_credentials()
    assert theirs is not None
    assert found is not None
    assert (found.access_key, theirs.access_key) == (expected, expected)


@pytest.mark.parametrize(
    "setting",
    [
        "role_arn = arn:aws:iam::111111111111:role/x\nsource_profile = default",
        "credential_process = true",
        "web_identity_token_file = token",
        "sso_session = work",
        "sso_start_url = https://work.example/start",
        "login_session = arn:aws:iam::111111111111:user/x",
    ],
)
def test_a_profile_that_is_provided_for_is_left_to_botocore(files: Path, setting: str) -> None:
    """Where the credentials come from elsewhere, the keys that stand beside are not taken for them."""
    (files / "config").write_text(CONFIG + PROVIDED.format(setting))
    assert static_keys("other", None) is None


@pytest.mark.parametrize("profile", ["half", "nobody"])
def test_what_is_not_whole_is_left_to_botocore(files: Path, profile: str) -> None:
    """A key without its secret, or a profile that does not exist, is for botocore to complain of."""
    assert static_keys(profile, None) is None


def test_half_a_key_in_the_environment(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment without its secret is not passed over for a profile's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    assert static_keys(None, None) is None


def test_a_file_that_cannot_be_read(files: Path) -> None:
    """A file that is not a config file is for botocore to complain of."""
    (files / "config").write_text("no section\n")
    assert static_keys(None, None) is None
