"""The walks of made-up organizations: every planted one is found, and no other."""

from __future__ import annotations

from pathlib import Path

from tests.trail.conftest import traced, walks_of
from tests.trail.organizations import Organization


def test_planted_walks(organization: Organization, logs: Path) -> None:
    """Every planted walk is found with its verdict, its person, its roles and its calls, and nothing else is."""
    found = traced(organization, logs)
    assert walks_of(found) == organization.walks
    assert len(found.walks) == len(organization.walks)
    assert [(each.caller, each.role) for each in found.refused] != []
    assert {(each.caller, each.role) for each in found.refused} == organization.refused
    assert len(found.refused) == len(organization.refused)
