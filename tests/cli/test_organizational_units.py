"""Targets by organizational unit, over a local organization whose accounts hold their roles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from rolechain import Chain, ChainRole
from rolechain.live import prove_live, read_account
from rolechain.live.drift import drift
from rolechain.live.organization import read_organization
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization
from rolechain.proof import Level
from rolechain.runtime import HopError, UnitAccountsError, chain_session, fan_out, list_unit_accounts, verify
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.trail import TrailFiles, log_files, sessions_query, trace
from tests.cli.conftest import Deployed, Shell, policy

SOURCE, MIDDLE = "640000000001", "640000000002"
IN_UNIT, BELOW, EXCLUDED, ELSEWHERE, SUSPENDED = (f"64000000001{digit}" for digit in range(5))


@dataclass
class Units:
    """A chain, and the trail of what was called.

    Attributes:
        deployed: the chain, whose target's role is in every account.
        trail: the folder of its log files.
    """

    deployed: Deployed
    trail: Path

    @property
    def chain(self) -> Chain:
        """The declared chain."""
        return self.deployed.chain


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Units]:
    folder = tmp_path_factory.mktemp("units")
    with LocalOrganization(trail=folder / "trail") as running:
        client = running.session(MANAGEMENT_ACCOUNT).client("organizations")
        root = client.list_roots()["Roots"][0]["Id"]
        unit = client.create_organizational_unit(ParentId=root, Name="apps")["OrganizationalUnit"]["Id"]
        below = client.create_organizational_unit(ParentId=unit, Name="dev")["OrganizationalUnit"]["Id"]
        places = {IN_UNIT: unit, BELOW: below, EXCLUDED: unit, SUSPENDED: unit}
        for account, place in places.items():
            client.move_account(AccountId=account, SourceParentId=root, DestinationParentId=place)
        file = folder / "chain.yaml"
        file.write_text(
            yaml.safe_dump(
                {
                    "name": "units",
                    "organization": "o-exampleorg1",
                    "source": {"account": SOURCE, "assumed_by": {"account": SOURCE}},
                    "middle": {"account": MIDDLE},
                    "targets": {
                        "organizational_units": f"{root}/{unit}",
                        "exclude": EXCLUDED,
                        "external_id": "ticket-7",
                    },
                }
            )
        )
        chain = Chain.load(file)
        target = chain.targets[0]
        members = [target.in_account(each) for each in (*places, ELSEWHERE)]
        for role in (*chain.sources, *chain.middle, *members):
            iam = running.session(role.account).client("iam")
            trust = policy(trust_statements(chain, role))
            iam.create_role(Path=role.path, RoleName=role.role, AssumeRolePolicyDocument=trust)
            if own := permission_statements(chain, role):
                iam.put_role_policy(RoleName=role.role, PolicyName="own", PolicyDocument=policy(own))
        yield Units(Deployed(running, chain, file), folder / "trail")


@pytest.fixture
def shell(shell_of: Callable[[Deployed], Shell], units: Units) -> Shell:
    shell = shell_of(units.deployed)
    (shell.folder / "config").write_text(
        f"[profile lists]\naws_access_key_id = {MANAGEMENT_ACCOUNT}\n"
        f"aws_secret_access_key = {units.deployed.organization.secret_access_key}\n"
    )
    shell.environment.setenv("AWS_CONFIG_FILE", str(shell.folder / "config"))
    return shell


def listing(units: Units, *, suspended: str = "") -> boto3.Session:
    """The management account's session; in its answers one account is suspended, which the local one cannot be."""
    session = units.deployed.organization.session(MANAGEMENT_ACCOUNT)

    def suspend(parsed: dict[str, Any], **_: Any) -> None:
        for account in parsed.get("Accounts", ()):
            if account["Id"] == suspended:
                account |= {"Status": "SUSPENDED", "State": "SUSPENDED"}

    session.events.register("after-call.organizations.ListAccountsForParent", suspend)
    return session


def test_the_accounts_of_a_unit(units: Units) -> None:
    """Those of the unit and of units below, without the excluded and the suspended ones, which are told."""
    found = list_unit_accounts(units.chain.targets[0], listing(units, suspended=SUSPENDED))
    assert sorted(found.accounts) == [IN_UNIT, BELOW]
    assert found.skipped == {EXCLUDED: "the chain excludes it", SUSPENDED: "it is suspended"}


def test_who_may_not_list(units: Units) -> None:
    """A session that may not list the accounts is told whose may."""
    with pytest.raises(UnitAccountsError) as error:
        list_unit_accounts(units.chain.targets[0], units.deployed.organization.session(SOURCE))
    assert "cannot be listed: AccessDeniedException: " in str(error.value)
    assert str(error.value).endswith(
        ": start from the management account or a delegated administrator of AWS Organizations"
    )


def test_a_unit_that_does_not_exist(units: Units) -> None:
    """It is named, with what to write: whoever asks may list the accounts already."""
    organization = units.deployed.organization
    path = units.chain.targets[0].organizational_units[0]
    root = path.partition("/")[0]
    missing = f"{root}/ou-{root[2:]}-99999999"
    target = ChainRole("", organizational_units=[path, missing])
    with pytest.raises(UnitAccountsError) as error:
        list_unit_accounts(target, organization.session(MANAGEMENT_ACCOUNT))
    assert str(error.value).startswith(
        f"the accounts of {missing} cannot be listed: ParentNotFoundException: "
    )
    assert str(error.value).endswith(
        f": write the id of a unit of organization {organization.organization_id} in organizational_units"
    )


def test_members_and_others(units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member is reached, an excluded account only by a call made by hand, and it and other units refuse."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", units.deployed.organization.endpoint_url)
    base = units.deployed.organization.session(SOURCE, region="us-east-1")
    chain, target = units.chain, units.chain.targets[0]
    source = chain_session(chain.source.arn, session=base)
    ways = [chain.hops_to(account) for account in (IN_UNIT, BELOW, ELSEWHERE)]
    excluded = target.in_account(EXCLUDED)
    ends = [*(way[-1] for way in ways), chain.calls_into(excluded)[0]]
    answers = {
        hop.role_arn.split(":")[4]: isinstance(found, HopError)
        for hop, found in fan_out(ways[0][:-1], ends, session=source)
    }
    assert answers == {IN_UNIT: False, BELOW: False, ELSEWHERE: True, EXCLUDED: True}


def test_every_target(shell: Shell) -> None:
    """Organizations lists the accounts, those that are skipped are told, and each answers."""
    said = shell(
        "whoami", "--every-target", "--from", "organizations", "--organizations-profile", "lists", "--json"
    )
    assert said.code == 0
    assert said.err == f"rolechain: {EXCLUDED} is skipped: the chain excludes it\n"
    targets = json.loads(said.out)["targets"]
    assert sorted(each["account"] for each in targets) == [IN_UNIT, BELOW, SUSPENDED]
    assert all(f"::{each['account']}:assumed-role/units-target/" in each["arn"] for each in targets)


def test_one_account(shell: Shell) -> None:
    """--target takes the id of any account; one that is excluded, or of another unit, is refused."""
    said = shell("whoami", "--target", BELOW, "--json")
    assert json.loads(said.out)["account"] == BELOW
    said = shell("whoami", "--target", EXCLUDED)
    assert (said.code, said.err) == (
        2,
        f"rolechain: chain units excludes account {EXCLUDED} from its target units-target: remove it from exclude, "
        "or name another account\n",
    )
    assert shell("whoami", "--target", ELSEWHERE).code == 1


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("whoami",), "name one of the accounts with --target"),
        (
            ("whoami", "--every-target"),
            "add --from organizations to have them listed, or name one with --target",
        ),
    ],
)
def test_no_account_is_named(shell: Shell, units: Units, words: tuple[str, ...], end: str) -> None:
    """One line says what is to be named."""
    said = shell(*words)
    unit = units.chain.targets[0].organizational_units[0]
    assert (said.code, said.err) == (2, f"rolechain: units-target is in every account of {unit}: {end}\n")


def test_nothing_to_list(shell_of: Callable[[Deployed], Shell], deployed: Deployed) -> None:
    """A chain without targets by unit takes no --from."""
    said = shell_of(deployed)("whoami", "--every-target", "--from", "organizations")
    assert (said.code, said.err) == (
        2,
        "rolechain: chain deploy has no target by organizational unit: remove --from\n",
    )


def test_verify(shell: Shell, units: Units) -> None:
    """Without a target the rest of the chain is tried, and a line says so; with one that account's role is too."""
    unit = units.chain.targets[0].organizational_units[0]
    said = shell("verify", "--json")
    assert said.code == 0
    assert said.err == (
        f"rolechain: units-target is in every account of {unit}, and is not tried: try one of the accounts with "
        "--target, or reach all with rolechain whoami --every-target --from organizations\n"
    )
    assert not any("units-target" in each["callee"] for each in json.loads(said.out))
    said = shell("verify", "--target", IN_UNIT, "--json")
    assert (said.code, said.err) == (0, "")
    reports = json.loads(said.out)
    assert {f"arn:aws:iam::{IN_UNIT}:role/rolechain/units-target"} == {
        each["callee"] for each in reports if "units-target" in each["callee"]
    }
    assert {each["expected"] for each in reports} == {"allowed", "refused"}


def test_trace(units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk into a member's role is declared, one into an excluded account's is not."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", units.deployed.organization.endpoint_url)
    chain = units.chain
    base = units.deployed.organization.session(SOURCE, region="us-east-1")
    source = chain_session(chain.source.arn, session=base)
    session = chain_session(*chain.hops_to(IN_UNIT), session=source)
    session.client("sts").get_caller_identity()
    excluded = chain.targets[0].in_account(EXCLUDED)
    iam = units.deployed.organization.session(MIDDLE).client("iam")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": excluded.arn}
    iam.put_role_policy(RoleName=chain.middle[0].role, PolicyName="more", PolicyDocument=policy([statement]))
    try:
        walk = chain_session(*chain.hops_to(chain.middle[0]), chain.calls_into(excluded)[0], session=source)
        walk.client("sts").get_caller_identity()
    finally:
        iam.delete_role_policy(RoleName=chain.middle[0].role, PolicyName="more")
    with TrailFiles() as files:
        files.read(log_files([str(units.trail)]))
        found = trace(chain, files.ask(sessions_query(role.arn for role in chain.roles)))
    verdicts = {walk.last.role.split(":")[4]: (walk.verdict, walk.problems) for walk in found.walks}
    assert verdicts[IN_UNIT] == ("declared", ())
    assert verdicts[EXCLUDED] == (
        "not declared",
        (f"{chain.middle[0].arn} assumed {excluded.arn}, which is no hop of the chain",),
    )


def test_of_a_session_that_was_verified(units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime's verify leaves targets by unit out."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", units.deployed.organization.endpoint_url)
    reports = verify(units.chain, session=units.deployed.organization.session(SOURCE, region="us-east-1"))
    assert reports
    assert all(report.ok for report in reports)


def test_the_live_proof(units: Units) -> None:
    """What the declared accounts hold is proven; the roles of members are taken as declared, and the proof says so."""
    organization, chain = units.deployed.organization, units.chain
    accounts = [read_account(organization.session(account), account) for account in chain.accounts]
    above = read_organization(organization.session(MANAGEMENT_ACCOUNT), chain.accounts)
    proof = prove_live(chain, accounts, organization=above)
    assert [finding.message for finding in proof.findings if finding.level is Level.ERROR] == []
    assert proof.parts == (f"units-source ({SOURCE})", f"units-middle ({MIDDLE})")
    assert proof.hops[-1].callee == chain.targets[0].arn
    iam = organization.session(MIDDLE).client("iam")
    statement = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{BELOW}:role/*"}
    iam.put_role_policy(RoleName=chain.middle[0].role, PolicyName="more", PolicyDocument=policy([statement]))
    try:
        accounts = [read_account(organization.session(account), account) for account in chain.accounts]
    finally:
        iam.delete_role_policy(RoleName=chain.middle[0].role, PolicyName="more")
    (finding,) = [
        each for each in prove_live(chain, accounts, organization=above).findings if each.level is Level.ERROR
    ]
    assert finding.rule == "RC08"
    assert f"to arn:aws:iam::{BELOW}:role/rolechain/units-target does not work" in finding.message
    assert drift(chain, [], accounts)


def test_profiles_and_revoke(shell: Shell, units: Units) -> None:
    """Profiles are of declared accounts, and revoke says what it leaves."""
    said = shell("profiles")
    assert said.code == 0
    assert "units-middle" in said.out
    assert "*" not in said.out
    said = shell("revoke", "--yes", "--account-role", "none", "--json")
    (left,) = [each for each in json.loads(said.out) if "units-target" in each["role_arn"]]
    unit = units.chain.targets[0].organizational_units[0]
    assert said.code == 1
    assert left["detail"] == f"sessions in accounts of {unit} are not ended: they last an hour at most"
