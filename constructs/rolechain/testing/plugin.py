"""The pytest plugin, which every project has that has this package.

It is imported whenever pytest starts: what its fixtures need is imported when they are used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rolechain.local import LocalOrganization
    from rolechain.testing.assertions import Synthesizable
    from rolechain.testing.local_chain import LocalChain
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
def local_services() -> Iterable[str]:
    """The services that are served besides those that chains and the CDK call; a project overrides this fixture."""
    return ()


@pytest.fixture(scope="session")
def local_organization(
    local_organization_id: str, local_account: str, local_services: Iterable[str]
) -> Iterator[LocalOrganization]:
    """An AWS organization on this machine, for the whole session: every SDK of this process talks to it alone."""
    from rolechain.local import LocalOrganization

    with (
        LocalOrganization(organization_id=local_organization_id, services=local_services) as organization,
        pytest.MonkeyPatch.context() as environment,
    ):
        _set(environment, organization.environment(local_account))
        yield organization


@pytest.fixture(scope="session")
def local_chain_file(pytestconfig: pytest.Config) -> str | os.PathLike[str]:
    """The file of the chain that ``local_chain`` makes, in the project's root; a project may override this fixture."""
    found = [pytestconfig.rootpath / name for name in ("chain.yaml", "chain.json")]
    return next(filter(os.path.exists, found), found[0])


@pytest.fixture(scope="session")
def _local_chain(
    local_chain_file: str | os.PathLike[str], local_services: Iterable[str]
) -> Iterator[LocalChain]:
    from rolechain.local.chain_roles import make_roles, organization_of
    from rolechain.model.chain import Chain
    from rolechain.testing.local_chain import LocalChain

    chain = Chain.load(local_chain_file)
    with organization_of(chain, services=local_services) as organization:
        make_roles(organization, chain)
        yield LocalChain(organization, chain)


@pytest.fixture
def local_chain(_local_chain: LocalChain, monkeypatch: pytest.MonkeyPatch) -> LocalChain:
    """The chain of ``chain.yaml`` in an organization on this machine, made once for all tests, without CDK.

    For the test, every SDK of this process talks to that organization alone, as the chain's workload: the source role.
    """
    from rolechain.local.chain_roles import workload_environment

    _set(monkeypatch, workload_environment(*_local_chain))
    return _local_chain


def _set(environment: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Sets what leads to a local organization; a profile or an endpoint of the user's own would lead elsewhere."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        environment.delenv(name)
    for name, value in variables.items():
        environment.setenv(name, value)
