"""An app for tests: synthesized without what only costs time."""

from __future__ import annotations

from os import PathLike, fspath

from aws_cdk import App


def quick_app(folder: str | PathLike[str]) -> App:
    """An app without telemetry and without CDK's built-in CloudFormation validator, which costs seconds.

    Args:
        folder: where it is synthesized to.
    """
    return App(analytics_reporting=False, builtin_cloud_formation_validation=False, outdir=fspath(folder))
