"""Makes the table of ``rolechain.graph.aws_managed``: ``python tools/aws_managed_policies.py FILE SOURCE > TABLE``.

FILE is a Python module that holds the documents of all AWS managed policies as one JSON text, by name and as
GetPolicyVersion gives them: ``moto/iam/aws_managed_policies.py``. SOURCE says what it was taken from: ``moto 5.2.5``.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rolechain.iam.escalation import ACTIONS
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy import Policy
from rolechain.policy.actions import parse

KEPT = ACTIONS | {TAG_SESSION.lower(), SET_SOURCE_IDENTITY.lower()}
"""The actions, in lower case, that the table is asked about."""


def table_of(policies: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The policies that speak of a kept action, each with those statements alone, and the names of the others.

    Args:
        policies: the documents by name, each with its path and its dates.
        source: what they were taken from.
    """
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
    newest = max(str(policy.get("UpdateDate", ""))[:10] for policy in policies.values())
    return {"source": source, "newest": newest, "speaking": speaking, "silent": silent}


def _spoken(statement: Mapping[str, Any]) -> dict[str, Any] | None:
    """A statement with its kept actions alone; None without any."""
    (compiled,) = Policy.parse({"Version": "2012-10-17", "Statement": [statement]}).statements
    if not any(compiled.actions.match(action) is not False for action in KEPT):
        return None
    found = {key: value for key, value in statement.items() if key != "Sid"}
    written = compiled.actions.written
    kept = [each for each in written if any(parse(each, False).match(one) for one in KEPT)]
    return found if compiled.actions.negated or len(kept) == len(written) else {**found, "Action": kept}


def main(path: str, source: str) -> None:
    """Prints the table, a policy a line."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    strings = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    table = table_of(json.loads(max(strings, key=len)), source)
    print("{")
    for key in ("source", "newest"):
        print(f'"{key}": {json.dumps(table[key])},')
    print('"speaking": {')
    print(",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in table["speaking"].items()))
    print('},\n"silent": [')
    print(",\n".join(map(json.dumps, table["silent"])))
    print("]\n}")


if __name__ == "__main__":
    main(*sys.argv[1:])
