"""RC01, RC02, RC03 and RC06: who may stand in a trust policy."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Finding, Level, SourceLocation, Template, audit

Kit = Any
TRUST = "AssumeRolePolicyDocument"
ROOT = "arn:aws:iam::444444444444:root"
CALLER = "arn:aws:iam::444444444444:role/ci/runner"
APP = "arn:aws:iam::111111111111:role/app"
IN_ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}


def test_rc01_fires_with_place_and_cure(kit: Kit) -> None:
    """A trust in everyone is an error that says where it stands and what to write."""
    role = kit.role([kit.trust({"Service": "ec2.amazonaws.com"}), kit.trust("*")])
    assert kit.ask("RC01", role) == [
        Finding(
            "RC01",
            Level.ERROR,
            SourceLocation("t", "Role", 1, TRUST),
            f"{APP} trusts *, and no condition keeps a stranger's account out",
            "name the caller's account as Principal with ArnEquals aws:PrincipalArn on its role, or add "
            '{"StringEquals": {"aws:PrincipalOrgID": "<the organization\'s id>"}}',
        )
    ]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"aws:PrincipalOrgID": "*"}},
        {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
        {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        {"Null": {"aws:PrincipalOrgID": "false"}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalOrgID}"}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalTag/org}"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*/r-ab12/ou-ab12-11111111/*"}},
        {"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/*"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/rolechain/deploy-source"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:*:iam::1111*:role/rolechain/deploy-source"}},
        {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/x"}},
        {"StringLike": {"aws:PrincipalArn": "*"}},
        {"StringLike": {"aws:userid": "*:deploy"}},
        {"StringEquals": {"sts:ExternalId": "secret"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    ],
)
def test_rc01_fires_where_a_condition_does_not_close(kit: Kit, condition: dict[str, Any]) -> None:
    """A condition that a stranger meets closes nothing."""
    assert [found.rule for found in kit.ask("RC01", kit.role(kit.trust("*", condition)))] == ["RC01"]
    assert len(kit.ask("RC01", kit.role(kit.trust({"AWS": ["*", ROOT]}, condition)))) == 1


@pytest.mark.parametrize(
    "condition",
    [
        IN_ORGANIZATION,
        {"StringLike": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        {"stringequals": {"AWS:principalorgid": ["o-exampleorg1", "o-exampleorg2"]}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}},
        {"StringEquals": {"aws:PrincipalOrgID": "*"}},
        {
            "StringEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"},
            "Null": {"aws:PrincipalOrgID": "false"},
        },
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/r-ab12/*"}},
        {"ArnEquals": {"aws:PrincipalArn": CALLER}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/ci/*"}},
        {"StringEquals": {"aws:PrincipalAccount": "444444444444"}},
        {"StringLike": {"aws:userid": "AROAEXAMPLEEXAMPLE012:*"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws-cn:iam::*:role/rolechain/deploy-source"}},
    ],
)
def test_rc01_silent_where_a_condition_closes(kit: Kit, condition: dict[str, Any]) -> None:
    """A condition on what the caller is, which no stranger meets, closes a trust in everyone."""
    assert kit.ask("RC01", kit.role(kit.trust("*", condition))) == []


def test_rc01_silent_where_a_statement_denies_strangers(kit: Kit) -> None:
    """A statement that denies everyone outside of the organization closes it as well; one that is met by choice not."""
    keeps_out = kit.trust("*", {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}, Effect="Deny")
    assert kit.ask("RC01", kit.role([kit.trust("*"), keeps_out])) == []
    chosen = kit.trust("*", {"StringNotEquals": {"sts:ExternalId": "x"}}, Effect="Deny")
    assert len(kit.ask("RC01", kit.role([kit.trust("*"), chosen]))) == 1


def test_rc01_silent_on_ordinary_roles(kit: Kit) -> None:
    """A service's role, a denial and a permission to pass tags open nothing."""
    statements = [
        kit.trust({"Service": "lambda.amazonaws.com"}),
        kit.trust("*", Effect="Deny"),
        kit.trust("*", action="sts:TagSession"),
    ]
    assert kit.ask("RC01", kit.role(statements)) == []


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:iam::444444444444:role/*"},
        {"AWS": [ROOT, "arn:aws:iam::4444*:root"]},
        {"Service": "*.amazonaws.com"},
        {"Federated": "arn:aws:iam::444444444444:saml-provider/*"},
    ],
)
def test_rc02_fires_on_a_wildcard_within_a_principal(kit: Kit, principal: dict[str, Any]) -> None:
    """IAM refuses a wildcard that is not the whole principal."""
    (found,) = kit.ask("RC02", kit.role(kit.trust(principal)))
    assert (found.level, found.place) == (Level.ERROR, SourceLocation("t", "Role", 0, TRUST))
    assert found.message.endswith("holds a wildcard, which IAM refuses")


def test_rc02_fires_with_cure(kit: Kit) -> None:
    """The cure names the account's root and the condition that keeps the wildcard."""
    (found,) = kit.ask("RC02", kit.role(kit.trust("arn:aws:iam::444444444444:role/ci-*")))
    assert found.remediation == (
        "name one principal; for several, arn:aws:iam::444444444444:root with ArnLike aws:PrincipalArn "
        "arn:aws:iam::444444444444:role/ci-*"
    )


def test_rc02_silent_on_whole_principals(kit: Kit) -> None:
    """A ``*`` by itself and full names are no wildcards within a principal."""
    assert (
        kit.ask("RC02", kit.role([kit.trust("*"), kit.trust(CALLER), kit.trust({"AWS": [ROOT, "4" * 12]})]))
        == []
    )


def test_rc03_fires_on_refused_elements(kit: Kit) -> None:
    """NotPrincipal, Resource, NotResource and a missing Principal are refused in a trust policy."""
    nobody = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    statements = [
        {**nobody, "NotPrincipal": {"AWS": CALLER}},
        kit.trust(CALLER, Resource="*"),
        kit.trust(CALLER, NotResource=APP),
        nobody,
    ]
    found = kit.ask("RC03", kit.role(statements))
    assert [finding.place.statement for finding in found] == [0, 1, 2, 3]
    assert [finding.level for finding in found] == [Level.ERROR] * 4
    assert found[0].message == f"the trust policy of {APP} holds NotPrincipal, which IAM refuses there"
    assert found[2].remediation == "remove NotResource: a trust policy is about its own role"


def test_rc03_silent_on_well_formed_trust(kit: Kit) -> None:
    """A statement with Principal, Action and Condition is as IAM wants it."""
    assert (
        kit.ask("RC03", kit.role([kit.trust(CALLER), kit.trust("*", IN_ORGANIZATION, Effect="Deny")])) == []
    )


@pytest.mark.parametrize(
    "condition",
    [
        None,
        IN_ORGANIZATION,
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/*"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:*"}},
        {"StringLike": {"aws:PrincipalArn": "*"}},
        {"ArnNotEquals": {"aws:PrincipalArn": CALLER}},
        {"StringEquals": {"sts:ExternalId": "x1"}},
    ],
)
def test_rc06_fires_on_a_whole_account(kit: Kit, condition: dict[str, Any] | None) -> None:
    """An account's root without a condition on one of its principals lets the whole account in."""
    caller = kit.role(name="other", account="444444444444", template="u")
    for principal in (ROOT, "444444444444"):
        (found,) = kit.ask("RC06", kit.role(kit.trust(principal, condition)), caller)
        assert found == Finding(
            "RC06",
            Level.ERROR,
            SourceLocation("t", "Role", 0, TRUST),
            f"{APP} trusts account 444444444444 as a whole: every role and user that may call sts:AssumeRole there "
            "gets in",
            'add {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/<path and name>"}}',
        )


def test_rc06_fires_on_everyone_of_an_account(kit: Kit) -> None:
    """A ``*`` that a condition narrows to an account is that account as a whole."""
    condition = {"StringEquals": {"aws:PrincipalAccount": "111111111111"}}
    (found,) = kit.ask("RC06", kit.role(kit.trust("*", condition)))
    assert "trusts account 111111111111 as a whole" in found.message


def test_rc06_fires_as_warning_for_a_third_party(kit: Kit) -> None:
    """In an audit an account that no template is placed in is a third party, which may pass an external id instead."""
    (found,) = kit.ask("RC06", kit.role(kit.trust(ROOT)))
    assert (found.level, found.remediation) == (
        Level.WARNING,
        'add {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/<path and name>"}}, or an '
        "sts:ExternalId",
    )
    assert kit.ask("RC06", kit.role(kit.trust(ROOT, {"StringEquals": {"sts:ExternalId": "acme-1"}}))) == []
    assert len(kit.ask("RC06", kit.role(kit.trust(ROOT, {"StringLike": {"sts:ExternalId": "*"}})))) == 1


def test_rc06_fires_in_a_chain_with_the_caller_as_cure(kit: Kit, chain: Chain) -> None:
    """In a chain the cure names the role that calls; an external id does not stand in for it."""
    condition = {"StringEquals": {"sts:ExternalId": "jump-1", "aws:PrincipalOrgID": "o-exampleorg1"}}
    roles = kit.of_chain(chain, deploy_middle={"trust": kit.trust(chain.source.account_root, condition)})
    (found,) = kit.ask("RC06", *roles, chain=chain)
    assert found.level is Level.ERROR
    assert found.remediation == f'add {{"ArnEquals": {{"aws:PrincipalArn": "{chain.source.arn}"}}}}'


@pytest.mark.parametrize(
    "condition",
    [
        {"ArnEquals": {"aws:PrincipalArn": CALLER}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci/*"}},
        {"StringEquals": {"aws:PrincipalArn": [CALLER]}},
        {"StringLike": {"aws:userid": "AROAEXAMPLEEXAMPLE012:*"}},
    ],
)
def test_rc06_silent_where_the_principal_is_pinned(kit: Kit, condition: dict[str, Any]) -> None:
    """A condition that only some of the account's principals meet is enough."""
    other = kit.role(name="other", account="444444444444", template="u")
    assert kit.ask("RC06", kit.role(kit.trust(ROOT, condition)), other) == []


def test_rc06_on_bootstrap_roles(kit: Kit) -> None:
    """CDK's bootstrap stack may trust its own account, and warns of others; elsewhere such a name excuses nothing."""
    root = {"AWS": ["111111111111", "222222222222"]}
    trust = {
        "Version": "2012-10-17",
        "Statement": [kit.trust(root), kit.trust(root, action="sts:TagSession")],
    }
    role = ("AWS::IAM::Role", {"RoleName": "cdk-hnb659fds-deploy-role", "AssumeRolePolicyDocument": trust})
    version = ("AWS::SSM::Parameter", {"Type": "String", "Value": "33"})
    stack = kit.template({"DeploymentActionRole": role, "CdkBootstrapVersion": version}, "CDKToolkit")
    (finding,) = kit.read(None, stack)
    assert (finding.rule, finding.level) == ("RC06", Level.WARNING)
    assert "trusts account 222222222222 as a whole, as cdk bootstrap --trust set it" in finding.message
    assert len(kit.read("RC06", kit.template({"DeploymentActionRole": role}))) == 2


@pytest.mark.parametrize(
    ("more", "who"),
    [
        (
            {"Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}}},
            "a service that works for a stranger's account",
        ),
        ({"Action": "sts:AssumeRoleWithWebIdentity"}, "another provider's token"),
        ({"Action": "sts:AssumeRoleWithSAML"}, "another provider's token"),
    ],
)
def test_rc01_fires_on_services_and_tokens(kit: Kit, more: dict[str, Any], who: str) -> None:
    """A * lets services and tokens in as well, where no condition names them."""
    (found,) = kit.ask("RC01", kit.role([{**kit.trust("*"), **more}]))
    assert found.message.endswith(f"trusts *, and no condition keeps {who} out")


@pytest.mark.parametrize(
    ("action", "condition"),
    [
        ("sts:AssumeRole", {"StringEquals": {"aws:SourceAccount": "111111111111"}}),
        ("sts:AssumeRole", {"StringEquals": {"aws:PrincipalServiceName": "sns.amazonaws.com"}}),
        ("sts:AssumeRoleWithWebIdentity", {"StringEquals": {"x.com:sub": "one"}}),
        ("sts:AssumeRoleWithSAML", {"StringEquals": {"SAML:iss": "https://idp"}}),
    ],
)
def test_rc01_silent_on_services_and_tokens_that_are_named(
    kit: Kit, action: str, condition: dict[str, Any]
) -> None:
    """A service that works for a known account, and a token of which a claim is named, are no strangers."""
    assert kit.ask("RC01", kit.role([kit.trust("*", condition, action)])) == []


def test_rc02_fires_on_every_service(kit: Kit) -> None:
    """A * among services is a wildcard."""
    (found,) = kit.ask("RC02", kit.role([kit.trust({"Service": "*"})]))
    assert found.message == "Principal * holds a wildcard, which IAM refuses"


@pytest.mark.parametrize(
    "principal",
    [
        {"Service": "cloudformation"},
        "alice",
        "12345678",
        "arn:aws:iam::12345678901:role/runner",
        "arn:aws:iam::444444444444:Root",
        "arn:aws:iam::444444444444:group/devs",
        "arn:aws:iam::${AWS::AccountId}:root",
    ],
)
def test_rc02_fires_on_what_is_no_principal(kit: Kit, principal: Any) -> None:
    """A principal that IAM does not know as one is an error where it stands."""
    (found,) = kit.ask("RC02", kit.role([kit.trust(CALLER), kit.trust(principal)]))
    assert (found.level, found.place) == (Level.ERROR, SourceLocation("t", "Role", 1, TRUST))
    assert found.message.endswith(", which IAM refuses")


def test_rc02_silent_on_what_a_template_leaves_open(kit: Kit) -> None:
    """An intrinsic that cannot be resolved is not known, and never refused."""
    statements = [
        kit.trust({"AWS": {"Fn::ImportValue": "caller"}}),
        kit.trust({"Service": {"Fn::Sub": "${Name}.${AWS::URLSuffix}"}}),
        kit.trust({"AWS": {"Fn::Sub": "arn:aws:iam::${Account}:root"}}),
    ]
    trust = {"Version": "2012-10-17", "Statement": statements}
    role = ("AWS::IAM::Role", {"RoleName": "r", "AssumeRolePolicyDocument": trust})
    assert kit.read("RC02", kit.template({"Role": role})) == []
    assert kit.read("RC03", kit.template({"Role": role})) == []


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("action", ["*", "sts:TagSessions", "s3:GetObject"])
def test_rc03_fires_on_actions_of_others(kit: Kit, action: str, effect: str) -> None:
    """A trust policy names STS's actions only; cure and place are said."""
    statement = kit.trust(CALLER, action=["sts:AssumeRole", action], Effect=effect)
    assert kit.ask("RC03", kit.role(statement)) == [
        Finding(
            "RC03",
            Level.ERROR,
            SourceLocation("t", "Role", 0, TRUST),
            f"the trust policy of {APP} names the action {action}, none of STS's, which IAM refuses there",
            "write sts:AssumeRole, or another action of STS's, such as sts:TagSession",
        )
    ]


def test_rc03_silent_on_actions_of_sts(kit: Kit) -> None:
    """Every action that a trust policy may grant, and a wildcard among them, is as IAM wants it."""
    for action in (["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "sts:*"):
        assert kit.ask("RC03", kit.role(kit.trust(CALLER, action=action))) == []


def test_a_canonical_user_is_said() -> None:
    """Whose account a canonical user stands for is not known, with a chain or without."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"CanonicalUser": "79a5"}}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": trust}}
    found = audit([Template("t", {"Resources": {"R": role}}, account="111111111111")]).findings
    assert "statement 0 of AssumeRolePolicyDocument of R names a canonical user" in {
        each.message for each in found
    }


@pytest.mark.parametrize(
    "principal",
    [
        {"Ref": "AWS::AccountId"},
        {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"},
        {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},
        {"Fn::Join": [":", ["arn:aws:iam:", {"Ref": "AWS::AccountId"}, "root"]]},
        [{"Ref": "AWS::AccountId"}, "arn:aws:iam::111111111111:role/a"],
    ],
)
@pytest.mark.parametrize("account", [None, "111111111111"])
def test_rc06_is_a_warning_on_the_own_account(kit: Kit, account: str | None, principal: Any) -> None:
    """Who gets in from the role's own account is up to that account's own policies."""
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": kit.trust({"AWS": principal})}}
    (found,) = kit.read("RC06", kit.template({"Role": ("AWS::IAM::Role", role)}, account=account))
    assert found.level is Level.WARNING


def test_rc06_is_an_error_where_others_are_at_stake(kit: Kit, chain: Chain) -> None:
    """Another account, a * that is held to the own one, where nobody needs a permission, and a chain."""
    other = kit.role(name="other", account="222222222222", template="u")
    of_other = kit.trust("arn:aws:iam::222222222222:root")
    everyone = kit.trust("*", {"StringEquals": {"aws:PrincipalAccount": "111111111111"}})
    for statement in (of_other, everyone):
        (found,) = kit.ask("RC06", kit.role(statement), other)
        assert found.level is Level.ERROR
    roles = kit.of_chain(chain, deploy_source={"trust": kit.trust("arn:aws:iam::111111111111:root")})
    assert [each.level for each in kit.ask("RC06", *roles, chain=chain)] == [Level.ERROR]
