"""What runs code as a role in the templates, and what lets others start it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rolechain.cloudformation import texts
from rolechain.cloudformation.resolver import Resolver
from rolechain.cloudformation.resources import FUNCTION, INSTANCE_PROFILE
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stacks import Stack
from rolechain.cloudformation.template import Json
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.role_graph import InvocationGrant, Workload
from rolechain.iam.arn import account_of, is_arn
from rolechain.iam.escalation import RUNNING
from rolechain.iam.glob import matches

_PERMISSION, _URL = "AWS::Lambda::Permission", "AWS::Lambda::Url"
_SOURCES = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")


def workloads_of(stacks: Iterable[Stack]) -> Iterator[Workload]:
    """The resources of stacks that run code as a role."""
    listed = list(stacks)
    profiles = {
        (profile.account, name): profile.resolved("Roles")
        for stack in listed
        for profile in stack.resources(INSTANCE_PROFILE)
        if profile.identity
        for name in (profile.identity.arn, profile.identity.name)
    }
    for stack in listed:
        account = stack.resolver.account
        for kind, runner in RUNNING.items():
            of_profile = runner.service == "ec2.amazonaws.com"
            for resource in stack.resources(kind):
                arn = resource.identity.arn if resource.identity else ""
                for path in (runner.role, *runner.others):
                    for value in _values(
                        stack.resolver, resource.properties, path.split("."), resource.place
                    ):
                        for role in _roles(value, account, profiles if of_profile else None):
                            yield Workload(resource.place, kind, arn, account_of(role or "") or account, role)


def _values(resolver: Resolver, value: Json, path: Sequence[str], place: SourceLocation) -> Iterator[Json]:
    """What stands at a path, in each item of a list on the way; what hides it, where that is not known."""
    value = resolver.resolve(value, place)
    if isinstance(value, list):
        for item in value:
            yield from _values(resolver, item, path, place)
    elif isinstance(value, Mapping) and path:
        yield from _values(resolver, value.get(path[0]), path[1:], place)
    elif value is not None:
        yield value


def _roles(
    value: Json, account: str, profiles: Mapping[tuple[str, str], Json] | None
) -> Iterator[str | None]:
    """The roles that a property names, by ARN, by name or by an instance profile; None for one that is not known."""
    if isinstance(value, Mapping):
        value = value.get("Arn", value.get("Name"))
    if profiles is None:
        yield value if isinstance(value, str) else None
        return
    found = profiles.get((account, value)) if isinstance(value, str) else None
    for item in found if isinstance(found, list) else [found]:
        yield from _roles(item, account, None)


def invocation_grants_of(stack: Stack) -> Iterator[InvocationGrant]:
    """What lets anybody, another account or any customer of a service call a function of a stack.

    Source: AWS Lambda Developer Guide, "Working with resource-based IAM policies in Lambda" and "Control access to
    Lambda function URLs".
    """
    account = stack.resolver.account
    for place, found in _resolved(stack, _PERMISSION):
        who = _who(found, account)
        function, action = texts.scalar(found.get("FunctionName")), texts.scalar(found.get("Action"))
        ways = (way.action.lower() for way in RUNNING[FUNCTION].ways)
        if who and (action is None or any(matches(action.lower(), each) for each in ways)):
            how = f"{found.get('Action')} on {function or 'a function'}"
            yield InvocationGrant(place, account, function, who, how)
    for place, found in _resolved(stack, _URL):
        function, kind = texts.scalar(found.get("TargetFunctionArn")), found.get("AuthType")
        if kind != "AWS_IAM":
            known = "of AuthType NONE" if kind == "NONE" else "whose AuthType is not known"
            yield InvocationGrant(place, account, function, "anybody", f"a function URL {known}")


def _resolved(stack: Stack, kind: str) -> Iterator[tuple[SourceLocation, Mapping[str, Json]]]:
    """The resources of a type, with their properties resolved; where none of them is known, the principal is not."""
    for resource in stack.resources(kind):
        found = resource.resolved_properties()
        yield resource.place, found if isinstance(found, Mapping) else {"Principal": found}


def _who(permission: Mapping[str, Json], account: str) -> str | None:
    """Whom a permission lets call a function; None where its account's own policies say, or a service acts for it."""
    principal = permission.get("Principal")
    if isinstance(principal, Unresolved) or principal is None:
        return f"somebody, {principal}," if principal else None
    name = str(principal)
    if name == "*":
        return "anybody" if permission.get("PrincipalOrgID") is None else "anybody of an organization"
    if name.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        held = any(permission.get(key) is not None for key in _SOURCES)
        sources = {texts.scalar(permission.get(key)) or "" for key in ("SourceAccount", "SourceArn")}
        accounts = {account_of(each) if is_arn(each) else each for each in sources}
        if others := accounts - {account, ""}:
            return f"{name} on behalf of {', '.join(sorted(others))}"
        return None if held else f"any customer of {name}"
    of_account = name == account or (account_of(name) == account and name.endswith(":root"))
    return None if of_account else name
