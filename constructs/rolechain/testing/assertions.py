"""What a test can ask of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolechain.testing.synthesis import Synthesizable, templates_of

if TYPE_CHECKING:
    from rolechain.model.chain import Chain
    from rolechain.proof import Finding
    from rolechain.proof.prove import Templates


def assert_proven(app: Synthesizable | Templates, chain: Chain, *, strict: bool = False) -> None:
    """Asserts that every declared hop works and that nothing else gets in.

    Args:
        app: a CDK app or stage; or the folder that ``cdk synth`` wrote; or templates, as ``prove`` takes them.
        chain: the declared chain.
        strict: whether a warning fails the assertion too.

    Raises:
        AssertionError: the chain is not proven; with every finding, its place and what to write instead.
        AssemblyError: a folder is given that is no cloud assembly.
        RuntimeError: the app cannot be synthesized, or another plugin of it fails.
    """
    from rolechain.proof import Level, prove

    __tracebackhide__ = True
    templates, failure = templates_of(app)
    found = [
        finding for finding in prove(chain, templates).findings if strict or finding.level is Level.ERROR
    ]
    if found:
        findings = "".join(map(_words, found))
        raise AssertionError(f"chain {chain.name} is not proven:{findings}") from failure
    if failure:
        raise failure


def _words(finding: Finding) -> str:
    place = f" {finding.place}" if finding.place else ""
    return f"\n  {finding.level.value} {finding.rule}{place}\n    {finding.message}\n    fix: {finding.remediation}"
