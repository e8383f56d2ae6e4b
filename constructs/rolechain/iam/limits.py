"""The patterns and quotas of IAM, STS and Organizations for names, ids and values.

Sources: IAM User Guide, "IAM and STS quotas"; STS API Reference, AssumeRole; IAM API Reference, the patterns of its
data types; Organizations API Reference.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from typing import Any

NAME, EXTERNAL = r"[\w+=,.@-]", r"[\w+=,.@:/-]"
"""A character of a name in IAM and STS, and of an external id or a serial number."""
SESSION_NAME_LENGTHS, EXTERNAL_ID_LENGTHS, SERIAL_NUMBER_LENGTHS = range(2, 65), range(2, 1225), range(9, 257)
SOURCE_IDENTITY_CHARACTERS, SOURCE_IDENTITY_CHARACTERS_BEFORE = 256, 64
"""The maximum of a source identity, and the maximum before botocore 1.44.8."""
SOURCE_IDENTITY_LENGTHS = range(2, SOURCE_IDENTITY_CHARACTERS + 1)

NAME_CHARACTERS = "letters, digits and _+=,.@-"
OF_SESSION_NAME = f"{SESSION_NAME_LENGTHS[0]} to {SESSION_NAME_LENGTHS[-1]} of {NAME_CHARACTERS}"
OF_EXTERNAL_ID = f"{EXTERNAL_ID_LENGTHS[0]} to {EXTERNAL_ID_LENGTHS[-1]:,} of letters, digits and _+=,.@:/-"
OF_TAG = "letters, digits, spaces and _.:/=+-@"
"""The same in words."""


def _text(character: str, lengths: range) -> re.Pattern[str]:
    return re.compile(f"{character}{{{lengths[0]},{lengths[-1]}}}", re.ASCII)


ACCOUNT = re.compile(r"\d{12}", re.ASCII)
ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
ORGANIZATIONAL_UNIT = re.compile(r"r-[a-z0-9]{4,32}(/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32})*/?", re.ASCII)
"""The path of an organizational unit: the ids from the root down; the root alone is the whole organization."""


def unit_of_path(path: str) -> str:
    """The id of the unit, or of the root, that a path leads to."""
    return path.rstrip("/").rsplit("/", 1)[-1]


SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?", re.ASCII)
SERVICE_OF_ANY_PARTITION = re.compile(
    r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.(com(\.cn)?|eu)|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
    r"|alexa-[a-z]+\.amazon\.com",
    re.ASCII | re.IGNORECASE,
)
"""A service principal of the partitions that AWS has published, with their domains in botocore's ``endpoints.json``."""
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/\S*)?", re.ASCII | re.IGNORECASE)
PERMISSION_SET = _text(NAME, range(1, 33))
ROLE_NAME = re.compile(f"{NAME}+", re.ASCII)
PATH = re.compile(r"/|/[!-~]+/", re.ASCII)
EXTERNAL_ID = _text(EXTERNAL, EXTERNAL_ID_LENGTHS)
SESSION_NAME = _text(NAME, SESSION_NAME_LENGTHS)
SOURCE_IDENTITY = _text(NAME, SOURCE_IDENTITY_LENGTHS)
UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}", re.ASCII)
"""A unique id such as AROA… or AIDA…, which IAM shows in place of a deleted principal."""
MFA_SERIAL_NUMBER = _text(EXTERNAL, SERIAL_NUMBER_LENGTHS)
TOKEN_CODE = re.compile(r"\d{6}", re.ASCII)
COUNT = re.compile(r"[0-9]{1,9}")
"""A whole number as a template or an option writes it."""
SESSION_POLICY = re.compile("[\t\n\r\x20-\xff]+")

_IAM = rf"arn:aws[a-z-]*:iam::(?P<account>{ACCOUNT.pattern}):"
ACCOUNT_ROOT = re.compile(rf"{_IAM}root", re.ASCII)
ROLE_OR_USER = re.compile(rf"{_IAM}(?P<kind>role|user)/(?:[!-~]*/)?(?P<name>{ROLE_NAME.pattern})", re.ASCII)
SESSION = re.compile(
    rf"arn:aws[a-z-]*:sts::{ACCOUNT.pattern}:(assumed-role/{ROLE_NAME.pattern}|federated-user)/{ROLE_NAME.pattern}",
    re.ASCII,
)
PROVIDER = re.compile(rf"{_IAM}(saml|oidc)-provider/\S+", re.ASCII)
"""The ARNs that a trust policy may name as principals."""

ROLE_NAME_CHARACTERS, PATH_CHARACTERS = 64, 512
CONSOLE_CHARACTERS = 64
"""Path and name of a role together, so that the console can switch to it."""

SESSION_SECONDS, ROLE_SECONDS = range(900, 43201), range(3600, 43201)
"""The values of DurationSeconds and of MaxSessionDuration."""
CHAINED_SECONDS = 3600
"""The maximum of a session in role chaining, and the default of every session."""

SESSION_TAGS, TAG_KEY_CHARACTERS, TAG_VALUE_CHARACTERS = 50, 128, 256
SESSION_POLICY_ARNS, SESSION_POLICY_CHARACTERS = 10, 2048
"""How many managed policies a call passes as session policies, and the characters of their ARNs and Policy together."""

TRUST_POLICY_CHARACTERS, MOST_TRUST_POLICY_CHARACTERS = 2048, 8192
POLICIES_OF_ROLE, MOST_POLICIES_OF_ROLE = 10, 25
"""The quotas that AWS raises on request: the default and the maximum."""
MANAGED_POLICY_CHARACTERS, INLINE_POLICY_CHARACTERS = 6144, 10240
USER_INLINE_CHARACTERS, GROUP_INLINE_CHARACTERS = 2048, 5120
"""Characters without blanks of a managed policy, and of all inline policies of a role, a user or a group."""
CONTROL_POLICY_CHARACTERS, CONTROL_POLICIES_OF_TARGET = 5120, 5
"""Characters of a service or resource control policy, and how many of one type a root, unit or account may have, the
one of AWS that allows everything included; AWS Organizations User Guide, "Quotas and service limits"."""
VPC = re.compile(r"vpc-[0-9a-f]{8,17}", re.ASCII)
TARGET_OF_POLICY = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}|\d{12}", re.ASCII)
"""A VPC's id, and the id of what a control policy is attached to."""


def is_unique_id(value: str) -> bool:
    """Whether ``value`` is an id such as AROA… or AIDA…, which IAM shows where the principal was deleted."""
    return bool(UNIQUE_ID.fullmatch(value))


def length_of_document(document: Any) -> int:
    """The characters of a policy document as IAM counts them: without white space between its elements.

    A value that is not known counts as one character.
    """
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=lambda _: 0, skipkeys=True)
    return len(text)


@cache
def source_identity_characters_here() -> int:
    """The longest source identity that the installed botocore sends, by its model of STS.

    Without botocore, the longest that every release sends.
    """
    try:
        from botocore.loaders import Loader
    except ModuleNotFoundError:
        return SOURCE_IDENTITY_CHARACTERS_BEFORE
    shapes = Loader().load_service_model("sts", "service-2")["shapes"]
    return int(shapes["sourceIdentityType"]["max"])


def is_tag_text(text: object) -> bool:
    """Whether a value holds only the characters of tags: letters, digits and blanks of any script, and ``_.:/=+-@``."""
    return isinstance(text, str) and all(
        character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN" for character in text
    )


def folded(tag_key: str) -> str:
    """A tag key as STS compares it: in lower case."""
    return tag_key.lower()


def is_root(unit: str) -> bool:
    """Whether the path of an organizational unit is the root's, which holds every account."""
    return "/" not in unit.rstrip("/")


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""A time of ISO 8601 with its offset from UTC, to the minute or the second."""
MOMENT = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
"""A time in UTC to the second, as a chain writes it: such times are in the order of their texts."""


def is_moment(text: object) -> bool:
    """Whether a value is such a text, of a day that exists."""
    try:
        return isinstance(text, str) and bool(MOMENT.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def moment_of(time: datetime) -> str:
    """An aware time as such a text; fractions of a second are left out."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
