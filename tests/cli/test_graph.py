"""``rolechain graph``."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from rolechain import Chain
from rolechain.cli import main
from rolechain.diagram import FORMATS, diagram_of_chain, svg
from rolechain.proof import prove
from tests.diagram.conftest import Json, chain_of, templates

ROOT = Path(__file__).parents[2]
CHAIN = """\
name: deploy
source: {account: "111111111111", assumed_by: {service: lambda.amazonaws.com}}
middle: {account: "222222222222"}
targets: {account: "333333333000", external_id: ext-0000}
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a chain.yaml and the cdk.out of its chain."""
    monkeypatch.chdir(tmp_path)
    Path("chain.yaml").write_text(CHAIN)
    write_assembly(Path("cdk.out"), templates(chain_of(1)))
    return tmp_path


def write_assembly(folder: Path, bodies: dict[str, Json]) -> None:
    folder.mkdir()
    artifacts: Json = {}
    for account, body in bodies.items():
        (folder / f"{account}.json").write_text(json.dumps(body))
        artifacts[f"stack-{account}"] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{account}/us-east-1",
            "properties": {"templateFile": f"{account}.json"},
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))


@pytest.mark.parametrize("form", FORMATS)
def test_each_format(assembly: Path, capsys: Capture, form: str) -> None:
    """It draws the chain from cdk.out, and exits with 0."""
    assert main(["graph", "--format", form]) == 0
    said = capsys.readouterr().out
    assert "chain deploy is proven from cdk.out" in said
    assert all(role.role in said for role in Chain.load("chain.yaml").roles)


def test_a_chain_that_is_not_proven_is_drawn(assembly: Path, capsys: Capture) -> None:
    """What is refused is part of the picture; the exit code is that of prove alone."""
    file = Path("cdk.out/333333333000.json")
    body = json.loads(file.read_text())
    body["Resources"]["Roledeploytarget"]["Properties"]["AssumeRolePolicyDocument"]["Statement"] = []
    file.write_text(json.dumps(body))
    assert main(["graph"]) == 0
    assert "2 ✓✗ ✗" in capsys.readouterr().out


def test_any_templates(assembly: Path, capsys: Capture) -> None:
    """Without a chain it draws whatever the templates hold."""
    Path("chain.yaml").unlink()
    assert main(["graph", "cdk.out", "--no-chain"]) == 0
    assert "3 roles, 0 errors" in capsys.readouterr().out


def test_a_file(assembly: Path, capsys: Capture) -> None:
    """It is replaced whole; where it cannot be written, one line says so and nothing is left."""
    assert main(["graph", "--format", "html", "--output", "chain.html"]) == 0
    assert Path("chain.html").read_text().startswith("<!doctype html>")
    assert main(["graph", "--output", "none/chain.txt"]) == 2
    assert "none" in capsys.readouterr().err
    Path("folder").mkdir()
    assert main(["graph", "--output", "folder"]) == 2
    assert not [each for each in Path().iterdir() if each.name.startswith(".folder")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--live", "--from", "accounts"], "--live reads accounts and --from a folder"),
        (["--no-chain", "--live"], "--no-chain draws templates: leave --live and --from out"),
        (["elsewhere"], "elsewhere is not a folder that cdk synth wrote"),
        (["--chain", "none.yaml"], "none.yaml"),
    ],
)
def test_a_wrong_call(assembly: Path, capsys: Capture, words: list[str], said: str) -> None:
    """It is one line that says what to do."""
    assert main(["graph", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_the_picture_of_the_readme() -> None:
    """It is that of this repository's chain: `rolechain graph --format svg --output docs/chain.svg` writes it."""
    chain = Chain.load(ROOT / "chain.yaml")
    proof = prove(chain, templates(chain))
    written = svg(diagram_of_chain(chain, proof, source=" from cdk.out"))
    assert (ROOT / "docs" / "chain.svg").read_text(encoding="utf-8") == written
    assert "(docs/chain.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_report(assembly: Path, capsys: Capture) -> None:
    """`prove --html` writes what it says as one page as well, with the hash of each file that was read."""
    Path("cdk.out/asset.0123").mkdir()
    Path("cdk.out/asset.0123/package.json").write_text("{}")
    assert main(["prove", "--html", "report.html", "--by", "Ann <ann@example.com>"]) == 0
    assert "chain deploy is proven from cdk.out" in capsys.readouterr().out
    written = Path("report.html").read_text()
    assert "Ann &lt;ann@example.com&gt;" in written
    files = ["chain.yaml", *(str(each) for each in sorted(Path("cdk.out").glob("*.json")))]
    assert len(files) == 5
    assert "package.json" not in written
    for name in files:
        digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        assert f"<tr><td>{name}</td><td><code>{digest}</code></td></tr>" in written


def test_a_report_of_a_commit(assembly: Path) -> None:
    """The commit of the chain's file is named, and whether something there is not committed."""

    def git(*words: str) -> str:
        named = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
        return subprocess.run(
            ["git", *named, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "chain")
    assert main(["prove", "--html", "../report.html"]) == 0
    commit = git("rev-parse", "HEAD")
    assert f"<dd>{commit}</dd>" in Path("../report.html").read_text()
    Path("chain.yaml").write_text(f"# changed\n{CHAIN}")
    assert main(["prove", "--html", "../report.html"]) == 0
    assert f"<dd>{commit}, with changes that are not committed</dd>" in Path("../report.html").read_text()


def test_a_report_of_what_is_not_proven(assembly: Path) -> None:
    """It is written as well, and the exit code is that of the proof."""
    file = Path("cdk.out/222222222222.json")
    file.write_text(file.read_text().replace("sts:AssumeRole", "sts:GetCallerIdentity"))
    assert main(["prove", "--html", "report.html"]) == 1
    assert "Chain deploy is not proven" in Path("report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--live", "--html", "report.html"], "add --save DIR, which keeps them"),
        (["--html", "none/report.html"], "cannot be written"),
    ],
)
def test_a_report_that_cannot_be_made(assembly: Path, capsys: Capture, words: list[str], said: str) -> None:
    """It is one line that says what to do, and the report of before stays."""
    Path("report.html").write_text("before")
    assert main(["prove", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert Path("report.html").read_text() == "before"
