"""The one organization above all accounts: its service, and the control policies that it puts on an account.

ministack makes every account the master of an organization of its own. Here every call is routed to the
stores of the management account, under AWS's rules: members may ask which organization they are in, the
management account does everything else.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from rolechain.iam.arn import format_arn
from rolechain.iam.limits import CONTROL_POLICIES_OF_TARGET, CONTROL_POLICY_CHARACTERS
from rolechain.local import emulator, query_protocol
from rolechain.local.emulator import Response
from rolechain.local.errors import ServiceError
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.local.principals import policy_of
from rolechain.policy import Policy, PolicyError

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_DEFAULTS = {
    _SCP: ("p-FullAWSAccess", "FullAWSAccess", _EVERYTHING),
    _RCP: ("p-RCPFullAWSAccess", "RCPFullAWSAccess", {**_EVERYTHING, "Principal": "*"}),
}
# The parameters of the service that name an account.
_ACCOUNT_PARAMETERS = ("TargetId", "AccountId", "ChildId", "ResourceId")
_PAGE = 20
_store = emulator.organizations
Moved = Callable[[str, list[str], list[str]], Awaitable[None]]
"""What follows a move of an account: called with its id, and the ids from the root down that were and are above it."""


class ServedOrganization:
    """The organization. Every account is a member from its first use, except those that are named to stand outside.

    Args:
        organization_id: its id.
        outside: the accounts that belong to no organization.
        units: the paths of organizational units that it begins with, such as ``r-ab12/ou-ab12-11111111``.

    Attributes:
        id: its id.
        root: the id of its root.
        services: the principals of the services with trusted access, with the moment when each was enabled.
        delegated: the services that each delegated administrator is registered for, likewise.
    """

    def __init__(self, organization_id: str, outside: Iterable[str] = (), units: Iterable[str] = ()) -> None:
        self.id = organization_id
        self._outside = set(outside)
        self._units = [path.strip("/").split("/") for path in units]
        self.root = self._units[0][0] if self._units else "r-local"
        self.services: dict[str, float] = {}
        self.delegated: dict[str, dict[str, float]] = {}
        self._followers: list[Moved] = []
        self._moves: list[tuple[str, list[str], list[str]]] = []
        self._following = asyncio.Lock()
        self._own: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateOrganizationalUnit": self._create_unit,
            "ListChildren": self._list_children,
            "RemoveAccountFromOrganization": self._remove_account,
            "EnableAWSServiceAccess": self._enable_service,
            "ListAWSServiceAccessForOrganization": self._list_services,
            "RegisterDelegatedAdministrator": self._register,
            "DeregisterDelegatedAdministrator": self._deregister,
            "ListDelegatedAdministrators": self._list_administrators,
        }
        # ministack makes an organization at the first call and after every reset; it is to be this one.
        self._make = _store._ensure_org
        _store._ensure_org = self._found
        emulator.wrap_service("organizations", lambda _: self._handle)

    def on_move(self, follower: Moved) -> None:
        """Has ``follower`` called after an account has joined, moved or left, before the call for it is answered."""
        self._followers.append(follower)

    def is_management(self, account: str) -> bool:
        """Whether ``account`` is the management account, which no control policy binds."""
        return account == MANAGEMENT_ACCOUNT

    def has(self, account: str) -> bool:
        """Whether ``account`` is a member."""
        return account not in self._outside

    def enroll(self, account: str) -> None:
        """Makes ``account`` a member, under the root, with the policies that AWS attaches by default."""
        if not self.has(account):
            return
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            self._found()
            if account not in _store._accounts:
                _store._accounts[account] = {
                    **_store._accounts[MANAGEMENT_ACCOUNT],
                    "Id": account,
                    "Arn": _arn(f"account/{self.id}/{account}"),
                    "Email": f"{account}@example.com",
                    "Name": account,
                    "JoinedMethod": "CREATED",
                    "JoinedTimestamp": int(time.time()),
                    "_ParentId": self.root,
                }
                self._attach_defaults([account])
                self._moves.append((account, [], [self.root]))
                emulator.spawn(self._follow_moves())

    def members(self) -> list[str]:
        """The ids of the accounts, without the management account."""
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            self._found()
            return [account for account in _store._accounts if account != MANAGEMENT_ACCOUNT]

    def is_suspended(self, account: str) -> bool:
        """Whether a member is closed."""
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            return (_store._accounts.get(account) or {}).get("Status") == "SUSPENDED"

    def is_parent(self, container: str) -> bool:
        """Whether that is the id of the root or of an organizational unit."""
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            self._found()
            return container == self.root or container in _store._ous

    def above(self, account: str) -> list[str]:
        """The ids above an account, from the root down; none for one that is no member."""
        return self._levels(account)[:-1] if self.has(account) else []

    def path_of(self, account: str) -> str:
        """The path of a member, as in ``aws:PrincipalOrgPaths``: ``o-…/r-…/ou-…/``."""
        return "/".join([self.id, *self.above(account), ""])

    def policies_above(self, account: str, kind: str) -> list[list[Policy]] | None:
        """The control policies of a kind above ``account``, a list for each level from the root down.

        None if that kind is not enabled, or the account is not a member.
        """
        if not self.has(account):
            return None
        levels = self._levels(account)
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            if not self._enabled(kind):
                return None
            return [
                [policy_of(policy["_Content"], policy["Name"]) for policy in _attached(kind, level)]
                for level in levels
            ]

    def targets_of(self, policy: str) -> list[str]:
        """The ids of the accounts, units and the root that a control policy is attached to."""
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            return list(_store._attachments.get(policy) or [])

    async def _handle(
        self, _: str, __: str, headers: dict[str, str], body: bytes, ___: dict[str, list[str]]
    ) -> Response:
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        try:
            result = await self.perform(operation, _parsed(body))
        except ServiceError as error:
            return _response(400, {"__type": error.code, "Message": str(error), "Reason": error.reason})
        return _response(200, result)

    async def perform(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """What the service answers to the account of the request.

        Raises:
            ServiceError: the service refuses the call.
        """
        self._admit(operation, parameters)
        account = str(parameters.get("AccountId"))
        moves = operation in ("MoveAccount", "RemoveAccountFromOrganization")
        before = self.above(account) if moves else []
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            if operation in self._own:
                result = self._own[operation](parameters)
            else:
                target = {"x-amz-target": f"AWSOrganizationsV20161128.{operation}"}
                status, _, answer = await _store.handle_request(
                    "POST", "/", target, json.dumps(parameters).encode(), {}
                )
                result = json.loads(answer)
                if status != 200:
                    raise ServiceError(result["__type"], result["message"])
            self._follow_up(operation, parameters, result)
            if operation.startswith("List"):
                name, items = next(iter(result.items()))
                token = parameters.get("NextToken", "0")
                if not token.isdecimal():
                    raise _refusal("InvalidInputException", "INVALID_PAGINATION_TOKEN")
                result |= query_protocol.page(name, items, parameters, _PAGE)
        if moves or operation == "CreateAccount":
            account = result.get("CreateAccountStatus", {}).get("AccountId", account)
            self._moves.append((account, before, self.above(account)))
            await self._follow_moves()
        return result

    def _admit(self, operation: str, parameters: dict[str, Any]) -> None:
        """Refuses a call that its caller may not make, or that AWS refuses and ministack does not."""
        account = emulator.request_account()
        if not self.has(account):
            raise ServiceError(
                "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
            )
        self.enroll(account)
        # Source: Organizations User Guide, "Delegated administrator for AWS services that work with Organizations".
        reads = operation.startswith(("Describe", "List")) and account in self.delegated
        if operation != "DescribeOrganization" and not reads and not self.is_management(account):
            raise ServiceError("AccessDeniedException", "You don't have permissions to access this resource.")
        if operation == "CreateOrganization":
            raise ServiceError(
                "AlreadyInOrganizationException", "The AWS account is already a member of an organization."
            )
        model = query_protocol.model("organizations")
        shape = model.operation_model(operation).input_shape if operation in model.operation_names else None
        if shape and not parameters.keys() >= {*shape.required_members}:
            raise _refusal("InvalidInputException", "INPUT_REQUIRED")
        for name in _ACCOUNT_PARAMETERS:
            value = str(parameters.get(name, ""))
            if len(value) == 12 and value.isdigit():
                self.enroll(value)
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            self._found()
            self._check(operation, parameters)

    def _check(self, operation: str, parameters: dict[str, Any]) -> None:
        if "ParentId" in parameters and not self.is_parent(parameters["ParentId"]):
            raise _refusal("ParentNotFoundException")
        if operation == "MoveAccount":
            account = _store._accounts.get(parameters.get("AccountId")) or {}
            if account and account["_ParentId"] != parameters.get("SourceParentId"):
                raise _refusal("SourceParentNotFoundException")
        if operation == "DeleteOrganizationalUnit" and self._children(parameters.get("OrganizationalUnitId")):
            raise _refusal("OrganizationalUnitNotEmptyException")
        if operation in ("CreatePolicy", "UpdatePolicy") and "Content" in parameters:
            if len(str(parameters["Content"])) > CONTROL_POLICY_CHARACTERS:
                raise _refusal("ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED")
            try:
                Policy.parse(parameters["Content"])
            except PolicyError as error:
                raise ServiceError(
                    "MalformedPolicyDocumentException",
                    f"The provided policy document is not a policy: {error}",
                ) from None
        if operation in ("AttachPolicy", "DetachPolicy"):
            policy = _store._policies.get(parameters["PolicyId"]) or {}
            attached = _attached(policy.get("Type"), parameters["TargetId"])
            if operation == "AttachPolicy":
                if policy not in attached and len(attached) >= CONTROL_POLICIES_OF_TARGET:
                    raise _refusal(
                        "ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
                    )
            elif attached == [policy]:
                raise ServiceError(
                    "ConstraintViolationException",
                    "You cannot remove the last policy of its type from a root, OU or account.",
                    reason="MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                )

    async def _follow_moves(self) -> None:
        async with self._following:
            while self._moves:
                account, before, after = self._moves.pop(0)
                for follower in self._followers:
                    await follower(account, before, after)

    def _create_unit(self, parameters: dict[str, Any]) -> dict[str, Any]:
        parent, name = parameters["ParentId"], parameters["Name"]
        if any(unit["Name"] == name for unit in _store._ous.values() if unit["_ParentId"] == parent):
            raise _refusal("DuplicateOrganizationalUnitException")
        unit = f"ou-{self.root.removeprefix('r-')}-{secrets.token_hex(4)}"
        self._put_unit(unit, name, parent)
        if tags := parameters.get("Tags"):
            _store._tags[unit] = {tag["Key"]: tag["Value"] for tag in tags}
        return {"OrganizationalUnit": _shown(_store._ous[unit])}

    def _put_unit(self, unit: str, name: str, parent: str) -> None:
        path = _store._ous[parent]["Path"] if parent in _store._ous else f"{self.id}/{self.root}/"
        _store._ous[unit] = {
            "Id": unit,
            "Arn": _arn(f"ou/{self.id}/{unit}"),
            "Name": name,
            "Path": f"{path}{unit}/",
            "_ParentId": parent,
        }

    def _children(self, parent: str | None) -> list[dict[str, Any]]:
        accounts, units = _store._accounts.values(), _store._ous.values()
        return [record for record in (*accounts, *units) if record["_ParentId"] == parent]

    def _list_children(self, parameters: dict[str, Any]) -> dict[str, Any]:
        kind = parameters["ChildType"]
        ids = [child["Id"] for child in self._children(parameters["ParentId"])]
        return {
            "Children": [{"Id": id_, "Type": kind} for id_ in ids if id_.isdigit() == (kind == "ACCOUNT")]
        }

    def _remove_account(self, parameters: dict[str, Any]) -> dict[str, Any]:
        account = parameters["AccountId"]
        if self.is_management(account):
            raise _refusal("MasterCannotLeaveOrganizationException")
        if account in self.delegated:
            raise _refusal("ConstraintViolationException", "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG")
        self._outside.add(account)
        del _store._accounts[account]
        return {}

    def _enable_service(self, parameters: dict[str, Any]) -> dict[str, Any]:
        principal = parameters["ServicePrincipal"]
        # Source: https://github.com/pepperize/cdk-organizations/issues/1718
        if principal == "stacksets.cloudformation.amazonaws.com":
            raise ServiceError(
                "InvalidInputException",
                "You specified an unrecognized service principal.",
                reason="UNRECOGNIZED_SERVICE_PRINCIPAL",
            )
        self.services.setdefault(principal, time.time())
        return {}

    def _list_services(self, _: dict[str, Any]) -> dict[str, Any]:
        enabled = [{"ServicePrincipal": name, "DateEnabled": at} for name, at in self.services.items()]
        return {"EnabledServicePrincipals": enabled}

    def _register(self, parameters: dict[str, Any]) -> dict[str, Any]:
        account, principal = parameters["AccountId"], parameters["ServicePrincipal"]
        if self.is_management(account):
            raise _refusal(
                "ConstraintViolationException", "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"
            )
        if account not in _store._accounts:
            raise _refusal("AccountNotFoundException")
        if principal not in self.services:
            raise _refusal("ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED")
        if principal in self.delegated.get(account, ()):
            raise _refusal("AccountAlreadyRegisteredException")
        self.delegated.setdefault(account, {})[principal] = time.time()
        return {}

    def _deregister(self, parameters: dict[str, Any]) -> dict[str, Any]:
        account = parameters["AccountId"]
        if self.delegated.get(account, {}).pop(parameters["ServicePrincipal"], None) is None:
            raise _refusal("AccountNotRegisteredException")
        self.delegated = {account: services for account, services in self.delegated.items() if services}
        return {}

    def _list_administrators(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("ServicePrincipal")
        return {
            "DelegatedAdministrators": [
                {**self._account(_store._accounts[account]), "DelegationEnabledDate": min(services.values())}
                for account, services in self.delegated.items()
                if wanted is None or wanted in services
            ]
        }

    def _account(self, record: dict[str, Any]) -> dict[str, Any]:
        """An account as the service shows it."""
        path = f"{self.path_of(record['Id'])}{record['Id']}/"
        return {**_shown(record), "State": record["Status"], "Paths": [path]}

    def _follow_up(self, operation: str, parameters: dict[str, Any], result: dict[str, Any]) -> None:
        """What AWS does along with a call and ministack does not."""
        if "Account" in result:
            result["Account"] = self._account(_store._accounts[result["Account"]["Id"]])
        elif "Accounts" in result:
            ids = (account["Id"] for account in result["Accounts"])
            result["Accounts"] = [self._account(_store._accounts[id_]) for id_ in ids]
        elif operation == "CreateOrganizationalUnit":
            self._attach_defaults([result["OrganizationalUnit"]["Id"]])
        elif operation == "CreateAccount":
            self._attach_defaults([result["CreateAccountStatus"]["AccountId"]])
        elif operation == "EnablePolicyType" and parameters["PolicyType"] in _DEFAULTS:
            self._make_default(parameters["PolicyType"])
            self._attach_defaults([self.root, *_store._ous.keys(), *_store._accounts.keys()])
        elif operation == "DisablePolicyType":
            for policy in _store._policies.values():
                if policy["Type"] == parameters["PolicyType"]:
                    _store._attachments[policy["Id"]] = []

    def _levels(self, account: str) -> list[str]:
        self.enroll(account)
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            ids = [account]
            parent = _store._accounts[account]["_ParentId"]
            while parent != self.root:
                ids.append(parent)
                parent = _store._ous[parent]["_ParentId"]
        return [self.root, *reversed(ids)]

    def _enabled(self, kind: str) -> bool:
        return any(entry["Type"] == kind for entry in _store._roots[self.root]["PolicyTypes"])

    def _found(self) -> None:
        """Has ministack make the organization, where it is not there yet, and gives it its ids."""
        if "self" in _store._orgs:
            return
        self._make()
        ids = {_store._orgs["self"]["Id"]: self.id, next(iter(_store._roots)): self.root}
        for store in (_store._orgs, _store._roots, _store._accounts, _store._attachments):
            for key, record in list(store.items()):
                text = json.dumps(record)
                for made, own in ids.items():
                    text = text.replace(made, own)
                del store[key]
                store[ids.get(key, key)] = json.loads(text)
        for path in self._units:
            for parent, unit in itertools.pairwise(path):
                self._put_unit(unit, unit, parent)
                self._attach_defaults([unit])

    def _make_default(self, kind: str) -> None:
        policy_id, name, statement = _DEFAULTS[kind]
        if policy_id in _store._policies:
            return
        _store._policies[policy_id] = {
            "Id": policy_id,
            "Arn": _arn(f"policy/{kind.lower()}/{policy_id}", "aws"),
            "Name": name,
            "Description": "Allows access to every operation",
            "Type": kind,
            "AwsManaged": True,
            "_Content": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        }

    def _attach_defaults(self, targets: Iterable[str]) -> None:
        for kind, (policy_id, _, _) in _DEFAULTS.items():
            if self._enabled(kind):
                attached = _store._attachments.get(policy_id) or []
                _store._attachments[policy_id] = list(dict.fromkeys([*attached, *targets]))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body or b"{}"))
    except (TypeError, ValueError):
        raise ServiceError("SerializationException", "the request's body is not a JSON object") from None


def _attached(kind: str | None, target: str | None) -> list[dict[str, Any]]:
    policies = [policy for policy in _store._policies.values() if policy["Type"] == kind]
    return [policy for policy in policies if target in (_store._attachments.get(policy["Id"]) or [])]


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not key.startswith("_")}


def _refusal(code: str, reason: str | None = None) -> ServiceError:
    """The error with that code, and reason, in the words of botocore's model of the service."""
    documented = query_protocol.model("organizations").shape_for(code).documentation
    found = re.search(rf"{reason or ''}:?\s*(?:<[^>]+>\s*)*(.*?)\s*</p>", documented, re.DOTALL)
    return ServiceError(code, re.sub("<[^>]+>", "", found[1] if found else documented), reason=reason)


def _response(status: int, content: dict[str, Any]) -> Response:
    body = json.dumps({key: value for key, value in content.items() if value is not None}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.1"}, body


def _arn(resource: str, account: str = MANAGEMENT_ACCOUNT) -> str:
    return format_arn("aws", "organizations", "", account, resource)
