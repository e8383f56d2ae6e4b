"""How long a session lasts, and what a chained session cannot bring."""

from __future__ import annotations

from rolechain.graph.access import ASSUME
from rolechain.graph.finding import Level
from rolechain.iam.arn import PERMISSION_SET_PREFIX
from rolechain.iam.condition_keys import MFA_AGE, MFA_PRESENT, PRINCIPAL_ARN
from rolechain.iam.limits import CHAINED_SECONDS, ROLE_SECONDS
from rolechain.policy.conditions import AnyCondition
from rolechain.policy.context import Context, ContextValue
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, is_role
from rolechain.proof.rules.rule import Violation, Violations, rule

_MFA = frozenset({MFA_PRESENT, MFA_AGE})
_DURATION = "sts:durationseconds"


@rule(
    "RC14",
    "no condition on MFA stands between two roles",
    prevents="a hop that can never be taken: a role's session carries no MFA",
    source="IAM User Guide, Secure API access with MFA; STS API Reference, AssumeRole",
)
def mfa_between_roles(context: RuleContext) -> Violations:
    """A condition on MFA where the caller is a role; users may be asked for it where they enter the source role."""
    remediation = (
        "leave the condition on {} out, and ask for MFA where users enter the source role, or at their identity "
        "provider"
    )
    for located in context.trust:
        if located.statement.effect is None or located.arn not in context.hop_roles:
            asks_a_role = located.statement.effect == "Allow" and _only_roles(located)
        else:
            asks_a_role = bool(located.statement.actions.match(ASSUME))
        if asks_a_role and (key := _mfa(located)):
            yield located.violation(
                "asks its caller for MFA, and the caller is a role", remediation.format(key)
            )
    for permission in context.permissions:
        if key := _mfa(permission):
            yield permission.violation(
                "may assume roles with MFA only, which its sessions never carry", remediation.format(key)
            )


def _mfa(located: LocatedStatement) -> str | None:
    """The MFA key that decides against every session of a role, if one does."""
    of_mfa = [condition for condition in located.statement.conditions if condition.keys & _MFA]
    if not of_mfa:
        return None
    without: tuple[dict[str, ContextValue], ...] = ({}, {"aws:MultiFactorAuthPresent": "false"})
    met = [all(condition.holds(Context(given)) for condition in of_mfa) for given in without]
    if located.statement.effect == "Allow":
        decides = not any(_may_hold(of_mfa, given) for given in without)
    else:
        decides = len(of_mfa) == len(located.statement.conditions) and all(met)
    return next(iter(sorted(of_mfa[0].keys & _MFA))) if decides else None


def _may_hold(conditions: list[AnyCondition], given: dict[str, ContextValue]) -> bool:
    return all(condition.holds(Context(given)) is not False for condition in conditions)


def _only_roles(entry: LocatedStatement) -> bool:
    if entry.federated or entry.services:
        return False
    named = entry.aws
    if named and all(is_role(arn) for arn in named):
        return True
    pins = list(entry.pinned(PRINCIPAL_ARN))
    return bool(pins) and all(":role/" in pin and PERMISSION_SET_PREFIX not in pin for pin in pins)


@rule(
    "RC15",
    "nothing counts on a chained session of more than 3,600 seconds",
    prevents="ValidationError on the hop, or a limit that looks longer than it is",
    source="STS API Reference, AssumeRole: DurationSeconds; IAM User Guide, Role chaining",
    levels="error warning",
)
def chained_duration(context: RuleContext) -> Violations:
    """A condition that asks for more (error), or a role that seems to allow more (warning)."""
    for entry in context.entries:
        if _only_roles(entry) and _asks_for_hours(entry):
            yield entry.violation(
                f"asks its callers for sessions of more than {CHAINED_SECONDS} seconds, and STS "
                "refuses that to a role's session",
                f"leave the condition on sts:DurationSeconds out, or allow {CHAINED_SECONDS}",
            )
    by_others = {entry.arn for entry in context.entries if not _only_roles(entry)}
    by_roles = {entry.arn for entry in context.entries} - by_others
    chained = set(context.hop_roles) if context.chain else by_roles
    for role in context.graph.roles:
        seconds = role.max_session_duration
        if seconds and role.arn in chained and seconds > CHAINED_SECONDS and seconds in ROLE_SECONDS:
            yield Violation(
                role.place,
                f"{role.arn} has a MaxSessionDuration of {seconds}, and roles that assume it get "
                f"{CHAINED_SECONDS} seconds at most",
                f"write MaxSessionDuration: {CHAINED_SECONDS}",
                Level.WARNING,
            )


def _asks_for_hours(entry: LocatedStatement) -> bool:
    asked = [condition for condition in entry.statement.conditions if condition.keys == {_DURATION}]
    return bool(asked) and not any(
        _may_hold(asked, {_DURATION: str(seconds)}) for seconds in (900, 901, 1800, CHAINED_SECONDS)
    )


@rule(
    "RC16",
    "MaxSessionDuration lies between 3,600 and 43,200 seconds",
    prevents="the role cannot be created",
    source="IAM API Reference, CreateRole: MaxSessionDuration",
)
def session_duration(context: RuleContext) -> Violations:
    for role in context.graph.roles:
        if role.max_session_duration is not None and role.max_session_duration not in ROLE_SECONDS:
            yield Violation(
                role.place,
                f"{role.arn} has a MaxSessionDuration of {role.max_session_duration}, which IAM refuses",
                f"write {ROLE_SECONDS[0]} to {ROLE_SECONDS[-1]}, in seconds",
            )
