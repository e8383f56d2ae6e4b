"""The partitions of AWS: their regions, and their sign-in endpoints."""

from __future__ import annotations

import re

_REGIONS = {
    "aws": ("us-east-", "us-east-1"),
    "aws-cn": ("cn-", "cn-north-1"),
    "aws-us-gov": ("us-gov-", "us-gov-west-1"),
    "aws-iso": ("us-iso-", "us-iso-east-1"),
    "aws-iso-b": ("us-isob-", "us-isob-east-1"),
    "aws-iso-e": ("eu-isoe-", "eu-isoe-west-1"),
    "aws-iso-f": ("us-isof-", "us-isof-south-1"),
    "aws-eusc": ("eusc-", "eusc-de-east-1"),
}
"""The partitions that AWS has published, in botocore's ``partitions.json``: what the names of their regions begin with,
and one of these. The names of the regions of ``aws`` begin with anything else too.
"""
PARTITIONS = tuple(_REGIONS)
_SAML_AUDIENCES = {
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}
FIRST_REGIONS = {partition: region for partition, (_, region) in _REGIONS.items()}
"""A region of each partition, where nothing tells which."""
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)


def partition_of(region: str) -> str | None:
    """The partition that ``region`` belongs to by its prefix, or None if it is not a region's name."""
    if not REGION.fullmatch(region):
        return None
    return next((each for each, (prefix, _) in _REGIONS.items() if region.startswith(prefix)), "aws")


def prefix_of(partition: str) -> str:
    """What the names of a partition's regions begin with; those of ``aws`` differ, and ``us-east-`` is one of them."""
    return _REGIONS.get(partition, _REGIONS["aws"])[0]


def saml_audience(partition: str) -> str:
    """The sign-in endpoint of a partition, which SAML assertions are posted to and name as their audience."""
    return _SAML_AUDIENCES.get(partition, "https://signin.aws.amazon.com/saml")
