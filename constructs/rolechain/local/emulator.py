"""ministack, as far as this package reads and replaces it: the only module that imports it.

ministack has no API for extensions, so its functions are replaced by name. That is why the version is pinned
exactly, and why every name is looked for before the server starts. Its settings are read as it is imported:
``server`` sets them first.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import re
import uuid
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import unescape
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from rolechain.iam.arn import iam_arn
from rolechain.local.errors import LocalOrganizationError, ServiceError, unknown_key

VERSION = "1.5.33"

Record = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """An HTTP request without its body.

    Attributes:
        path: the path as it was sent, percent-encoded.
        query: the query as it was sent.
        headers: by name in lower case; the values of a repeated header are joined by commas.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The values of each parameter of the query."""
        return parse_qs(self.query, keep_blank_values=True)


Response = tuple[int, dict[str, str], bytes]
"""Status, headers and body, as ministack's handlers return them."""
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]

_USED = {
    "app": "app SERVICE_HANDLERS SERVICE_NAME_ALIASES _MAIN_LOOP _credential_failure _routing_params",
    "core.iam_actions": "extract_resource_arn",
    "core.iam_evaluator": "AmbiguousAccessKeyError AuthError CredentialResolutionError check_credentials enforce "
    "find_iam_access_key_account resolve_credential _ALWAYS_ALLOWED_ACTIONS _principal_keys _resolve_condition_key "
    "_resolve_managed_policy_document",
    "core.responses": "AccountScopedDict _account_from_sts_session get_account_id get_region request_scope",
    "core.router": "detect_service extract_access_key_id",
    "core.sigv4": "SIGNATURE_MISMATCH calculate_signature decode_header_value header_signing_documents "
    "parse_header_signature parse_query_signature presigned_request_is_expired request_time_failure",
    "services.iam": "_IAM_HANDLERS _access_keys _boundary_policy_error _error _group_inline_policies _groups "
    "_mfa_devices _policy_exists _roles _trust_policy_not_principal_error _user_inline_policies _users",
    "services.sts": "_sessions register_session",
    "services.organizations": "_accounts _attachments _ensure_org _orgs _ous _policies _roots _tags handle_request",
    "services.cloudformation": "_stack_events _stacks",
    "services.cloudformation.engine": "_parse_template _resolve_parameters declared_transforms yaml",
    "services.cloudformation.handlers": "_ACTION_HANDLERS _check_capabilities _uses_embedded_macro",
    "services.cloudformation.helpers": "TEMPLATE_BODY_MAX_BYTES TEMPLATE_URL_MAX_BYTES _resolve_template",
    "services.cloudformation.provisioners": "_RESOURCE_HANDLERS",
    "services.cloudformation.stacks": "_runs_on_worker_thread",
}
"""The names that are read or replaced here, by module."""


def _load() -> dict[str, Any]:
    installed = version("ministack")
    if installed != VERSION:
        raise LocalOrganizationError(
            f"ministack {installed} is installed, and the local organization is made for {VERSION}: "
            f"pip install ministack=={VERSION}"
        )
    modules: dict[str, Any] = {name: importlib.import_module(f"ministack.{name}") for name in _USED}
    missing = [
        f"{name}.{part}"
        for name, parts in _USED.items()
        for part in parts.split()
        if not hasattr(modules[name], part)
    ]
    if missing:
        raise LocalOrganizationError(
            f"ministack {installed} is not as published, {', '.join(missing)} is missing: "
            f"pip install --force-reinstall ministack=={VERSION}"
        )
    return modules


_modules = _load()
_app, _evaluator, _actions = _modules["app"], _modules["core.iam_evaluator"], _modules["core.iam_actions"]
_responses, _router = _modules["core.responses"], _modules["core.router"]
_iam, _sts = _modules["services.iam"], _modules["services.sts"]
_provisioners = _modules["services.cloudformation.provisioners"]
sigv4 = _modules["core.sigv4"]
"""ministack's functions of Signature Version 4."""
organizations = _modules["services.organizations"]
"""ministack's Organizations service, whose stores ``organizations`` keeps its one organization in."""
application = _app.app


def request_account() -> str:
    """The account of the request that is being served."""
    return str(_responses.get_account_id())


def request_region() -> str:
    """The region of the request that is being served."""
    return str(_responses.get_region())


def acting_as(account: str, region: str | None = None) -> AbstractContextManager[None]:
    """Makes ``account`` the one whose stores are read and written, for a ``with`` block.

    Args:
        account: the account.
        region: the region likewise; that of the request if None.
    """
    scope: AbstractContextManager[None] = _responses.request_scope(account, region or request_region())
    return scope


def access_key_id(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    """The access key id that a request is signed with."""
    return str(_router.extract_access_key_id(headers, query))


def header_text(value: bytes) -> str:
    """The value of a header as ministack reads it."""
    return str(sigv4.decode_header_value(value))


def service_names() -> dict[str, str]:
    """Ministack's name of each service, by that name and by others that it goes by."""
    return {name: name for name in _app.SERVICE_HANDLERS} | dict(_app.SERVICE_NAME_ALIASES)


def service_of(call: Call, body: bytes = b"") -> str:
    """The service that ministack takes a request for; a form in its body may name an action."""
    method, path, headers = call.method, call.path, dict(call.headers)
    named = _app._routing_params(method, path, headers, body, call.parameters)
    return str(_router.detect_service(method, path, headers, named))


def error_response(error: ServiceError, service: str) -> Response:
    """The response of IAM or STS to a call that is refused."""
    response: Response = _iam._error(error.status, error.code, escape(str(error)), ns=service)
    return response


def refusal(call: Call, error: ServiceError) -> Response:
    """The answer to a request that is refused, in the protocol of its service."""
    denied = _evaluator.AuthError(error.code, str(error))
    headers = dict(call.headers)
    service = service_of(call)
    if service in ("s3", "unknown_query") and "x-www-form-urlencoded" in headers.get("content-type", ""):
        service = "sts"
    status, answered, body = _app._credential_failure(service, "", str(uuid.uuid4()), denied, headers)
    return (error.status if status == 403 else status), answered, body


def secret_of(key_id: str, token: str) -> str:
    """The secret access key of an IAM user's access key or of a session.

    Raises:
        ServiceError: the key does not exist, is inactive or expired, or the session token belongs to another key.
    """
    try:
        account = _evaluator.find_iam_access_key_account(key_id)
    except _evaluator.AmbiguousAccessKeyError:
        raise unknown_key() from None
    account = account or _responses._account_from_sts_session(key_id)
    if account is None:
        raise unknown_key()
    found = _evaluator.resolve_credential(key_id, account, token)
    if isinstance(found, _evaluator.CredentialResolutionError):
        # AWS takes a session's key without its token for an unknown one.
        if found.code == "InvalidToken" and not token:
            raise unknown_key()
        raise ServiceError(found.code, found.message, 403)
    return str(found.secret_access_key)


def account_of_key(key_id: str) -> str:
    """The account of an access key that a request was served for."""
    if key_id.isdecimal():
        return key_id
    return str(
        _evaluator.find_iam_access_key_account(key_id) or _responses._account_from_sts_session(key_id) or ""
    )


def keep_resource_types(services: Collection[str]) -> None:
    """Has stacks refuse every type of resource but those of the given services and of CloudFormation itself."""
    names, handlers = service_names(), _provisioners._RESOURCE_HANDLERS
    for kind in list(handlers):
        owner = kind.split("::")[1].lower()
        if owner != "cdk" and names.get(owner, owner) not in services:
            del handlers[kind]


def serve_in(loop: asyncio.AbstractEventLoop) -> None:
    """Has services that are called from a stack run in the event loop of the server."""
    _app._MAIN_LOOP = loop


def spawn(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Starts ``work`` in the event loop of the server, from whatever thread."""
    return asyncio.run_coroutine_threadsafe(work, _app._MAIN_LOOP)


class Store:
    """The records of one kind, of every account."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def get(self, account: str, key: str) -> Record | None:
        """The record of that name, id or serial number in ``account``."""
        found: Record | None = self._records.get_scoped(account, None, key)
        return found

    def everywhere(self) -> list[Record]:
        """The records of all accounts."""
        return list(self._records.to_dict().values())


roles, users, access_keys = Store(_iam._roles), Store(_iam._users), Store(_iam._access_keys)
mfa_devices, user_inline_policies = Store(_iam._mfa_devices), Store(_iam._user_inline_policies)


def groups_of(account: str, user_name: str) -> Iterator[tuple[Record, Mapping[str, str]]]:
    """Each group that a user is in, with the group's inline policies."""
    for (owner, name), group in list(_iam._groups.to_dict().items()):
        if owner == account and user_name in group.get("Users", []):
            yield group, group_inline_policies(account, name)


def group_inline_policies(account: str, group_name: str) -> Mapping[str, str]:
    """A group's inline policies by name."""
    found: Mapping[str, str] | None = _iam._group_inline_policies.get_scoped(account, None, group_name)
    return found or {}


def policy_exists(arn: str) -> bool:
    """Whether a managed policy exists, for the account of the request that is being served."""
    return bool(_iam._policy_exists(arn))


managed_policy: Callable[[str, str], str | Record | None] = _evaluator._resolve_managed_policy_document
"""The default version of the managed policy with an ARN, as an account sees it; None if it does not exist."""


register_session: Callable[[str, Record], None] = _sts.register_session
"""Makes temporary credentials, by their access key id, valid for every service."""


def session(key_id: str) -> Record | None:
    """The session that temporary credentials belong to."""
    found: Record | None = _sts._sessions.get(key_id)
    return found


def end_sessions(unique_id: str) -> None:
    """Ends the sessions of a deleted role or user."""
    for key_id, record in list(_sts._sessions.items()):
        if str(record.get("UserId", "")).split(":")[0] == unique_id:
            del _sts._sessions[key_id]


def wrap_service(name: str, wrapper: Callable[[Handler], Handler]) -> None:
    """Puts a handler in front of a service's own."""
    _app.SERVICE_HANDLERS[name] = wrapper(_app.SERVICE_HANDLERS[name])


def on_call(
    check: Callable[[str, str, str, Mapping[str, Any]], str | None],
    decided_by_service: frozenset[str],
    of_service: Callable[[str], bool],
) -> None:
    """Asks ``check(access key id, action, resource, context)`` too before any call is served.

    It returns the text of a denial, or None. An action in ``decided_by_service`` is left to its service's
    handler; it is authenticated first, unless an AWS service signs it (``of_service``).
    """
    own = _evaluator.enforce

    def enforce(
        key_id: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Any = None,
    ) -> Any:
        if action in decided_by_service:
            return None if of_service(key_id) else _evaluator.check_credentials(key_id, service)
        denied = own(key_id, action, service, region, resource_arn, service_context)
        if denied is not None or not key_id or action in _evaluator._ALWAYS_ALLOWED_ACTIONS:
            return denied
        message = check(key_id, action, resource_arn, service_context or {})
        # An authentication error is the one answer whose text is the caller's to choose.
        return _evaluator.AuthError("AccessDenied", message) if message else None

    _evaluator.enforce = enforce


def name_by_path() -> None:
    """Has the ARNs of the roles and users that calls of IAM are about hold their paths, which ministack leaves out."""
    own = _actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: Any, body: bytes, parameters: Any, *more: str
    ) -> str:
        arn: str = own(service, method, path, headers, body, parameters, *more)
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if service != "iam" or kind not in ("role", "user"):
            return arn
        account = request_account()
        if record := (roles if kind == "role" else users).get(account, name):
            return str(record["Arn"])
        given = parameters.get("Path") or "/"
        return iam_arn("aws", account, f"{kind}{given if isinstance(given, str) else given[0]}{name}")

    _actions.extract_resource_arn = extract


def on_principal_keys(keys: Callable[[str], Mapping[str, Any] | None]) -> None:
    """Takes the condition keys that describe a caller from ``keys(access key id)``, names in lower case.

    Where it returns None, ministack's own stand: they lack the organization, MFA and the source identity, and
    their aws:PrincipalArn is the session's.
    """
    own_keys, own_resolve = _evaluator._principal_keys, _evaluator._resolve_condition_key

    def principal_keys(credential: Any) -> dict[str, Any]:
        given = keys(credential.access_key_id)
        return dict(own_keys(credential) if given is None else given)

    def resolve(key: str, context: Any) -> Any:
        given = context.principal_keys.get(key.lower())
        return own_resolve(key, context) if given is None else given

    _evaluator._principal_keys = principal_keys
    _evaluator._resolve_condition_key = resolve


def on_trust_policy_write(problem: Callable[[str | Record], str | None]) -> None:
    """Asks for the problem of each trust policy that CreateRole, UpdateAssumeRolePolicy or a stack writes."""
    own = _iam._trust_policy_not_principal_error

    def refusal(document: str | Record) -> str | None:
        found: str | None = own(document) or problem(document)
        # The API's document is text, and ministack puts the answer into XML as it is.
        return escape(found) if found and isinstance(document, str) else found

    _iam._trust_policy_not_principal_error = refusal


def before_iam_call(action: str, check: Callable[[Mapping[str, str]], object]) -> None:
    """Calls ``check`` with the parameters of each call of an action of IAM; its ServiceError is the answer."""
    own = _iam._IAM_HANDLERS.get(action)
    if own is None:
        return

    def handle(parameters: Any) -> Any:
        try:
            check(
                {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()}
            )
        except ServiceError as refusal:
            return error_response(refusal, "iam")
        return own(parameters)

    _iam._IAM_HANDLERS[action] = handle


def before_attachment(check: Callable[[Record, str], object]) -> None:
    """Calls ``check`` with a role, user or group and the ARN of each managed policy that is attached to it.

    What it raises is the reason why the resource of a stack failed; a call of IAM is to be refused before.
    """
    own = _iam.attach_managed_policy

    def attach(entity: Record, arn: str) -> None:
        check(entity, arn)
        own(entity, arn)

    _iam.attach_managed_policy = attach


def on_principal_deleted(forget: Callable[[Record], None]) -> None:
    """Calls ``forget`` with every role and user that is deleted, through the API or by a stack."""
    scoped: Any = _responses.AccountScopedDict

    class Principals(scoped):  # type: ignore[misc]
        __slots__ = ()

        def pop(self, key: str, *default: Any) -> Any:
            record = self.get(key)
            popped = super().pop(key, *default)
            if record is not None:
                forget(record)
            return popped

    # The stores are known to several modules by reference: they change their class and stay what they are.
    _iam._roles.__class__ = Principals
    _iam._users.__class__ = Principals


def on_mfa_device_created(seed: Callable[[], str]) -> None:
    """Gives each new virtual MFA device a secret of ``seed()``: apps cannot read ministack's, which is not base32."""
    own = _iam._IAM_HANDLERS["CreateVirtualMFADevice"]

    def create(parameters: Any) -> Any:
        status, headers, body = own(parameters)
        if status == 200:
            serial = re.search(rb"<SerialNumber>(.*?)</SerialNumber>", body)
            device = _iam._mfa_devices[serial.group(1).decode()] if serial else {}
            device["Base32StringSeed"] = seed()
            encoded = base64.b64encode(device["Base32StringSeed"].encode())
            body = re.sub(rb"(<Base32StringSeed>).*?(</)", rb"\g<1>" + encoded + rb"\g<2>", body)
        return status, headers, body

    _iam._IAM_HANDLERS["CreateVirtualMFADevice"] = create


def list_boundaries() -> None:
    """Adds the permissions boundaries that ministack leaves out of GetAccountAuthorizationDetails."""
    own = _iam._IAM_HANDLERS["GetAccountAuthorizationDetails"]

    def details(parameters: Any) -> Any:
        status, headers, body = own(parameters)
        for record in (*_iam._roles.values(), *_iam._users.values()):
            if boundary := record.get("PermissionsBoundary"):
                arn = f"<Arn>{record['Arn']}</Arn>"
                attached = (
                    "<PermissionsBoundary><PermissionsBoundaryType>PermissionsBoundaryPolicy</PermissionsBoundaryType>"
                    f"<PermissionsBoundaryArn>{boundary}</PermissionsBoundaryArn></PermissionsBoundary>"
                )
                body = body.replace(arn.encode(), (arn + attached).encode())
        return status, headers, body

    _iam._IAM_HANDLERS["GetAccountAuthorizationDetails"] = details


def stack_handlers(resource_type: str) -> dict[str, Any]:
    """The functions by which a stack creates, updates and deletes a resource of a type; entries may be replaced."""
    handlers: dict[str, Any] = _provisioners._RESOURCE_HANDLERS.setdefault(resource_type, {})
    return handlers


def stack_waits_for(resource_type: str) -> None:
    """Has the functions of a type called from a thread of its own, where they may wait for the event loop."""
    stacks = _modules["services.cloudformation.stacks"]
    own = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == resource_type or own(kind)


def template_of(given: Mapping[str, Any]) -> tuple[str, Record]:
    """The template that a call of CloudFormation gives, as text and as read.

    Args:
        given: the parameters of the call: TemplateBody or TemplateURL, Parameters and Capabilities.

    Raises:
        ServiceError: there is none, it cannot be read, or the call lacks parameters or capabilities that it asks for.
    """
    engine, handlers = (
        _modules["services.cloudformation.engine"],
        _modules["services.cloudformation.handlers"],
    )
    named = {name: [str(given[name])] for name in ("TemplateBody", "TemplateURL") if name in given}
    body, refused = _modules["services.cloudformation.helpers"]._resolve_template(named)
    if refused:
        raise _error_of(refused)
    if not body:
        raise ServiceError("ValidationError", "Either Template URL or Template Body must be specified.")
    values = [
        {"Key": one["ParameterKey"], "Value": one.get("ParameterValue", "")} for one in given["Parameters"]
    ]
    try:
        template: Record = engine._parse_template(body)
        resources = template.get("Resources")
        if not resources or not isinstance(resources, dict):
            raise ValueError("Template format error: At least one Resources member must be defined.")
        for name, resource in resources.items():
            if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
                place = f"Template format error: [/Resources/{name}]"
                raise ValueError(f"{place} Every Resources object must contain a Type member.")
        engine._resolve_parameters(template, values)
    except (ValueError, engine.yaml.YAMLError) as error:
        raise ServiceError("ValidationError", str(error)) from None
    capabilities = {"Capabilities": given["Capabilities"]}
    if refused := handlers._check_capabilities(template, template, capabilities, macros=False):
        raise _error_of(refused)
    return body, template


def has_macro(template: Record) -> bool:
    """Whether a template calls a macro, CloudFormation's own included."""
    embedded = _modules["services.cloudformation.handlers"]._uses_embedded_macro(template)
    return bool(embedded or _modules["services.cloudformation.engine"].declared_transforms(template))


async def run_stack(action: str, name: str, parameters: Mapping[str, str]) -> tuple[str, str | None]:
    """Creates, updates or deletes a stack in the account that is acted as, and waits until that is done.

    Args:
        action: CreateStack, UpdateStack or DeleteStack.
        name: the stack's name.
        parameters: the parameters of the call besides.

    Returns:
        The stack's id, and why it failed; None where it did not.
    """
    cloudformation, helpers = _modules["services.cloudformation"], _modules["services.cloudformation.helpers"]
    running, old = asyncio.all_tasks(), cloudformation._stacks.get(name) or {}
    seen = len(cloudformation._stack_events.get(old.get("StackId")) or [])
    # A stack set's template may be as large as one from S3, and is given as text.
    most, helpers.TEMPLATE_BODY_MAX_BYTES = helpers.TEMPLATE_BODY_MAX_BYTES, helpers.TEMPLATE_URL_MAX_BYTES
    try:
        given = {key: [value] for key, value in {"StackName": name, **parameters}.items()}
        response = _modules["services.cloudformation.handlers"]._ACTION_HANDLERS[action](given)
    finally:
        helpers.TEMPLATE_BODY_MAX_BYTES = most
    stack = cloudformation._stacks.get(name) or {}
    stack_id = str(stack.get("StackId", ""))
    if response[0] != 200:
        message = str(_error_of(response))
        return stack_id, None if message == "No updates are to be performed." else message
    await asyncio.gather(*(asyncio.all_tasks() - running))
    if not stack or stack["StackStatus"] == action.upper().removesuffix("STACK") + "_COMPLETE":
        return stack_id, None
    failed = [
        f"ResourceLogicalId:{event['LogicalResourceId']}, ResourceType:{event['ResourceType']}, "
        f"ResourceStatusReason:{event['ResourceStatusReason']}."
        for event in cloudformation._stack_events[stack_id][seen:]
        if event["ResourceStatus"].endswith("_FAILED") and event["PhysicalResourceId"] != stack_id
    ]
    return stack_id, failed[0] if failed else str(stack["StackStatusReason"])


def _error_of(response: Response) -> ServiceError:
    """The error that an answer in XML holds."""
    found = re.search(rb"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", response[2], re.DOTALL)
    code, message = found.groups() if found else (b"", response[2])
    return ServiceError(code.decode(), unescape(message.decode()), response[0])


def boundary_problem(arn: str) -> str | None:
    """The reason why ``arn`` cannot be a permissions boundary in the account of the request; None if it can."""
    response = _iam._boundary_policy_error(arn)
    return str(_error_of(response)) if response else None
