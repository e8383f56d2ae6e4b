"""Assertions on a chain, by an app, a stage, a cloud assembly or templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

if TYPE_CHECKING:
    from rolechain.model.chain import Chain
    from rolechain.proof import Template
    from rolechain.proof.prove import Templates

_REPORTED = "A copy of this report"
"""The text of CDK's error when a validation plugin fails a synth."""


class Synthesizable(Protocol):
    """An ``aws_cdk.App`` or ``Stage``."""

    @property
    def outdir(self) -> str:
        """Where it is synthesized to."""

    def synth(self, *, force: bool | None = None) -> Any:
        """Synthesizes it."""


def assert_proven(app: Synthesizable | Templates, chain: Chain, *, strict: bool = False) -> None:
    """Asserts that every declared hop works and that nothing else gets in.

    Args:
        app: a CDK app or stage; or the folder that ``cdk synth`` wrote; or templates, as ``prove`` takes them.
        chain: the declared chain.
        strict: whether a warning fails the assertion too.

    Raises:
        AssertionError: the chain is not proven; with every finding, its place and what to write instead.
        AssemblyError: the given folder is not a cloud assembly.
        RuntimeError: the app cannot be synthesized, or another plugin of it fails.
    """
    from rolechain.proof import Level, prove
    from rolechain.proof.report import finding_lines

    __tracebackhide__ = True
    templates, failure = templates_of(app)
    found = [
        finding for finding in prove(chain, templates).findings if strict or finding.level is Level.ERROR
    ]
    if found:
        lines = [f"chain {chain.name} is not proven:"]
        lines += [f"  {line}" for finding in found for line in finding_lines(finding)]
        raise AssertionError("\n".join(lines)) from failure
    if failure:
        raise failure


def is_synthesizable(app: object) -> TypeGuard[Synthesizable]:
    """Whether something is an app or a stage."""
    return callable(getattr(app, "synth", None))


def templates_of(app: Synthesizable | Templates) -> tuple[Templates, RuntimeError | None]:
    """The templates of an app, and the error of a synth whose validation failed after it had written them.

    Args:
        app: an app or a stage, which is synthesized anew, as it may have changed since; or anything that
            ``rolechain.proof.prove`` takes.

    Raises:
        RuntimeError: the app cannot be synthesized.
    """
    if not is_synthesizable(app):
        return app, None  # type: ignore[return-value] # the proof takes the rest
    try:
        return synthesized(app), None
    except RuntimeError as error:
        # A plugin of the app's own, such as ChainProof, reports only after the templates are written.
        if _REPORTED not in str(error):
            raise
        from rolechain.proof import templates_in

        return templates_in(app.outdir), error


def synthesized(app: Synthesizable) -> tuple[Template, ...]:
    """The templates that an app or a stage is synthesized into."""
    from rolechain.proof import templates_in

    return templates_in(app.synth(force=True).directory)
