"""A chain is proven from what its accounts hold, by the rules that hold for templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.live import (
    Account,
    AccountError,
    FolderError,
    Organization,
    load_accounts,
    read_account,
    read_accounts,
    save_accounts,
)
from rolechain.live import prove_live as prove_with
from rolechain.local import LocalOrganization
from rolechain.proof import Proof
from rolechain.statements.builder import permission_statements, trust_statements

Read = Callable[[Chain], list[Account]]
STAR = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def prove_live(chain: Chain, accounts: list[Account], unread: dict[str, str] | None = None) -> Proof:
    """The proof in an organization without control policies."""
    above = {account: ("r-local", account) for account in chain.accounts}
    return prove_with(
        chain, accounts, unread, organization=Organization("o-exampleorg1", "000000000000", above)
    )


def _errors(proof: Proof) -> list[tuple[str, str]]:
    return [
        (finding.rule, str(finding.place)) for finding in proof.findings if finding.level.value == "error"
    ]


def _document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_what_is_deployed_as_declared_is_proven(chain: Chain, read: Read) -> None:
    """Every hop works, and nothing is assumed of control policies, which were read."""
    proof = prove_live(chain, read(chain))
    assert proof.proven, proof.findings
    assert [hop.verdict.value for hop in proof.hops] == ["allow", "allow"]
    assert not [each for each in proof.assumptions if "control policy" in each]


def test_a_trust_that_was_added_by_hand(chain: Chain, read: Read, organization: LocalOrganization) -> None:
    """A statement that is appended to the target's trust policy lets somebody in, and is named."""
    target = chain.targets[0]
    iam = organization.session(target.account).client("iam")
    own: Any = iam.get_role(RoleName=target.role)["Role"]["AssumeRolePolicyDocument"]
    own["Statement"].append(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
        }
    )
    iam.update_assume_role_policy(RoleName=target.role, PolicyDocument=json.dumps(own))
    assert (
        "RC05",
        f"account {target.account} role/rolechain/deploy-target AssumeRolePolicyDocument statement 1",
    ) in _errors(prove_live(chain, read(chain)))


def test_a_permission_that_was_added_by_hand(
    chain: Chain, read: Read, organization: LocalOrganization
) -> None:
    """Everything on everything, put inline on the middle role, is found."""
    middle = chain.middle[0]
    organization.session(middle.account).client("iam").put_role_policy(
        RoleName=middle.role, PolicyName="fix", PolicyDocument=_document(STAR)
    )
    rules = {finding.rule for finding in prove_live(chain, read(chain)).findings}
    assert "RC07" in rules


def test_a_half_that_was_taken_away(chain: Chain, read: Read, organization: LocalOrganization) -> None:
    """Without the middle role's permission the second hop does not work."""
    middle = chain.middle[0]
    organization.session(middle.account).client("iam").delete_role_policy(
        RoleName=middle.role, PolicyName="hops"
    )
    proof = prove_live(chain, read(chain))
    assert not proof.proven
    assert [hop.verdict.value for hop in proof.hops] == ["allow", "implicit_deny"]


def test_who_may_change_the_chain(chain: Chain, read: Read, organization: LocalOrganization) -> None:
    """A user whose group has a customer managed policy that changes trust policies is found in the live account."""
    target = chain.targets[0]
    iam = organization.session(target.account).client("iam")
    statement = {"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy", "Resource": "*"}
    arn = iam.create_policy(PolicyName="trusts", PolicyDocument=_document(statement))["Policy"]["Arn"]
    iam.create_group(GroupName="people")
    iam.attach_group_policy(GroupName="people", PolicyArn=arn)
    iam.create_user(UserName="ann")
    iam.add_user_to_group(GroupName="people", UserName="ann")
    changers = prove_live(chain, read(chain)).changers or ()
    assert f"arn:aws:iam::{target.account}:user/ann" in {changer.who for changer in changers}


def test_the_default_version_of_a_policy_counts(
    chain: Chain, read: Read, organization: LocalOrganization
) -> None:
    """A policy that refuses the hop is read in its default version, and not in an older one."""
    middle = chain.middle[0]
    iam = organization.session(middle.account).client("iam")
    nothing = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    arn = iam.create_policy(PolicyName="more", PolicyDocument=_document(nothing))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=middle.role, PolicyArn=arn)
    assert prove_live(chain, read(chain)).hops[1].verdict.value == "allow"
    deny = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=_document(deny), SetAsDefault=True)
    assert prove_live(chain, read(chain)).hops[1].verdict.value == "explicit_deny"


def test_a_boundary_counts(chain: Chain, read: Read) -> None:
    """A boundary of the middle role that does not allow the hop refuses it."""
    accounts = read(chain)
    arn = "arn:aws:iam::aws:policy/boundary"
    (middle,) = accounts[1].details["RoleDetailList"]
    middle["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    nothing = json.loads(_document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}))
    accounts[1].details["Policies"].append(
        {
            "PolicyName": "boundary",
            "Arn": arn,
            "PolicyVersionList": [{"Document": nothing, "IsDefaultVersion": True}],
        }
    )
    assert prove_live(chain, accounts).hops[1].verdict.value == "implicit_deny"


def test_a_boundary_whose_document_is_not_at_hand(chain: Chain, read: Read) -> None:
    """What it leaves is not known, and nothing is assumed of what is deployed."""
    accounts = read(chain)
    (middle,) = accounts[1].details["RoleDetailList"]
    middle["PermissionsBoundary"] = {"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/made-up"}
    place = f"account {accounts[1].id} role/rolechain/deploy-middle"
    assert ("RC00", place) in _errors(prove_live(chain, accounts))


def test_a_boundary_is_read_from_the_account(
    chain: Chain, read: Read, organization: LocalOrganization
) -> None:
    """The boundary that IAM holds for the middle role refuses the hop; a user's is read as well."""
    middle = chain.middle[0]
    iam = organization.session(middle.account).client("iam")
    nothing = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    arn = iam.create_policy(PolicyName="boundary", PolicyDocument=_document(nothing))["Policy"]["Arn"]
    iam.create_user(UserName="ann", PermissionsBoundary=arn)
    assert prove_live(chain, read(chain)).hops[1].verdict.value == "allow"
    iam.put_role_permissions_boundary(RoleName=middle.role, PermissionsBoundary=arn)
    accounts = read(chain)
    details = accounts[1].details
    for (entity,) in (details["RoleDetailList"], details["UserDetailList"]):
        assert entity["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert prove_live(chain, accounts).hops[1].verdict.value == "implicit_deny"


def test_a_policy_of_aws_is_read(chain: Chain, read: Read, organization: LocalOrganization) -> None:
    """Whatever AWS puts into the policies that it manages is read from there."""
    middle = chain.middle[0]
    organization.session(middle.account).client("iam").attach_role_policy(
        RoleName=middle.role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    accounts = read(chain)
    assert "arn:aws:iam::aws:policy/AdministratorAccess" in {
        policy["Arn"] for policy in accounts[1].details["Policies"]
    }
    assert "RC07" in {finding.rule for finding in prove_live(chain, accounts).findings}


def test_a_policy_of_aws_that_is_not_there(chain: Chain, read: Read, organization: LocalOrganization) -> None:
    """A policy of AWS that IAM does not have, as ``cdk bootstrap`` attaches one here, is left out and gives nothing."""
    organization.session(chain.middle[0].account).client("iam").attach_role_policy(
        RoleName=chain.middle[0].role, PolicyArn="arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"
    )
    proof = prove_live(chain, read(chain))
    assert proof.proven, proof.findings


def test_an_account_that_was_not_read(chain: Chain, read: Read) -> None:
    """What cannot be read is said, and never counts as proven."""
    accounts = read(chain)
    target = chain.targets[0].account
    proof = prove_live(chain, accounts[:-1], {target: "AccessDenied: no"})
    assert not proof.proven
    assert proof.findings[0].message == f"account {target} could not be read: AccessDenied: no"
    silent = prove_live(chain, accounts[:-1])
    assert silent.findings[0].message == f"account {target} could not be read: it was not asked for"


def test_what_was_saved_is_proven_alike(chain: Chain, read: Read, tmp_path: Path) -> None:
    """The proof of the files is that of the accounts."""
    accounts = read(chain)
    files = save_accounts(tmp_path / "accounts", accounts)
    assert [file.name for file in files] == [f"{account}.json" for account in chain.accounts]
    assert prove_live(chain, load_accounts(tmp_path / "accounts")) == prove_live(chain, accounts)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"Format": "rolechain-account/v1"}', "NaN", "[" * 10_000, "\0"]
)
def test_a_file_that_is_no_account(text: str, tmp_path: Path) -> None:
    """It is said in one line with the file's name."""
    with pytest.raises(FolderError, match="holds no accounts"):
        load_accounts(tmp_path)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FolderError, match=r"a\.json is not an account that rolechain saved"):
        load_accounts(tmp_path)


def test_files_that_are_none(tmp_path: Path) -> None:
    """A folder in the place of a file, and links in a circle, are said in one line."""
    (tmp_path / "a.json").mkdir()
    with pytest.raises(FolderError, match=r"a\.json cannot be read: Is a directory"):
        load_accounts(tmp_path)
    (tmp_path / "a.json").rmdir()
    (tmp_path / "a.json").symlink_to(tmp_path / "a.json")
    with pytest.raises(FolderError, match=r"a\.json cannot be read: Too many levels of symbolic links"):
        load_accounts(tmp_path)


def test_an_account_in_two_files(chain: Chain, read: Read, tmp_path: Path) -> None:
    """It is not known which of them counts: neither does, and both are named."""
    first, *_ = save_accounts(tmp_path, read(chain))
    copy = tmp_path / "copy.json"
    copy.write_bytes(first.read_bytes())
    with pytest.raises(FolderError) as raised:
        load_accounts(tmp_path)
    assert str(raised.value) == (
        f"{first} and {copy} both hold account {first.stem}: remove the one that does not count"
    )


def _role_of(document: Any) -> Any:
    (role,) = document["RoleDetailList"]
    return role


def _with_two_versions(document: Any) -> None:
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": {"Statement": []}}
    arn = f"arn:aws:iam::{document['Account']}:policy/own"
    document["Policies"] = [
        {
            "PolicyName": "own",
            "Path": "/",
            "Arn": arn,
            "DefaultVersionId": "v2",
            "PolicyVersionList": [version, {**version, "VersionId": "v2", "IsDefaultVersion": False}],
        }
    ]


def _named(role: Any, change: Callable[[str], str]) -> dict[str, str]:
    name = change(role["RoleName"])
    return {"RoleName": name, "Arn": role["Arn"].replace(role["RoleName"], name)}


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: _role_of(document).update(Path="/other/"),
        lambda document: _role_of(document).update(RoleName="other"),
        lambda document: _role_of(document).pop("AssumeRolePolicyDocument"),
        lambda document: document.update(Account="999999999999"),
        lambda document: document.update(Providers=["x"]),
        lambda document: document.update(Providers=[[]]),
        lambda document: document.update(MaxSessionDurations={"x": "y"}),
        lambda document: _role_of(document).update(RolePolicyList=["x"]),
        lambda document: _role_of(document).update(AttachedManagedPolicies=[{}]),
        lambda document: _role_of(document).update(PermissionsBoundary="x"),
        lambda document: _role_of(document).update(Tags={"x": "y"}),
        lambda document: document.update(UserDetailList=[{"GroupList": 7}]),
        _with_two_versions,
        lambda document: document["RoleDetailList"].insert(0, dict(_role_of(document))),
        lambda document: document["RoleDetailList"].append(
            {**_role_of(document), **_named(_role_of(document), str.upper)}
        ),
        lambda document: _role_of(document).update(RolePolicyList=[{"PolicyName": "x"}]),
        lambda document: _role_of(document).update(Arn=_role_of(document)["Arn"].replace(":iam:", ":sts:")),
        lambda document: _role_of(document).update(
            PermissionsBoundary={"PermissionsBoundaryArn": f"arn:aws:iam::{document['Account']}:policy/gone"}
        ),
        lambda document: _role_of(document).update(
            AttachedManagedPolicies=[{"PolicyArn": "arn:aws:iam::999999999999:policy/other"}]
        ),
        lambda document: document.update(Providers=["arn:aws:iam::999999999999:oidc-provider/x"]),
        lambda document: document.update(UserDetailList=""),
    ],
)
def test_a_file_that_contradicts_itself(edit: Any, chain: Chain, read: Read, tmp_path: Path) -> None:
    """What was edited so that its parts do not agree is not what IAM gave."""
    first, *_ = save_accounts(tmp_path, read(chain))
    document = json.loads(first.read_text())
    edit(document)
    first.write_text(json.dumps(document))
    with pytest.raises(FolderError, match="is not an account that rolechain saved"):
        load_accounts(tmp_path)


def test_a_file_that_holds_a_key_twice(chain: Chain, read: Read, tmp_path: Path) -> None:
    """Nobody sees two values of one key and takes the last."""
    first, *_ = save_accounts(tmp_path, read(chain))
    first.write_text(first.read_text().replace('"RoleDetailList"', '"Providers": [], "RoleDetailList"'))
    with pytest.raises(FolderError, match="is not an account that rolechain saved"):
        load_accounts(tmp_path)


def test_accounts_are_read_in_parallel(chain: Chain, organization: LocalOrganization) -> None:
    """One that fails does not stop the others, and says why without credentials."""
    first, second, third = chain.accounts
    sessions = {
        first: lambda: organization.session(first),
        second: lambda: organization.session(second),
        third: lambda: organization.session(first),
    }
    found = dict(read_accounts(sessions))
    assert isinstance(found[first], Account)
    assert isinstance(found[second], Account)
    assert str(found[third]) == f"the credentials are of account {first}: give some of {third}"


def test_a_reader_who_may_not(chain: Chain, organization: LocalOrganization) -> None:
    """What IAM refuses is told in AWS's words."""
    source = chain.source
    session = organization.workload(source.arn, "lambda.amazonaws.com")
    with pytest.raises(
        AccountError, match=r"^AccessDenied: .* not authorized to perform: iam:GetAccountAuthorizationDetails"
    ):
        read_account(session, source.account)


def test_roles_that_name_each_other(organization: LocalOrganization) -> None:
    """Where the roles exist, it does not matter which of them would have to be made first."""
    source, target = (
        ChainRole("710000009001", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        "710000009002",
    )
    declared = Chain("deploy", source=source, targets=ChainRole(target, trust="role_arn"))
    for role in declared.roles:
        iam = organization.session(role.account).client("iam")
        trust = _document(*trust_statements(declared, role))
        iam.create_role(Path=role.path, RoleName=role.role, AssumeRolePolicyDocument=trust)
        for hops in filter(None, [permission_statements(declared, role)]):
            iam.put_role_policy(RoleName=role.role, PolicyName="hops", PolicyDocument=_document(*hops))
    held = [read_account(organization.session(account), account) for account in declared.accounts]
    assert _errors(prove_live(declared, held)) == []
