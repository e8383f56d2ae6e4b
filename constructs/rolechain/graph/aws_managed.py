"""Which of AWS's own managed policies speak of assuming a role, or of changing one or acting as it.

The table beside this module is made of a copy of their documents, such as moto ships; a policy that is not in
it is not known. ``python -m rolechain.graph.aws_managed FILE`` makes it anew and prints it.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from rolechain.graph import escalation
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy import Policy
from rolechain.policy.actions import parse

ACTIONS = escalation.ACTIONS | {TAG_SESSION.lower(), SET_SOURCE_IDENTITY.lower()}
_TABLE = "aws_managed_policies.json"


def document_of(arn: str) -> Mapping[str, Any] | None:
    """What an AWS managed policy says about assuming roles, and about the ways of ``escalation``: that alone.

    Args:
        arn: its ARN, ``arn:<partition>:iam::aws:policy/<path and name>``.

    Returns:
        A document, without any statement where the policy says nothing about it; None for a policy that is not
        in the table.
    """
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[4] != "aws" or not parts[5].startswith("policy/"):
        return None
    return _table().get(parts[5].removeprefix("policy/"))


@cache
def _table() -> dict[str, Mapping[str, Any]]:
    table = json.loads(files(__package__).joinpath(_TABLE).read_text(encoding="utf-8"))
    silent: Mapping[str, Any] = {"Version": "2012-10-17", "Statement": []}
    speaking: dict[str, Mapping[str, Any]] = table["speaking"]
    return dict.fromkeys(table["silent"], silent) | speaking


def table_of(policies: Mapping[str, Any]) -> dict[str, Any]:
    """The table, from the documents of all AWS managed policies by name, as GetPolicyVersion gives them."""
    speaking: dict[str, Any] = {}
    silent: list[str] = []
    for name, policy in sorted(policies.items()):
        key = str(policy.get("Path", "/")).lstrip("/") + name
        document = policy["Document"]
        statements = document["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        spoken = [found for statement in statements if (found := _spoken(statement))]
        if spoken:
            speaking[key] = {"Version": document.get("Version", "2008-10-17"), "Statement": spoken}
        else:
            silent.append(key)
    return {"speaking": speaking, "silent": silent}


def _spoken(statement: Mapping[str, Any]) -> dict[str, Any] | None:
    """A statement with those of its actions alone that the table is asked for; None without any."""
    (compiled,) = Policy.parse({"Version": "2012-10-17", "Statement": [statement]}).statements
    if not any(compiled.actions.match(action) is not False for action in ACTIONS):
        return None
    found = {key: value for key, value in statement.items() if key != "Sid"}
    written = compiled.actions.written
    kept = [each for each in written if any(parse(each, False).match(one) for one in ACTIONS)]
    return found if compiled.actions.negated or len(kept) == len(written) else {**found, "Action": kept}


def main(path: str) -> None:
    """Prints the table that a module holding the documents as one JSON text gives."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    text = max(
        (
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ),
        key=len,
    )
    table = table_of(json.loads(text))
    print('{\n"speaking": {')
    print(",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in table["speaking"].items()))
    print('},\n"silent": [')
    print(",\n".join(map(json.dumps, table["silent"])))
    print("]\n}")


if __name__ == "__main__":
    main(sys.argv[1])
