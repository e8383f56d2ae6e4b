"""Who the chain's session is, and where a walk starts."""

from __future__ import annotations

import json
import re
from typing import Any

SOURCE, MIDDLE, TARGET = (
    rf"arn:aws:sts::{digit * 12}:assumed-role/deploy-{name}/rolechain-[\w+=,.@-]+"
    for digit, name in (("1", "source"), ("2", "middle"), ("3", "target"))
)
UNTIL = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_each_hop_says_who_it_is(shell: Any) -> None:
    """Who starts stands first, then who answers after each hop, the target last."""
    said = shell("whoami")
    assert said.code == 0
    assert said.err == ""
    lines = (
        r"start  arn:aws:iam::111111111111:user/administrator",
        *(f"hop {index} of 3  {arn}, until {UNTIL}" for index, arn in enumerate((SOURCE, MIDDLE, TARGET), 1)),
    )
    assert re.fullmatch("".join(f"{line}\n" for line in lines), said.out)


def test_for_machines(shell: Any) -> None:
    """The same as one JSON object, without anything secret."""
    said = shell("whoami", "--json")
    answer = json.loads(said.out)
    assert said.code == 0
    assert list(answer) == ["account", "arn", "start", "hops"]
    assert answer["account"] == "333333333333"
    assert re.fullmatch(TARGET, answer["arn"])
    assert [(hop["hop"], hop["role_arn"].rsplit("/", 1)[1]) for hop in answer["hops"]] == [
        (1, "deploy-source"),
        (2, "deploy-middle"),
        (3, "deploy-target"),
    ]
    assert list(answer["hops"][0]) == ["hop", "role_arn", "arn", "expires_at"]


def test_a_session_of_the_source_role_goes_on_from_there(shell: Any, deployed: Any) -> None:
    """Whoever is in the source role already does not assume it again."""
    administrator = deployed.organization.session("111111111111")
    given = administrator.client("sts").assume_role(
        RoleArn=deployed.chain.source.arn, RoleSessionName="inside"
    )["Credentials"]
    for name, key in (
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ):
        shell.environment.setenv(name, given[key])
    said = shell("whoami")
    lines = (
        "start  arn:aws:sts::111111111111:assumed-role/deploy-source/inside",
        f"hop 1 of 2  {MIDDLE}, until {UNTIL}",
        f"hop 2 of 2  {TARGET}, until {UNTIL}",
    )
    assert re.fullmatch("".join(f"{line}\n" for line in lines), said.out)


def test_a_middle_role_can_be_meant(shell: Any, deployed: Any) -> None:
    """A role's ARN is a target too, and the walk ends there."""
    said = shell("whoami", "--target", deployed.chain.middle[0].arn)
    assert re.fullmatch(rf"start .*\nhop 1 of 2  {SOURCE}.*\nhop 2 of 2  {MIDDLE}.*\n", said.out)


def test_the_hops_before_a_refused_one_are_said(shell: Any) -> None:
    """What worked is printed, and then in one line which hop failed, and who tried."""
    declared = (shell.folder / "chain.yaml").read_text().replace("ticket-7", "ticket-8")
    (shell.folder / "chain.yaml").write_text(declared)
    said = shell("whoami")
    assert said.code == 1
    assert said.out.count("\n") == 3
    assert said.err.count("\n") == 1
    assert re.match(
        rf"rolechain: hop 3 of 3 refused: {MIDDLE} may not assume arn:aws:iam::333333333333:role/rolechain/"
        "deploy-target: AccessDenied: ",
        said.err,
    )


def test_a_profile_that_does_not_exist(shell: Any) -> None:
    """One line says so."""
    said = shell("whoami", "--profile", "nobody")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "rolechain: no session to start from: The config profile (nobody) could not be found; name one of "
        "~/.aws/config with --profile\n"
    )


def test_credentials_that_do_not_work(shell: Any) -> None:
    """One line says that the start is at fault, and the secret does not stand in it."""
    shell.environment.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS0")
    shell.environment.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")
    said = shell("whoami")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("rolechain: the session to start from failed: no working credentials")
    assert said.err.count("\n") == 1
    assert "a-very-secret-key" not in said.err


def test_no_credentials_at_all(shell: Any) -> None:
    """One line says so."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        shell.environment.delenv(name)
    said = shell("whoami")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "rolechain: no AWS credentials were found: name a profile with --profile, or sign in with aws sso login\n"
    )


def test_several_targets_have_to_be_told_apart(shell: Any) -> None:
    """With several targets, one is to be named; one that is not there is a usage error too."""
    file = shell.folder / "chain.yaml"
    file.write_text(
        'name: deploy\nsource: {account: "111111111111"}\nmiddle: {account: "222222222222"}\n'
        'targets: [{account: "333333333333"}, {account: "444444444444"}]\n'
    )
    said = shell("whoami")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: chain deploy has several targets: name one of arn:aws:iam::333333333333:role/rolechain/"
        "deploy-target, arn:aws:iam::444444444444:role/rolechain/deploy-target with --target\n"
    )
    said = shell("whoami", "--target", "555555555555")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("rolechain: chain deploy has no target '555555555555': it has ")


def test_no_chain_file(shell: Any) -> None:
    """A missing file is named, with what to do."""
    said = shell("whoami", "--chain", "nowhere.yaml")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("rolechain: nowhere.yaml: no such file: create it")
