"""CloudFormation StackSets with service-managed permissions: their calls, and the resource of a stack.

ministack has none. The instances of a stack set are real stacks in the accounts of the organization, deployed one after
another. Sources: CloudFormation API Reference; CloudFormation User Guide, "Managing stacks across accounts and Regions
with StackSets". The texts of errors are those of public reports, where there is one.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any

from rolechain.iam.arn import format_arn
from rolechain.local import emulator, query_protocol
from rolechain.local.emulator import Handler, Record, Response
from rolechain.local.errors import ServiceError
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.local.organizations import ServedOrganization
from rolechain.model.stack_set import SERVICE_PRINCIPAL

_TYPE = "AWS::CloudFormation::StackSet"
_PROPERTIES = ("Description", "Capabilities", "Tags", "AutoDeployment", "ManagedExecution")
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", re.ASCII)
_PAGE = 100
Key = tuple[str, str]
"""The account and the region of an instance."""


@dataclass
class Operation:
    """An operation: as DescribeStackSetOperation gives it, and as ListStackSetOperationResults does."""

    record: Record
    results: dict[Key, Record] = field(default_factory=dict)
    task: asyncio.Task[None] = field(init=False)


@dataclass
class ServedStackSet:
    """A stack set.

    Attributes:
        record: as DescribeStackSet gives it.
        targets: the regions to which the accounts below each unit, or below the root, are deployed.
        instances: as DescribeStackInstance gives them.
        operations: by their ids, in the order in which they began.
        running: held by the operation that runs.
    """

    record: Record
    targets: dict[str, list[str]] = field(default_factory=dict)
    instances: dict[Key, Record] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    running: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def under_way(self) -> list[Operation]:
        """The operations that run, or wait to."""
        return [one for one in self.operations.values() if one.record["Status"] not in _ENDED]

    def wanted(self, above: Sequence[str]) -> dict[str, str]:
        """The regions of an account below ``above``, with the unit that asks for each."""
        return {region: unit for unit in above for region in self.targets.get(unit, ())}


Work = Callable[[ServedStackSet, Key], Awaitable[str | None]]
"""Does what an operation does to one instance; returns why it failed, or None."""


class StackSets:
    """The stack sets of the organization: the management account's, whoever made them.

    Args:
        organization: the organization, whose moves they follow.
        operators: the accounts that operate stack sets from the start: if there are any, trusted access is enabled; a
            member among them is a delegated administrator.
    """

    def __init__(self, organization: ServedOrganization, operators: Iterable[str] = ()) -> None:
        self._organization = organization
        self._sets: dict[tuple[str, str], ServedStackSet] = {}
        self._activated = False
        for operator in operators:
            self._activated = True
            organization.services[SERVICE_PRINCIPAL] = time.time()
            if not organization.is_management(operator):
                organization.delegated[operator] = {SERVICE_PRINCIPAL: time.time()}
        self._calls: dict[str, Callable[[Record], Record]] = {
            "CreateStackSet": self._create,
            "UpdateStackSet": self._update,
            "DeleteStackSet": self._delete,
            "DescribeStackSet": self._describe,
            "ListStackSets": self._list,
            "CreateStackInstances": self._create_instances,
            "UpdateStackInstances": self._update_instances,
            "DeleteStackInstances": self._delete_instances,
            "DescribeStackInstance": self._describe_instance,
            "ListStackInstances": self._list_instances,
            "DescribeStackSetOperation": self._describe_operation,
            "ListStackSetOperations": self._list_operations,
            "ListStackSetOperationResults": self._list_results,
            "StopStackSetOperation": self._stop,
            "ActivateOrganizationsAccess": self._activate,
            "DescribeOrganizationsAccess": self._describe_access,
        }
        emulator.wrap_service("cloudformation", self._in_front)
        emulator.stack_waits_for(_TYPE)
        emulator.stack_handlers(_TYPE).update(
            create=lambda _, properties, __: emulator.spawn(self._made(properties)).result(),
            update=lambda held, old, new, _: emulator.spawn(self._changed(held, old, new)).result(),
            delete=lambda held, _: emulator.spawn(self._unmade(held)).result(),
        )
        organization.on_move(self._follow)

    def _in_front(self, own: Handler) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            given = query_protocol.parameters(query, body)
            action = given.get("Action", "")
            if action not in self._calls:
                return await own(method, path, headers, body, query)
            try:
                result = self._calls[action](query_protocol.read("cloudformation", action, given))
            except ServiceError as error:
                return emulator.error_response(error, "cloudformation")
            return query_protocol.response("cloudformation", action, result)

        return handle

    # Who may operate stack sets

    def _activate(self, _: Record) -> Record:
        if not self._organization.is_management(emulator.request_account()):
            raise ServiceError("InvalidOperationException", "Account used is not the management account")
        self._activated = True
        self._organization.services.setdefault(SERVICE_PRINCIPAL, time.time())
        return {}

    def _describe_access(self, given: Record) -> Record:
        # Source: CloudFormation API Reference, DescribeOrganizationsAccess.
        if not self._sees(given, "InvalidOperationException"):
            raise ServiceError("InvalidOperationException", "Account used is not the management account")
        return {"Status": "ENABLED" if self._activated else "DISABLED"}

    def _sees(self, given: Record, code: str = "ValidationError") -> bool:
        """Whether a call is for the organization's stack sets; others are for an account's own, and there are none."""
        account = emulator.request_account()
        if given.get("CallAs") != "DELEGATED_ADMIN":
            return self._organization.is_management(account)
        if SERVICE_PRINCIPAL not in self._organization.delegated.get(account, ()):
            raise ServiceError(code, "Account used is not a delegated administrator")
        return True

    def _check_operator(self, given: Record) -> None:
        if not self._sees(given):
            raise _invalid(
                "You must be the management account or delegated admin account of an organization before operating a "
                "SERVICE_MANAGED stack set"
            )
        # EnableAWSServiceAccess is not enough: https://github.com/pepperize/cdk-organizations/issues/1718
        if not self._activated:
            raise _invalid("You must enable organizations access to operate a service managed stack set")

    # Stack sets

    def _find(self, given: Record) -> ServedStackSet:
        name, _, unique = given["StackSetName"].partition(":")
        found = self._sets.get((emulator.request_region(), name)) if self._sees(given) else None
        if found is None or (unique and found.record["StackSetId"] != given["StackSetName"]):
            raise ServiceError("StackSetNotFoundException", f"StackSet {name} not found", 404)
        return found

    def _operable(self, given: Record) -> ServedStackSet:
        """The stack set of a call that begins an operation."""
        stack_set = self._find(given)
        self._check_operator(given)
        if given.get("OperationId") in stack_set.operations:
            message = f"Operation {given['OperationId']} already exists"
            raise ServiceError("OperationIdAlreadyExistsException", message, 409)
        if stack_set.under_way and not stack_set.record["ManagedExecution"].get("Active"):
            raise ServiceError(
                "OperationInProgressException",
                f"Another Operation on StackSet {stack_set.record['StackSetARN']} is in progress: "
                f"{stack_set.under_way[0].record['OperationId']}",
                409,
            )
        return stack_set

    def _create(self, given: Record) -> Record:
        name, region = given["StackSetName"], emulator.request_region()
        if given.get("PermissionModel") != "SERVICE_MANAGED":
            raise _invalid(
                "the local organization runs service-managed stack sets: set PermissionModel to SERVICE_MANAGED"
            )
        self._check_operator(given)
        if not _NAME.fullmatch(name):
            raise _invalid(
                f"StackSet name {name!r} must begin with a letter and hold letters, digits and hyphens"
            )
        if (region, name) in self._sets:
            raise ServiceError("NameAlreadyExistsException", f"StackSet {name} already exists", 409)
        stack_set_id = f"{name}:{uuid.uuid4()}"
        made = ServedStackSet(
            {
                "StackSetName": name,
                "StackSetId": stack_set_id,
                "StackSetARN": format_arn(
                    "aws", "cloudformation", region, MANAGEMENT_ACCOUNT, f"stackset/{stack_set_id}"
                ),
                "Status": "ACTIVE",
                "PermissionModel": "SERVICE_MANAGED",
                "AutoDeployment": {"Enabled": False},
                "ManagedExecution": {"Active": False},
            }
        )
        self._write(made, given)
        self._sets[region, name] = made
        return {"StackSetId": stack_set_id}

    def _write(self, stack_set: ServedStackSet, given: Record) -> None:
        """Gives a stack set the template and the properties of a call.

        Raises:
            ServiceError: a stack set cannot have them.
        """
        old = stack_set.record
        if given.get("UsePreviousTemplate"):
            given = {**given, "TemplateBody": old["TemplateBody"]}
        previous = {one["ParameterKey"]: one for one in old.get("Parameters", [])}
        parameters = [
            previous.get(one["ParameterKey"], one) if one.get("UsePreviousValue") else one
            for one in given.get("Parameters", [])
        ]
        body, template = emulator.template_of({"Capabilities": [], **given, "Parameters": parameters})
        for kind in ("Stack", "StackSet"):
            if any(one["Type"] == f"AWS::CloudFormation::{kind}" for one in template["Resources"].values()):
                raise _invalid(f"{kind} resource is not supported in SERVICE_MANAGED permission model")
        if emulator.has_macro(template):
            raise _invalid("Transform is not supported in SERVICE_MANAGED permission model")
        written = {name: given[name] for name in _PROPERTIES if name in given}
        new = {**old, **written, "TemplateBody": body, "Parameters": parameters}
        self._in_order([*(one for one in self._sets.values() if one is not stack_set), ServedStackSet(new)])
        stack_set.record = new

    def _update(self, given: Record) -> Record:
        stack_set = self._operable(given)
        keys = list(stack_set.instances)
        if "DeploymentTargets" in given or "Accounts" in given:
            keys = self._chosen(stack_set, given)
        self._write(stack_set, given)
        for instance in stack_set.instances.values():
            instance["Status"] = "OUTDATED"
        return self._begin(stack_set, "UPDATE", keys, _deploy, given).record

    def _delete(self, given: Record) -> Record:
        stack_set = self._operable(given)
        if stack_set.instances:
            raise ServiceError("StackSetNotEmptyException", "StackSet is not empty", 409)
        self._sets = {place: one for place, one in self._sets.items() if one is not stack_set}
        return {}

    def _describe(self, given: Record) -> Record:
        stack_set = self._find(given)
        regions = dict.fromkeys(region for regions in stack_set.targets.values() for region in regions)
        reached = {"OrganizationalUnitIds": list(stack_set.targets), "Regions": list(regions)}
        return {"StackSet": stack_set.record | reached}

    def _list(self, given: Record) -> Record:
        region, seen = emulator.request_region(), self._sees(given) and given.get("Status") != "DELETED"
        return _page([one.record for (at, _), one in self._sets.items() if seen and at == region], given)

    # Instances

    def _create_instances(self, given: Record) -> Record:
        stack_set, keys = self._operable(given), self._reached(given)
        self._put(stack_set, given, keys)
        return self._begin(stack_set, "CREATE", list(keys), _deploy, given).record

    def _update_instances(self, given: Record) -> Record:
        stack_set = self._operable(given)
        keys = self._chosen(stack_set, given)
        for key in keys:
            stack_set.instances[key]["ParameterOverrides"] = given.get("ParameterOverrides", [])
        return self._begin(stack_set, "UPDATE", keys, _deploy, given).record

    def _delete_instances(self, given: Record) -> Record:
        stack_set = self._operable(given)
        keys, targets = self._chosen(stack_set, given), given["DeploymentTargets"]
        if "Accounts" not in targets:
            for unit in targets["OrganizationalUnitIds"]:
                regions = stack_set.targets.pop(unit, [])
                if left := [region for region in regions if region not in given["Regions"]]:
                    stack_set.targets[unit] = left
        work = partial(_remove, retain=given["RetainStacks"])
        return self._begin(stack_set, "DELETE", keys, work, given).record

    def _targeted(self, given: Record) -> tuple[list[str], list[str], str]:
        """The units and the accounts that a call targets, and how they go together."""
        targets = given.get("DeploymentTargets", {})
        units, accounts = targets.get("OrganizationalUnitIds", []), targets.get("Accounts", [])
        if "AccountsUrl" in targets:
            raise _invalid("the local organization reads no AccountsUrl: list the accounts in Accounts")
        if "Accounts" in given or not (units or accounts):
            raise _invalid(
                "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target"
            )
        for unit in units:
            if not self._organization.is_parent(unit):
                raise _invalid(f"Organizational unit {unit} not found")
        return units, accounts, targets.get("AccountFilterType", "UNION" if accounts else "NONE")

    def _reached(self, given: Record) -> dict[Key, str]:
        """The instances that a call makes, and the unit because of which. The management account is never among them.

        Source: CloudFormation API Reference, DeploymentTargets.
        """
        units, accounts, kind = self._targeted(given)
        if not units:
            raise _invalid("OrganizationalUnitIds are required")
        if accounts and "AccountFilterType" not in given["DeploymentTargets"]:
            raise _invalid(
                "AccountFilterType should be specified when both OrganizationalUnitIds and Accounts are provided"
            )
        if kind == "UNION":
            raise _invalid("AccountFilterType UNION is not supported for create operations")
        keys: dict[Key, str] = {}
        for account in self._organization.members():
            unit = next((unit for unit in self._organization.above(account) if unit in units), None)
            if unit and (kind == "NONE" or (account in accounts) == (kind == "INTERSECTION")):
                keys |= {(account, region): unit for region in given["Regions"]}
        return keys

    def _chosen(self, stack_set: ServedStackSet, given: Record) -> list[Key]:
        """The instances that a call is made on."""
        units, accounts, kind = self._targeted(given)
        keys = []
        for (account, region), instance in stack_set.instances.items():
            above = {instance["OrganizationalUnitId"], *self._organization.above(account)}
            inside, named = bool(above & {*units}), account in accounts
            kinds = {"NONE": inside, "UNION": inside or named, "INTERSECTION": inside and named}
            if kinds.get(kind, inside and not named) and region in given.get("Regions", [region]):
                keys.append((account, region))
        return keys

    @staticmethod
    def _put(stack_set: ServedStackSet, given: Record, keys: Mapping[Key, str]) -> None:
        """Adds the instances that a call makes, and its targets for the accounts that join later."""
        for unit in given.get("DeploymentTargets", {}).get("OrganizationalUnitIds", []):
            regions = stack_set.targets.setdefault(unit, [])
            regions += [region for region in given["Regions"] if region not in regions]
        for (account, region), unit in keys.items():
            stack_set.instances.setdefault((account, region), {"Status": "OUTDATED"}).update(
                StackSetId=stack_set.record["StackSetId"],
                Account=account,
                Region=region,
                OrganizationalUnitId=unit,
                ParameterOverrides=given.get("ParameterOverrides", []),
            )

    def _describe_instance(self, given: Record) -> Record:
        key = given["StackInstanceAccount"], given["StackInstanceRegion"]
        instance = self._find(given).instances.get(key)
        if instance is None:
            message = f"Stack instance of account {key[0]} in {key[1]} not found"
            raise ServiceError("StackInstanceNotFoundException", message, 404)
        return {"StackInstance": instance}

    def _list_instances(self, given: Record) -> Record:
        asked = {one["Name"]: one["Values"] for one in given.get("Filters", [])}
        for name in ("Account", "Region"):
            if value := given.get(f"StackInstance{name}"):
                asked[name] = [value]
        listed = []
        for instance in self._find(given).instances.values():
            status, operation = instance["StackInstanceStatus"]["DetailedStatus"], instance["LastOperationId"]
            known = {**instance, "DETAILED_STATUS": status, "LAST_OPERATION_ID": operation}
            if all(known.get(name) in values for name, values in asked.items()):
                listed.append(instance)
        return _page(listed, given)

    # Operations

    def _operation(self, given: Record) -> Operation:
        found = self._find(given).operations.get(given["OperationId"])
        if found is None:
            raise ServiceError(
                "OperationNotFoundException", f"Operation {given['OperationId']} not found", 404
            )
        return found

    def _describe_operation(self, given: Record) -> Record:
        return {"StackSetOperation": self._operation(given).record}

    def _list_operations(self, given: Record) -> Record:
        return _page([one.record for one in reversed(self._find(given).operations.values())], given)

    def _list_results(self, given: Record) -> Record:
        asked = [value for one in given.get("Filters", []) for value in one["Values"]]
        results = self._operation(given).results.values()
        return _page([one for one in results if not asked or one["Status"] in asked], given)

    def _stop(self, given: Record) -> Record:
        record = self._operation(given).record
        if record["Status"] in _ENDED:
            message = f"Operation {record['OperationId']} is not in progress"
            raise ServiceError("InvalidOperationException", message)
        record["Status"] = "STOPPING"
        return {}

    def _begin(
        self, stack_set: ServedStackSet, action: str, keys: Iterable[Key], work: Work, given: Record
    ) -> Operation:
        """Starts an operation, which waits for those that began before it."""
        operation = Operation(
            {
                "OperationId": given.get("OperationId") or str(uuid.uuid4()),
                "StackSetId": stack_set.record["StackSetId"],
                "Action": action,
                "Status": "QUEUED" if stack_set.under_way else "RUNNING",
                "OperationPreferences": given.get("OperationPreferences", {}),
                "DeploymentTargets": given.get("DeploymentTargets"),
                "RetainStacks": given.get("RetainStacks"),
                "CreationTimestamp": time.time(),
            }
        )
        stack_set.operations[operation.record["OperationId"]] = operation
        for key in keys:
            _mark(stack_set, operation, key, "PENDING")
        operation.task = asyncio.get_running_loop().create_task(self._run(stack_set, operation, work))
        return operation

    async def _run(self, stack_set: ServedStackSet, operation: Operation, work: Work) -> None:
        """Runs an operation, region by region, until more accounts of one have failed than it tolerates."""
        mark = partial(_mark, stack_set, operation)
        record, preferences = operation.record, operation.record["OperationPreferences"]
        order = preferences.get("RegionOrder", [])
        regions = list(dict.fromkeys(region for _, region in operation.results))
        regions.sort(key=lambda region: order.index(region) if region in order else len(order))
        exceeded = False
        async with stack_set.running:
            if record["Status"] == "QUEUED":
                record["Status"] = "RUNNING"
            for region in regions:
                keys = [key for key in operation.results if key[1] == region]
                share = len(keys) * int(preferences.get("FailureTolerancePercentage", 0)) // 100
                tolerated = int(preferences.get("FailureToleranceCount", share))
                over = exceeded and preferences.get("RegionConcurrencyType") != "PARALLEL"
                failed = 0
                for key in keys:
                    if over:
                        mark(key, "CANCELLED", "Cancelled since failure tolerance has exceeded")
                    elif record["Status"] == "STOPPING":
                        mark(key, "CANCELLED", "Cancelled since the operation was stopped")
                    elif key not in stack_set.instances:
                        mark(key, "CANCELLED", "Cancelled since the instance was deleted")
                    elif self._organization.is_suspended(key[0]):
                        mark(key, "SKIPPED_SUSPENDED_ACCOUNT")
                    else:
                        mark(key, "RUNNING")
                        reason = await work(stack_set, key)
                        mark(key, "FAILED" if reason else "SUCCEEDED", reason)
                        failed += bool(reason)
                        over = failed > tolerated
                exceeded |= over
        ended = "FAILED" if exceeded else "SUCCEEDED"
        record["Status"] = "STOPPED" if record["Status"] == "STOPPING" else ended
        record["EndTimestamp"] = time.time()

    # Accounts that join, move and leave

    async def _follow(self, account: str, before: list[str], after: list[str]) -> None:
        """Deletes the instances of an account that left their units, then makes those of the units that it joined.

        Neither account filters nor parameter overrides count. Source: CloudFormation User Guide, "Enable or disable
        automatic deployments for StackSets in AWS Organizations".
        """
        if self._organization.is_management(account):
            return
        ordered = self._in_order(self._sets.values())
        following = [one for one in ordered if one.record["AutoDeployment"]["Enabled"]]
        for stack_set in reversed(following):
            had, wanted, instances = stack_set.wanted(before), stack_set.wanted(after), stack_set.instances
            held = [key for key in instances if key[0] == account and key[1] in had]
            for key in held:
                instances[key]["OrganizationalUnitId"] = wanted.get(key[1], had[key[1]])
            retain = bool(stack_set.record["AutoDeployment"].get("RetainStacksOnAccountRemoval"))
            left = [key for key in held if key[1] not in wanted]
            await self._finish(stack_set, "DELETE", left, partial(_remove, retain=retain))
        for stack_set in following:
            had, wanted = stack_set.wanted(before), stack_set.wanted(after)
            joined = {(account, region): unit for region, unit in wanted.items() if region not in had}
            new = {key: unit for key, unit in joined.items() if key not in stack_set.instances}
            self._put(stack_set, {}, new)
            await self._finish(stack_set, "CREATE", new, _deploy)

    def _in_order(self, stack_sets: Iterable[ServedStackSet]) -> list[ServedStackSet]:
        """Stack sets, each behind those that its automatic deployment depends on."""
        by_arn = {one.record["StackSetARN"]: one for one in stack_sets}
        depends = {arn: one.record["AutoDeployment"].get("DependsOn", []) for arn, one in by_arn.items()}
        try:
            return [by_arn[arn] for arn in TopologicalSorter(depends).static_order() if arn in by_arn]
        except CycleError:
            raise _invalid("AutoDeployment DependsOn has a circular dependency") from None

    async def _finish(
        self,
        stack_set: ServedStackSet,
        action: str,
        keys: Iterable[Key],
        work: Work,
        given: Record | None = None,
    ) -> None:
        """Runs an operation on instances, if there are any, to its end.

        Raises:
            ServiceError: the operation of a resource, which gives ``given``, has not succeeded. The words are those of
                CloudFormation's own handler.
        """
        if not (keys := list(keys)):
            return
        operation = self._begin(stack_set, action, keys, work, given or {})
        await operation.task
        if given is not None and operation.record["Status"] != "SUCCEEDED":
            failed = [one["StatusReason"] for one in operation.results.values() if one["Status"] == "FAILED"]
            raise _invalid(
                f"Stack set operation [{operation.record['OperationId']}] was unexpectedly stopped or failed. "
                f"status reason(s):{''.join(f' [{reason}]' for reason in dict.fromkeys(failed))}"
            )

    # AWS::CloudFormation::StackSet

    async def _made(self, properties: Record) -> tuple[str, Record]:
        stack_set_id = self._create(_call("CreateStackSet", properties))["StackSetId"]
        try:
            await self._deploy_groups(properties)
        except ServiceError:
            await self._unmade(stack_set_id)
            raise
        return stack_set_id, {"StackSetId": stack_set_id}

    async def _changed(self, stack_set_id: str, old: Record, new: Record) -> tuple[str, Record]:
        if any(old.get(name) != new.get(name) for name in ("StackSetName", "PermissionModel")):
            made = await self._made(new)
            await self._unmade(stack_set_id)
            return made
        try:
            await self._become(old, new)
        except ServiceError:
            # CloudFormation rolls back the resource that failed too; ministack rolls back the others.
            with suppress(ServiceError):
                await self._become(new, old)
            raise
        return stack_set_id, {"StackSetId": stack_set_id}

    async def _become(self, old: Record, new: Record) -> None:
        call = _call("UpdateStackSet", new)
        stack_set = self._find(call)
        self._check_operator(call)
        kept = {key for group in _groups(new) for key in self._reached(group)}
        reached = {key for group in _groups(old) for key in self._reached(group)}
        self._write(stack_set, call)
        gone = [key for key in stack_set.instances if key in reached - kept]
        await self._finish(stack_set, "DELETE", gone, _remove, call)
        stack_set.targets.clear()
        await self._deploy_groups(new)

    async def _deploy_groups(self, properties: Record) -> None:
        for group in _groups(properties):
            stack_set, keys = self._find(group), self._reached(group)
            self._put(stack_set, group, keys)
            await self._finish(stack_set, "CREATE", keys, _deploy, group)

    async def _unmade(self, stack_set_id: str) -> None:
        for place, stack_set in list(self._sets.items()):
            if stack_set.record["StackSetId"] == stack_set_id:
                await self._finish(stack_set, "DELETE", stack_set.instances, _remove, {})
                del self._sets[place]


def _mark(
    stack_set: ServedStackSet, operation: Operation, key: Key, status: str, reason: str | None = None
) -> None:
    """Writes how far an operation is with an instance."""
    instance = stack_set.instances.get(key, {})
    if instance:
        instance["StackInstanceStatus"] = {"DetailedStatus": status}
        instance |= {"StatusReason": reason, "LastOperationId": operation.record["OperationId"]}
        if status == "SUCCEEDED":
            instance["Status"] = "CURRENT"
        elif status == "FAILED" and instance["Status"] == "CURRENT":
            instance["Status"] = "OUTDATED"
    before = operation.results.get(key, {})
    operation.results[key] = {
        "Account": key[0],
        "Region": key[1],
        "Status": "SUCCEEDED" if status == "SKIPPED_SUSPENDED_ACCOUNT" else status,
        "StatusReason": reason,
        "OrganizationalUnitId": instance.get("OrganizationalUnitId") or before.get("OrganizationalUnitId"),
    }


async def _deploy(stack_set: ServedStackSet, key: Key) -> str | None:
    """Creates the stack of an instance, or updates it."""
    record, instance = stack_set.record, stack_set.instances[key]
    parameters = {
        one["ParameterKey"]: one for one in (*record["Parameters"], *instance["ParameterOverrides"])
    }
    given = {name: record.get(name, []) for name in ("TemplateBody", "Capabilities", "Tags")}
    form = query_protocol.form(given | {"Parameters": list(parameters.values())})
    with emulator.acting_as(*key):
        if "StackId" in instance:
            return (await emulator.run_stack("UpdateStack", _name_of(instance), form))[1]
        name = f"StackSet-{record['StackSetName']}-{uuid.uuid4()}"
        stack, reason = await emulator.run_stack("CreateStack", name, form | {"OnFailure": "DELETE"})
    if not reason:
        instance["StackId"] = stack
    return reason


async def _remove(stack_set: ServedStackSet, key: Key, *, retain: bool = False) -> str | None:
    """Takes an instance out of the stack set, and deletes its stack unless that is to stay."""
    instance, reason = stack_set.instances[key], None
    if "StackId" in instance and not retain:
        with emulator.acting_as(*key):
            _, reason = await emulator.run_stack("DeleteStack", _name_of(instance), {})
    if reason:
        instance["Status"] = "INOPERABLE"
    else:
        del stack_set.instances[key]
    return reason


def _call(action: str, properties: Record) -> Record:
    """The parameters of a call that a resource's properties make."""
    return query_protocol.read("cloudformation", action, query_protocol.form(properties))


def _groups(properties: Record) -> Iterator[Record]:
    """The parameters of CreateStackInstances that each group of instances of a resource makes."""
    shared: Record = {
        name: properties[name]
        for name in ("StackSetName", "OperationPreferences", "CallAs")
        if name in properties
    }
    for group in properties.get("StackInstancesGroup", []):
        yield _call("CreateStackInstances", {**shared, **group})


def _name_of(instance: Record) -> str:
    return str(instance["StackId"].split("/")[1])


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def _page(items: Sequence[Record], given: Mapping[str, Any]) -> Record:
    if not given.get("NextToken", "0").isdecimal():
        raise _invalid("Invalid NextToken")
    return query_protocol.page("Summaries", items, given, _PAGE)
