"""RC07, RC22, RC23 and RC30: which roles a role may assume."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainRole, Permission
from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
APP = "arn:aws:iam::111111111111:role/app"
OTHER = "arn:aws:iam::222222222222:role/other"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
PLACE = SourceLocation("t", "Policy", 0, "PolicyDocument")
IN_ORGANIZATION = {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}


@pytest.mark.parametrize(
    ("resource", "condition", "what"),
    [
        (OTHER, None, "which is not a hop of the chain"),
        ("arn:aws:iam::333333333333:role/rolechain/deploy-target", None, "which is not a hop of the chain"),
        ("*", None, "which names no roles by account, path and name"),
        ("arn:aws:iam::222222222222:role/*", None, "which names no roles by account, path and name"),
        ("arn:aws:iam::*:role/rolechain/*", None, "which names no roles by account, path and name"),
        ("arn:aws:iam::*:role/*", IN_ORGANIZATION, "which names no roles by account, path and name"),
        (
            "arn:aws:iam::*:role/rolechain/deploy-middle",
            {"StringLike": {"aws:ResourceOrgID": "o-*"}},
            "which names no roles by account, path and name",
        ),
    ],
)
def test_rc07_fires_beyond_the_chain(
    kit: Kit, chain: Chain, resource: str, condition: dict[str, Any] | None, what: str
) -> None:
    """A chain's role may assume what its hops lead to, and nothing else."""
    hops = kit.policy(kit.allow(resource, condition))
    roles = kit.of_chain(chain, deploy_source={"policies": [hops]})
    assert kit.ask("RC07", *roles, chain=chain) == [
        Finding(
            "RC07",
            Level.ERROR,
            PLACE,
            f"{chain.source.arn} may assume {resource}, {what}",
            f"write Resource: {chain.middle[0].arn}",
        )
    ]


def test_rc07_fires_on_all_but_some_roles(kit: Kit, chain: Chain) -> None:
    """NotResource leaves every other role; NotAction and AWS's administrator policy allow every AssumeRole."""
    statements = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "NotResource": OTHER},
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
    ]
    roles = kit.of_chain(
        chain, deploy_source={"policies": [kit.policy(statements), kit.missing(ADMINISTRATOR)]}
    )
    found = kit.ask("RC07", *roles, chain=chain)
    assert [(finding.level, finding.place.statement) for finding in found] == [
        (Level.ERROR, 0),
        (Level.ERROR, 1),
        (Level.ERROR, None),
    ]


def test_rc07_fires_as_warning_on_other_roles(kit: Kit) -> None:
    """Another role of the templates is warned of where it does not name the roles that it may assume."""
    (found,) = kit.ask("RC07", kit.role((), kit.policy(kit.allow("arn:aws:iam::*:role/deploy"))))
    assert found == Finding(
        "RC07",
        Level.WARNING,
        PLACE,
        f"{APP} may assume arn:aws:iam::*:role/deploy",
        "name the roles by account, path and name: arn:aws:iam::<account>:role/<path and name>",
    )


def test_rc07_silent_on_hops(kit: Kit, chain: Chain) -> None:
    """The hops of a chain, a wildcard account in the organization and its own path, and what is denied are right."""
    assert kit.ask("RC07", *kit.of_chain(chain), chain=chain) == []
    wide = kit.policy(kit.allow("arn:aws:iam::*:role/rolechain/deploy-middle", IN_ORGANIZATION))
    assert kit.ask("RC07", *kit.of_chain(chain, deploy_source={"policies": [wide]}), chain=chain) == []
    deny = {"Effect": "Deny", "Action": "sts:*", "NotResource": chain.middle[0].arn}
    closed = kit.policy([kit.allow("*"), deny])
    assert kit.ask("RC07", *kit.of_chain(chain, deploy_source={"policies": [closed]}), chain=chain) == []


def test_rc07_silent_where_the_boundary_limits(kit: Kit) -> None:
    """A permissions boundary that names the roles stands for a permission that does not; a wider one does not."""
    wide = kit.policy(kit.allow("*"))
    assert kit.ask("RC07", kit.role((), wide, boundary=kit.policy(kit.allow(OTHER)))) == []
    assert len(kit.ask("RC07", kit.role((), wide, boundary=kit.policy(kit.allow("*"))))) == 1


def test_rc07_silent_on_declared_permissions(kit: Kit) -> None:
    """A role that the chain's permissions name is declared."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", permissions=[Permission(["sts:AssumeRole"], [OTHER])]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    both = kit.policy(kit.allow([OTHER, chain.middle[0].arn]))
    assert kit.ask("RC07", *kit.of_chain(chain, deploy_source={"policies": [both]}), chain=chain) == []


def test_rc07_silent_on_ordinary_permissions(kit: Kit) -> None:
    """Named roles, resources that are no roles, narrowing conditions and AWS's own policies need no warning."""
    bootstrap = {"StringEquals": {"iam:ResourceTag/aws-cdk:bootstrap-role": ["deploy", "lookup"]}}
    role = kit.role(
        (),
        kit.policy(
            [
                kit.allow(OTHER),
                kit.allow("arn:aws:s3:::bucket/*", action=["s3:GetObject", "sts:AssumeRole"]),
                kit.allow("arn:aws:iam::111111111111:user/*"),
                kit.allow("arn:*:iam::111111111111:role/*", bootstrap),
                kit.allow("*", IN_ORGANIZATION),
                kit.allow("*", action="s3:*"),
                {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"},
            ]
        ),
        kit.policy(
            kit.allow("arn:aws:iam::*:role/AWSControlTowerExecution"),
            name="arn:aws:iam::aws:policy/service-role/AWSControlTowerServiceRolePolicy",
        ),
    )
    assert kit.ask("RC07", role) == []


@pytest.mark.parametrize(
    "policy",
    [
        "AdministratorAccess",
        "PowerUserAccess",
        "SageMakerStudioAdminIAMDefaultExecutionPolicy",
        "SageMakerStudioUserIAMPermissiveExecutionPolicy",
        "SageMakerStudioUserIAMDefaultExecutionPolicy",
    ],
)
def test_rc07_fires_on_aws_managed_policies(kit: Kit, policy: str) -> None:
    """A policy of AWS's that allows every AssumeRole is warned of as an inline one is, and once for a role."""
    arn = f"arn:aws:iam::aws:policy/{policy}"
    managed = {"ManagedPolicyArns": [arn]}
    several = {"ManagedPolicyArns": [arn, ADMINISTRATOR]}
    inline = {
        "Policies": [
            {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": kit.allow("*")}}
        ]
    }
    trust = {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": kit.trust({"Service": "ec2.amazonaws.com"}),
        }
    }
    (alone,) = kit.read("RC07", kit.template({"Role": ("AWS::IAM::Role", trust | managed)}))
    (both,) = kit.read("RC07", kit.template({"Role": ("AWS::IAM::Role", trust | several | inline)}))
    assert alone.message == both.message
    assert alone.message.endswith(" may assume *")
    assert alone.remediation == f"attach a policy that names the roles that it assumes instead of {arn}"
    assert both.remediation.startswith("name the roles by account, path and name")


def test_rc07_silent_on_other_aws_managed_policies(kit: Kit) -> None:
    """Those that allow no AssumeRole, or that of some roles alone."""
    names = ("ReadOnlyAccess", "IAMFullAccess", "SecurityAudit", "EC2ImageBuilderExecutionPolicy")
    arns = [f"arn:aws:iam::aws:policy/{name}" for name in names]
    assert kit.read("RC07", kit.template({"Role": ("AWS::IAM::Role", {"ManagedPolicyArns": arns})})) == []


def test_rc30_fires_on_an_onward_role(kit: Kit, chain: Chain) -> None:
    """A target that may assume a role is an error."""
    roles = kit.of_chain(chain, deploy_target={"policies": [kit.policy(kit.allow(OTHER))]})
    assert kit.ask("RC30", *roles, chain=chain) == [
        Finding(
            "RC30",
            Level.ERROR,
            PLACE,
            f"the target {chain.targets[0].arn} may assume {OTHER}",
            "leave sts:AssumeRole out, or declare it under permissions of deploy-target",
        )
    ]
    assert kit.ask("RC07", *roles, chain=chain) == []


@pytest.mark.parametrize("at_hand", [True, False])
def test_rc30_fires_as_warning_on_a_declared_managed_policy(kit: Kit, at_hand: bool) -> None:
    """An AWS managed policy that allows every AssumeRole is said where it is declared, and an error where it is not."""
    policy = (
        kit.policy(kit.allow("*", action="*"), name=ADMINISTRATOR) if at_hand else kit.missing(ADMINISTRATOR)
    )
    levels = []
    for declared in (["AdministratorAccess"], []):
        chain = Chain(
            "deploy",
            source=ChainRole("111111111111"),
            middle=[ChainRole("222222222222")],
            targets=[ChainRole("333333333333", managed_policies=declared)],
        )
        (found,) = kit.ask("RC30", *kit.of_chain(chain, deploy_target={"policies": [policy]}), chain=chain)
        assert found.message == (
            "arn:aws:iam::333333333333:role/rolechain/deploy-target comes with AdministratorAccess, which allows "
            "sts:AssumeRole on every role that trusts its account"
        )
        levels.append(found.level)
    assert levels == [Level.WARNING, Level.ERROR]


def test_rc30_silent_on_declared_permissions(kit: Kit) -> None:
    """What the target's permissions declare is meant; permissions on other things, and denied ones, are no hop."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333", permissions=[Permission(["sts:Assume*"], [OTHER])])],
    )
    policies = [
        kit.policy([kit.allow(OTHER, action="sts:Assume*"), kit.allow("*", action="ssm:GetParameter")]),
        kit.policy(
            [kit.allow("*", action="*"), {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}]
        ),
    ]
    roles = kit.of_chain(chain, deploy_target={"policies": policies})
    assert kit.ask("RC30", *roles, chain=chain) == []
    assert kit.ask("RC30", *roles) == []


def _circle(kit: Kit, *accounts: str) -> list[Any]:
    """A role in each account, each of which may assume the next and trusts the one before."""
    arns = [f"arn:aws:iam::{account}:role/app" for account in accounts]
    return [
        kit.role(
            kit.trust(
                f"arn:aws:iam::{accounts[number - 1]}:root",
                {"ArnEquals": {"aws:PrincipalArn": arns[number - 1]}},
            ),
            kit.policy(kit.allow(arns[(number + 1) % len(arns)])),
            account=account,
            template=f"stack-{account}",
        )
        for number, account in enumerate(accounts)
    ]


@pytest.mark.parametrize("size", [2, 3])
def test_rc22_fires_on_a_circle(kit: Kit, size: int) -> None:
    """Roles that assume each other in a circle are one error, however many they are."""
    roles = _circle(kit, *("111111111111", "222222222222", "333333333333")[:size])
    (found,) = kit.ask("RC22", *roles)
    assert found.level is Level.ERROR
    assert (
        found.message == f"these roles assume each other in a circle: {', '.join(role.arn for role in roles)}"
    )
    assert found.place == SourceLocation("stack-222222222222", "Role", 0, "AssumeRolePolicyDocument")
    assert (
        found.remediation
        == f"take {roles[0].arn} out of the trust policy of {roles[1].arn}, or the other way round"
    )


def test_rc22_fires_on_a_circle_by_wildcards(kit: Kit) -> None:
    """Two roles that trust their account and may assume every role are a circle."""
    wide = kit.policy(kit.allow("*"))
    trust = kit.trust("111111111111")
    roles = [kit.role(trust, wide, name=name, logical_id=name) for name in ("a", "b")]
    assert len(kit.ask("RC22", *roles)) == 1


def test_rc22_silent_on_a_line(kit: Kit, chain: Chain) -> None:
    """A chain leads on and not back; a way back that one side does not allow, or denies, is none."""
    assert kit.ask("RC22", *kit.of_chain(chain), chain=chain) == []
    first, second = _circle(kit, "111111111111", "222222222222")
    one_sided = kit.role(
        kit.trust({"Service": "ec2.amazonaws.com"}), *first.policies, template="stack-111111111111"
    )
    assert kit.ask("RC22", one_sided, second) == []
    deny = kit.policy({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"})
    denied = kit.role(
        kit.trust("arn:aws:iam::222222222222:root", {"ArnEquals": {"aws:PrincipalArn": second.arn}}),
        *first.policies,
        deny,
        template="stack-111111111111",
    )
    assert kit.ask("RC22", denied, second) == []


def test_rc23_fires_on_a_role_that_its_trust_leaves_out(kit: Kit) -> None:
    """A permission on the role itself is useless while its trust policy does not name it."""
    (found,) = kit.ask("RC23", kit.role((), kit.policy(kit.allow(APP))))
    assert found == Finding(
        "RC23",
        Level.ERROR,
        PLACE,
        f"{APP} may assume itself, and its trust policy does not let it",
        f"leave {APP} out of Resource, or trust it: "
        '"Principal": {"AWS": "arn:aws:iam::111111111111:root"} with {"ArnEquals": {"aws:PrincipalArn": "'
        + APP
        + '"}}',
    )


def test_rc23_fires_on_either_side_in_a_chain(kit: Kit, chain: Chain) -> None:
    """No role of a chain is declared to assume itself."""
    middle = chain.middle[0]
    trust = [
        kit.trust(chain.source.arn),
        kit.trust(middle.account_root, {"ArnEquals": {"aws:PrincipalArn": middle.arn}}),
    ]
    policy = kit.policy(kit.allow(middle.arn))
    roles = kit.of_chain(chain, deploy_middle={"trust": trust, "policies": [policy]})
    found = kit.ask("RC23", *roles, chain=chain)
    assert [finding.place for finding in found] == [
        SourceLocation("stack-222222222222", "deploy-middle", 1, "AssumeRolePolicyDocument"),
        PLACE,
    ]
    assert found[1].message == f"{middle.arn} may assume itself, and the chain declares no such hop"


def test_rc23_silent_where_both_sides_say_so(kit: Kit, chain: Chain) -> None:
    """A role that names itself on both sides is meant to; one that names itself on neither is none."""
    trust = kit.trust("111111111111", {"ArnEquals": {"aws:PrincipalArn": APP}})
    assert kit.ask("RC23", kit.role(trust, kit.policy(kit.allow(APP)))) == []
    assert kit.ask("RC23", *kit.of_chain(chain), chain=chain) == []
