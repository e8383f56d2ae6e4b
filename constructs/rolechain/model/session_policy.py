"""The session policy of a hop."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rolechain.iam.limits import NAME, SESSION_POLICY_ARNS, SESSION_POLICY_CHARACTERS
from rolechain.json_keys import unrepeated

POLICY_ARN = re.compile(
    rf"arn:(?P<partition>[a-z-]+):iam::(?P<account>aws|\d{{12}}):policy/(?:[!-)+->@-~]+/)?{NAME}{{1,128}}",
    re.ASCII,
)

_BEYOND_LATIN = re.compile(r"[^\x00-\xff]")
"""A character that a session policy can hold only as an escape of six characters."""

_INTRINSIC = re.compile(r'\{"(Ref|Fn::[^"]*)":')


def compact(policy: Any) -> Any:
    """A policy, given as a mapping or as JSON, as the shortest JSON; another value is returned as it is."""
    try:
        document = json.loads(policy, object_pairs_hook=unrepeated) if isinstance(policy, str) else policy
        text = json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        return _BEYOND_LATIN.sub(lambda found: json.dumps(found[0])[1:-1], text)
    except (TypeError, ValueError, RecursionError):
        return policy


def beyond_quotas(policy: Any, policy_arns: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """What of a hop's session policies is more than STS takes: the key, and the problem."""
    if len(policy_arns) > SESSION_POLICY_ARNS:
        yield (
            "policy_arns",
            f"{len(policy_arns)} policies: STS takes {SESSION_POLICY_ARNS} at most; remove some",
        )
    length = sum(len(text) for text in (policy, *policy_arns) if isinstance(text, str))
    if length > SESSION_POLICY_CHARACTERS:
        yield (
            "policy" if policy else "policy_arns",
            f"{length} characters, the ARNs of policy_arns included: STS takes {SESSION_POLICY_CHARACTERS} at most; "
            "shorten it",
        )


def problems_of(written: Mapping[str, Any] | str) -> Iterator[str]:
    """The problems for which STS would refuse a session policy, except its length."""
    # Imported on use: few chains have a session policy.
    from rolechain.policy.document import Policy
    from rolechain.policy.elements import PolicyError

    try:
        policy = Policy.parse(written)
    except PolicyError as error:
        yield str(error)
        return
    if not isinstance(written, str):
        yield "it holds a value that JSON does not have: write strings, numbers, lists and objects"
    elif intrinsic := _INTRINSIC.search(written):
        yield f"it holds {intrinsic[1]}, which only CloudFormation resolves: write the value itself"
        return
    elif not policy.statements:
        yield "Statement is empty: add a statement"
    for statement in policy.statements:
        if statement.principals is not None or statement.not_principal:
            yield (f"statement {statement.index}: a session policy takes no Principal: remove it")
        elif not statement.actions.written or not (statement.resources and statement.resources.written):
            yield f"statement {statement.index}: Action or Resource is missing: add it; * stands for all"
        elif wrong := [each for each in statement.resources.written if each != "*" and each[:4] != "arn:"]:
            yield f"statement {statement.index}: {wrong[0]!r} is not a resource: write its ARN, or *"
