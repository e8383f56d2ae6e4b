"""A function that walks the deployed chain every few minutes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aws_cdk import Annotations, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import rolechain
from rolechain.cdk.chain_parameters import declared
from rolechain.cdk.chain_role import PlacementError
from rolechain.iam.arn import format_arn
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.canary import NAMESPACE, TASK, WALKED, canary_arn
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.hop import choose
from rolechain.model.role import ChainRole
from rolechain.statements.statement_json import allow

_NEEDED = ("__init__.py", "errors.py", "json_keys.py", "api_calls.py", "iam", "model", "policy", "runtime")
"""What of the package the function imports; besides it boto3, which Lambda has."""


class ChainCanary(Construct):
    """A function in the source account that verifies the deployed chain on a schedule, and an alarm.

    It runs ``rolechain.runtime.verify``: every hop is taken, every shortcut and every hop without what it asks for
    must be refused. Each call is a line of JSON in the log, with hop, side and reason. Metrics come of it in the
    namespace ``Rolechain``: by chain and hop ``Success``, ``Milliseconds`` and ``SessionSeconds`` (how long the session
    lasts that the hop gave), by chain ``Walked``, which is 1 if all was as declared. The alarm is raised by a walk that
    was not, and by none at all. The code is this package as it is installed, made without Docker. Targets by
    organizational unit are left out, which the synth and each walk say.

    The function has a role of its own, ``<chain>-canary``, in the source role's path, that may assume the source role,
    write its log and its dead letters, and nothing else. To be let in it is declared: the chain names it as an entrance
    (``assumed_by: {arn: …}``), which the proof counts as any other. That the function be the source role itself would
    open that role to whoever may give it to a function, and add to it what the function needs.

    The packs of cdk-nag that ask for functions in a VPC need ``subnet_ids``, ``security_group_ids`` and
    ``network_policy_arn``. The subnets must reach STS of the chain's region: by an interface endpoint or a NAT gateway.

    Args:
        scope: a stack of the source account.
        id: the construct's id.
        chain: the chain.
        schedule: how often it walks; a minute at least.
        topic: who is told of the alarm; one with a key of its own must let ``cloudwatch.amazonaws.com`` use the key.
        session_tags: the values of the session tags that the chain leaves open, by key.
        source_identity: the source identity, where the chain leaves it open.
        retention: how long the log is kept.
        subnet_ids: the subnets of a VPC to walk from.
        security_group_ids: the security groups there; STS is called on port 443.
        network_policy_arn: a customer managed policy that exists already and lets a function make its network
            interfaces (``ec2:CreateNetworkInterface`` and the other actions of AWSLambdaVPCAccessExecutionRole). They
            take every resource, which cdk-nag refuses in a template.

    Attributes:
        function: the function.
        alarm: the alarm.
        role: the function's role.

    Raises:
        PlacementError: no source role of the stack's account declares the canary, or one of the three of the VPC is
            missing.
        ChainError: no hop of the chain takes a value that was given.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        schedule: Duration | None = None,
        topic: sns.ITopic | None = None,
        session_tags: Mapping[str, str] | None = None,
        source_identity: str | None = None,
        retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        subnet_ids: Sequence[str] = (),
        security_group_ids: Sequence[str] = (),
        network_policy_arn: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        account = Stack.of(self).account
        entered = _entered(chain, account)
        walked = (hop for hop in chain.hops() if not hop.callee.by_unit)
        choose(walked, session_tags, source_identity, entering=True)
        if len({bool(each) for each in (subnet_ids, security_group_ids, network_policy_arn)}) > 1:
            raise PlacementError(
                "a function in a VPC takes subnet_ids, security_group_ids and network_policy_arn: add what is missing, "
                "or remove the others"
            )
        schedule = schedule or Duration.minutes(5)
        name = f"{chain.name}-canary"
        key = kms.Key(self, "Key", description=f"Log and dead letters of {name}", enable_key_rotation=True)
        log = logs.LogGroup(
            self, "Log", log_group_name=f"/rolechain/{name}", retention=retention, encryption_key=key
        )
        letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.role = iam.CfnRole(
            self,
            "Role",
            role_name=name,
            path=entered[0][0].path,
            description=f"Walks the chain {chain.name} to see that it works",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    allow("AllowLambda", ASSUME_ROLE, {}, Principal={"Service": "lambda.amazonaws.com"})
                ],
            },
            managed_policy_arns=[network_policy_arn] if network_policy_arn else None,
        )
        # Managed rather than inline: the compliance packs of cdk-nag refuse inline policies.
        rights = iam.CfnManagedPolicy(
            self,
            "Rights",
            path=entered[0][0].path,
            description=f"What {name} may do",
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    *(
                        allow(f"Enter{number}", _actions(entrance), {}, Resource=source.arn)
                        for number, (source, entrance) in enumerate(entered, 1)
                    ),
                    allow(
                        "Log", ["logs:CreateLogStream", "logs:PutLogEvents"], {}, Resource=log.log_group_arn
                    ),
                    allow("DeadLetters", "sqs:SendMessage", {}, Resource=letters.queue_arn),
                    allow("Encrypt", ["kms:Decrypt", "kms:GenerateDataKey"], {}, Resource=key.key_arn),
                ],
            },
            roles=[self.role.ref],
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{chain.region}.amazonaws.com")],
                actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={
                    "ArnEquals": {
                        "kms:EncryptionContext:aws:logs:arn": format_arn(
                            chain.partition, "logs", chain.region, account, f"log-group:/rolechain/{name}"
                        )
                    }
                },
            )
        )
        with tempfile.TemporaryDirectory() as folder:
            _write_code(Path(folder), chain, session_tags, source_identity)
            self.function = lambda_.Function(
                self,
                "Function",
                function_name=name,
                description=f"Walks the chain {chain.name} to see that it works",
                runtime=lambda_.Runtime.PYTHON_3_14,
                architecture=lambda_.Architecture.ARM_64,
                handler="rolechain.runtime.canary.handler",
                code=lambda_.Code.from_asset(folder),
                role=iam.Role.from_role_arn(self, "OwnRole", self.role.attr_arn, mutable=False),
                memory_size=512,
                timeout=Duration.minutes(5),
                reserved_concurrent_executions=1,
                retry_attempts=0,
                dead_letter_queue=letters,
                log_group=log,
            )
        self.function.node.add_dependency(rights)
        if subnet_ids:
            cast(
                lambda_.CfnFunction, self.function.node.default_child
            ).vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(subnet_ids), security_group_ids=list(security_group_ids)
            )
        events.Rule(
            self,
            "Schedule",
            description=f"Starts {name}",
            schedule=events.Schedule.rate(schedule),
            targets=[targets.LambdaFunction(self.function)],
        )
        self.alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_name=name,
            alarm_description=f"Chain {chain.name} is not as declared, or was not walked: see /rolechain/{name}",
            metric=cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=WALKED,
                dimensions_map={"Chain": chain.name},
                statistic="Minimum",
                period=Duration.minutes(max(1, schedule.to_minutes())),
            ),
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold=1,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        if unwatched := [target.role for target in chain.targets if target.by_unit]:
            Annotations.of(self).add_info_v2(
                "rolechain:canary-leaves-out",
                f"{name} walks as far as the caller of {', '.join(unwatched)}, which are declared by organizational "
                "unit: declare a target with an account to have one walked into",
            )
        if topic:
            self.alarm.add_alarm_action(actions.SnsAction(topic))
            self.alarm.add_ok_action(actions.SnsAction(topic))


def _entered(chain: Chain, account: str) -> list[tuple[ChainRole, Entrance]]:
    """The source roles of an account that declare the canary, each with the entrance that names it."""
    here = [source for source in chain.sources if source.account == account]
    if not here:
        accounts = " or ".join(dict.fromkeys(source.account for source in chain.sources))
        raise PlacementError(
            f"chain {chain.name} has no source role in account {account}: put its canary into a stack of {accounts}"
        )
    arn = canary_arn(chain, here[0])
    entered = [
        (source, entrance)
        for source in here
        for entrance in source.entrances
        if (entrance.kind, entrance.value) == ("arn", arn)
    ]
    if not entered:
        raise PlacementError(
            f"chain {chain.name} does not let its canary in: add {{arn: {arn}}} to assumed_by of {here[0].role}"
        )
    return entered


def _actions(entrance: Entrance) -> str | list[str]:
    """What entering takes; some sources ask for session tags or a source identity."""
    more = {TAG_SESSION: entrance.tags, SET_SOURCE_IDENTITY: entrance.identity}
    actions = [ASSUME_ROLE, *(action for action, asked in more.items() if asked)]
    return actions[0] if len(actions) == 1 else actions


def _write_code(
    folder: Path, chain: Chain, session_tags: Mapping[str, str] | None, source_identity: str | None
) -> None:
    """The function's code: what it needs of this package, and its task."""
    package = Path(rolechain.__file__).parent
    for name in _NEEDED:
        to = folder / "rolechain" / name
        if (package / name).is_dir():
            shutil.copytree(package / name, to, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            to.parent.mkdir(exist_ok=True)
            shutil.copy(package / name, to)
    task = {
        "chain": json.loads(declared(chain)),
        "session_tags": dict(session_tags) if session_tags else None,
        "source_identity": source_identity,
    }
    (folder / TASK).write_text(json.dumps(task), encoding="utf-8")
