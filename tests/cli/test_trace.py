"""``rolechain trace``: over the trail of a local organization, and over what AWS's own services answer."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rolechain import Chain
from rolechain.local import LocalOrganization
from rolechain.runtime import chain_session
from rolechain.statements.builder import own_statements, permission_statements, trust_statements
from tests.cli.conftest import Deployed, policy
from tests.trail.endpoint import Aws, serving

ROOT = Path(__file__).parents[2]
CHAIN = """
name: watched
source: {account: "111111111111", assumed_by: {service: lambda.amazonaws.com}}
middle: {account: "222222222222", session_tags: {Team: red}, source_identity: ann}
targets: {account: "333333333333", external_id: ticket-7}
"""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployed, Path]]:
    """A chain that was walked once as declared and once not, with an attempt that was refused, and the trail of it."""
    folder = tmp_path_factory.mktemp("watched")
    file, trail = folder / "chain.yaml", folder / "trail"
    file.write_text(CHAIN)
    chain = Chain.load(file)
    with LocalOrganization(trail=trail) as organization, pytest.MonkeyPatch.context() as environment:
        for name, value in organization.environment("111111111111").items():
            environment.setenv(name, value)
        for role in chain.roles:
            iam = organization.session(role.account).client("iam")
            trust = trust_statements(chain, role)
            if role in chain.targets:
                trust.append(
                    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "444444444444"}}
                )
            iam.create_role(Path=role.path, RoleName=role.role, AssumeRolePolicyDocument=policy(trust))
            if own := [*permission_statements(chain, role), *own_statements(role)]:
                iam.put_role_policy(RoleName=role.role, PolicyName="own", PolicyDocument=policy(own))
        work = organization.workload(chain.source.arn, "lambda.amazonaws.com")
        session = chain_session(*chain.hops_to("333333333333"), session=work, region_name="us-east-1")
        session.client("sts").get_caller_identity()
        # CloudTrail's times are seconds, by which walks are ordered.
        time.sleep(1.1)
        stranger = organization.session("444444444444").client("sts")
        for role in (chain.targets[0], chain.middle[0]):
            try:
                stranger.assume_role(RoleArn=role.arn, RoleSessionName="mallory")
            except stranger.exceptions.ClientError:
                assert role is chain.middle[0]
        yield Deployed(organization, chain, file), trail


@pytest.fixture
def shell(shell_of: Callable[[Deployed], Any], walked: tuple[Deployed, Path]) -> Any:
    return shell_of(walked[0])


def test_lines(shell: Any, walked: tuple[Deployed, Path]) -> None:
    """Each walk is one line, marked by what the chain says of it; refused attempts follow; the exit code is 1."""
    said = shell("trace", str(walked[1]))
    lines = said.out.splitlines()
    assert (said.code, said.err) == (1, "")
    assert lines[0] == "walked as declared"
    assert lines[1].startswith(
        "  • ann → watched-source (111111111111) → watched-middle (222222222222) → watched-target (333333333333), 20"
    )
    assert ", from lambda.amazonaws.com, 127.0.0.1, 1 call at the end, session ASIA" in lines[1]
    assert lines[2] == "walked, and not declared"
    assert lines[3].startswith("  ✗ administrator (444444444444) → watched-target (333333333333), 20")
    assert lines[3].endswith(
        ": arn:aws:iam::444444444444:user/administrator assumed "
        "arn:aws:iam::333333333333:role/rolechain/watched-target, which is no hop of the chain"
    )
    assert lines[4] == "refused"
    assert lines[5].startswith("  • administrator (444444444444) → watched-middle (222222222222), 20")
    assert lines[5].endswith("from 127.0.0.1: AccessDenied")
    assert lines[6].startswith("watched: 2 walks (1 declared, 1 not declared), 1 attempt refused, from ")


def test_declared_alone(shell: Any, walked: tuple[Deployed, Path]) -> None:
    """Where the chain declares every walk, the exit code is 0."""
    key = json.loads(shell("trace", str(walked[1]), "--json").out)["walks"][0]["sessions"][-1]["id"]
    said = shell("trace", str(walked[1]), "--session", key)
    assert said.code == 0
    for part in (
        "session name: ",
        "obtained by: lambda.amazonaws.com",
        "obtained by: arn:aws:sts::222222222222:assumed-role/watched-middle/",
        "source identity: ann",
        "session tags: Team=red",
        "external id: ticket-7",
        "called: sts.amazonaws.com:GetCallerIdentity",
    ):
        assert part in said.out
    gone = shell("trace", str(walked[1]), "--session", "ASIANOBODY")
    assert (gone.code, gone.err) == (2, "rolechain: no session ASIANOBODY of the chain is in the events\n")


def test_json(shell: Any, walked: tuple[Deployed, Path]) -> None:
    """The JSON is as its schema says, and holds no secret."""
    out = shell("trace", str(walked[1]), "--json").out
    document = json.loads(out)
    jsonschema.validate(document, json.loads((ROOT / "docs" / "schemas" / "trace.schema.json").read_text()))
    assert [(each["verdict"], len(each["sessions"])) for each in document["walks"]] == [
        ("declared", 3),
        ("not declared", 1),
    ]
    assert len(document["refused"]) == 1
    assert "oken" not in out


def test_csv(shell: Any, walked: tuple[Deployed, Path]) -> None:
    """The CSV has a row for each walk and each attempt."""
    rows = list(csv.DictReader(io.StringIO(shell("trace", str(walked[1]), "--format", "csv").out)))
    assert [row["verdict"] for row in rows] == ["declared", "not declared", "refused"]
    assert rows[0]["person"] == "ann"
    assert rows[0]["path"].count(" > ") == 2


def test_damaged_file(shell: Any, walked: tuple[Deployed, Path], tmp_path: Path) -> None:
    """A file that cannot be read is said, counted, and makes the exit code 1."""
    trail = tmp_path / "trail"
    shutil.copytree(walked[1], trail)
    (trail / "cut.json.gz").write_bytes(next(iter(trail.rglob("*.gz"))).read_bytes()[:-20])
    shutil.rmtree(trail / "AWSLogs" / "444444444444")
    shutil.rmtree(trail / "AWSLogs" / "333333333333")
    said = shell("trace", str(trail))
    assert said.code == 1
    assert f"  ✗ {trail / 'cut.json.gz'}: is cut off: the gzip has no end" in said.out
    assert said.out.splitlines()[-1].startswith(
        "watched: 1 walk (1 declared), 0 attempts refused, 1 not read, from"
    )


def test_lookup(shell: Any, walked: tuple[Deployed, Path]) -> None:
    """LookupEvents of each account, in pages, tells the same walks; an account that refuses is said."""
    deployed, trail = walked
    accounts = deployed.chain.accounts
    file = shell.folder / "credentials"
    secret = deployed.organization.secret_access_key
    file.write_text(
        "".join(f"[p{each}]\naws_access_key_id={each}\naws_secret_access_key={secret}\n" for each in accounts)
    )
    shell.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    profiles = [word for each in accounts for word in ("--account-profile", f"{each}=p{each}")]
    with serving(Aws(trail)) as aws:
        shell.environment.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", aws.url)
        said = shell("trace", "--lookup", *profiles, "--json")
        looked = json.loads(said.out)
        aws.refuse = "222222222222"
        assert json.loads(said.out)["called"]["cloudtrail:LookupEvents"] >= 3
        partly = shell("trace", "--lookup", *profiles)
    assert {operation for operation, _ in aws.calls} == {"LookupEvents"}
    assert {account for _, account in aws.calls} == set(accounts)
    from_files = json.loads(shell("trace", str(trail), "--json").out)
    # The log of 444444444444 is not asked for: it is no account of the chain.
    assert looked["walks"][0] == from_files["walks"][0]
    assert [walk["person"] for walk in looked["walks"]] == ["ann", "account 444444444444"]
    assert said.code == 1
    assert partly.code == 1
    assert "  ✗ account 222222222222: " in partly.out
    assert "AccessDeniedException" in partly.out
    assert "(to look up events takes cloudtrail:LookupEvents)" in partly.out


def test_athena(shell: Any, walked: tuple[Deployed, Path]) -> None:
    """Athena's answer, in pages, tells the same walks as the files."""
    with serving(Aws(walked[1], page=3)) as aws:
        shell.environment.setenv("AWS_ENDPOINT_URL_ATHENA", aws.url)
        words = ["trace", "--athena", "logs.trail", "--workgroup", "w", "--output-location", "s3://answers/"]
        said = shell(*words, "--partitions", "", "--json")
        aws.failure = "SYNTAX_ERROR: line 1:1: Column 'account' cannot be resolved"
        aws.calls.clear()
        failed = shell(*words)
        aws.refuse = "StartQueryExecution"
        refused = shell(*words)
    document = json.loads(said.out)
    assert document["walks"] == json.loads(shell("trace", str(walked[1]), "--json").out)["walks"]
    assert document["source"] == "logs.trail"
    assert failed.code == 1
    assert failed.err == f"rolechain: Athena could not answer: {aws.failure}\n"
    assert refused.err.startswith(
        "rolechain: Athena gives no answer: AccessDeniedException: you may not; to ask takes athena:"
    )
    assert "\"account\" IN ('111111111111', '222222222222', '333333333333')" in aws.queries[-1]


def test_print_sql(shell: Any) -> None:
    """The query is printed in DuckDB's dialect or in Athena's, and nobody is asked."""
    own = shell("trace", "--print-sql", "--since", "2026-11-01")
    assert own.code == 0
    assert "eventtime >= '2026-11-01T00:00:00Z'" in own.out
    athena = shell(
        "trace",
        "--print-sql",
        "--athena",
        "logs.trail",
        "--since",
        "2026-11-01T01:00+02:00",
        "--partitions",
        "account,timestamp",
    )
    assert 'FROM "logs"."trail"' in athena.out
    assert "\"timestamp\" >= '2026/10/31'" in athena.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name log files of CloudTrail, or one of --lookup and --athena"),
        (["x", "--lookup"], "name log files of CloudTrail, or one of --lookup and --athena"),
        (["--athena", "x"], "'x' is no table: write --athena DATABASE.TABLE"),
        (["."], ". holds no log files: name log files of CloudTrail, or folders of them"),
        (["gone"], "gone is not there: name log files of CloudTrail, or folders of them"),
        (
            ["x", "--since", "2026-11-02", "--until", "2026-11-01"],
            "--until is no later than --since: name a later moment",
        ),
    ],
)
def test_usage(shell: Any, words: list[str], message: str) -> None:
    """What cannot be asked is said in one line."""
    said = shell("trace", *words)
    assert said.err == f"rolechain: {message}\n"
    assert said.code == 2


@pytest.mark.parametrize(
    "time", ["yesterday", "0001-01-01T00:00+14:00", "0003-01-01", "9999-12-31T23:59-12:00", "9999-12-31"]
)
def test_time_that_is_none(time: str, shell: Any) -> None:
    """A time that is none, or that no log file holds, is a usage error."""
    said = shell("trace", "x", "--since", time)
    assert said.code == 2
    assert f"'{time}' is no moment: write 2026-11-01 or 2026-11-01T12:00" in said.err
