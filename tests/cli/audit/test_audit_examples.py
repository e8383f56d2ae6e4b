"""What ``rolechain audit`` says of well-known set-ups: what an experienced reviewer would, and no more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main

EXAMPLES = Path(__file__).parents[3] / "examples" / "audit"
Json = dict[str, Any]
Review = Callable[..., tuple[int, list[tuple[str, str, str]], list[str]]]


@pytest.fixture
def review(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Review:
    """The exit code of an audit, its findings as rule, level and resource, and who is let in."""
    monkeypatch.chdir(EXAMPLES)

    def make(*words: str) -> tuple[int, list[tuple[str, str, str]], list[str]]:
        code = main(["audit", *words, "--json"])
        document: Json = json.loads(capsys.readouterr().out)
        findings = [(each["rule"], each["level"], each["logical_id"]) for each in document["findings"]]
        return code, findings, [each["words"] for each in document["entrances"]]

    return make


def test_every_example_is_reviewed() -> None:
    """Each template of the folder has a test here."""
    reviewed = Path(__file__).read_text(encoding="utf-8")
    assert len(list(EXAMPLES.iterdir())) == 10
    assert all(f'review("{file.name}"' in reviewed for file in EXAMPLES.iterdir())


def test_cdk_bootstrap(review: Review) -> None:
    """CDK's roles trust their own account by design, and nobody else: nothing to say."""
    code, findings, words = review("cdk-bootstrap.yaml")
    assert (code, findings) == (0, [])
    assert Counter(words) == {
        "every principal of its own account that may call sts:AssumeRole": 3,
        "the service cloudformation.amazonaws.com": 1,
    }


def test_cdk_bootstrap_with_trust(review: Review) -> None:
    """--trust hands the account to every deployer of another one.

    Worth a warning for each role, and no external id is asked for, as the CDK CLI passes none.
    """
    code, findings, words = review("cdk-bootstrap-trust.yaml")
    assert (code, findings) == (
        0,
        [
            ("RC06", "warning", "DeploymentActionRole"),
            ("RC06", "warning", "FilePublishingRole"),
            ("RC06", "warning", "LookupRole"),
        ],
    )
    assert words.count("every principal of account 222222222222 that its own account allows") == 3


def test_control_tower_execution(review: Review) -> None:
    """An administrator role that trusts a whole account, of which nobody said that it is the organization's own.

    A foreign account would own this one.
    """
    code, findings, words = review("control-tower-execution.yaml")
    assert (code, findings) == (
        1,
        [
            ("RC04", "error", "ExecutionRole"),
            ("RC06", "warning", "ExecutionRole"),
            ("RC07", "warning", "ExecutionRole"),
        ],
    )
    assert words == ["every principal of account 111111111111 that its own account allows"]


def test_control_tower_execution_of_ones_own(review: Review) -> None:
    """The management account is one's own, but everybody in it who may assume roles is administrator here.

    There is no confused deputy then; Control Tower's own role is to be named.
    """
    _, findings, _ = review("control-tower-execution.yaml", "--account", "111111111111")
    assert findings == [("RC06", "error", "ExecutionRole"), ("RC07", "warning", "ExecutionRole")]


def test_org_wide_auditor(review: Review) -> None:
    """One named auditor, whose permission keeps to the organization and to one role's name in each account.

    Both sides are closed, and nothing is to be said.
    """
    code, findings, words = review("org-auditor.yaml", "--account", "org-auditor.yaml=555555555555")
    assert (code, findings) == (0, [])
    assert words == [
        "the service lambda.amazonaws.com",
        "the principal arn:aws:iam::555555555555:role/audit/auditor in organization o-exampleorg1",
    ]


def test_third_party_monitoring(review: Review) -> None:
    """A vendor's account with an external id is how it is done; which of its roles calls is the vendor's business."""
    code, findings, words = review("third-party-monitoring.yaml")
    assert (code, findings) == (0, [])
    assert words == [
        "every principal of account 999988887777 that its own account allows, with the external id "
        "6f1b2a44-0c1e-4f7e-9d1a-3a6f5f0e7c21"
    ]


def test_github_oidc(review: Review) -> None:
    """The role of one branch is pinned, though what it assumes has a wildcard.

    That of every repository of an owner lets in whoever can make one there.
    """
    code, findings, words = review("github-oidc.yaml")
    assert (code, findings) == (0, [("RC07", "warning", "Deploy"), ("RC37", "warning", "Plan")])
    host = "token.actions.githubusercontent.com"
    provider = f"the oidc-provider {host} of its own account"
    begins = f"tokens of {provider} with {host}:aud sts.amazonaws.com and {host}:sub"
    assert words == [f"{begins} repo:acme/infrastructure:ref:refs/heads/main", f"{begins} repo:acme/*"]


def test_terraform_state(review: Review) -> None:
    """Two named roles of the organization get in and no others.

    Named directly, each locks itself out when it is made again.
    """
    code, findings, words = review("terraform-state.json")
    assert (code, findings) == (0, [("RC21", "warning", "State"), ("RC21", "warning", "State")])
    assert words == [
        "the principal arn:aws:iam::222222222222:role/terraform-plan",
        "the principal arn:aws:iam::333333333333:role/terraform-apply",
    ]


def test_account_wide_trust(review: Review) -> None:
    """An unknown account gets in as a whole and without an external id.

    The own account's trust lets everybody who may assume roles become administrator.
    """
    code, findings, words = review("account-wide-trust.yaml")
    assert (code, findings) == (
        1,
        [
            ("RC06", "warning", "BreakGlass"),
            ("RC07", "warning", "BreakGlass"),
            ("RC04", "error", "Operations"),
            ("RC06", "warning", "Operations"),
            ("RC07", "warning", "Operations"),
        ],
    )
    assert words == [
        "every principal of account 444455556666 that its own account allows",
        "every principal of its own account that may call sts:AssumeRole",
    ]


def test_everyone_in_the_organization(review: Review) -> None:
    """The organization's id closes * to strangers, and who is let in is said.

    Under IfExists it closes nothing, as an account of no organization brings no id.
    """
    code, findings, words = review("everyone-in-the-organization.yaml")
    assert (code, findings) == (1, [("RC01", "error", "Leaky"), ("RC25", "error", "Leaky")])
    assert words == [
        "everyone in organization o-exampleorg1 that its own account allows",
        "everyone that its own account allows",
    ]


def test_everyone_with_a_principal_arn(review: Review) -> None:
    """* with the ARN of one role is that role; with any account in it, everybody can make a role of that name."""
    code, findings, words = review("everyone-with-principal-arn.yaml")
    assert (code, findings) == (1, [("RC01", "error", "AnyAccount")])
    assert words == [
        "the principal arn:aws:iam::444455556666:role/ci/runner in organization o-exampleorg1",
        "every principal of any account whose ARN is like arn:aws:iam::*:role/ci/runner",
    ]
