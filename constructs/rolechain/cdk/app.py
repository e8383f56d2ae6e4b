"""CDK apps of a chain."""

from __future__ import annotations

import sys
from collections.abc import Callable
from os import PathLike, fspath

from aws_cdk import App

from rolechain.errors import RolechainError
from rolechain.model.chain import Chain


def synthesize(compose: Callable[[App, Chain], object]) -> int:
    """Synthesizes an app of the chain that the context names (``--context chain=FILE``), by default chain.yaml.

    Args:
        compose: adds what is to be deployed to the app.

    Returns:
        The exit status: 1 if the chain is not valid, with one line for each mistake.
    """
    app = App(analytics_reporting=False)
    try:
        compose(app, Chain.load(app.node.try_get_context("chain") or "chain.yaml"))
    except RolechainError as error:
        print(error, file=sys.stderr)
        return 1
    app.synth()
    return 0


def quick_app(folder: str | PathLike[str]) -> App:
    """An app for tests: without telemetry and CDK's built-in CloudFormation validator, which costs seconds.

    Args:
        folder: where it is synthesized to.
    """
    return App(analytics_reporting=False, builtin_cloud_formation_validation=False, outdir=fspath(folder))
