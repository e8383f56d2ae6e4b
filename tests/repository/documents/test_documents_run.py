"""Every block of code in the documents runs, and what they show is true."""

from __future__ import annotations

import configparser
import os
import re
import textwrap
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain, RolechainError
from rolechain.cli import main
from rolechain.cli.triage import triaged
from rolechain.local import LocalOrganization
from rolechain.proof import Finding, Level, prove
from rolechain.proof.report import last_line
from rolechain.runtime import HopError, chain_session
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.testing import assert_proven
from tests.repository.documents.blocks import ROOT, Block, blocks
from tests.repository.documents.commands import check, command_lines
from tests.repository.documents.conftest import MIDDLE, is_test

pytestmark = pytest.mark.xdist_group("documents")

LANGUAGES = {"python", "yaml", "json", "ini", "sh", "console", "text"}
"""For each of them there is a test of all its blocks below."""
TARGET = MIDDLE.replace("222222222222", "333333333333").replace("middle", "target")
PROVEN = re.compile(r"^rolechain: chain deploy is proven: .*", re.MULTILINE)


def each(*languages: str) -> pytest.MarkDecorator:
    """A test for each block of some languages."""
    return pytest.mark.parametrize("block", blocks(*languages), ids=lambda block: block.place)


def of(block: Block, table: dict[tuple[str, str], Callable[..., None]]) -> Callable[..., None]:
    """What a block is held against, by its document and what it begins with."""
    for (name, begins), check_of in table.items():
        if name == block.document and block.text.lstrip().startswith(begins):
            return check_of
    pytest.fail(f"{block.place}: nothing is known of this block: give it a line in the table")


@each()
def test_every_fence_names_a_language_that_is_tested(block: Block) -> None:
    """No block is passed over, for the lack of a name or for an unknown one."""
    assert block.language in LANGUAGES, block.place


# Python: the blocks of a page run in their order, each with what the ones before it left.

PAGES: dict[str, dict[str, Any]] = defaultdict(dict)
DONE: dict[str, set[Block]] = defaultdict(set)

BEFORE = {
    "source = SourceRole(": """
from aws_cdk import aws_s3 as s3
app = cdk.App(builtin_cloud_formation_validation=False)
stack = cdk.Stack(app, "own", env=cdk.Environment(account="111111111111", region="us-east-1"))
bucket = s3.Bucket(stack, "Bucket")
""",
    "load_accounts(": """
from rolechain.live import Account, Organization, save_accounts, save_organization
from rolechain.statements.builder import permission_statements, trust_statements

def role_detail(chain, role):
    return {
        "Arn": role.arn, "Path": role.path, "RoleName": role.role,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust_statements(chain, role)},
        "RolePolicyList": [{"PolicyName": "Hops", "PolicyDocument": {"Statement": permission_statements(chain, role)}}],
    }

declared = Chain.load("chain.yaml")
save_accounts(Path("accounts"), [
    Account(role.account, {
        "RoleDetailList": [role_detail(declared, role)], "UserDetailList": [], "GroupDetailList": [], "Policies": [],
    })
    for role in declared.roles
])
above = {account: ("r-root", account) for account in declared.accounts}
save_organization(Path("accounts"), Organization("o-exampleorg1", "000000000000", above))
""",
    "TrailFiles(": """
from rolechain.trail import write_records
Path("AWSLogs").mkdir()
write_records(Path("AWSLogs", "log.json.gz"), [])
""",
    "RoleArn=MIDDLE": f"MIDDLE, TARGET = {MIDDLE!r}, {TARGET!r}",
}
"""What the text around a block has in mind, by what stands in the block."""
AFTER = {
    "roles = RoleChain(": "assert sorted(roles.stacks) == sorted(chain.accounts)",
    "source = SourceRole(": "app.synth()",
    "except HopError": f"session = chain_session({MIDDLE!r}, {TARGET.replace('deploy-target', 'nobody')!r})",
}
"""What shows that it works: the synth of an app that it is part of, the case that it handles."""


def run(block: Block, *, before: bool = False) -> None:
    """Runs a block of a page, or those before it, what ran already aside."""
    names, done = PAGES[block.document], DONE[block.document]
    for other in blocks("python"):
        wanted = other.line < block.line if before else other.line <= block.line
        if other.document == block.document and wanted and other not in done:
            done.add(other)
            if not is_test(other.text):
                execute(other, names)


def execute(block: Block, names: dict[str, Any]) -> None:
    # CDK's own validator takes seconds and looks at nothing that is shown here.
    text = block.text.replace("cdk.App()", "cdk.App(builtin_cloud_formation_validation=False)")
    code = compile("\n" * block.line + text, str(ROOT / block.document), "exec")
    for mark, before in BEFORE.items():
        if mark in text:
            names |= {"Chain": Chain, "Path": Path}
            exec(before, names)  # noqa: S102 - it is the repository's own
    exec(code, names)  # noqa: S102
    for mark, after in AFTER.items():
        if mark in text:
            exec(after, names)  # noqa: S102
            if "except" in mark:
                exec(code, names)  # noqa: S102


@each("python")
def test_python(
    block: Block,
    workload: LocalOrganization,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """It runs against the local organization; what makes roles is proven, and a test that is shown passes."""
    if is_test(block.text):
        outcomes = request.getfixturevalue("outcomes")
        names = [
            f"test_{Path(block.document).stem}.{name}" for name in re.findall(r"^def (\w+)", block.text, re.M)
        ]
        assert {name: outcomes.get(name) for name in names} == dict.fromkeys(names, True)
        return
    run(block, before=True)
    capfd.readouterr()
    run(block)
    said = capfd.readouterr()
    if re.search(r"RoleChain\(|SourceRole\(", block.text):
        assert len(PROVEN.findall(said.err)) == 1, said.err
    if "verify(" in block.text:
        verdicts = [line.split()[3:5] for line in said.out.splitlines()]
        assert verdicts == [["allowed", "allowed"], ["allowed", "allowed"], ["refused", "refused"]], said.out
    if "fan_out(" in block.text:
        assert f"{TARGET.replace('deploy-target', 'audit')} []" in said.out
        assert "hop 2 of 2 refused" in said.out
    if "except HopError" in block.text:
        assert re.search(r"^2 2 \S+nobody \S+deploy-middle\S+ AccessDenied \S+$", said.out, re.MULTILINE), (
            said.out
        )


BASE = "[profile base]\naws_access_key_id = 111111111111\naws_secret_access_key = local\n"
"""The profile that a user starts from."""

# Shell: each command is held against what it calls; what is shown of its output is what it prints.


@each("sh")
def test_shell(block: Block) -> None:
    """Its commands are known to what they call, options and all."""
    lines = command_lines(block.text)
    assert lines
    for line in lines:
        check(line)


def shown(block: Block) -> list[tuple[str, str]]:
    """The commands of a session, each with the output under it."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    assert parts[0] == ""
    return list(zip(parts[1::2], parts[2::2], strict=True))


def plain(text: str) -> list[str]:
    """Output without what differs from run to run: milliseconds and their width, and blanks that fill up a terminal."""
    lines = [
        re.sub(r" +(ms|\d+)$", " MS", re.sub("─+", "─", line.rstrip())).strip() for line in text.splitlines()
    ]
    return [line for line in lines if line]


@each("console")
def test_console(
    block: Block,
    shell: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its commands are known, and print what is shown under them."""
    for command, output in shown(block):
        check(command)
        if not output:
            continue
        program, *words = command.split()
        assert program == "rolechain", f"{block.place}: how is the output of {program} known?"
        if any(word.startswith("examples/") for word in words):
            monkeypatch.chdir(ROOT)
        if "--profile" in words:
            (shell / ".aws").mkdir(exist_ok=True)
            secret = os.environ["AWS_SECRET_ACCESS_KEY"]
            (shell / ".aws" / "config").write_text(BASE.replace("local", secret))
            monkeypatch.setenv("AWS_CONFIG_FILE", str(shell / ".aws" / "config"))
        capsys.readouterr()
        main(words)
        assert plain(capsys.readouterr().out.replace(str(shell), "/home/me")) == plain(output)


# YAML, JSON, INI: read by what reads them, and held against what is written.


def proves(folder: Path, text: str) -> Chain:
    """A chain is read from YAML, and its templates are proven."""
    from rolechain.cdk import RoleChain
    from rolechain.cdk.app import quick_app

    file = folder / "chain.yaml"
    file.write_text(text)
    chain = Chain.load(file)
    app = quick_app(folder / "cdk.out")
    RoleChain(app, "deploy", chain=chain)
    assert_proven(app, chain)
    return chain


def a_chain(folder: Path, text: str) -> None:
    chain = proves(folder, text)
    assert [role.role for role in chain.roles] == ["deploy-source", "deploy-middle", "deploy-target"]


def the_schema(_: Path, text: str) -> None:
    (path,) = re.findall(r"\$schema=(\S+)", text)
    assert (ROOT / path).is_file()


def entrances(folder: Path, text: str) -> None:
    source = 'source:\n  account: "111111111111"\n' + textwrap.indent(text, "  ")
    rest = 'middle: {account: "222222222222"}\ntargets: {account: "333333333333"}\n'
    declared = proves(folder, f"name: deploy\n{source}{rest}").source.assumed_by
    assert len(declared) == len(yaml.safe_load(text)["assumed_by"])


def by_unit(folder: Path, text: str) -> None:
    """It takes the place of the README's targets."""
    written = yaml.safe_load(blocks("yaml")[0].text) | yaml.safe_load(text)
    assert proves(folder, yaml.safe_dump(written)).targets[0].by_unit


def a_key(folder: Path, text: str) -> None:
    """It is added to the README's chain."""
    ((key, value),) = yaml.safe_load(text).items()
    assert list(getattr(proves(folder, blocks("yaml")[0].text + text), key)) == value


def a_middle_role(folder: Path, text: str) -> None:
    """It takes the place of the README's middle role, which stays beside it."""
    written = yaml.safe_load(blocks("yaml")[0].text) | yaml.safe_load(text)
    assert proves(folder, yaml.safe_dump(written)).positions[1][1].arn == MIDDLE


def an_acknowledgement(folder: Path, text: str) -> None:
    finding = Finding("RC04", Level.WARNING, None, "no external id", "add one")
    found = triaged([finding], metadata=lambda _: [yaml.safe_load(text)["Metadata"]])
    assert [each.reason for each in found.acknowledged] == ["the vendor does not support external ids"]


def a_workflow(_: Path, text: str) -> None:
    for step in yaml.safe_load(text):
        assert {"run", "uses"} & set(step)
        if "run" in step:
            check(step["run"].replace(" > rolechain.sarif", ""))


YAML: dict[tuple[str, str], Callable[..., None]] = {
    ("README.md", "# chain.yaml"): a_chain,
    ("docs/chain.md", "# yaml-language-server"): the_schema,
    ("docs/chain.md", "organization: o-exampleorg1\ntargets:"): by_unit,
    ("docs/chain.md", "assumed_by:"): entrances,
    ("docs/change.md", "middle:"): a_middle_role,
    ("docs/migrating.md", "organization: o-exampleorg1\ntargets:"): by_unit,
    ("docs/proof.md", "administrators:"): a_key,
    ("docs/proof.md", "- run: rolechain audit"): a_workflow,
    ("docs/watching.md", "name:"): a_chain,
    ("docs/proof.md", "Metadata:"): an_acknowledgement,
}


@each("yaml")
def test_yaml(block: Block, tmp_path: Path) -> None:
    """It is read by what it is written for, and a chain is proven."""
    of(block, YAML)(tmp_path, block.text)


def the_permission(chain: Chain, shown: Any) -> None:
    assert permission_statements(chain, chain.source) == [shown]


def the_trust(chain: Chain, shown: Any) -> None:
    (written,) = trust_statements(chain, chain.middle[0])
    assert {key: value for key, value in written.items() if key != "Sid"} == shown


JSON: dict[tuple[str, str], Callable[..., None]] = {
    ("docs/how.md", '{"Sid": "AssumeCallees"'): the_permission,
    ("docs/how.md", '{"Effect": "Allow", "Action": "sts:AssumeRole",'): the_trust,
}


@each("json")
def test_json(block: Block, smallest: Chain) -> None:
    """It is the statement that is written for the README's chain."""
    of(block, JSON)(smallest, yaml.safe_load(block.text))


def the_marks(block: Block, written: str) -> None:
    first, ellipsis, last = block.text.splitlines()
    assert ellipsis == "…"
    assert [line for line in written.splitlines() if line.startswith("# ")] == [first, last]


def a_profile(block: Block, _: str) -> None:
    config = configparser.ConfigParser()
    config.read_string(block.text)
    command = config["profile deploy-target"]["credential_process"]
    check(command.removeprefix("/opt/venv/bin/"))


INI: dict[tuple[str, str], Callable[..., None]] = {
    ("docs/commands.md", "# rolechain deploy: begin"): the_marks,
    ("docs/commands.md", "[profile deploy-target]"): a_profile,
}


@each("ini")
def test_ini(block: Block, shell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is how ``rolechain profiles`` marks its place, or calls a command that there is."""
    file = tmp_path / "config"
    file.write_text(BASE)
    assert main(["profiles", "--profile", "base", "--config", str(file)]) == 0
    of(block, INI)(block, file.read_text())


# Text: messages.


def the_line_at_synth(block: Block, smallest: Chain) -> None:
    """It is what is said of the README's chain."""
    proves(Path.cwd(), blocks("yaml")[0].text)
    assert block.text == f"rolechain: {last_line('deploy', prove(smallest, 'cdk.out'))}\n"


def the_mistakes(block: Block, _: Chain) -> None:
    """They stand in the lines that are named."""
    lines = [
        "name: deploy",
        *("source:", '  account: "111111111111"', "  assumed_by:", "    service: lambda.amazonaws.com"),
        *("middle:", '  account: "222222222222"'),
        *("targets:", "  - account: 333333333333", "    external_id: ticket-7"),
        *('  - account: "444444444444"', "    rol: second"),
    ]
    Path("chain.yaml").write_text("\n".join(lines))
    with pytest.raises(RolechainError) as raised:
        Chain.load("chain.yaml")
    assert f"{raised.value}\n" == block.text


def the_refusal(block: Block, _: Chain) -> None:
    """It is the error of a hop whose trust policy does not let the caller in."""
    with pytest.raises(HopError) as raised:
        chain_session(MIDDLE, TARGET.replace("deploy-target", "closed")).client("s3").list_buckets()
    shown = re.escape(" ".join(block.text.split())).replace("…", ".*").replace("ann@host", "[^/ ]+")
    assert re.fullmatch(shown.replace(r"deploy\-target", "closed"), str(raised.value)), str(raised.value)


def the_entrances_that_close(block: Block, _: Chain) -> None:
    """They are those of the README's chain, with an entrance that closes."""
    from rolechain.cdk import RoleChain
    from rolechain.cdk.app import quick_app

    written = yaml.safe_load(blocks("yaml")[0].text)
    entrance = {"arn": "arn:aws:iam::777777777777:user/emergency", "until": "2026-12-01T00:00:00Z"}
    written["source"]["assumed_by"] = [written["source"]["assumed_by"], entrance]
    Path("chain.yaml").write_text(yaml.safe_dump(written))
    chain = Chain.load("chain.yaml")
    # The process of CDK may have been started in another folder.
    app = quick_app(Path("cdk.out").absolute())
    RoleChain(app, "deploy", chain=chain, proof=False)
    app.synth()
    proof = prove(chain, "cdk.out", now=datetime(2026, 11, 28, 12, tzinfo=UTC))
    head, *shown = block.text.splitlines()
    assert head == f"entrances that close, at {proof.now}"
    assert shown == [f"  · {each}" for each in proof.temporary]


TEXT: dict[tuple[str, str], Callable[..., None]] = {
    ("README.md", "rolechain: chain deploy is proven"): the_line_at_synth,
    ("docs/chain.md", "chain.yaml:9: "): the_mistakes,
    ("docs/proof.md", "entrances that close"): the_entrances_that_close,
    ("docs/runtime.md", "hop 2 of 2 refused: "): the_refusal,
}


@each("text")
def test_text(
    block: Block,
    smallest: Chain,
    workload: LocalOrganization,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message is the one that is given."""
    monkeypatch.chdir(tmp_path)
    of(block, TEXT)(block, smallest)


def test_the_bootstrap_of_the_readme() -> None:
    """The README bootstraps with what the demo does, which no deployment on one machine would miss."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "rolechain bootstrap --run" in readme
    assert re.findall(r"arn:aws:iam::aws:policy/\S+", readme) == []
