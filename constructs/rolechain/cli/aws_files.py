"""AWS's config and credentials files, as far as they are understood without botocore.

The format is that of the AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
"""

from __future__ import annotations

import configparser
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from rolechain.errors import RolechainError

Profiles = dict[str, dict[str, str]]


class AwsFileError(RolechainError):
    """A config or credentials file cannot be read."""


PROVIDED = ("role_arn", "web_identity_token_file", "credential_process", "login_session", "sso_")
"""What the settings begin with that have a profile's credentials come from elsewhere."""


def is_provided(settings: Mapping[str, str]) -> bool:
    """Whether a profile's credentials come from elsewhere, whatever keys stand beside."""
    return any(name.startswith(PROVIDED) for name in settings)


def gives_credentials(settings: Mapping[str, str]) -> bool:
    """Whether a profile has credentials at all, of its own or from elsewhere."""
    return is_provided(settings) or "aws_access_key_id" in settings


def has_own_keys(settings: Mapping[str, str]) -> bool:
    """Whether a profile's credentials are long-term keys, as an IAM user has them."""
    return (
        "aws_access_key_id" in settings and "aws_session_token" not in settings and not is_provided(settings)
    )


def config_file() -> Path:
    """The config file that AWS's tools read; raises as ``credentials_file`` does."""
    return _file("AWS_CONFIG_FILE", "~/.aws/config")


def credentials_file() -> Path:
    """The credentials file that AWS's tools read.

    Raises:
        AwsFileError: it is in a home folder, and the user has none.
    """
    return _file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")


def _file(variable: str, usual: str) -> Path:
    named = os.environ.get(variable) or usual
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise AwsFileError(
            f"there is no home folder to look for {named} in: set HOME or {variable}"
        ) from error


def profile_in_environment() -> str | None:
    """The profile that the environment names; botocore lets the older variable win."""
    return os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or None


def merged_profiles() -> Profiles:
    """Every profile with its settings; what the credentials file says of one wins.

    Raises:
        AwsFileError: one of the files cannot be read.
    """
    merged = config_profiles(config_file())
    for name, settings in credentials_profiles().items():
        merged.setdefault(name, {}).update(settings)
    return merged


def config_profiles(file: Path, text: str | None = None) -> Profiles:
    """The profiles of a config file, whose sections are called ``default`` and ``profile NAME``.

    Args:
        file: the file.
        text: what it holds, if that is known.

    Raises:
        AwsFileError: it cannot be read.
    """
    found: Profiles = {}
    for section, settings in _sections(file, text).items():
        try:
            words = shlex.split(section)
        except ValueError:
            continue
        if len(words) == 2 and words[0] == "profile":
            found.setdefault(words[1], {}).update(settings)
        elif words == ["default"]:
            found.setdefault("default", {}).update(settings)
    return found


def credentials_profiles() -> Profiles:
    """The profiles of the credentials file, whose sections are called as they are.

    Raises:
        AwsFileError: it cannot be read.
    """
    return _sections(credentials_file())


def _sections(file: Path, text: str | None = None) -> Profiles:
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(file.read_text(encoding="utf-8") if text is None else text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AwsFileError(f"{file} cannot be read: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError):
        problem = f"{file} is no config file of AWS: mend its sections"
    else:
        return {section: dict(parser[section]) for section in parser.sections()}
    # Out of the except clause: the parser's own words repeat the line, which may hold a secret.
    raise AwsFileError(problem)
