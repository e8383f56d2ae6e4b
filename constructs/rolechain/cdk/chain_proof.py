"""The proof of a chain at synth: a broken chain fails ``cdk synth`` and ``cdk deploy``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, cast

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
)

from rolechain.model.chain import Chain
from rolechain.proof import Finding, SourceLocation, prove, templates_in
from rolechain.proof.report import finding_lines, last_line, passes
from rolechain.proof.rules import RULES

if TYPE_CHECKING:
    from rolechain.cdk.constructs_proof import ConstructsProof


@jsii.implements(IPolicyValidationPlugin)
class ChainProof:
    """Proves a chain from everything that the app synthesizes.

    The constructs of this package register one for their chain. For roles that are made otherwise, or to ask for more,
    register it with ``Validations.of(app).add_plugins(ChainProof(chain))``: it takes the place of theirs. The synth
    fails unless every declared hop works and nothing else gets in, whichever stacks are selected, and the findings are
    printed on standard error: the CDK CLI passes over what stands in no selected stack. What is proven is said there in
    one line.

    Args:
        chain: the chain; an app with several registers one plugin for each.
        strict: whether warnings, and what depends on a parameter's default, fail the synth too.
        scope: ``app`` for findings about roles that neither belong to the chain nor lead to it to be as bad as those
            that do; by default they are warnings.
    """

    def __init__(
        self, chain: Chain, *, strict: bool = False, scope: Literal["chain", "app"] = "chain"
    ) -> None:
        self._chain = chain
        self._strict = strict
        self._scope = scope

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
        app = cast(Stage, context.app_construct)
        proofs_of(app).asked.append(self._chain)
        return self.proven(app)

    def proven(self, app: Stage, parts: frozenset[str] | None = None) -> PolicyValidationPluginReport:
        """Proves the chain, and says so.

        Args:
            app: the app.
            parts: the ARNs of the roles that it is to make; None for all of them.
        """
        templates = templates_in(app.outdir)
        proof = prove(self._chain, templates, scope=self._scope, parts=parts)
        passed = passes(proof, strict=self._strict)
        lines = [last_line(self._chain.name, proof, strict=self._strict)]
        lines += [f"  {line}" for finding in proof.findings for line in finding_lines(finding)]
        say(app, lines)
        files = {template.name: template.file for template in templates}
        return self.report([_violation(finding, files) for finding in proof.findings], passed=passed)

    def report(self, violations: list[PolicyViolation], *, passed: bool) -> PolicyValidationPluginReport:
        """What the CDK CLI is told."""
        if not passed:
            # One that stands nowhere is heard whichever stacks are selected.
            violations.append(
                PolicyViolation(
                    rule_name="rolechain",
                    description=f"chain {self._chain.name} is not proven: its findings are printed on standard error",
                    severity="error",
                    violating_resources=[],
                )
            )
        return PolicyValidationPluginReport(
            success=passed, plugin_version=self.version, violations=violations
        )


def _violation(finding: Finding, files: Mapping[str, str | None]) -> PolicyViolation:
    return PolicyViolation(
        rule_name=finding.rule,
        description=f"{finding.rule}: {finding.message}",
        fix=finding.remediation,
        severity=finding.level.value,
        violating_resources=_resources(finding.place, files),
    )


def _resources(
    place: SourceLocation | None, files: Mapping[str, str | None]
) -> list[PolicyViolatingResource]:
    if place is None or not place.logical_id:
        # What is nowhere in the templates concerns the app as a whole.
        return [PolicyViolatingResource(construct_path="/", locations=[])]
    steps = ["Properties", place.part] if place.part else []
    if place.statement is not None:
        steps += ["Statement", str(place.statement)]
    return [
        PolicyViolatingResource(
            resource_logical_id=place.logical_id,
            template_path=files.get(place.template),
            locations=[".".join(steps)] if steps else [],
        )
    ]


@dataclass
class Proofs:
    """What is known of the proofs of one app.

    Attributes:
        registered: those that constructs registered.
        asked: the chains that the app proves for itself.
        said: what was printed.
    """

    registered: list[ConstructsProof] = field(default_factory=list)
    asked: list[Chain] = field(default_factory=list)
    said: set[str] = field(default_factory=set)


_by_app: dict[str, Proofs] = {}
"""By the name that an app has in CDK's process: CDK hands out one app as several objects of Python."""


def proofs_of(app: Stage) -> Proofs:
    """What is known of the proofs of an app."""
    reference: str = app.__jsii_ref__.ref  # type: ignore[attr-defined] # the object of CDK's process
    return _by_app.setdefault(reference, Proofs())


def say(app: Stage, lines: list[str]) -> None:
    """Prints lines on standard error, once for each app."""
    said = proofs_of(app).said
    text = "\n".join(lines)
    if text not in said:
        said.add(text)
        announce(text)


def announce(text: str) -> None:
    """Prints something on standard error."""
    print(f"rolechain: {text}", file=sys.stderr)
