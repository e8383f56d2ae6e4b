"""Log files of made-up organizations."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolechain.trail import Trace, TrailFiles, log_files, sessions_query, trace
from tests.trail.organizations import Organization


@pytest.fixture(scope="session", params=[(60, 1), (200, 2)], ids=["60-accounts", "200-accounts"])
def organization(request: pytest.FixtureRequest) -> Organization:
    """Organizations of 60 and of 200 accounts."""
    size, seed = request.param
    return Organization(size, seed)


@pytest.fixture(scope="session")
def logs(organization: Organization, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an organization's log files."""
    folder = tmp_path_factory.mktemp("logs")
    organization.write(folder)
    return folder


def traced(organization: Organization, *paths: Path) -> Trace:
    """The trace of an organization's chain from log files, all of which are read."""
    with TrailFiles() as files:
        files.read(log_files(map(str, paths)))
        assert files.unread == []
        return trace(organization.chain, files.ask(sessions_query(organization.roles)))


def walks_of(found: Trace) -> set[tuple[str, str, tuple[str, ...], int, str]]:
    """The walks of a trace, as an organization notes those that it plants."""
    return {
        (walk.verdict, walk.person, tuple(each.role for each in walk.sessions), walk.last.calls, walk.last.id)
        for walk in found.walks
    }
