"""Files of cases: AssumeRole requests in JSON, each with everything that its decision depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError
from rolechain.iam.arn import account_of, is_arn
from rolechain.iam.sts_actions import ASSUME_ROLE
from rolechain.json_keys import RepeatedKeyError, unrepeated
from rolechain.policy.context import ContextValue
from rolechain.policy.decision import Decision, Side, Verdict
from rolechain.policy.document import Policy
from rolechain.policy.elements import PolicyError, printable, shown, texts
from rolechain.policy.evaluate import decide
from rolechain.policy.principals import Caller
from rolechain.policy.request import Callee, Request

_KINDS = ("role-session", "user", "root", "service")
_SERVICE_KEYS = ("service", "service_principal", "principal", "name", "arn")


class CaseError(RolechainError, ValueError):
    """A file cannot be read, or is not a file of cases."""

    usage = True


@dataclass(frozen=True)
class Case:
    """One case of a file.

    Attributes:
        id: its name.
        request: the request.
        refused: the type of the first of its policies that IAM refuses, which is empty in ``request``, and what is
            wrong with it.
    """

    id: str
    request: Request
    refused: tuple[Side, str] | None = None

    def decide(self) -> Decision:
        """The decision of the case. A policy that IAM refuses never takes effect, so that the call is denied."""
        decision = decide(self.request)
        if self.refused is None or decision.verdict is Verdict.EXPLICIT_DENY:
            return decision
        side, problem = self.refused
        kind = side.value.replace("_", " ")
        reason = f"IAM refuses the {kind}, which never takes effect: {problem}"
        return Decision(Verdict.IMPLICIT_DENY, side, self.request.actions[0], reason)


@dataclass(frozen=True)
class OpenCase:
    """One case of a file whose caller is of a type that is not supported.

    Attributes:
        id: its name.
        caller_type: the value of ``caller.type``.
    """

    id: str
    caller_type: object

    def decide(self) -> Decision:
        """Unknown: how policies match such a caller is not known."""
        reason = (
            f"caller.type is {shown(self.caller_type)}, which is not decided here: "
            f"write one of {', '.join(_KINDS)}"
        )
        return Decision(Verdict.UNKNOWN, Side.TRUST_POLICY, ASSUME_ROLE, printable(reason))


def read(path: str | PathLike[str]) -> list[Case | OpenCase]:
    """The cases of a file, in order.

    Raises:
        CaseError: there is no such file, or it is not a file of cases.
    """
    name = fspath(path)
    try:
        document = json.loads(Path(name).read_text(encoding="utf-8-sig"), object_pairs_hook=unrepeated)
    except FileNotFoundError:
        raise CaseError(f"{name}: no such file: name a file of cases in JSON") from None
    except OSError as error:
        raise CaseError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CaseError(f"{name} cannot be read: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise CaseError(f"{name}:{error.lineno}: no JSON: {error.msg}") from None
    except RepeatedKeyError as error:
        raise CaseError(f"{name}: {error}") from None
    except ValueError:
        raise CaseError(f"{name}: no JSON that can be read: it holds a number that is too long") from None
    except RecursionError:
        raise CaseError(f"{name} cannot be read: it is nested too deeply") from None
    listed = document.get("vectors") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise CaseError(f"{name} is not a file of cases: it holds no list named vectors")
    cases: list[Case | OpenCase] = []
    for number, element in enumerate(listed):
        label = element.get("id") if isinstance(element, dict) else None
        try:
            cases.append(parse(element))
        except CaseError as error:
            raise CaseError(f"{name}: case {label or number}: {error}") from None
    return cases


def parse(element: object) -> Case | OpenCase:
    """One case from its JSON. Unknown elements are ignored, and null means a missing element.

    Raises:
        CaseError: it does not follow the format.
    """
    case = _object(element, "the case")
    reader = _Reader()
    name = _text(case, "the case", "id")
    caller = _object(case.get("caller"), "caller")
    if caller.get("type") not in _KINDS:
        return OpenCase(name, caller.get("type"))
    callee = _object(case.get("callee"), "callee")
    asked = _object(case.get("request"), "request")
    if not is_arn(_text(callee, "callee", "arn")):
        raise CaseError(f"callee.arn is {shown(callee['arn'])}: write the ARN of a role")
    context: dict[str, ContextValue] = {}
    for key, value in _object(asked.get("context") or {}, "request.context").items():
        if value is not None:
            values = _texts(value, f"request.context {key}")
            context[key] = values if isinstance(value, list) else values[0]
    boundary = reader.policies(case, "permissions_boundary", Side.PERMISSIONS_BOUNDARY)
    if boundary and len(boundary) > 1:
        raise CaseError(
            f"permissions_boundary lists {len(boundary)} policies: a role or user has one at most"
        )
    request = Request(
        caller=_caller(caller),
        callee=Callee(
            arn=callee["arn"],
            trust_policy=reader.policy(callee.get("trust_policy"), Side.TRUST_POLICY),
            rcps=reader.levels(callee, "rcps", Side.RESOURCE_CONTROL_POLICY),
            in_management_account=_in_management_account(callee),
        ),
        context=context,
        actions=_texts(asked.get("actions") or ASSUME_ROLE, "request.actions"),
        identity_policies=reader.policies(case, "caller_policies", Side.IDENTITY_POLICY) or (),
        permissions_boundary=boundary[0] if boundary else None,
        session_policies=reader.policies(case, "session_policy", Side.SESSION_POLICY),
        scps=reader.levels(case, "caller_scps", Side.SERVICE_CONTROL_POLICY),
    )
    return Case(name, request, reader.refused)


class _Reader:
    """Reads policies, and keeps the first that IAM would refuse."""

    def __init__(self) -> None:
        self.refused: tuple[Side, str] | None = None

    def policy(self, document: object, side: Side) -> Policy:
        if not isinstance(document, (dict, str)):
            raise CaseError(f"a {side.value.replace('_', ' ')} is {shown(document)}: write a policy document")
        try:
            return Policy.parse(document)
        except PolicyError as error:
            self.refused = self.refused or (side, str(error))
            return Policy(())

    def policies(self, element: Mapping[str, Any], key: str, side: Side) -> tuple[Policy, ...] | None:
        value = element.get(key)
        if value is None:
            return None
        return tuple(self.policy(item, side) for item in (value if isinstance(value, list) else [value]))

    def levels(
        self, element: Mapping[str, Any], key: str, side: Side
    ) -> tuple[tuple[Policy, ...], ...] | None:
        value = element.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise CaseError(f"{key} is {shown(value)}: write a list of levels, each a list of policies")
        return tuple(self.policies({key: level}, key, side) or () for level in value)


def _caller(element: Mapping[str, Any]) -> Caller:
    kind = element["type"]
    if kind == "service":
        named = next((element[key] for key in _SERVICE_KEYS if element.get(key)), None)
        if not isinstance(named, str):
            raise CaseError(
                "caller.service is missing: name the service's principal, such as lambda.amazonaws.com"
            )
        return Caller(kind, named)
    arn = _text(element, "caller", "arn")
    if not is_arn(arn):
        raise CaseError(f"caller.arn is {shown(arn)}: write the caller's ARN")
    if kind == "role-session":
        _text(element, "caller", "role_arn")
    unique_id = element.get("unique_id")
    return Caller(
        kind=kind,
        arn=arn,
        account=str(element.get("account") or account_of(arn)),
        role_arn=element.get("role_arn"),
        unique_id=unique_id.split(":")[0] if isinstance(unique_id, str) else None,
        in_management_account=_in_management_account(element),
    )


def _in_management_account(element: Mapping[str, Any]) -> bool:
    return any(element.get(key) is True for key in ("in_management_account", "management_account"))


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CaseError(f"{what} is {'missing' if value is None else shown(value)}: write an object")
    return value


def _text(element: Mapping[str, Any], what: str, key: str) -> str:
    value = element.get(key)
    if not isinstance(value, str) or not value:
        raise CaseError(f"{what}.{key} is {'missing' if value is None else shown(value)}: write a text")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, texts(value, what, scalars=True)))
    except PolicyError as error:
        raise CaseError(str(error)) from None
