"""The proof of a chain at synth: a broken chain fails ``cdk synth`` and ``cdk deploy``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Literal, cast

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
    Validations,
)
from constructs import Construct

from rolechain.chain import Chain
from rolechain.proof import Finding, Place, prove, templates_in
from rolechain.proof.rules import RULES
from rolechain.proof.summary import finding_lines, last_line, passes
from rolechain.role import ChainRole


@jsii.implements(IPolicyValidationPlugin)
class ChainProof:
    """Proves a chain from everything that the app synthesizes.

    The constructs of this package register one for their chain. For roles that are made otherwise, register it with
    ``Validations.of(app).add_plugins(ChainProof(chain))``. The synth fails unless every declared hop works and nothing
    else gets in, whichever stacks are selected, and the findings are printed on standard error: the CDK CLI passes over
    what stands in no selected stack. What is proven is said there in one line.

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
        self._parts: set[str] | None = None
        self._asked = True

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
        if not self._asked:
            _say(app, [f"chain {self._chain.name} is not proven: proof=False leaves its proof out"])
            return self._report([], passed=True)
        templates = templates_in(app.outdir)
        parts = None if self._parts is None else frozenset(self._parts)
        proof = prove(self._chain, templates, scope=self._scope, parts=parts)
        passed = passes(proof, strict=self._strict)
        lines = [last_line(self._chain.name, proof, strict=self._strict)]
        lines += [f"  {line}" for finding in proof.findings for line in finding_lines(finding)]
        # A second proof of the chain, which the app registers itself, says nothing twice.
        found = proof.findings if _say(app, lines) else ()
        files = {template.name: template.file for template in templates}
        return self._report([_violation(finding, files) for finding in found], passed=passed)

    def _report(self, violations: list[PolicyViolation], *, passed: bool) -> PolicyValidationPluginReport:
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


def prove_at_synth(
    scope: Construct, chain: Chain, role: ChainRole | None = None, *, proof: bool = True
) -> None:
    """Registers the proof of a chain with the app of a construct, once for each chain.

    Args:
        scope: the construct.
        chain: the chain.
        role: the one role of the chain that is made there; None for all of them.
        proof: whether the chain is to be proven; where nobody asks for it, the synth says so.
    """
    root = scope.node.root
    if not isinstance(root, Stage):
        return
    known = _registered(root)
    plugin = next((each for each in known if each._chain == chain), None)
    if plugin is None:
        plugin = ChainProof(chain)
        plugin._parts, plugin._asked = set(), False
        known.append(plugin)
        Validations.of(root).add_plugins(plugin)
    plugin._asked = plugin._asked or proof
    if role is None:
        plugin._parts = None
    elif plugin._parts is not None:
        plugin._parts.add(role.arn)


def _registered(root: Construct) -> list[ChainProof]:
    """The proofs that constructs registered with an app."""
    found: list[ChainProof] = root.__dict__.setdefault("_rolechain_proofs", [])
    return found


def _say(app: Construct, lines: list[str]) -> bool:
    """Prints lines on standard error, once for each app; says whether they were new."""
    said: set[str] = app.__dict__.setdefault("_rolechain_said", set())
    text = "\n".join(lines)
    if text in said:
        return False
    said.add(text)
    print(f"rolechain: {text}", file=sys.stderr)
    return True


def _violation(finding: Finding, files: Mapping[str, str | None]) -> PolicyViolation:
    return PolicyViolation(
        rule_name=finding.rule,
        description=f"{finding.rule}: {finding.message}",
        fix=finding.cure,
        severity=finding.level.value,
        violating_resources=_resources(finding.place, files),
    )


def _resources(place: Place | None, files: Mapping[str, str | None]) -> list[PolicyViolatingResource]:
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
