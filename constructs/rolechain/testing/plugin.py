"""The pytest plugin, which every project has that has this package.

It is imported whenever pytest starts: what its fixtures need is imported when they are used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rolechain.local import LocalOrganization
    from rolechain.testing.assertions import Synthesizable
    from rolechain.testing.snapshots import Synth, TemplateBodies


@pytest.fixture
def synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    """Synthesizes an app or a stage, and gives its templates by stack name, fit for a snapshot.

    Given a function instead, it calls it with a new app that lacks CDK's built-in validator, which costs seconds:
    ``synth(lambda app: RoleChain(app, "deploy", chain=chain))``.
    """

    def templates(app: Synthesizable | Callable[[Any], object]) -> TemplateBodies:
        from rolechain.testing.assertions import is_synthesizable, synthesized
        from rolechain.testing.snapshots import normalised

        if not is_synthesizable(app):
            try:
                from rolechain.cdk.app import quick_app
            except ModuleNotFoundError as error:
                missing = f"synth needs {error.name}, which is not installed: pip install 'rolechain[cdk]'"
                pytest.fail(missing, pytrace=False)

            made = quick_app(tmp_path_factory.mktemp("cdk.out"))
            app(made)  # type: ignore[operator] # anything else is a function
            app = made
        found: TemplateBodies = {}
        for template in synthesized(app):
            name = template.stack_name or template.name
            # Stacks of several accounts may share a name: then each goes by its id in the app.
            found[template.name if name in found else name] = normalised(template.body)
        return found

    return templates


@pytest.fixture(scope="session")
def local_organization_id() -> str:
    """The id of the local organization; a project whose chain names its own overrides this fixture."""
    return "o-exampleorg1"


@pytest.fixture(scope="session")
def local_account() -> str:
    """The account whose administrator makes the tests' calls by default; a project may override this fixture."""
    return "111111111111"


@pytest.fixture(scope="session")
def local_organization(local_organization_id: str, local_account: str) -> Iterator[LocalOrganization]:
    """An AWS organization on this machine, for the whole session: every SDK of this process talks to it alone."""
    from rolechain.local import LocalOrganization

    with (
        LocalOrganization(organization_id=local_organization_id) as organization,
        pytest.MonkeyPatch.context() as environment,
    ):
        # A profile or an endpoint of the user's own would lead elsewhere.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        for name, value in organization.environment(local_account).items():
            environment.setenv(name, value)
        yield organization
