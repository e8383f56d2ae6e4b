"""The declared entrances: whether each is let in by its source role."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rolechain.chain import Chain
from rolechain.entrance import Entrance
from rolechain.policy import Caller, Decision, Verdict
from rolechain.policy.entrance_statements import entrance_statement
from rolechain.policy.logic import Ternary
from rolechain.proof.doors import admitted, caller_of
from rolechain.proof.federated import token_admitted
from rolechain.proof.finding import Finding, Level
from rolechain.proof.place import Place
from rolechain.proof.witness import FRESH, instance
from rolechain.proof.world import RoleRecord, World
from rolechain.role import ChainRole

MISSING, UNKNOWN = "RC08", "RC00"


def missing_entrances(chain: Chain, world: World) -> Iterator[Finding]:
    """The declared entrances that a source role's trust policy does not let in."""
    for source in chain.sources:
        for role in world.by_arn.get(source.arn, ()):
            for entrance in source.assumed_by:
                works = _works(entrance, source, role)
                if works is not True:
                    yield _finding(entrance, source, role, works)


def _finding(entrance: Entrance, source: ChainRole, role: RoleRecord, works: bool | None) -> Finding:
    place = Place(role.place.template, role.place.logical_id, part=role.trust.place.part)
    words = f"the entrance {entrance.kind} {entrance.value} of {source.arn}"
    if works is None:
        message = f"whether {words} works cannot be decided"
        cure = "write what cannot be known as a plain value"
        return Finding(UNKNOWN, Level.ERROR, place, message, cure)
    message = f"{words} is declared, and its trust policy does not let it in"
    statement = json.dumps(entrance_statement(entrance, source), ensure_ascii=False)
    return Finding(MISSING, Level.ERROR, place, message, f"write into its trust policy: {statement}")


def _works(entrance: Entrance, source: ChainRole, role: RoleRecord) -> Ternary:
    trust = role.trust.policy
    if entrance.kind in ("oidc", "saml"):
        operators = entrance_statement(entrance, source)["Condition"].values()
        token = {key.lower(): instance(value) for keys in operators for key, value in keys.items()}
        return token_admitted(role, entrance.value, token)
    if entrance.kind == "service":
        return _ternary(admitted(role, trust, Caller("service", entrance.value)))
    arns = [entrance.value]
    if entrance.kind == "account":
        # No role's session carries MFA.
        kind = "user" if entrance.mfa else "role"
        arns = [f"arn:{source.partition}:iam::{entrance.value}:{kind}/{FRESH}"]
    elif entrance.kind == "permission_set":
        pattern = entrance_statement(entrance, source)["Condition"]["ArnLike"]["aws:PrincipalArn"]
        arns = [pattern.replace("*", region).replace("?", "0") for region in ("", "eu-west-1/")]
    answers = [_ternary(admitted(role, trust, caller_of(arn), arn)) for arn in arns]
    return False if False in answers else None if None in answers else True


def _ternary(decision: Decision) -> Ternary:
    return None if decision.verdict is Verdict.UNKNOWN else decision.allowed
