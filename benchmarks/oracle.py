"""Another engine's decision of the same case: npm's ``@cloud-copilot/iam-simulate``, where it is installed.

It is under the AGPL, so that it is installed for a comparison alone (``make oracle``) and runs in a process of
its own.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rolechain.cli.toolchain import find_node
from rolechain.policy import Verdict

FOLDER_VARIABLE = "ROLECHAIN_ORACLE"
"""The environment variable that names the folder whose ``node_modules`` holds the package."""

PACKAGE = "@cloud-copilot/iam-simulate"
_SCRIPT = Path(__file__).with_name("iam_simulate.mjs")
_VERDICTS = {
    "Allowed": Verdict.ALLOW,
    "ImplicitlyDenied": Verdict.IMPLICIT_DENY,
    "ExplicitlyDenied": Verdict.EXPLICIT_DENY,
}
_SEVERITY = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.ALLOW)

Json = Any


class OracleError(Exception):
    """The other engine gave no decision."""


@dataclass(frozen=True)
class Oracle:
    """The other engine, running.

    Attributes:
        process: the process that decides.
    """

    process: subprocess.Popen[str]

    def decide(self, case: Mapping[str, Json]) -> Verdict:
        """Its decision of a case of ``rolechain.policy.cases``: the most severe of those of the case's actions.

        Raises:
            OracleError: it refuses the case, or ended.
        """
        return min((self._ask(1, each)[0] for each in simulations(case)), key=_SEVERITY.index)

    def microseconds(self, case: Mapping[str, Json], repeats: int) -> float:
        """How long it takes to decide a case, its own process's start and this pipe left out.

        Raises:
            OracleError: it refuses the case, or ended.
        """
        return sum(self._ask(repeats, each)[1] for each in simulations(case))

    def _ask(self, repeats: int, simulation: Json) -> tuple[Verdict, float]:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise OracleError("its process was started without pipes")
        stdin.write(json.dumps([repeats, simulation]) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise OracleError(f"its process ended with {self.process.wait()}")
        answer = json.loads(line)
        if answer["error"]:
            raise OracleError(answer["error"])
        return _VERDICTS[answer["result"]], answer["microseconds"]


def missing() -> str | None:
    """Why the other engine cannot be asked; None where it can."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return f"{FOLDER_VARIABLE} names no folder with {PACKAGE}: make oracle installs it and runs with it"
    if not (Path(folder) / "node_modules" / PACKAGE / "package.json").is_file():
        return f"{FOLDER_VARIABLE}={folder} holds no node_modules/{PACKAGE}: make oracle installs it"
    return None


@contextmanager
def started() -> Iterator[Oracle]:
    """The other engine in a process that ends with the block; ``missing`` must have said None."""
    command = [str(find_node()), str(_SCRIPT), os.environ[FOLDER_VARIABLE]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Oracle(process)


def simulations(case: Mapping[str, Json]) -> list[Json]:
    """A case as the other engine takes it: one request for each action."""
    caller, callee, asked = case["caller"], case["callee"], case["request"]
    exempt = caller.get("in_management_account", False)
    shared = {
        "identityPolicies": _named(case.get("caller_policies") or ()),
        "serviceControlPolicies": [] if exempt else _levels(case.get("caller_scps")),
        "resourceControlPolicies": [] if callee.get("in_management_account") else _levels(callee.get("rcps")),
        "resourcePolicy": callee["trust_policy"],
    }
    if boundary := case.get("permissions_boundary"):
        shared["permissionBoundaryPolicies"] = _named(boundary if isinstance(boundary, list) else [boundary])
    if case.get("session_policy"):
        shared["sessionPolicy"] = case["session_policy"]
    return [
        {
            **shared,
            "request": {
                "action": action,
                "principal": caller["service"] if caller["type"] == "service" else caller["arn"],
                "resource": {"resource": callee["arn"], "accountId": callee["arn"].split(":")[4]},
                "contextVariables": asked["context"],
            },
        }
        for action in asked["actions"]
    ]


def _named(policies: Sequence[Json]) -> list[Json]:
    return [{"name": f"policy {number}", "policy": policy} for number, policy in enumerate(policies)]


def _levels(levels: Sequence[Sequence[Json]] | None) -> list[Json]:
    return [
        {"orgIdentifier": f"level {number}", "policies": _named(policies)}
        for number, policies in enumerate(levels or ())
    ]
