"""AWS's config and credentials files, read without botocore, and the profiles of a chain in a config file.

The format is that of the AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
"""

from __future__ import annotations

import configparser
import io
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rolechain.errors import RolechainError

Settings = dict[str, str]
Profiles = dict[str, Settings]

PROVIDED = ("role_arn", "web_identity_token_file", "credential_process", "login_session", "sso_")
"""The beginnings of the settings by which a profile's credentials come from elsewhere."""

_HEADER = re.compile(r"\s*\[\s*(?P<section>[^\]]*?)\s*\]")
_LINE_END = re.compile(r"\r\n|\r|\n")


class AwsConfigError(RolechainError):
    """A config or credentials file cannot be read or written, or holds what a chain's profiles would overwrite."""


class StaticKeys(NamedTuple):
    """An access key that the environment or a profile holds.

    Attributes:
        access_key: the access key id.
        temporary: whether it is a session's, as against an IAM user's.
        region: the region that is set beside it, if one is.
        mfa_serial: the MFA device that the profile names, if it names one.
    """

    access_key: str
    temporary: bool
    region: str | None
    mfa_serial: str | None


def static_keys(profile: str | None, region: str | None) -> StaticKeys | None:
    """The keys that botocore would find in the environment or in a profile with keys of its own.

    A session that is kept in the cache is found by them, without the time that botocore takes to be imported.
    A profile that is asked for takes precedence over the environment's keys, as in botocore. None where only botocore
    knows: a profile that assumes a role or signs in, a machine's own role.
    """
    try:
        profiles = merged_profiles()
    except AwsConfigError:
        return None
    settings = profiles.get(profile or profile_in_environment() or "default", {})
    region = region or region_in_environment() or settings.get("region")
    if profile is None and (access_key := os.environ.get("AWS_ACCESS_KEY_ID")):
        temporary = bool(os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN"))
        secret, device = os.environ.get("AWS_SECRET_ACCESS_KEY"), None
    else:
        access_key, secret = settings.get("aws_access_key_id"), settings.get("aws_secret_access_key")
        temporary, device = not has_own_keys(settings), settings.get("mfa_serial")
        if is_provided(settings):
            return None
    return StaticKeys(access_key, temporary, region, device) if access_key and secret else None


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
    """The config file that AWS's tools read."""
    return home_path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config", "HOME or AWS_CONFIG_FILE")


def home_path(named: str, setting: str) -> Path:
    """A path that may begin with a home folder; ``setting`` is what to set where that is not known."""
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise AwsConfigError(
            f"the home folder in {named} is not known: set {setting} to a whole path"
        ) from error


def profile_in_environment() -> str | None:
    """The profile that the environment names; botocore lets the older variable win."""
    return os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or None


def region_in_environment() -> str | None:
    """The region that the environment names, by the variable of all SDKs or the one of boto3."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


def merged_profiles() -> Profiles:
    """Every profile with its settings; what the credentials file says of one wins."""
    merged = config_profiles(config_file())
    for name, settings in credentials_profiles().items():
        merged.setdefault(name, {}).update(settings)
    return merged


def config_profiles(file: Path, text: str | None = None) -> Profiles:
    """The profiles of a config file, whose sections are called ``default`` and ``profile NAME``."""
    found: Profiles = {}
    for section, settings in _sections(file, text).items():
        match _words(section):
            case ["profile", name] | ["default" as name]:
                found.setdefault(name, {}).update(settings)
    return found


def credentials_profiles() -> Profiles:
    """The profiles of the credentials file, whose sections are called as they are."""
    variable = "AWS_SHARED_CREDENTIALS_FILE"
    return _sections(home_path(os.environ.get(variable) or "~/.aws/credentials", f"HOME or {variable}"))


def _sections(file: Path, text: str | None = None) -> Profiles:
    parser = configparser.RawConfigParser(default_section="")
    try:
        # As in a file that is read, a lone carriage return ends a line.
        whole = file.read_text(encoding="utf-8") if text is None else text
        parser.read_file(io.StringIO(whole, newline=None))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AwsConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError):
        problem = f"{file} is not a config file of AWS: write [sections], and name = value below them"
    else:
        return {section: dict(parser[section]) for section in parser.sections()}
    # Out of the except clause: the parser's own words repeat the line, which may hold a secret.
    raise AwsConfigError(problem)


def with_block(text: str, chain: str, sections: Profiles) -> str:
    """A config file's text with a chain's profiles in the place of those that it had, else at the end.

    They stand between two lines that name the chain. Everything outside of these stays as it is, to the byte.
    """
    # The first one counts: the block's own, and a line feed behind a lone carriage return, change nothing.
    first = _LINE_END.search(text)
    end_of_line = first[0] if first else "\n"
    before, after = _around(text, chain, end_of_line)
    for name, settings in sections.items():
        if torn := [value for value in settings.values() if len(value.splitlines()) > 1]:
            raise AwsConfigError(
                f"profile {name}: {torn[0]!r} holds a line break, which would begin another setting: remove it"
            )
        if (line := _line_of(name, before)) or (line := _line_of(name, after)):
            raise AwsConfigError(
                f"profile {name} stands in the file already, outside of what rolechain writes "
                f"({line.strip()}): rename one of the two, or remove that one"
            )
    lines = [f"# rolechain {chain}: begin (what stands here is replaced by `rolechain profiles`)"]
    for name, settings in sections.items():
        lines += [f"[profile {name}]", *(f"{key} = {value}" for key, value in settings.items()), ""]
    lines[-1:] = [_end(chain), ""]
    return before + end_of_line.join(lines) + after


def without_block(text: str, chain: str) -> str:
    """A config file's text without what belongs to the chain; raises as ``with_block`` does."""
    before, after = _around(text, chain, "\n")
    return before + after


def _around(text: str, chain: str, end_of_line: str) -> tuple[str, str]:
    """What stands before the block and after it; a file without one ends with an empty line first."""
    lines = text.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.startswith(f"# rolechain {chain}: begin")]
    ends = [number for number, line in enumerate(lines) if line.strip() == _end(chain)]
    if not begins and not ends:
        gap = "" if not text else end_of_line if text.endswith(("\n", "\r")) else end_of_line * 2
        return text + gap, ""
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        raise AwsConfigError(
            f"the lines that enclose the profiles of chain {chain} are not whole ({len(begins)} begin, "
            f"{len(ends)} end): remove what is left of them, and the profiles between"
        )
    return "".join(lines[: begins[0]]), "".join(lines[ends[0] + 1 :])


def _end(chain: str) -> str:
    return f"# rolechain {chain}: end"


def _line_of(name: str, text: str) -> str | None:
    """The line that begins a profile, if it is there."""
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header and _words(header["section"]) in (["profile", name], [name]):
            return line
    return None


def _words(section: str) -> list[str]:
    try:
        return shlex.split(section)
    except ValueError:
        return []


def read_bytes(path: Path) -> bytes:
    """What a file holds; nothing where there is none yet."""
    try:
        if path.exists() and not path.is_file():
            raise AwsConfigError(
                f"{path} is not an ordinary file, and is left as it is: name another with --config"
            )
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:
        raise AwsConfigError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error


def replace_bytes(path: Path, before: bytes, after: bytes) -> None:
    """Puts ``after`` in the place of ``before``; a reader, even after a power cut, finds one of the two.

    The file keeps its owner and its mode, and a link stays one. A new file is for its owner only, as is its folder.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = target.stat() if target.exists() else None
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        try:
            with open(handle, "wb") as file:
                if status and hasattr(os, "chown"):
                    os.chown(name, status.st_uid, status.st_gid)
                os.chmod(name, stat.S_IMODE(status.st_mode) if status else 0o600)
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            if read_bytes(target) != before:
                raise AwsConfigError(f"{path} has been changed meanwhile, and is left as it is: try again")
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AwsConfigError(f"{path} cannot be written: {error.strerror}") from error
