"""The proof of a chain at synth: a broken chain fails ``cdk synth`` and ``cdk deploy``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Literal, cast

import jsii
from aws_cdk import (
    App,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
    Validations,
)
from constructs import Construct, IValidation

from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.proof import Finding, SourceLocation, prove, templates_in
from rolechain.proof.report import finding_lines, last_line, passes
from rolechain.proof.rules import RULES


@jsii.implements(IPolicyValidationPlugin)
class ChainProof:
    """Proves a chain from everything that the app synthesizes.

    The constructs of this package register one for their chain. For roles that are made otherwise, or to ask for more,
    register it with ``Validations.of(app).add_plugins(ChainProof(chain))``: it takes the place of theirs. The synth
    fails unless every declared hop works and nothing else gets in, whichever stacks are selected, and the findings are
    printed on standard error: the CDK CLI leaves out findings outside of the selected stacks. One
    line there says what is proven, and one for each entrance that closes at a time what it opens until when.

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
        _proofs_of(app).asked.append(self._chain)
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
        lines += [f"  {line}" for line in proof.temporary]
        lines += [f"  {line}" for finding in proof.findings for line in finding_lines(finding)]
        _proofs_of(app).say(lines)
        files = {template.name: template.file for template in templates}
        return self.report([_violation(finding, files) for finding in proof.findings], passed=passed)

    def report(self, violations: list[PolicyViolation], *, passed: bool) -> PolicyValidationPluginReport:
        """The report for the CDK CLI."""
        if not passed:
            # A violation without a resource is reported whichever stacks are selected.
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
        # A finding without a place in the templates concerns the app as a whole.
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


class _Proofs:
    """The proofs of one app.

    Attributes:
        registered: those that constructs registered.
        asked: the chains that the app proves for itself.
        said: what was printed.
    """

    def __init__(self) -> None:
        self.registered: list[_ConstructsProof] = []
        self.asked: list[Chain] = []
        self.said: set[str] = set()

    def say(self, lines: list[str]) -> None:
        """Prints lines on standard error, once for each app."""
        text = "\n".join(lines)
        if text not in self.said:
            self.said.add(text)
            _announce(text)


_by_app: dict[str, _Proofs] = {}
"""By the name that an app has in CDK's process: CDK hands out one app as several objects of Python."""


def _proofs_of(app: Stage) -> _Proofs:
    reference: str = app.__jsii_ref__.ref  # type: ignore[attr-defined] # the object of CDK's process
    return _by_app.setdefault(reference, _Proofs())


def _announce(text: str) -> None:
    print(f"rolechain: {text}", file=sys.stderr)


class _ConstructsProof(ChainProof):
    """The proof that the constructs of a chain register with their app.

    Attributes:
        parts: the ARNs of the roles that they make; None where the app is to make all of them.
        asked: whether any of them asks for it.
        declined: the paths of those that opt out.
        later: the plugin behind those of the app that settles it in its place, once it is there.
    """

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self.parts: set[str] | None = set()
        self.asked = False
        self.declined: list[str] = []
        self.later: _Later | None = None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Proves the chain, where nothing behind it does."""
        if self.later:
            return self.report([], passed=True)
        return self.settle(cast(Stage, context.app_construct))

    def settle(self, app: Stage) -> PolicyValidationPluginReport:
        """Proves the chain as its constructs ask, unless the app has asked for itself."""
        if self._chain in _proofs_of(app).asked:
            return self.report([], passed=True)
        if not self.asked:
            _proofs_of(app).say([f"chain {self._chain.name} is not proven: proof=False leaves its proof out"])
            return self.report([], passed=True)
        vain = "leaves nothing out, as another of its constructs asks for the proof"
        for path in self.declined:
            _proofs_of(app).say([f"chain {self._chain.name}: proof=False of {path} {vain}"])
        return self.proven(app, None if self.parts is None else frozenset(self.parts))


class _Later(ChainProof):
    """Settles the proof of constructs when every plugin of the app has had its say.

    Plugins are asked in the order in which they were added, and an app adds its own after its constructs.
    """

    def __init__(self, proof: _ConstructsProof) -> None:
        super().__init__(proof._chain)
        self._proof = proof

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Proves the chain from the assembly that was synthesized."""
        return self._proof.settle(cast(Stage, context.app_construct))


@jsii.implements(IValidation)
class _AddsLater:
    """Adds the plugin that is asked last, as soon as a synth begins to validate: the app is complete by then."""

    def __init__(self, app: App, proof: _ConstructsProof) -> None:
        self._app, self._proof = app, proof

    def validate(self) -> list[str]:
        """Adds it once; a synth that skips this leaves the proof where it was registered."""
        if self._proof.later is None:
            self._proof.later = _Later(self._proof)
            Validations.of(self._app).add_plugins(self._proof.later)
        return []


def prove_at_synth(
    scope: Construct, chain: Chain, role: ChainRole | None = None, *, proof: bool = True
) -> None:
    """Registers the proof of a chain with the app of a construct, once for each chain.

    Where one construct of a chain opts out and another does not, the chain is proven all the same, as a hop has two
    sides and what is open on one of them opens it; the synth then says whose ``proof=False`` leaves nothing out.

    Args:
        scope: the construct.
        chain: the chain.
        role: the one role of the chain that is made there; None for all of them.
        proof: whether the chain is to be proven; where nobody asks for it, the synth says so.
    """
    root = scope.node.root
    if not isinstance(root, App):
        # CDK validates nothing else.
        _announce(f"chain {chain.name} is not proven: {scope.node.path or 'its construct'} stands in no App")
        return
    known = _proofs_of(root).registered
    plugin = next((each for each in known if each._chain == chain), None)
    if plugin is None:
        plugin = _ConstructsProof(chain)
        known.append(plugin)
        Validations.of(root).add_plugins(plugin)
        root.node.add_validation(_AddsLater(root, plugin))
    if proof:
        plugin.asked = True
    else:
        plugin.declined.append(scope.node.path)
    if role is None:
        plugin.parts = None
    elif plugin.parts is not None:
        plugin.parts.add(role.arn)
