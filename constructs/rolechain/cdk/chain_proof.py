"""The proof of a chain at synth: a broken chain fails ``cdk synth`` and ``cdk deploy``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import cast

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
)

from rolechain.chain import Chain
from rolechain.proof import Finding, Level, Place, Proof, prove, templates_in
from rolechain.proof.rules import RULES


@jsii.implements(IPolicyValidationPlugin)
class ChainProof:
    """Proves a chain from everything that the app synthesizes.

    Register it with ``Validations.of(app).add_plugins(ChainProof(chain))``. Whether the roles come from this
    package's constructs or not, the synth fails unless every declared hop works and nothing else gets in, and
    says which rule is broken, where, and what to write instead. What is proven is said in one line on
    standard error.

    Args:
        chain: the chain; an app with several registers one plugin for each.
        strict: whether warnings fail the synth too.
    """

    def __init__(self, chain: Chain, *, strict: bool = False) -> None:
        self._chain = chain
        self._strict = strict

    @property
    def name(self) -> str:
        """The plugin's name in the report."""
        return f"rolechain {self._chain.name}"

    @property
    def version(self) -> str:
        """The version of this package."""
        return version("rolechain")

    @property
    def rule_ids(self) -> list[str]:
        """The ids of what may be reported."""
        return ["RC00", *(rule.id for rule in RULES)]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Proves the chain from the assembly that was synthesized."""
        templates = templates_in(cast(Stage, context.app_construct).outdir)
        proof = prove(self._chain, templates)
        failed = any(self._strict or finding.level is Level.ERROR for finding in proof.findings)
        if not failed:
            print(_proven(self._chain, proof), file=sys.stderr)
        files = {template.name: template.file for template in templates}
        return PolicyValidationPluginReport(
            success=not failed,
            plugin_version=self.version,
            violations=[_violation(finding, files) for finding in proof.findings],
        )


def _proven(chain: Chain, proof: Proof) -> str:
    hops, doors = len(proof.hops), len(proof.entrances)
    return (
        f"rolechain: chain {chain.name} is proven: {_counted(hops, 'hop')} can be taken, and nothing else gets in "
        f"than by {_counted(doors, 'declared entrance')}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _violation(finding: Finding, files: Mapping[str, str | None]) -> PolicyViolation:
    return PolicyViolation(
        rule_name=finding.rule,
        description=f"{finding.rule}: {finding.message}",
        fix=finding.cure,
        severity=finding.level.value,
        violating_resources=[_resource(finding.place, files)],
    )


def _resource(place: Place | None, files: Mapping[str, str | None]) -> PolicyViolatingResource:
    if place is None or not place.logical_id:
        # What is nowhere in the templates concerns the app as a whole.
        return PolicyViolatingResource(construct_path="/", locations=[])
    steps = ["Properties", place.part] if place.part else []
    if place.statement is not None:
        steps += ["Statement", str(place.statement)]
    return PolicyViolatingResource(
        resource_logical_id=place.logical_id,
        template_path=files.get(place.template),
        locations=[".".join(steps)] if steps else [],
    )
