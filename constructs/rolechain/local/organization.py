"""The local organization as its user sees it: started, pointed at, stopped."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import asdict
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, TypeVar

from rolechain.iam.limits import ACCOUNT, ORGANIZATION, ORGANIZATIONAL_UNIT
from rolechain.local.errors import LocalOrganizationError
from rolechain.model.role import Quotas

if TYPE_CHECKING:
    import boto3

T = TypeVar("T")

MANAGEMENT_ACCOUNT = "000000000000"
"""The organization's management account: it alone writes to Organizations, and no control policy binds it."""

# Nothing else of the user's environment reaches the server: ministack reads dozens of variables, and takes the
# access key it finds there for that of a root user.
_INHERITED = ("PATH", "PYTHONPATH", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT")
_START_SECONDS, _STOP_SECONDS = 30.0, 5.0


class LocalOrganization:
    """An AWS organization that runs on this machine, as long as the ``with`` block does.

    Every account id of 12 digits is an account that needs no creation, and a member unless it is named to stand
    ``outside``, as a third party's does. An access key id that is an account's
    id acts as that account's **administrator**, with the secret of the run. For AssumeRole, for service control
    policies and in GetCallerIdentity the administrator is the IAM user ``administrator`` with a policy that
    allows everything, as AWS refuses to let a root user assume roles: a trust policy that names the account
    admits it, one that is closed by ``aws:PrincipalArn`` does not. In its own account every other call of
    the administrator passes without a look at policies.

    The server is a process of its own and binds 127.0.0.1 only. It serves programs that sign their calls, and those
    services that chains and the CDK call; none of them runs code unless ``services`` asks for one that does. It
    stops at the end of the block, and also when this process dies in any other way; nothing that it held is kept.

    Attributes:
        organization_id: the id that ``aws:PrincipalOrgID`` has in every member account.
        outside: the ids of the accounts that belong to no organization.
        services: the services that are served besides those that chains and the CDK call, such as ``lambda``, which
            runs the code of its functions as the user.
        units: the paths of the organizational units that the organization begins with, from its root's id down, as in
            ``r-ab12/ou-ab12-11111111``. The root is ``r-local`` without them.
        stack_sets: the accounts that operate StackSets from the start. If there are any, trusted access is
            enabled; a member among them is a delegated administrator.
        trail: the folder where every call is written in log files as CloudTrail writes them to S3; None for none.
        quotas: the quotas of IAM in every account; the default ones where none are given.

    Raises:
        LocalOrganizationError: the extra ``local`` is not installed, an argument makes no sense, the port is taken, or
            the server did not start.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        organization_id: str = "o-exampleorg1",
        outside: Iterable[str] = (),
        services: Iterable[str] = (),
        units: Iterable[str] = (),
        stack_sets: Iterable[str] = (),
        trail: str | PathLike[str] | None = None,
        quotas: Quotas = Quotas(),  # noqa: B008 - frozen
    ) -> None:
        if find_spec("ministack") is None:
            raise LocalOrganizationError("ministack is not installed: pip install 'rolechain[local]'")
        if not ORGANIZATION.fullmatch(organization_id):
            raise LocalOrganizationError(
                f"{organization_id!r} is not an organization id: write o- and 10 to 32 lowercase letters or digits"
            )
        if port is not None and port not in range(1, 65536):
            raise LocalOrganizationError(
                f"{port} is not a port: name one from 1 to 65535, or leave it out for a free one"
            )
        self.organization_id = organization_id
        self.outside = tuple(map(_checked, outside))
        self.services = tuple(services)
        self.units = tuple(units)
        self.stack_sets = tuple(map(_checked, stack_sets))
        self.trail = Path(trail).absolute() if trail is not None else None
        self.quotas = quotas
        if MANAGEMENT_ACCOUNT in self.outside:
            raise LocalOrganizationError(
                f"{MANAGEMENT_ACCOUNT} is the organization's management account: name another to stand outside"
            )
        for unit in self.units:
            if not ORGANIZATIONAL_UNIT.fullmatch(unit) or unit.split("/")[0] != self.units[0].split("/")[0]:
                raise LocalOrganizationError(
                    f"{unit!r} is not a unit below the organization's root: write the root and the units down to "
                    "it, as in r-ab12/ou-ab12-11111111"
                )
        if unknown := set(self.stack_sets) & set(self.outside):
            raise LocalOrganizationError(
                f"{min(unknown)} stands outside of the organization: name a member to operate stack sets"
            )
        self._wanted_port = port
        self._port: int | None = None
        self._secret = ""
        self._process: subprocess.Popen[str] | None = None
        self._folder = ""
        self._log: IO[bytes] | None = None
        self._management: Any = None

    def __enter__(self) -> LocalOrganization:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def endpoint_url(self) -> str:
        """Where every service of every account answers: ``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self._running(self._port)}"

    @property
    def secret_access_key(self) -> str:
        """The secret of the access key ids that stand for an account or an AWS service: random, new in each run."""
        return self._running(self._secret)

    def environment(self, account: str, *, region: str = "us-east-1") -> dict[str, str]:
        """The variables that make the AWS CLI, the CDK CLI and any SDK act as ``account``'s administrator.

        They hide the user's own configuration and credentials; ``AWS_PROFILE`` must not be set beside them.
        """
        # A proxy that the user goes through to AWS would be asked for 127.0.0.1 too.
        no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"]))
        return {
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _checked(account),
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def session(self, account: str, *, region: str = "us-east-1") -> boto3.Session:
        """A boto3 session of ``account``'s administrator; its clients talk to the local organization."""
        return self.session_with(_checked(account), self.secret_access_key, region=region)

    def session_with(
        self,
        access_key_id: str,
        secret_access_key: str,
        session_token: str | None = None,
        *,
        region: str = "us-east-1",
    ) -> boto3.Session:
        """A boto3 session with the given credentials; its clients talk to the local organization."""
        import boto3

        from rolechain.local.sessions import EndpointSession

        session = EndpointSession(self.endpoint_url, region)
        session.set_credentials(access_key_id, secret_access_key, session_token)
        return boto3.Session(botocore_session=session)

    def workload(
        self,
        role_arn: str,
        service: str,
        *,
        region: str = "us-east-1",
        source_account: str | None = None,
        source_arn: str | None = None,
    ) -> boto3.Session:
        """The session that an AWS service gives to the workload that it runs in a role.

        The role's trust policy decides, as for any caller; the workload's first hop is not chained.

        Args:
            role_arn: the role.
            service: the service principal, such as ``lambda.amazonaws.com``.
            region: the session's region.
            source_account: the account on whose behalf the service calls, ``aws:SourceAccount``.
            source_arn: the resource on whose behalf it calls, ``aws:SourceArn``.

        Raises:
            botocore.exceptions.ClientError: the role does not trust the service, or does not exist.
        """
        sts = self.session_with(service, self.secret_access_key, region=region).client("sts")
        named = {"x-amz-source-account": source_account, "x-amz-source-arn": source_arn}
        headers = {name: value for name, value in named.items() if value}
        sts.meta.events.register("before-call", lambda params, **_: params["headers"].update(headers))
        given = sts.assume_role(RoleArn=role_arn, RoleSessionName="workload")["Credentials"]
        return self.session_with(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region=region
        )

    def create_unit(self, name: str, parent: str | None = None) -> str:
        """Makes an organizational unit, and returns its id.

        Args:
            name: its name.
            parent: the id of the unit that it is made in; in the root if None.
        """
        organizations = self._organizations()
        made = organizations.create_organizational_unit(ParentId=parent or _root(organizations), Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def create_account(self, unit: str | None = None) -> str:
        """Makes an account, and returns its id. Stack sets that deploy by themselves are deployed to it.

        Args:
            unit: the id of the organizational unit that it is moved to; it stays in the root if None.
        """
        name = f"account-{secrets.token_hex(4)}"
        status = self._organizations().create_account(Email=f"{name}@example.com", AccountName=name)
        account = str(status["CreateAccountStatus"]["AccountId"])
        if unit is not None:
            self.move_account(account, unit)
        return account

    def move_account(self, account: str, unit: str | None = None) -> None:
        """Moves an account. Stack sets that deploy by themselves have followed when this returns.

        Args:
            account: the account, which need not have been used before.
            unit: the id of the organizational unit that it is moved to; the root if None.
        """
        organizations = self._organizations()
        here = organizations.list_parents(ChildId=_checked(account))["Parents"][0]["Id"]
        organizations.move_account(
            AccountId=account, SourceParentId=here, DestinationParentId=unit or _root(organizations)
        )

    def _organizations(self) -> Any:
        # A client takes longer to make than to answer, and whoever fills an organization makes many accounts.
        if self._management is None:
            self._management = self.session(MANAGEMENT_ACCOUNT).client("organizations")
        return self._management

    def wait(self) -> None:
        """Returns only if the server ends by itself.

        Raises:
            LocalOrganizationError: it did, with the end of its log.
        """
        self._running(self._process).wait()
        raise LocalOrganizationError(f"the local organization has ended{self._log_tail()}")

    @staticmethod
    def _running(part: T | None) -> T:
        """A part of the server, which is there as long as the server runs."""
        if not part:
            raise LocalOrganizationError("the local organization is not running: use it in a with block")
        return part

    def _start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="rolechain-local-")
        settings = {
            "port": self._wanted_port or 0,
            "folder": self._folder,
            "organization_id": self.organization_id,
            "outside": self.outside,
            "services": self.services,
            "units": self.units,
            "stack_sets": self.stack_sets,
            "quotas": asdict(self.quotas),
            "trail": str(self.trail) if self.trail else None,
            "parent": os.getpid(),
        }
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        paths = [str(Path(__file__).parents[2]), inherited.get("PYTHONPATH", "")]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the server
        # The server notices by the end of this pipe that its parent is gone, however it went.
        self._process = subprocess.Popen(
            # -P: nothing in the folder that the user works in may pass for a module.
            [sys.executable, "-P", "-m", "rolechain.local.server", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=inherited
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "AWS_EC2_METADATA_DISABLED": "true"},
            text=True,
            # Ctrl-C reaches every process of the terminal's group; the server is to be stopped by its parent.
            start_new_session=True,
        )
        # Reading blocks; a server that never says anything is ended, which ends the reading.
        timer = threading.Timer(_START_SECONDS, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            timer.cancel()
        answer = json.loads(line or "{}")
        if "port" not in answer:
            raise LocalOrganizationError(
                answer.get("error") or f"the server ended as it started{self._log_tail()}"
            )
        self._port, self._secret = int(answer["port"]), answer["secret"]

    def _log_tail(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()[-15:]
        return ": " + "\n".join(lines) if lines else ""

    def _stop(self) -> None:
        self._port, self._secret, self._management = None, "", None
        process, self._process = self._process, None
        if process is not None:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            finally:
                if process.stdout:
                    process.stdout.close()
        if self._folder:
            # The server removes its folder when this process was killed, and this process when the server was.
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""
        if self._log is not None:
            self._log.close()
            self._log = None


def _checked(account: str) -> str:
    if not ACCOUNT.fullmatch(account):
        raise LocalOrganizationError(f"{account!r} is not an account id: write 12 digits")
    return account


def _root(organizations: Any) -> str:
    return str(organizations.list_roots()["Roots"][0]["Id"])
