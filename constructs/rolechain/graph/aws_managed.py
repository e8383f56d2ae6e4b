"""The AWS managed policies that allow or deny assuming a role, changing one or acting as it.

``aws_managed_policies.json`` names what it was taken from and the day of its newest policy; a policy that is not in it
is not known. ``tools/aws_managed_policies.py`` makes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from rolechain.iam.arn import account_of, resource_of

_TABLE = "aws_managed_policies.json"


def document_of(arn: str) -> Mapping[str, Any] | None:
    """What an AWS managed policy says about assuming roles, and about the ways of ``escalation``: that alone.

    Args:
        arn: its ARN, ``arn:<partition>:iam::aws:policy/<path and name>``.

    Returns:
        A document, without any statement where the policy says nothing about it; None for a policy that is not
        in the table.
    """
    resource = resource_of(arn)
    if account_of(arn) != "aws" or not resource.startswith("policy/"):
        return None
    return _table().get(resource.removeprefix("policy/"))


@cache
def _table() -> dict[str, Mapping[str, Any]]:
    table = json.loads(files(__package__).joinpath(_TABLE).read_text(encoding="utf-8"))
    silent: Mapping[str, Any] = {"Version": "2012-10-17", "Statement": []}
    speaking: dict[str, Mapping[str, Any]] = table["speaking"]
    return dict.fromkeys(table["silent"], silent) | speaking
