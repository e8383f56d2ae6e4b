"""The proof that the constructs of a chain register with their app."""

from __future__ import annotations

from typing import cast

import jsii
from aws_cdk import (
    App,
    IPolicyValidationContext,
    PolicyValidationPluginReport,
    Stage,
    Validations,
)
from constructs import Construct, IValidation

from rolechain.cdk.chain_proof import ChainProof, announce, proofs_of, say
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole

_IN_VAIN = "leaves nothing out, as another of its constructs asks for the proof"


class ConstructsProof(ChainProof):
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
        self.later: Later | None = None

    @property
    def chain(self) -> Chain:
        """The chain."""
        return self._chain

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Proves the chain, where nothing behind it does."""
        if self.later:
            return self.report([], passed=True)
        return self.settle(cast(Stage, context.app_construct))

    def settle(self, app: Stage) -> PolicyValidationPluginReport:
        """Proves the chain as its constructs ask, unless the app has asked for itself."""
        if self._chain in proofs_of(app).asked:
            return self.report([], passed=True)
        if not self.asked:
            say(app, [f"chain {self._chain.name} is not proven: proof=False leaves its proof out"])
            return self.report([], passed=True)
        for path in self.declined:
            say(app, [f"chain {self._chain.name}: proof=False of {path} {_IN_VAIN}"])
        return self.proven(app, None if self.parts is None else frozenset(self.parts))


class Later(ChainProof):
    """Settles the proof of constructs when every plugin of the app has had its say.

    Plugins are asked in the order in which they were added, and an app adds its own after its constructs.
    """

    def __init__(self, proof: ConstructsProof) -> None:
        super().__init__(proof.chain)
        self._proof = proof

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Proves the chain from the assembly that was synthesized."""
        return self._proof.settle(cast(Stage, context.app_construct))


@jsii.implements(IValidation)
class AddsLater:
    """Adds the plugin that is asked last, as soon as a synth begins to validate: the app is complete by then."""

    def __init__(self, app: App, proof: ConstructsProof) -> None:
        self._app, self._proof = app, proof

    def validate(self) -> list[str]:
        """Adds it once; a synth that skips this leaves the proof where it was registered."""
        if self._proof.later is None:
            self._proof.later = Later(self._proof)
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
        announce(f"chain {chain.name} is not proven: {scope.node.path or 'its construct'} stands in no App")
        return
    known = proofs_of(root).registered
    plugin = next((each for each in known if each.chain == chain), None)
    if plugin is None:
        plugin = ConstructsProof(chain)
        known.append(plugin)
        Validations.of(root).add_plugins(plugin)
        root.node.add_validation(AddsLater(root, plugin))
    if proof:
        plugin.asked = True
    else:
        plugin.declined.append(scope.node.path)
    if role is None:
        plugin.parts = None
    elif plugin.parts is not None:
        plugin.parts.add(role.arn)
