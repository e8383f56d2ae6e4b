"""What ``examples/ci`` shows runs as a shell runs it: it passes what is proven and stops what opens a role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app

CI = Path(__file__).parents[2] / "examples" / "ci"
CHAIN = {
    "name": "deploy",
    "source": {"account": "111111111111", "assumed_by": {"service": "lambda.amazonaws.com"}},
    "middle": {"account": "222222222222"},
    "targets": {"account": "333333333333"},
}
STRANGER = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
}


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a chain, its templates, and the templates with one statement more."""
    folder = tmp_path_factory.mktemp("ci")
    (folder / "chain.yaml").write_text(yaml.safe_dump(CHAIN))
    for name in ("cdk.out.base", "cdk.out", "cdk.out.open"):
        app = quick_app(folder / name)
        RoleChain(app, "deploy", chain=Chain.load(folder / "chain.yaml"))
        app.synth()
    for template in (folder / "cdk.out.open").glob("*.template.json"):
        body = json.loads(template.read_text())
        for resource in body["Resources"].values():
            if resource["Properties"].get("RoleName") == "deploy-target":
                resource["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(STRANGER)
        template.write_text(json.dumps(body))
    return folder


def _bash(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _yaml(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text())


@pytest.mark.parametrize(("new", "code"), [("cdk.out", 0), ("cdk.out.open", 1)])
def test_the_github_action(new: str, code: int, synthesized: Path, tmp_path: Path) -> None:
    """Both steps pass the chain as it is, and stop the change; the pull request's summary names who gets in."""
    steps = {step["name"]: step for step in _yaml("github/action.yml")["runs"]["steps"]}
    assert steps["install"]["run"] == "pip install 'rolechain[cli]'"
    inputs = {"OLD": "cdk.out.base", "NEW": new, "CHAIN": "chain.yaml", "ALLOW_NEW": ""}
    summary = tmp_path / "summary.md"
    for name in ("prove", "diff"):
        assert steps[name]["env"].keys() <= inputs.keys()
        said = _bash(steps[name]["run"], synthesized, **inputs, GITHUB_STEP_SUMMARY=str(summary))
        assert said.returncode == code, said.stderr
    assert ("444444444444" in summary.read_text()) is bool(code)
    allowed = {**inputs, "ALLOW_NEW": "444444444444"}
    assert (
        _bash(steps["diff"]["run"], synthesized, **allowed, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    )


@pytest.mark.parametrize(("new", "code"), [("cdk.out", 0), ("cdk.out.open", 1)])
def test_the_gitlab_job(new: str, code: int, synthesized: Path) -> None:
    """Each line of the script does so as well."""
    job = _yaml("gitlab.yml")["rolechain"]
    assert job["before_script"] == ["pip install 'rolechain[cli]'"]
    variables = {**job["variables"], "NEW": new}
    assert [_bash(line, synthesized, **variables).returncode for line in job["script"]] == [code, code]
    assert ("444444444444" in (synthesized / "rolechain.md").read_text()) is bool(code)


def test_the_pre_commit_hooks(synthesized: Path, tmp_path: Path) -> None:
    """The first proves the folder, the second compares the working tree with the last commit."""
    (repository,) = _yaml("pre-commit-config.yaml")["repos"]
    prove, diff = (hook["entry"] for hook in repository["hooks"])
    assert _bash(prove, synthesized).returncode == 0
    (template,) = (
        file
        for file in (synthesized / "cdk.out").glob("*.template.json")
        if '"RoleName": "deploy-target"' in file.read_text()
    )
    opened = synthesized / "cdk.out.open" / template.name
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "target.json").write_text(template.read_text())
    git = "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm first"
    assert _bash(git, tmp_path).returncode == 0
    assert _bash(diff, tmp_path).returncode == 0
    (tmp_path / "templates" / "target.json").write_text(opened.read_text())
    said = _bash(diff, tmp_path)
    assert said.returncode == 1
    assert "444444444444" in said.stdout
