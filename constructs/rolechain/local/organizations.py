"""The one organization above all accounts: its service, and the control policies that it puts on an account.

ministack makes every account the master of an organization of its own. Here every call is routed to the
stores of the management account, under AWS's rules: members may ask which organization they are in, the
management account does everything else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from rolechain.local import emulator
from rolechain.local.emulator import Response
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.local.principals import policy_of
from rolechain.policy import Policy, PolicyError

_ROOT = "r-local"
_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_DEFAULTS = {
    _SCP: ("p-FullAWSAccess", "FullAWSAccess", _EVERYTHING),
    _RCP: ("p-RCPFullAWSAccess", "RCPFullAWSAccess", {**_EVERYTHING, "Principal": "*"}),
}
# The parameters of the service that name an account.
_ACCOUNT_PARAMETERS = ("TargetId", "AccountId", "ChildId", "ResourceId")
_store = emulator.organizations


class Organization:
    """The organization. Every account is a member from its first use, except those that are named to stand outside.

    Args:
        organization_id: its id.
        outside: the accounts that belong to no organization.

    Attributes:
        id: its id.
    """

    def __init__(self, organization_id: str, outside: Iterable[str] = ()) -> None:
        self.id = organization_id
        self._outside = frozenset(outside)
        # ministack makes an organization at the first call and after every reset; it is to be this one.
        self._make = _store._ensure_org
        _store._ensure_org = self._found
        emulator.wrap_service("organizations", lambda _: self._handle)

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
                    "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/{self.id}/{account}",
                    "Email": f"{account}@example.com",
                    "Name": account,
                    "JoinedMethod": "CREATED",
                    "JoinedTimestamp": int(time.time()),
                    "_ParentId": _ROOT,
                }
                self._attach_defaults([account])

    def path_of(self, account: str) -> str:
        """The path of a member, as in ``aws:PrincipalOrgPaths``: ``o-…/r-…/ou-…/``."""
        return "/".join([self.id, *self._above(account)[:-1], ""])

    def policies_above(self, account: str, kind: str) -> list[list[Policy]] | None:
        """The control policies of a kind above ``account``, a list for each level from the root down.

        None if that kind is not enabled, or the account is not a member.
        """
        if not self.has(account):
            return None
        levels = self._above(account)
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            if not self._enabled(kind):
                return None
            return [
                [policy_of(policy["_Content"], policy["Name"]) for policy in _attached(kind, level)]
                for level in levels
            ]

    async def _handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        account = emulator.request_account()
        if not self.has(account):
            return _error(
                "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
            )
        self.enroll(account)
        if operation != "DescribeOrganization" and not self.is_management(account):
            return _error("AccessDeniedException", "You don't have permissions to access this resource.")
        if operation == "CreateOrganization":
            return _error(
                "AlreadyInOrganizationException", "The AWS account is already a member of an organization."
            )
        try:
            parameters: dict[str, Any] = dict(json.loads(body or b"{}"))
        except (TypeError, ValueError):
            return _error("SerializationException", "the request's body is not a JSON object")
        for name in _ACCOUNT_PARAMETERS:
            value = str(parameters.get(name, ""))
            if len(value) == 12 and value.isdigit():
                self.enroll(value)
        if refusal := self._refusal(operation, parameters):
            return refusal
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            response: Response = await _store.handle_request(method, path, headers, body, query)
            if response[0] == 200:
                self._follow_up(operation, parameters, json.loads(response[2]))
        return response

    def _refusal(self, operation: str, parameters: dict[str, Any]) -> Response | None:
        """What AWS refuses and ministack does not."""
        if operation in ("CreatePolicy", "UpdatePolicy") and "Content" in parameters:
            try:
                Policy.parse(parameters["Content"])
            except PolicyError as error:
                return _error(
                    "MalformedPolicyDocumentException",
                    f"The provided policy document is not a policy: {error}",
                )
        if operation == "DetachPolicy":
            with emulator.acting_as(MANAGEMENT_ACCOUNT):
                policy = _store._policies.get(parameters.get("PolicyId")) or {}
                attached = _attached(policy.get("Type"), parameters.get("TargetId"))
            if attached == [policy]:
                return _error(
                    "ConstraintViolationException",
                    "You cannot remove the last policy of its type from a root, OU or account.",
                    Reason="MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                )
        return None

    def _follow_up(self, operation: str, parameters: dict[str, Any], result: dict[str, Any]) -> None:
        """What AWS does along with a call and ministack does not."""
        if operation == "CreateOrganizationalUnit":
            self._attach_defaults([result["OrganizationalUnit"]["Id"]])
        elif operation == "CreateAccount":
            self._attach_defaults([result["CreateAccountStatus"]["AccountId"]])
        elif operation == "EnablePolicyType" and parameters["PolicyType"] in _DEFAULTS:
            self._make_default(parameters["PolicyType"])
            self._attach_defaults([_ROOT, *_store._ous.keys(), *_store._accounts.keys()])
        elif operation == "DisablePolicyType":
            for policy in _store._policies.values():
                if policy["Type"] == parameters["PolicyType"]:
                    _store._attachments[policy["Id"]] = []

    def _above(self, account: str) -> list[str]:
        self.enroll(account)
        with emulator.acting_as(MANAGEMENT_ACCOUNT):
            ids = [account]
            parent = _store._accounts[account]["_ParentId"]
            while parent != _ROOT:
                ids.append(parent)
                parent = _store._ous[parent]["_ParentId"]
        return [_ROOT, *reversed(ids)]

    def _enabled(self, kind: str) -> bool:
        return any(entry["Type"] == kind for entry in _store._roots[_ROOT]["PolicyTypes"])

    def _found(self) -> None:
        """Has ministack make the organization, where it is not there yet, and gives it its ids."""
        if "self" in _store._orgs:
            return
        self._make()
        ids = {_store._orgs["self"]["Id"]: self.id, next(iter(_store._roots)): _ROOT}
        for store in (_store._orgs, _store._roots, _store._accounts, _store._attachments):
            for key, record in list(store.items()):
                text = json.dumps(record)
                for made, own in ids.items():
                    text = text.replace(made, own)
                del store[key]
                store[ids.get(key, key)] = json.loads(text)

    def _make_default(self, kind: str) -> None:
        policy_id, name, statement = _DEFAULTS[kind]
        if policy_id in _store._policies:
            return
        _store._policies[policy_id] = {
            "Id": policy_id,
            "Arn": f"arn:aws:organizations::aws:policy/{kind.lower()}/{policy_id}",
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


def _attached(kind: str | None, target: str | None) -> list[dict[str, Any]]:
    policies = [policy for policy in _store._policies.values() if policy["Type"] == kind]
    return [policy for policy in policies if target in (_store._attachments.get(policy["Id"]) or [])]


def _error(code: str, message: str, **more: str) -> Response:
    body = json.dumps({"__type": code, "Message": message, **more}).encode()
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, body
