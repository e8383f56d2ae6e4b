"""For the tests of users' own apps: a pytest plugin, and what its fixtures are made of.

The plugin comes with the package and imports nothing of CDK or of the local organization until a fixture is used.
"""

from rolechain.testing.assertions import assert_proven
from rolechain.testing.local_chain import LocalChain
from rolechain.testing.snapshots import Synth, normalised

__all__ = ["LocalChain", "Synth", "assert_proven", "normalised"]
