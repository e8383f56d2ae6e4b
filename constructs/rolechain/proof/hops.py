"""The declared hops and entrances: whether each works, and what is missing where it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from rolechain.chain import Chain
from rolechain.entrance import Entrance
from rolechain.hop import Hop
from rolechain.policy import Caller, Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.logic import Ternary
from rolechain.policy.statements import entrance_statement, permission_statements, trust_statements
from rolechain.proof.calls import request_of
from rolechain.proof.doors import admitted, caller_of
from rolechain.proof.federated import token_admitted
from rolechain.proof.finding import Finding, Level
from rolechain.proof.place import Place
from rolechain.proof.witness import FRESH, instance
from rolechain.proof.world import RoleRecord, World

MISSING, UNKNOWN = "RC08", "RC00"
_EVERYTHING = Policy.parse(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


@dataclass(frozen=True)
class HopProof:
    """What was decided about one AssumeRole.

    Attributes:
        caller: the ARN of the caller's role.
        callee: the ARN of the role that is assumed, or the pattern that stands for it.
        verdict: the decision.
        reason: why, in a line.
    """

    caller: str
    callee: str
    verdict: Verdict
    reason: str


def proven_hops(chain: Chain, world: World) -> Iterator[tuple[HopProof, list[Finding]]]:
    """Each declared hop, decided as the call that the runtime will make, and what keeps it from working."""
    for hop in chain.hops():
        request = request_of(hop, world, chain.region)
        if request is None:
            reason = "a role of the hop is not in the templates"
            yield HopProof(hop.caller.arn, hop.callee.arn, Verdict.UNKNOWN, reason), []
            continue
        decision = decide(request)
        if not decision.allowed:
            # Asked of the whole policies, the reason names what comes nearest.
            policies = tuple(record.policy for record in world.by_arn[hop.caller.arn][0].policies)
            request = replace(request, identity_policies=policies)
            decision = decide(request)
        findings = [] if decision.allowed else list(_of_hop(hop, request, decision, chain, world))
        yield HopProof(hop.caller.arn, hop.callee.arn, decision.verdict, decision.reason), findings


def missing_roles(chain: Chain, world: World) -> Iterator[Finding]:
    """The declared roles that no template creates."""
    for role in chain.roles:
        if role.arn not in world.by_arn:
            yield Finding(
                MISSING,
                Level.ERROR,
                None,
                f"the chain declares {role.arn}, and no template creates it",
                f"add the role {role.role} with path {role.path} to a stack of account {role.account}",
            )


def _of_hop(hop: Hop, request: Request, decision: Decision, chain: Chain, world: World) -> Iterator[Finding]:
    """What is wrong on each side of a hop; the other side is taken for granted."""
    caller, callee = world.by_arn[hop.caller.arn][0], world.by_arn[hop.callee.arn][0]
    trusting = decide(replace(request, identity_policies=(_EVERYTHING,), permissions_boundary=None))
    if not trusting.allowed:
        (statement,) = trust_statements(chain, hop.callee)
        yield _finding(hop, trusting, callee, "trust policy", statement)
    welcome = replace(request.callee, trust_policy=_trusting(hop))
    permitted = decide(replace(request, callee=welcome))
    if permitted.allowed and not trusting.allowed:
        return
    if not permitted.allowed:
        own = next(
            statement
            for statement in permission_statements(chain, hop.caller)
            if hop.callee.arn == statement["Resource"] or hop.callee.arn in statement["Resource"]
        )
        yield _finding(hop, permitted, caller, "permission", own | {"Resource": hop.callee.arn})
    elif trusting.allowed:
        yield _finding(hop, decision, callee, "policies together", trust_statements(chain, hop.callee)[0])


def _trusting(hop: Hop) -> Policy:
    """A trust policy that lets the caller's account in, so that the caller's own side decides."""
    statement = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": hop.caller.account_root}}
    return Policy.parse({"Version": "2012-10-17", "Statement": [statement]})


def _finding(hop: Hop, decision: Decision, role: RoleRecord, half: str, statement: dict[str, Any]) -> Finding:
    rule = UNKNOWN if decision.verdict is Verdict.UNKNOWN else MISSING
    place = role.place
    if decision.side is Side.TRUST_POLICY:
        place = replace(role.trust.place, statement=decision.statement)
    elif decision.side is Side.IDENTITY_POLICY and decision.policy is not None and role.policies:
        place = replace(role.policies[decision.policy].place, statement=decision.statement)
    elif decision.side is Side.PERMISSIONS_BOUNDARY and role.boundary:
        place = replace(role.boundary.place, statement=decision.statement)
    word = "cannot be decided" if rule == UNKNOWN else "does not work"
    cure = f"write into the {half} of {role.name or role.arn}: {_shown(statement)}"
    if decision.verdict is Verdict.EXPLICIT_DENY:
        cure = f"leave {hop.callee.arn} out of that Deny"
    elif rule == UNKNOWN:
        cure = "write what cannot be known as a plain value, or give the proof what it refers to"
    elif decision.side is Side.PERMISSIONS_BOUNDARY:
        cure = f"let the boundary allow {decision.action} on {hop.callee.arn}"
    message = f"hop {hop.index} from {hop.caller.arn} to {hop.callee.arn} {word}: {decision.reason}"
    return Finding(rule, Level.ERROR, place, message, cure)


def missing_entrances(chain: Chain, world: World) -> Iterator[Finding]:
    """The declared entrances that the source role's trust policy does not let in."""
    for role in world.by_arn.get(chain.source.arn, ()):
        for entrance in chain.source.assumed_by:
            works = _works(entrance, chain, role)
            if works is True:
                continue
            place = Place(role.place.template, role.place.logical_id, part=role.trust.place.part)
            words = f"the entrance {entrance.kind} {entrance.value} of {chain.source.arn}"
            if works is None:
                message = f"whether {words} works cannot be decided"
                cure = "write what cannot be known as a plain value"
                yield Finding(UNKNOWN, Level.ERROR, place, message, cure)
            else:
                message = f"{words} is declared, and its trust policy does not let it in"
                statement = _shown(entrance_statement(entrance, chain.source))
                yield Finding(
                    MISSING, Level.ERROR, place, message, f"write into its trust policy: {statement}"
                )


def _works(entrance: Entrance, chain: Chain, role: RoleRecord) -> Ternary:
    source, trust = chain.source, role.trust.policy
    if entrance.kind in ("oidc", "saml"):
        operators = entrance_statement(entrance, source)["Condition"].values()
        token = {key.lower(): instance(value) for keys in operators for key, value in keys.items()}
        return token_admitted(role, entrance.value, token)
    if entrance.kind == "service":
        return _ternary(admitted(role, trust, Caller("service", entrance.value)))
    arns = [entrance.value]
    if entrance.kind == "account":
        arns = [f"arn:{source.partition}:iam::{entrance.value}:role/{FRESH}"]
    elif entrance.kind == "permission_set":
        pattern = entrance_statement(entrance, source)["Condition"]["ArnLike"]["aws:PrincipalArn"]
        arns = [pattern.replace("*", region).replace("?", "0") for region in ("", "eu-west-1/")]
    answers = [_ternary(admitted(role, trust, caller_of(arn), arn)) for arn in arns]
    return False if False in answers else None if None in answers else True


def _ternary(decision: Decision) -> Ternary:
    return None if decision.verdict is Verdict.UNKNOWN else decision.allowed


def _shown(statement: dict[str, Any]) -> str:
    return json.dumps(statement, ensure_ascii=False)
