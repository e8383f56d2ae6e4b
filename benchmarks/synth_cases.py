"""One app for each case of the synth: ``python -m benchmarks.synth_cases CASE FOLDER`` prints its seconds.

What is timed is the app, from its first construct to its last template; CDK itself is loaded before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import ChainProof, RoleChain

ORGANIZATION = "o-exampleorg1"
REGION = "us-east-1"
SOURCE, MIDDLE = "111111111111", "222222222222"
TARGETS = [f"{300000000000 + number}" for number in range(1000)]


def of_rolechain(app: cdk.App) -> Chain:
    """The chain as this package makes it."""
    chain = Chain(
        "deploy",
        organization=ORGANIZATION,
        region=REGION,
        source=ChainRole(SOURCE, assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole(MIDDLE)],
        targets=[ChainRole(account) for account in TARGETS],
    )
    RoleChain(app, "deploy", chain=chain)
    return chain


def of_rolechain_proven(app: cdk.App) -> None:
    """The same with its proof."""
    cdk.Validations.of(app).add_plugins(ChainProof(of_rolechain(app)))


def by_hand(app: cdk.App, *, tagged: bool = True) -> None:
    """The same roles with CDK's own constructs; what the middle role may do is one inline policy, far too long."""
    if tagged:
        cdk.Tags.of(app).add("rolechain:chain", "deploy")

    def role(account: str, kind: str, assumed_by: iam.IPrincipal) -> iam.Role:
        made = iam.Role(
            _stack(app, account),
            "Role",
            role_name=f"deploy-{kind}",
            path="/rolechain/",
            description=f"{kind} role of the chain deploy",
            assumed_by=assumed_by,
            max_session_duration=cdk.Duration.hours(1),
        )
        if tagged:
            cdk.Tags.of(made).add("rolechain:role", kind)
        return made

    source = role(SOURCE, "source", iam.ServicePrincipal("lambda.amazonaws.com"))
    middle = role(MIDDLE, "middle", _only(SOURCE, "source"))
    middle.grant_assume_role(source)
    for account in TARGETS:
        role(account, "target", _only(MIDDLE, "middle")).grant_assume_role(middle)


def by_hand_untagged(app: cdk.App) -> None:
    """The same without the tags."""
    by_hand(app, tagged=False)


def empty(app: cdk.App) -> None:
    """Stacks with nothing in them: what any app of so many accounts takes."""
    for account in (SOURCE, MIDDLE, *TARGETS):
        _stack(app, account)


def _stack(app: cdk.App, account: str) -> cdk.Stack:
    return cdk.Stack(
        app,
        f"deploy-{account}",
        env=cdk.Environment(account=account, region=REGION),
        description=f"Roles of the chain deploy in account {account}",
    )


def _only(account: str, kind: str) -> iam.IPrincipal:
    arn = f"arn:aws:iam::{account}:role/rolechain/deploy-{kind}"
    conditions = {
        "ArnEquals": {"aws:PrincipalArn": arn},
        "StringEquals": {"aws:PrincipalOrgID": ORGANIZATION},
    }
    return iam.ArnPrincipal(f"arn:aws:iam::{account}:root").with_conditions(conditions)


CASES: dict[str, Callable[[cdk.App], object]] = {
    made.__name__: made for made in (of_rolechain, of_rolechain_proven, by_hand, by_hand_untagged, empty)
}


def synthesize() -> None:
    """Synthesizes the app of the case that is asked for."""
    case, folder = sys.argv[1:]
    cdk.Duration.hours(1)  # starts Node
    start = time.perf_counter()
    app = cdk.App(outdir=folder, analytics_reporting=False, builtin_cloud_formation_validation=False)
    CASES[case](app)
    app.synth()
    print(time.perf_counter() - start)


if __name__ == "__main__":
    synthesize()
