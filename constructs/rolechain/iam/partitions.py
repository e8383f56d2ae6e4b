"""The partitions of AWS: their regions, and their sign-in endpoints."""

from __future__ import annotations

import re

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
"""The partitions that AWS has published, in botocore's ``partitions.json``."""

_PREFIXES = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
_SAML_AUDIENCES = {
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}
FIRST_REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}
"""A region of each partition, where nothing tells which."""
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)


def partition_of(region: str) -> str | None:
    """The partition that ``region`` belongs to by its prefix, or None if it is not a region's name."""
    if not REGION.fullmatch(region):
        return None
    return next((partition for prefix, partition in _PREFIXES.items() if region.startswith(prefix)), "aws")


def prefix_of(partition: str) -> str:
    """What the names of a partition's regions begin with; those of ``aws`` differ, and ``us-east-`` is one of them."""
    return next((prefix for prefix, each in _PREFIXES.items() if each == partition), "us-east-")


def saml_audience(partition: str) -> str:
    """The sign-in endpoint of a partition, which SAML assertions are posted to and name as their audience."""
    return _SAML_AUDIENCES.get(partition, "https://signin.aws.amazon.com/saml")
