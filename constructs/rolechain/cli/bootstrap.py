"""``rolechain bootstrap``: ``cdk bootstrap`` in every account of a chain, with policies that deploy the chain alone."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rolechain.cli.account_sessions import AccountSessions, brief
from rolechain.cli.options import UsageError, add_account_options, add_options, add_repeated_option
from rolechain.cli.subprocesses import Program, interrupt_when_terminated, started
from rolechain.cli.toolchain import Toolchain, find
from rolechain.errors import RolechainError
from rolechain.iam.arn import iam_arn, is_arn
from rolechain.iam.limits import ACCOUNT
from rolechain.model.chain import Chain
from rolechain.statements.execution_policy import QUALIFIER, execution_policies

_AT_ONCE = 3
_CAPABILITY = "CAPABILITY_NAMED_IAM"


class BootstrapError(RolechainError):
    """An account is not bootstrapped as asked."""


@dataclass(frozen=True)
class Bootstrap:
    """How the accounts of a chain are bootstrapped.

    Attributes:
        chain: the chain.
        trusted: the id of the account that deploys.
        stacks: the beginning of the stacks' names, before ``-<account>``: the id of the ``RoleChain``.
        qualifier: the qualifier of the bootstrap.
        further: further execution policies, for what an app adds to the chain's stacks: ARNs, or names in each account.
        former: the chain before, whose roles the stacks may hold still.
    """

    chain: Chain
    trusted: str
    stacks: str
    qualifier: str = QUALIFIER
    further: tuple[str, ...] = ()
    former: Chain | None = None

    @property
    def toolkit(self) -> str:
        """The name of the bootstrap's stack."""
        return "CDKToolkit" if self.qualifier == QUALIFIER else f"CDKToolkit-{self.qualifier}"

    def stack(self, account: str) -> str:
        """The name of an account's stack of the chain."""
        return f"{self.stacks}-{account}"

    def execution(self, account: str) -> str:
        """The name of the stack of an account's execution policies, which begins their names too."""
        return f"execution-of-{self.stack(account)}"

    def policies(self, account: str) -> dict[str, dict[str, Any]]:
        """The documents of an account's execution policies, by the policies' names."""
        documents = execution_policies(
            self.chain, account, stack=self.stack(account), qualifier=self.qualifier, former=self.former
        )
        name = self.execution(account)
        return {f"{name}-{number}" if number else name: each for number, each in enumerate(documents)}

    def policy_arns(self, account: str) -> list[str]:
        """The ARNs of an account's execution policies."""
        named = [*self.policies(account), *self.further]
        partition = self.chain.partition
        return [each if is_arn(each) else iam_arn(partition, account, f"policy/{each}") for each in named]

    def template(self, account: str) -> str:
        """The template that makes an account's execution policies."""
        resources = {
            f"Execution{number}": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"ManagedPolicyName": name, "PolicyDocument": document},
            }
            for number, (name, document) in enumerate(self.policies(account).items(), 1)
        }
        return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, indent=2)

    def words(self, account: str) -> list[str]:
        """The words of the CDK CLI that bootstrap an account."""
        words = ["bootstrap", f"aws://{account}/{self.chain.region}", "--trust", self.trusted]
        words += ["--cloudformation-execution-policies", ",".join(self.policy_arns(account))]
        if self.qualifier != QUALIFIER:
            words += ["--qualifier", self.qualifier, "--toolkit-stack-name", self.toolkit]
        return words

    def script(self, account: str, profile: str | None) -> str:
        """The lines for a shell that bootstrap an account."""
        name = self.execution(account)
        region = ["--region", self.chain.region]
        deploy = ["aws", "cloudformation", "deploy", "--stack-name", name, "--template-file", f"{name}.json"]
        deploy += ["--capabilities", _CAPABILITY, "--no-fail-on-empty-changeset", *region]
        named = ["--profile", profile] if profile else []
        return "\n".join(
            [
                f"# with credentials of account {account}",
                f"cat > {name}.json <<'EOF'\n{self.template(account)}\nEOF",
                shlex.join([*deploy, *named]),
                shlex.join(["npx", "cdk", *self.words(account), *named]),
            ]
        )


def deploying_account(chain: Chain) -> str:
    """The account that deploys, as a central team's would: that of the first middle role, or of the source."""
    return (*chain.middle, chain.source)[0].account


def bootstrapped(
    plan: Bootstrap,
    accounts: Sequence[str],
    session_of: Callable[[str], boto3.Session],
    toolchain: Toolchain,
    scratch: Path,
    *,
    replace: bool = False,
) -> Iterator[tuple[str, str | None]]:
    """Bootstraps accounts, three at a time.

    Args:
        plan: how.
        accounts: their ids.
        session_of: gives a session that administers an account.
        toolchain: the programs.
        scratch: an empty folder.
        replace: whether what other apps have in a bootstrap that is there is taken away.

    Returns:
        Each account, and why it was not bootstrapped.
    """
    for first in range(0, len(accounts), _AT_ONCE):
        with ExitStack() as running:
            programs: dict[str, Program] = {}
            for account in accounts[first : first + _AT_ONCE]:
                with _problems() as problems:
                    session = session_of(account)
                    _make_policies(plan, account, session, replace=replace)
                    program = started(
                        [str(toolchain.cdk), *plan.words(account), "--no-notices"],
                        what=f"cdk bootstrap as account {account}",
                        environment=toolchain.environment()
                        | _credentials(session, plan.chain.region)
                        | {"TMPDIR": str(scratch)},
                        # Bootstrapping needs no app, and would synthesize one that it finds.
                        folder=scratch,
                    )
                    programs[account] = running.enter_context(program)
                yield from ((account, problem) for problem in problems)
            for account, process in programs.items():
                with _problems() as problems:
                    process.finish()
                yield account, next(iter(problems), None)


@contextmanager
def _problems() -> Iterator[list[str]]:
    """What AWS refused, or a program failed at, in the block."""
    found: list[str] = []
    try:
        yield found
    except (ClientError, BotoCoreError) as error:
        found.append(brief(error))
    except RolechainError as error:
        found.append(str(error))


def _make_policies(plan: Bootstrap, account: str, session: boto3.Session, *, replace: bool) -> None:
    """Makes or changes the stack of an account's execution policies."""
    cloudformation: Any = session.client("cloudformation", region_name=plan.chain.region)
    if not replace and (lost := _lost(plan, account, cloudformation)):
        raise BootstrapError(
            f"its bootstrap {plan.toolkit} has {', '.join(lost)}, which other apps may need and this would take away: "
            "add --qualifier for a bootstrap of this chain's own, or --replace"
        )
    name = plan.execution(account)
    wanted = {"StackName": name, "TemplateBody": plan.template(account), "Capabilities": [_CAPABILITY]}
    try:
        if _parameters(cloudformation, name) is None:
            cloudformation.create_stack(**wanted)
            waiter = cloudformation.get_waiter("stack_create_complete")
        else:
            cloudformation.update_stack(**wanted)
            waiter = cloudformation.get_waiter("stack_update_complete")
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
    else:
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 300})


def _lost(plan: Bootstrap, account: str, cloudformation: Any) -> list[str]:
    """The trusted accounts and the execution policies of a bootstrap that is there and that the plan has not."""
    before = _parameters(cloudformation, plan.toolkit)
    if before is None:
        return []
    trusted, policies = before.get("TrustedAccounts", ""), before.get("CloudFormationExecutionPolicies", "")
    if not trusted and not policies:
        # The bootstrap's template chooses it then.
        policies = iam_arn(plan.chain.partition, "aws", "policy/AdministratorAccess")
    kept = {"", plan.trusted, *plan.policy_arns(account)}
    return [each for each in (*trusted.split(","), *policies.split(",")) if each not in kept]


def _parameters(cloudformation: Any, stack: str) -> dict[str, str] | None:
    """The parameters of a stack; None where there is no such stack."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}


def _credentials(session: boto3.Session, region: str) -> dict[str, str]:
    """A session's credentials in the environment of the CDK CLI, which finds no profile besides."""
    keys = session.get_credentials()
    if keys is None:
        raise BootstrapError("no AWS credentials were found: name a profile with --profile")
    frozen = keys.get_frozen_credentials()
    return {
        "AWS_ACCESS_KEY_ID": frozen.access_key or "",
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key or "",
        "AWS_SESSION_TOKEN": frozen.token or "",
        "AWS_REGION": region,
        "AWS_PROFILE": "",
        "AWS_DEFAULT_PROFILE": "",
    }


def add_plan_options(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Adds the options of a bootstrap, and those of the sessions in its accounts."""
    add_options(parser, "--chain", "--profile")
    add_account_options(parser, purpose)
    parser.add_argument(
        "--trust",
        metavar="ACCOUNT",
        help="the account that deploys (default: that of the first middle role, else of the source)",
    )
    parser.add_argument(
        "--stack-prefix",
        metavar="ID",
        help="what the stacks' names begin with, before -ACCOUNT (default: the chain's name)",
    )
    parser.add_argument(
        "--qualifier", default=QUALIFIER, help=f"the qualifier of the bootstrap (default: {QUALIFIER})"
    )
    add_repeated_option(
        parser,
        "--policy",
        "ARN",
        "a further execution policy, or the name of one in each account, for what an app adds to the chain's stacks",
    )
    parser.add_argument(
        "--former",
        metavar="FILE",
        help="the chain before, whose roles the stacks may still change and delete",
    )
    add_repeated_option(parser, "--account", "ACCOUNT", "an account of the chain (default: every one)")


def planned(arguments: argparse.Namespace) -> tuple[Bootstrap, list[str]]:
    """The bootstrap that the options ask for, and its accounts."""
    chain = Chain.load(arguments.chain)
    if arguments.trust is not None and not ACCOUNT.fullmatch(arguments.trust):
        raise UsageError(f"--trust {arguments.trust!r} is not an account's id: write 12 digits")
    if not (
        arguments.qualifier.isascii() and arguments.qualifier.isalnum() and len(arguments.qualifier) < 11
    ):
        raise UsageError(
            f"--qualifier {arguments.qualifier!r} is none of CDK's: write up to 10 letters or digits"
        )
    if wrong := [each for each in arguments.policy if not re.fullmatch(r"[\w+=.@:/-]+", each, re.ASCII)]:
        raise UsageError(
            f"--policy {wrong[0]!r} is no managed policy: write its ARN, or a name in each account"
        )
    if not re.fullmatch("[A-Za-z][A-Za-z0-9-]*", prefix := arguments.stack_prefix or chain.name):
        raise UsageError(
            f"no stack is named {prefix!r}: begin with a letter in --stack-prefix, go on with those, digits, -"
        )
    known = chain.deployed_accounts
    if wrong := [each for each in arguments.account if each not in known]:
        raise UsageError(
            f"no role of chain {chain.name} is deployed to {wrong[0]!r}: name one of {', '.join(known)}"
        )
    # The chain's stacks are in its region, whatever the environment names.
    arguments.region = chain.region
    plan = Bootstrap(
        chain,
        arguments.trust or deploying_account(chain),
        prefix,
        arguments.qualifier,
        tuple(arguments.policy),
        Chain.load(arguments.former) if arguments.former else None,
    )
    return plan, list(dict.fromkeys(arguments.account)) or list(known)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_plan_options(parser, "which administers it")
    parser.add_argument("--run", action="store_true", help="bootstrap, in place of printing the commands")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="take away the trusted accounts and policies that a bootstrap has for other apps",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the commands for a shell, or bootstraps and reports each account.

    Returns:
        0 if every account was bootstrapped, else 1.
    """
    plan, accounts = planned(arguments)
    if not arguments.run:
        profiles = dict(arguments.account_profile)
        print("\n\n".join(plan.script(account, profiles.get(account)) for account in accounts))
        return 0
    interrupt_when_terminated()
    toolchain, failed = find(), False
    sessions = AccountSessions.opened(arguments, plan.chain.region, plan.chain.partition)
    with tempfile.TemporaryDirectory(prefix="rolechain-bootstrap-") as scratch:
        for account, problem in bootstrapped(
            plan, accounts, sessions.session, toolchain, Path(scratch), replace=arguments.replace
        ):
            failed = failed or problem is not None
            trusts = f"trusts {plan.trusted}, deploys with {', '.join(plan.policy_arns(account))}"
            print(f"{'✗' if problem else '✓'} {account}: {problem or trusts}", flush=True)
    return 1 if failed else 0
