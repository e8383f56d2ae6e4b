"""Policies are laid out within IAM's quotas, narrowest first, and stay where they are when one target more comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance, Permission, Quotas
from rolechain.proof import Template, prove
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.statements.packing import PackedPolicies, PackingError, length_of, pack

LIMIT = 6144


def declared(targets: int, **fields: Any) -> Chain:
    """A chain into some targets, each in an account of its own."""
    target = fields.pop("target", {})
    named = fields.pop("named", "")
    return Chain(
        **{
            "name": "deploy",
            "source": ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
            "middle": [ChainRole("222222222222", **fields.pop("middle", {}))],
            "targets": [
                ChainRole(f"{300000000000 + number}", named and f"{named}-{number}", **target)
                for number in range(targets)
            ],
            **fields,
        }
    )


def of_middle(chain: Chain) -> PackedPolicies:
    return pack(chain, chain.middle[0])


def documents(packed: PackedPolicies) -> dict[str, Any]:
    return {policy.id: policy.statements for policy in packed.hops}


def test_what_fits_is_named_in_one_policy() -> None:
    """A hundred targets are named one by one in a single policy, and nothing is said about it."""
    chain = declared(100)
    packed = of_middle(chain)
    assert documents(packed) == {"Hops": tuple(permission_statements(chain, chain.middle[0]))}
    assert packed.note is None


def test_more_are_spread_over_several_policies() -> None:
    """Each target is named once, and every policy fits."""
    chain = declared(400)
    packed = of_middle(chain)
    named = [
        arn for policy in packed.hops for statement in policy.statements for arn in statement["Resource"]
    ]
    assert sorted(named) == sorted(target.arn for target in chain.targets)
    assert all(length_of(policy.statements) <= LIMIT for policy in packed.hops)
    assert packed.note == f"the 400 callees of deploy-middle are named in {len(packed.hops)} managed policies"


@pytest.mark.parametrize("targets", [100, 107, 108, 150, 260, 400, 401])
@pytest.mark.parametrize("left_out", [0, 57, -1])
def test_one_target_changes_one_policy(targets: int, left_out: int) -> None:
    """With one target less, one policy is another; where it was full, the two halves of one stand for it."""
    whole = declared(targets)
    rest = [target for target in whole.targets if target is not whole.targets[left_out]]
    more, less = documents(of_middle(whole)), documents(of_middle(replace(whole, targets=rest)))
    changed = {name for name in more.keys() | less.keys() if more.get(name) != less.get(name)}
    root = min(changed, key=len)
    assert all(name.startswith(root) for name in changed)
    assert changed & more.keys() & less.keys() == {root}
    assert len(changed) == 1 or len(more) == len(less) + len(changed) - 1


@pytest.mark.parametrize(
    ("before", "after"), [(1, 108), (107, 108), (260, 261), (100, 400), (0, 900), (401, 900)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_no_deployment_narrows_or_exceeds(before: int, after: int, turned: bool) -> None:
    """While policies are updated, the last first, each callee is allowed, in no more policies than before or after."""
    chains = [declared(targets or 1, organization="o-exampleorg1") for targets in (before, after)]
    one, other = (of_middle(chain).hops for chain in (chains[::-1] if turned else chains))
    both = {target.arn for target in chains[0].targets} & {target.arn for target in chains[1].targets}
    there = {policy.id: allowed_by(policy.statements, both) for policy in one}
    for policy in reversed(other):
        there[policy.id] = allowed_by(policy.statements, both)
        assert set().union(*there.values()) == both
        assert len(there) <= max(len(one), len(other))


def allowed_by(statements: Iterable[Any], arns: set[str]) -> set[str]:
    """The roles that the statements name by their ARN, or by a pattern for every account."""
    named = {
        each
        for statement in statements
        for each in (
            statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        )
    }
    return arns if any("*" in each for each in named) else arns & named


def test_a_thousand_targets_of_an_organization() -> None:
    """What needs more policies than a role takes is named by path and name, closed by the organization."""
    chain = declared(1000, organization="o-exampleorg1")
    packed = of_middle(chain)
    assert documents(packed) == {
        "Hops": (
            {
                "Sid": "AssumeCallees",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": "arn:aws:iam::*:role/rolechain/deploy-target",
                "Condition": {"StringEquals": {"aws:ResourceOrgID": "o-exampleorg1"}},
            },
        )
    }
    assert packed.note is not None
    assert packed.note.endswith(
        "named by path and name in every account of o-exampleorg1 (aws:ResourceOrgID)"
    )


def test_a_thousand_names_of_an_organization() -> None:
    """Where the names differ, the path alone stands for them."""
    packed = of_middle(declared(1000, named="app", organization="o-exampleorg1"))
    (statement,) = documents(packed)["Hops"]
    assert statement["Resource"] == "arn:aws:iam::*:role/rolechain/*"


def test_a_thousand_targets_of_no_organization() -> None:
    """Without an organization the list of accounts closes the pattern: the same roles, and no others."""
    chain = declared(1000)
    packed = of_middle(chain)
    accounts = [
        account
        for policy in packed.hops
        for statement in policy.statements
        for account in statement["Condition"]["StringEquals"]["aws:ResourceAccount"]
    ]
    assert sorted(accounts) == [target.account for target in chain.targets]
    assert all(length_of(policy.statements) <= LIMIT for policy in packed.hops)
    assert len(packed.hops) <= 10


def test_a_raised_quota_is_used() -> None:
    """Where AWS has raised the number of policies, the targets are named one by one for longer."""
    chain = declared(1000, organization="o-exampleorg1", quotas=Quotas(managed_policies_per_role=25))
    assert 10 < len(of_middle(chain).hops) <= 25


def test_other_policies_take_room() -> None:
    """What the role has attached, and its own permissions, leave less room for the hops."""
    attached = [f"arn:aws:iam::222222222222:policy/p{number}" for number in range(8)]
    own = [Permission(["ssm:GetParameter"], ["*"])]
    chain = declared(
        400, organization="o-exampleorg1", middle={"managed_policies": attached, "permissions": own}
    )
    packed = of_middle(chain)
    assert [policy.id for policy in (*packed.hops, *packed.own)] == ["Hops", "Permissions"]


def test_what_cannot_fit_is_refused_with_the_choices() -> None:
    """A thousand names in no organization fit in no way: the numbers are said, and what can be done."""
    with pytest.raises(PackingError) as caught:
        of_middle(declared(1000, named="app"))
    needed = str(caught.value).split(" need ")[1].split(" ")[0]
    assert int(needed) > 10
    assert str(caught.value) == (
        f"the 1000 callees of arn:aws:iam::222222222222:role/rolechain/deploy-middle need {needed} managed policies of "
        "6,144 characters, and 10 of 10 are left: declare the organization, so that they can be named by path; or have "
        "AWS raise the quota (25 at most) and declare it as quotas: {managed_policies_per_role: …}; or give the "
        "targets one path of their own, one name and one external id, or split the chain in two"
    )


def test_too_many_policies_of_its_own() -> None:
    """A target with more managed policies than a role takes is refused."""
    attached = [f"arn:aws:iam::300000000000:policy/p{number}" for number in range(11)]
    chain = declared(1, target={"managed_policies": attached})
    with pytest.raises(
        PackingError, match=r"needs 11 managed policies, and the quota is 10: declare fewer, or have"
    ):
        pack(chain, chain.targets[0])


def test_own_permissions_fill_several_policies() -> None:
    """Permissions that do not fit in one policy are continued in the next, in their order."""
    own = [
        Permission(["s3:GetObject"], [f"arn:aws:s3:::bucket-{number}-{part}/*" for part in range(40)])
        for number in range(10)
    ]
    chain = declared(1, target={"permissions": own})
    packed = pack(chain, chain.targets[0])
    assert [policy.id for policy in packed.own] == ["Permissions", "Permissions2"]
    assert [each["Resource"][0] for policy in packed.own for each in policy.statements] == [
        f"arn:aws:s3:::bucket-{number}-0/*" for number in range(10)
    ]
    whole = declared(
        1, target={"permissions": [Permission(["s3:GetObject"], [f"arn:aws:s3:::{'b' * 6200}"])]}
    )
    with pytest.raises(
        PackingError, match=r"has 6,3\d\d characters, and a managed policy takes 6,144: spread"
    ):
        pack(whole, whole.targets[0])


def test_a_trust_policy_that_is_too_long() -> None:
    """More entrances than a trust policy takes are refused, unless the account's quota was raised."""
    entrances = [Entrance.arn(f"arn:aws:iam::777777777777:role/runner-{number}") for number in range(50)]
    source = ChainRole("111111111111", assumed_by=entrances)
    chain = declared(1, source=source)
    with pytest.raises(PackingError) as caught:
        pack(chain, chain.source)
    length = int(str(caught.value).split(" has ")[1].split(" ")[0].replace(",", ""))
    assert str(caught.value) == (
        f"the trust policy of arn:aws:iam::111111111111:role/rolechain/deploy-source has {length:,} characters, "
        f"{length - 2048} more than the quota of 2,048: declare fewer entrances, or have AWS raise the quota (8,192 at "
        f"most) and declare it as quotas: {{role_trust_policy_length: {length}}}"
    )
    raised = declared(1, source=source, quotas=Quotas(role_trust_policy_length=length))
    assert [policy.id for policy in pack(raised, raised.source).hops] == ["Hops"]


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": 300},
        {"targets": 1000, "organization": "o-exampleorg1", "target": {"external_id": "ext-1"}},
        {"targets": 1000, "organization": "o-exampleorg1", "named": "app"},
        {"targets": 1000, "target": {"session_tags": {"Project": "apollo"}}},
    ],
)
def test_every_layout_is_proven(fields: dict[str, Any]) -> None:
    """However the hops are laid out, each works and nothing more than the rules take is allowed."""
    chain = declared(**fields)
    templates = []
    for account in chain.accounts:
        resources: dict[str, Any] = {}
        for role in (role for role in chain.roles if role.account == account):
            document = {"Version": "2012-10-17", "Statement": trust_statements(chain, role)}
            properties: dict[str, Any] = {
                "RoleName": role.role,
                "Path": role.path,
                "AssumeRolePolicyDocument": document,
            }
            resources["Role"] = {"Type": "AWS::IAM::Role", "Properties": properties}
            for policy in pack(chain, role).hops:
                written = {"Version": "2012-10-17", "Statement": list(policy.statements)}
                properties = {"PolicyDocument": written, "Roles": [{"Ref": "Role"}]}
                resources[policy.id] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
        templates.append(Template(account, {"Resources": resources}, account=account))
    assert [(finding.rule, finding.message) for finding in prove(chain, templates).findings] == []
