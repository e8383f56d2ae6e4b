"""``rolechain import``: the chains of templates and accounts, written as chain.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app
from rolechain.cli import main
from rolechain.live import save_accounts
from tests.live.estate import Estate

Json = dict[str, Any]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(["import", *words])
        except SystemExit as error:
            code = int(error.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def chain_of(name: str = "deploy", **target: Any) -> Chain:
    return Chain(
        name,
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=ChainRole("222222222222"),
        targets=ChainRole("333333333333", **target),
    )


def synthesized(*chains: Chain) -> None:
    app = quick_app(Path("cdk.out").resolve())
    for chain in chains:
        RoleChain(app, chain.name, chain=chain, proof=False)
    app.synth()


def test_the_chain_of_what_cdk_wrote(call: Call, folder: Path) -> None:
    """It is printed as a file that is read as the same chain."""
    synthesized(chain_of(external_id="ticket-7"))
    code, out, err = call("cdk.out")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "# 1 source, 1 middle role, 1 target: 2 hops"
    (folder / "again.yaml").write_text(out)
    assert Chain.load("again.yaml") == chain_of(external_id="ticket-7")


def test_what_is_written_is_not_written_over(call: Call, folder: Path) -> None:
    """A file that is there stays, unless it is asked for; the folder gets a file for each chain."""
    synthesized(chain_of(), chain_of("other"))
    assert call("cdk.out", "--output", "chains") == (0, "chains/deploy.yaml\nchains/other.yaml\n", "")
    assert [Chain.load(f"chains/{name}.yaml").name for name in ("deploy", "other")] == ["deploy", "other"]
    code, _, err = call("cdk.out", "--output", "chains")
    assert (code, err) == (
        2,
        "rolechain: chains/deploy.yaml is there already: name another, or add --force\n",
    )
    assert call("cdk.out", "--output", "chains", "--force")[0] == 0
    code, _, err = call("cdk.out", "--output", "chain.yaml")
    assert (code, err) == (
        2,
        "rolechain: chain.yaml takes one chain, and there are deploy, other: name a folder, or one of them with "
        "--role\n",
    )
    assert call("cdk.out", "--role", "other-middle", "--output", "chain.yaml")[0] == 0
    assert Chain.load("chain.yaml").name == "other"


def test_a_place_that_cannot_be_written(call: Call) -> None:
    """It is a usage error of one line."""
    synthesized(chain_of())
    Path("file").write_text("")
    code, out, err = call("cdk.out", "--output", "file/chain.yaml")
    assert (code, out, err) == (2, "", "rolechain: file cannot be written: File exists\n")


def test_a_link_is_something_that_is_there(call: Call) -> None:
    """One that leads nowhere as well: nothing is written at its other end."""
    synthesized(chain_of())
    Path("chain.yaml").symlink_to("elsewhere.yaml")
    code, _, err = call("cdk.out", "--output", "chain.yaml")
    assert (code, err) == (2, "rolechain: chain.yaml is there already: name another, or add --force\n")
    assert not Path("elsewhere.yaml").exists()


@pytest.mark.parametrize("strange", ["\ud800", "\ufffe", "x\n  existing: true", "\u2028source: y", "\x85# z"])
def test_characters_that_yaml_refuses(call: Call, strange: str) -> None:
    """They stand escaped in a comment, and the file is read."""
    synthesized(chain_of())
    file = Path("cdk.out/deploy-333333333333.template.json")
    body = json.loads(file.read_text())
    (role,) = (each for each in body["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    role["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(
        {**TRUSTING, "Sid": strange, "Principal": {"AWS": strange}}
    )
    file.write_text(json.dumps(body))
    code, out, _ = call("cdk.out", "--output", "found.yaml")
    assert (code, out) == (0, "found.yaml\n")
    assert Chain.load("found.yaml").targets[0].role == "deploy-target"


def test_a_comment_for_what_no_chain_says(call: Call) -> None:
    """It stands above the role, with the role's name and the statement; the machine gets it as a note."""
    synthesized(chain_of())
    file = Path("cdk.out/deploy-333333333333.template.json")
    body = json.loads(file.read_text())
    (role,) = (each for each in body["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    added = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
    }
    role["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(added)
    role["Properties"]["Tags"] = [{"Key": "Team", "Value": "blue"}]
    file.write_text(json.dumps(body))
    _, out, _ = call("cdk.out")
    words = "its trust policy lets in arn:aws:iam::444444444444:root otherwise than the chain says"
    assert f"  # deploy-target: {words}: {json.dumps(added)}\n" in out
    assert '  # deploy-target: has tags, which a chain does not say: {"Team": "blue"}\n' in out
    _, out, _ = call("cdk.out", "--json")
    (found,) = json.loads(out)["chains"]
    assert found["hops"] == 2
    assert found["declaration"]["name"] == "deploy"
    assert found["notes"][-1] == {
        "role": "arn:aws:iam::333333333333:role/rolechain/deploy-target",
        "words": words,
        "statement": json.dumps(added),
    }


def test_the_mapping_has_the_logical_ids_of_the_synthesis(call: Call, folder: Path) -> None:
    """What ``cdk import`` is given names each role that the chain's own stacks make, and no other."""
    save_accounts(folder / "accounts", Estate(60).accounts)
    for number, name in enumerate(("ship", "data-0", "reader")):
        code, out, _ = call(
            "--from", "accounts", "--role", name, "--output", f"{number}/chain.yaml", "--adopt"
        )
        assert code == 0
        mapping = json.loads(out)
        app = quick_app(folder / str(number) / "cdk.out")
        RoleChain(app, "any", chain=Chain.load(f"{number}/chain.yaml"), proof=False)
        app.synth()
        made: dict[str, Json] = {}
        for file in (folder / str(number) / "cdk.out").glob("*.template.json"):
            made |= json.loads(file.read_text())["Resources"]
        roles = {
            key: each["Properties"]["RoleName"]
            for key, each in made.items()
            if each["Type"] == "AWS::IAM::Role"
        }
        assert mapping == {key: {"RoleName": role} for key, role in roles.items()}


def test_roles_that_stay_with_their_owners(call: Call) -> None:
    """They are existing, and nothing is to be imported of them."""
    synthesized(chain_of())
    code, out, _ = call("cdk.out", "--existing", "333333333333", "--adopt")
    assert code == 0
    assert [each["RoleName"] for each in json.loads(out).values()] == ["deploy-source", "deploy-middle"]


TRUSTING = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
ALONE = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "alone", "AssumeRolePolicyDocument": {"Statement": [TRUSTING]}},
        }
    }
}


def test_no_chain(call: Call) -> None:
    """The exit code is 1, and it is said what was looked at."""
    Path("template.json").write_text(json.dumps(ALONE))
    assert call("template.json") == (1, "", "rolechain: no chain among 1 role of 1 template\n")
    synthesized(chain_of())
    code, _, err = call("cdk.out", "--role", "nobody")
    assert (code, err) == (1, "rolechain: no chain with nobody among 3 roles of 3 templates\n")


def test_roles_without_an_account_are_told(call: Call) -> None:
    """A chain names its roles: of what is known on deployment only, it is said that it is left out."""
    trusting = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": {"Fn::GetAtt": "Role.Arn"}},
    }
    other = {"RoleName": "other", "AssumeRolePolicyDocument": {"Statement": [trusting]}}
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": {"Fn::GetAtt": "Other.Arn"}}
    body = json.loads(json.dumps(ALONE))
    body["Resources"]["Other"] = {"Type": "AWS::IAM::Role", "Properties": other}
    body["Resources"]["Role"]["Properties"]["Policies"] = [
        {"PolicyName": "own", "PolicyDocument": {"Statement": [may]}}
    ]
    Path("template.json").write_text(json.dumps(body))
    assert call("template.json") == (
        1,
        "",
        "rolechain: no chain among 2 roles of 1 template; roles that are assumed and whose account or name, or their "
        "caller's, is not known: 1; give --account, or read the accounts\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "import reads templates, --from DIR or --live: name one of the three"),
        (["cdk.out", "--live"], "import reads templates, --from DIR or --live: name one of the three"),
        (["--from", "none", "--save", "x"], "--save writes what --live reads: add --live"),
        (["--from", "none"], "none holds no accounts: write some with rolechain prove --live --save none"),
        (["none"], "none holds no template: name a folder of CloudFormation templates"),
    ],
)
def test_bad_input(call: Call, words: list[str], said: str) -> None:
    """It is a usage error of one line."""
    Path("none").mkdir()
    assert call(*words) == (2, "", f"rolechain: {said}\n")


def test_an_account_that_cannot_be_read(shell: Any) -> None:
    """It is told and the exit code is 1; its roles are only what the others say of them."""
    said = shell(
        "import",
        "--live",
        "--account",
        "222222222222",
        "--account",
        "111111111111",
        "--role",
        "deploy-source",
    )
    assert said.code == 1
    assert "account 222222222222 could not be read: no credentials for account 222222222222" in said.err
    assert "rolechain: called, by permissions of the same names: iam:GetAccountAuthorization" in said.err
    assert "deploy-middle: was not read: whom else it trusts, and what it may do, is not known" in said.out
    alone = shell("import", "--live", "--role", "deploy-source", "--json")
    assert alone.code == 0
    (found,) = json.loads(alone.out)["chains"]
    assert found["declaration"]["targets"][0]["existing"] is True
    words = (
        "accounts that were not read, and hold roles of these chains: 222222222222; add them with --account"
    )
    assert words in json.loads(alone.out)["unsaid"]
    assert json.loads(alone.out)["called"]["iam:ListRoles"] == 1
    (shell.folder / "file").write_text("")
    refused = shell("import", "--live", "--save", "file")
    assert (refused.code, refused.err) == (2, "rolechain: file cannot be written: File exists\n")
