"""``rolechain audit-role``: the template of the role by which ``rolechain prove --live`` reads an account."""

from __future__ import annotations

import argparse
import json

from rolechain.cli.options import UsageError
from rolechain.iam.arn import is_arn
from rolechain.iam.limits import ACCOUNT
from rolechain.statements.audit_role import NAME, audit_properties


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "reader", metavar="READER", help="who assumes it: the ARN of a role or user, or an account's id"
    )
    parser.add_argument("--name", default=NAME, help=f"the role's name (default: {NAME})")
    parser.add_argument(
        "--organization",
        action="store_true",
        help="let it read the control policies too: in the management account, or a delegated administrator's",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints a CloudFormation template, to be deployed in each account, such as by a stack set.

    Returns:
        0.
    """
    if not (ACCOUNT.fullmatch(arguments.reader) or is_arn(arguments.reader)):
        raise UsageError(f"{arguments.reader!r} is neither an ARN nor an account's id: write one of the two")
    properties = audit_properties(arguments.reader, name=arguments.name, organization=arguments.organization)
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"AuditRole": role}}
    print(json.dumps(template, indent=2))
    return 0
