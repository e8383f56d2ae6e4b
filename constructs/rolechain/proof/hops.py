"""The declared hops: whether each works, and what is missing where it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.calls import EVERYTHING, OTHER_VALUE, requests_of
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import ControlPolicyRecord, RoleGraph, RoleRecord
from rolechain.graph.unknown_keys import as_written, at_best, in_doubt, not_known
from rolechain.iam.arn import account_of
from rolechain.iam.condition_keys import is_of_moment, is_said
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.policy import Decision, Policy, Request, Side, Verdict, decide
from rolechain.proof.revocation import of_new_session
from rolechain.statements.builder import permission_statements, trust_statements


@dataclass(frozen=True)
class HopProof:
    """What was decided about one AssumeRole.

    Attributes:
        caller: the ARN of the caller's role.
        callee: the ARN of the role that is assumed, or the pattern that stands for it.
        verdict: the decision.
        reason: why, in a line.
        accounts: of a target by organizational unit, the accounts for any of which it was decided, in words.
    """

    caller: str
    callee: str
    verdict: Verdict
    reason: str
    accounts: str = ""


def proven_hops(chain: Chain, graph: RoleGraph) -> Iterator[tuple[HopProof, list[Finding]]]:
    """Each declared hop, decided as the calls that the runtime may make, and what keeps it from working.

    It works only if it does whatever the call brings that is not known.
    """
    for hop in chain.hops():
        decided = [
            (decide(in_doubt(request, _not_known(request, hop, graph))), request)
            for request in (
                of_new_session(each, chain.revoked_before) for each in requests_of(hop, graph, chain.region)
            )
        ]
        if not decided:
            reason = "a role of the hop is not in the templates"
            yield HopProof(hop.caller.arn, hop.callee.arn, Verdict.UNKNOWN, reason), []
            continue
        refused = [request for decision, request in decided if not decision.allowed]
        if not refused:
            decision = decided[0][0]
            yield HopProof(hop.caller.arn, hop.callee.arn, decision.verdict, _reason(decision)), []
            continue
        # Asked of the whole policies, the reason names what comes nearest.
        policies = tuple(record.policy for record in graph.by_arn[hop.caller.arn][0].policies)
        whole = [
            of_new_session(replace(request, identity_policies=policies), chain.revoked_before)
            for request in refused
        ]
        moments = [_of_moment(request, hop, graph) for request in whole]
        if all(moments):
            yield _unknown_here(hop, moments[0], graph)
            continue
        request = whole[moments.index([])]
        request = in_doubt(request, _not_known(request, hop, graph))
        decision = decide(request)
        findings = list(_of_hop(hop, request, decision, chain, graph))
        yield HopProof(hop.caller.arn, hop.callee.arn, decision.verdict, _reason(decision)), findings


def _reason(decision: Decision) -> str:
    """Why a call is allowed or refused, with a wildcard for what its caller may choose."""
    return decision.reason.replace(OTHER_VALUE, "*")


def _not_known(request: Request, hop: Hop, graph: RoleGraph) -> frozenset[str]:
    roles = (role for arn in (hop.caller.arn, hop.callee.arn) for role in graph.by_arn[arn])
    return not_known(request, tags=all(role.tags_known for role in roles))


def _of_moment(request: Request, hop: Hop, graph: RoleGraph) -> list[str]:
    """The keys of when and whence a call is made, if conditions on them and nothing else refuse a hop."""
    unknown = _not_known(request, hop, graph)
    moment = frozenset(key for key in request.keys if is_of_moment(key) and not is_said(key))
    if not moment or not decide(at_best(in_doubt(request, unknown - moment), moment)).allowed:
        return []
    return sorted(as_written(request, moment))


def _unknown_here(hop: Hop, keys: list[str], graph: RoleGraph) -> tuple[HopProof, list[Finding]]:
    """A hop that works where the moment of the call brings what conditions ask for."""
    reason = f"it depends on {', '.join(keys)}, which only the call brings and cannot be known here"
    message = f"hop {hop.index} from {hop.caller.arn} to {hop.callee.arn} cannot be known to work: {reason}"
    role = graph.by_arn[hop.callee.arn][0]
    remedy = "see that the caller's calls meet it, or leave the condition out"
    finding = Finding("RC00", Level.WARNING, role.trust.place, message, remedy)
    return HopProof(hop.caller.arn, hop.callee.arn, Verdict.UNKNOWN, reason), [finding]


def missing_roles(chain: Chain, graph: RoleGraph) -> Iterator[Finding]:
    """The declared roles that no template creates."""
    for role in chain.roles:
        if role.arn in graph.by_arn:
            continue
        if unknown := _perhaps(role, graph):
            part = unknown.part
            message = (
                f"whether {unknown.logical_id} is the declared {role.arn} is not known: its {part} is not"
            )
            remedy = f"write its {part} as a plain value, or give the proof what it refers to"
            yield Finding("RC00", Level.ERROR, unknown, message, remedy)
        else:
            yield Finding(
                "RC08",
                Level.ERROR,
                None,
                f"the chain declares {role.arn}, and no template creates it",
                f"add the role {role.role} with path {role.path} to a stack of account {role.account}",
            )


def _perhaps(declared: ChainRole, graph: RoleGraph) -> SourceLocation | None:
    """The name or path that is not resolved of a role that may be a declared one."""
    unresolved = {
        each.place.resource: each.place
        for each in graph.unknown
        if each.place and each.place.part in ("RoleName", "Path")
    }
    for role in graph.roles:
        place = unresolved.get(role.place.resource)
        if place and role.account in ("", declared.account) and role.name in ("", declared.role):
            return place
    return None


_CONTROL_POLICIES = {
    Side.SERVICE_CONTROL_POLICY: "service control policies",
    Side.RESOURCE_CONTROL_POLICY: "resource control policies",
}


def _of_hop(
    hop: Hop, request: Request, decision: Decision, chain: Chain, graph: RoleGraph
) -> Iterator[Finding]:
    """What is wrong on each side of a hop; the other side is taken for granted."""
    caller, callee = graph.by_arn[hop.caller.arn][0], graph.by_arn[hop.callee.arn][0]
    if kind := _CONTROL_POLICIES.get(decision.side):
        record = _guardrail(request, decision, graph)
        if record or decision.verdict is not Verdict.UNKNOWN:
            unknown = decision.verdict is Verdict.UNKNOWN
            word = "cannot be decided" if unknown else "does not work"
            said = f"hop {hop.index} from {caller.arn} to {callee.arn} {word}: {_reason(decision)}"
            message = f"{said}, of the policy {record.name}" if record else said
            remedy = f"let the {kind} of the organization allow {decision.action} on {callee.arn}"
            if unknown:
                remedy = "write what cannot be known as a plain value, or give the proof what it refers to"
            place = replace(record.place, statement=decision.statement) if record else None
            yield Finding("RC00" if unknown else "RC08", Level.ERROR, place, message, remedy)
            return
    request = replace(request, scps=None, callee=replace(request.callee, rcps=None))
    free = replace(request, identity_policies=(EVERYTHING,), permissions_boundary=None, session_policies=None)
    trusting = decide(free)
    if not trusting.allowed:
        yield _finding(hop, trusting, callee, "trust policy", _of_trust(hop, trusting, chain), graph)
    # Where the trust policy lets in the caller's account, the caller's own side decides.
    trusting_account = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": hop.caller.account_root}}
    open_policy = Policy.parse({"Version": "2012-10-17", "Statement": [trusting_account]})
    permitted = decide(replace(request, callee=replace(request.callee, trust_policy=open_policy)))
    if permitted.allowed and not trusting.allowed:
        return
    if not permitted.allowed:
        named = (hop.callee.member_of or hop.callee).resource
        own = next(
            statement
            for statement in permission_statements(chain, hop.caller)
            if statement["Action"] == permitted.action
            and (named == statement["Resource"] or named in statement["Resource"])
        )
        own |= {"Resource": named}
        yield _finding(hop, permitted, caller, "permission", own, graph)
    elif trusting.allowed:
        yield _finding(hop, decision, callee, "policies together", _of_trust(hop, decision, chain), graph)


def _guardrail(request: Request, decision: Decision, graph: RoleGraph) -> ControlPolicyRecord | None:
    """The control policy of the templates that was decisive."""
    scp = decision.side is Side.SERVICE_CONTROL_POLICY
    limits = graph.limits.get(request.caller.account if scp else account_of(request.callee.arn))
    levels = limits and (limits.scps if scp else limits.rcps)
    policies = [policy for level in levels or () for policy in level]
    decisive = policies[decision.policy] if decision.policy is not None else None
    return next((each for each in graph.control_policies if each.policy is decisive), None)


def _of_trust(hop: Hop, decision: Decision, chain: Chain) -> dict[str, Any]:
    """The statement of the callee's trust policy that would let the hop's caller do what was refused."""
    statements = trust_statements(chain, hop.callee)
    of_action = [
        statement for statement in statements if statement["Action"] == decision.action
    ] or statements
    of_caller = [statement for statement in of_action if hop.caller.account in _shown(statement)]
    return (of_caller or of_action)[0]


def _finding(
    hop: Hop, decision: Decision, role: RoleRecord, half: str, statement: dict[str, Any], graph: RoleGraph
) -> Finding:
    rule = "RC00" if decision.verdict is Verdict.UNKNOWN else "RC08"
    record = None
    if decision.side is Side.TRUST_POLICY:
        record = role.trust
    elif decision.side is Side.IDENTITY_POLICY and decision.policy is not None and role.policies:
        record = role.policies[decision.policy]
    elif decision.side is Side.PERMISSIONS_BOUNDARY:
        record = role.boundary
    elif decision.side is Side.SESSION_POLICY:
        declared = graph.session_policies[role.arn][decision.policy or 0]
        # What the chain itself declares stands in no template.
        record = declared if declared.place.template else None
    place = replace(record.place, statement=decision.statement) if record else role.place
    word = "cannot be decided" if rule == "RC00" else "does not work"
    remediation = f"write into the {half} of {role.name or role.arn}: {_shown(statement)}"
    if decision.verdict is Verdict.EXPLICIT_DENY:
        remediation = f"leave {hop.callee.arn} out of that Deny"
    elif rule == "RC00":
        remediation = "write what cannot be known as a plain value, or give the proof what it refers to"
    elif decision.side is Side.PERMISSIONS_BOUNDARY:
        remediation = f"let the boundary allow {decision.action} on {hop.callee.arn}"
    elif decision.side is Side.SESSION_POLICY:
        passed = f"policy or policy_arns of {role.name or role.arn}"
        remediation = (
            f"let what the hop into it passes, {passed}, allow {decision.action} on {hop.callee.arn}"
        )
    message = f"hop {hop.index} from {hop.caller.arn} to {hop.callee.arn} {word}: {_reason(decision)}"
    return Finding(rule, Level.ERROR, place, message, remediation)


def _shown(statement: dict[str, Any]) -> str:
    return json.dumps(statement, ensure_ascii=False)
