"""The access key and the region that a walk starts with, where both are plain to see. No botocore.

A session that is kept in the cache is found by them, without the time that botocore takes to be imported.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from rolechain.cli.aws_files import AwsFileError, is_provided, merged_profiles, profile_in_environment


class KnownSource(NamedTuple):
    """What a walk starts with.

    Attributes:
        access_key: the access key id.
        region: the region, if one is set.
    """

    access_key: str
    region: str | None


def region_in_environment() -> str | None:
    """The region that the environment names, by the variable of all SDKs or the one of boto3."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


def known_source(profile: str | None, region: str | None) -> KnownSource | None:
    """What botocore would find in the environment or in a profile with keys of its own.

    Args:
        profile: the profile that was asked for; it goes before the environment's keys, as in botocore.
        region: the region that was asked for.

    Returns:
        None where only botocore knows: a profile that assumes a role or signs in, a machine's own role.
    """
    try:
        profiles = merged_profiles()
    except AwsFileError:
        return None
    settings = profiles.get(profile or profile_in_environment() or "default", {})
    region = region or region_in_environment() or settings.get("region")
    if profile is None and (access_key := os.environ.get("AWS_ACCESS_KEY_ID")):
        return KnownSource(access_key, region) if os.environ.get("AWS_SECRET_ACCESS_KEY") else None
    if is_provided(settings):
        return None
    access_key = settings.get("aws_access_key_id")
    return KnownSource(access_key, region) if access_key and settings.get("aws_secret_access_key") else None
