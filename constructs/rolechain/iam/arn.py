"""ARNs: parsing and building.

Source: IAM User Guide, "IAM identifiers". A part of an ARN that is not known is written ``<name>``.
"""

from __future__ import annotations

from functools import lru_cache

SEGMENTS = 6
"""``arn``, partition, service, region, account and resource; the resource may hold further colons."""


def is_arn(text: str) -> bool:
    """Whether a text has the six segments of an ARN."""
    return text.count(":") >= SEGMENTS - 1


@lru_cache(maxsize=16384)
def segments_of(text: str) -> tuple[str, ...]:
    """The six segments of an ARN, or of a pattern of ARNs; none where the text has fewer."""
    parts = text.split(":", SEGMENTS - 1)
    return tuple(parts) if len(parts) == SEGMENTS else ()


def _segment(arn: str, number: int, default: str = "") -> str:
    segments = segments_of(arn)
    return segments[number] if segments else default


def partition_of(arn: str) -> str:
    """The partition of an ARN; ``aws`` for a text that is not an ARN."""
    return _segment(arn, 1, "aws")


def service_of(arn: str) -> str:
    """The service of an ARN, such as ``iam``; empty where it is not an ARN."""
    return _segment(arn, 2)


def account_of(arn: str) -> str:
    """The account of an ARN; empty for an ARN without account."""
    return _segment(arn, 4)


def resource_of(arn: str) -> str:
    """The resource of an ARN, such as ``role/path/name``; empty for a text that is not an ARN."""
    return _segment(arn, 5)


def resource_type_of(arn: str) -> str:
    """What the resource of an ARN begins with, such as ``role``, ``user`` or ``root``; a path may hold these too."""
    return resource_of(arn).partition("/")[0]


def name_of(arn: str) -> str:
    """The name of a role, user or group, without its path, from its ARN."""
    return arn.rsplit("/", 1)[-1]


def is_service_linked(role_arn: str) -> bool:
    """Whether a role is service-linked, which exempts it from the organization's control policies.

    Source: AWS Organizations User Guide on service and resource control policies.
    """
    return resource_of(role_arn).startswith("role/aws-service-role/")


def is_of_aws(role_arn: str) -> bool:
    """Whether AWS itself makes and changes a role: a service-linked one, or one of a reserved path."""
    return is_service_linked(role_arn) or resource_of(role_arn).startswith("role/aws-reserved/")


IDENTITY_CENTER_PATH = "/aws-reserved/sso.amazonaws.com/"
"""What the paths of the roles that IAM Identity Center makes begin with; a region may follow."""
PERMISSION_SET_PREFIX = "AWSReservedSSO_"
"""What the names of these roles begin with."""


def permission_set_role(permission_set: str) -> str:
    """The pattern of the name of a permission set's role, whose suffix of 16 characters Identity Center makes up.

    Source: IAM Identity Center User Guide, "Referencing permission sets in resource policies".
    """
    return f"{PERMISSION_SET_PREFIX}{permission_set}_{'?' * 16}"


def permission_set_arn(partition: str, account: str, permission_set: str) -> str:
    """The pattern of the ARN of a permission set's role, in whatever region Identity Center is."""
    return iam_arn(partition, account, f"role{IDENTITY_CENTER_PATH}*{permission_set_role(permission_set)}")


def format_arn(partition: str, service: str, region: str, account: str, resource: str) -> str:
    """The ARN of a resource; the region or the account is empty where a service leaves it out."""
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"


def iam_arn(partition: str, account: str, resource: str) -> str:
    """The ARN of a resource of IAM: ``role/path/name``, ``user/name``, ``policy/name``, ``root``."""
    return format_arn(partition, "iam", "", account, resource)


def root_of(arn: str) -> str:
    """The ARN of the account root, in the account of an ARN."""
    return iam_arn(partition_of(arn), account_of(arn), "root")


def session_arn(role_arn: str, session_name: str) -> str:
    """The ARN of a role session, which omits the path of the role."""
    resource = f"assumed-role/{name_of(role_arn)}/{session_name}"
    return format_arn(partition_of(role_arn), "sts", "", account_of(role_arn), resource)


def session_names(arn: str) -> tuple[str, str] | None:
    """The names of the role and of the session in the ARN of a role session; None for any other ARN."""
    kind, *names = resource_of(arn).split("/")
    is_session = service_of(arn) == "sts" and kind == "assumed-role" and len(names) == 2
    return (names[0], names[1]) if is_session else None


def is_session_of(arn: str, role_arn: str) -> bool:
    """Whether an ARN is that of a session of a role."""
    names = session_names(arn)
    return names is not None and session_arn(role_arn, names[1]) == arn
