"""The server's own process: ``python -m rolechain.local.server SETTINGS``.

SETTINGS is JSON, the arguments of ``LocalOrganization`` with a ``folder`` and the ``parent``'s id. It says one line of
JSON on its standard output, ``{"port": …, "secret": …}`` or ``{"error": …}``, and serves until its standard input ends,
which it does with its parent. It writes to that folder only, and removes it in the end.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any

from rolechain.local.errors import LocalOrganizationError, ServiceError
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.model.role import Quotas

_PARENT_SECONDS = 1.0


def main() -> int:
    """Runs the server; returns its exit code."""
    settings = json.loads(sys.argv[1])
    secret = secrets.token_urlsafe(30)
    try:
        listener = _listen(settings["port"])
        port = listener.getsockname()[1]
        _configure(port, settings["folder"])
        application = _application(settings, secret)
        # From here on connections wait in the listener's queue until the server takes them.
        print(json.dumps({"port": port, "secret": secret}), flush=True)
        asyncio.run(_serve(application, listener, settings["parent"]))
    except LocalOrganizationError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    finally:
        os.chdir(os.sep)
        shutil.rmtree(settings["folder"], ignore_errors=True)
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "is in use on 127.0.0.1"
        else:
            reason = f"cannot be opened on 127.0.0.1 ({error.strerror})"
        raise LocalOrganizationError(
            f"port {port} {reason}: name another with --port, or leave it out for a free one"
        ) from error
    listener.listen(128)
    return listener


def _configure(port: int, folder: str) -> None:
    """Sets what ministack reads as it is imported; all that it writes goes to ``folder``."""
    os.chdir(folder)
    tempfile.tempdir = folder
    os.environ.update(
        {
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": MANAGEMENT_ACCOUNT,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "LOG_LEVEL": "ERROR",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "HOME": folder,
            "TMPDIR": folder,
            "STATE_DIR": os.path.join(folder, "state"),
            "S3_DATA_DIR": os.path.join(folder, "s3"),
        }
    )


def _application(settings: Mapping[str, Any], secret: str) -> Any:
    """The emulator with the rules of role chains added, for those who may call it."""
    from rolechain.local import (
        control_policies,
        emulator,
        mfa,
        middleware,
        organizations,
        policy_writes,
        principals,
        request_context,
        stack_control_policies,
        stack_roles,
        stack_sets,
        sts,
        trail,
        trust_principals,
    )

    organization = organizations.ServedOrganization(
        settings["organization_id"], settings["outside"], settings["units"]
    )

    def caller_keys(key_id: str) -> dict[str, Any] | None:
        try:
            caller = principals.principal_of(key_id)
        except ServiceError:
            # A federated user: none of the principals that assume roles.
            return None
        keys = request_context.of_call(caller, organization)
        return {name.lower(): value for name, value in keys.items()}

    emulator.wrap_service("sts", lambda own: sts.in_front(own, organization))
    emulator.on_call(
        partial(control_policies.denial_of, organization=organization),
        decided_by_service=frozenset({"sts:AssumeRole"}),
        of_service=principals.is_service,
    )
    emulator.name_by_path()
    emulator.on_principal_keys(caller_keys)
    emulator.on_trust_policy_write(trust_principals.problem_of)
    emulator.on_principal_deleted(trust_principals.forget)
    emulator.on_mfa_device_created(mfa.new_seed)
    emulator.list_boundaries()
    policy_writes.install(Quotas(**settings["quotas"]))
    stack_roles.install()
    stack_control_policies.install(organization)
    stack_sets.StackSets(organization, settings["stack_sets"])
    written = trail.Trail(settings["trail"]) if settings["trail"] else None
    return middleware.Middleware(secret, settings["services"], written)


async def _serve(application: Any, listener: socket.socket, parent: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "ERROR"
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    await serve(application, config, shutdown_trigger=lambda: _parent_gone(parent))


async def _parent_gone(parent: int) -> None:
    """Waits for the end of the parent: of standard input, which it holds open for as long as it lives, or its own.

    A process that the parent has forked holds that input open too.
    """
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ended = asyncio.ensure_future(reader.read())
    while not ended.done() and os.getppid() == parent:
        await asyncio.wait([ended], timeout=_PARENT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
