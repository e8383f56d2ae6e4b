"""What the accounts of a chain report about it, in one topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from rolechain.cdk.chain_role import PlacementError
from rolechain.cdk.member_stack_set import member_stack_set, member_template
from rolechain.iam.arn import format_arn, iam_arn
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.iam.sts_actions import ASSUME_ROLE
from rolechain.model.chain import Chain
from rolechain.model.role import ANY_ACCOUNT, ChainRole
from rolechain.model.stack_set import StackSet
from rolechain.statements.event_patterns import walks_of, watches_of
from rolechain.statements.statement_json import Conditions, allow, one_or_all


class ChainAlarms(Construct):
    """Rules of EventBridge in one account and region that report what nobody declared; each account's stack takes one.

    They report a session of a role of the chain that another than its declared caller took (the entrances too), the use
    of an entrance that closes at a time, refused calls, changes of the chain's roles and policies, and the end of their
    sessions. The events go to an event bus in the account of the last middle role (of the source role, where there is
    none) and the chain's region, and from there to a topic. The construct in that account and region makes both,
    encrypted, and a dashboard of the walks of each day. The bus takes events of the chain's accounts alone, and of
    accounts of its organizational units.

    The construct in the account that holds the stack set of the first target by organizational unit makes another
    stack set, with the rules of every account of the units.

    STS reports a call in the region whose endpoint was called, IAM in the partition's first region (us-east-1). A chain
    of another region needs a stack with the construct there too, and so does each region whose calls are to be
    reported. CloudTrail must log management events. What the patterns cannot tell: ``docs/watching.md``.

    Args:
        scope: a stack of one of the chain's accounts, or of one with a stack set of it, with account and region.
        id: the construct's id.
        chain: the chain.
        topic: where the events go in place of a topic of its own; it must let ``events.amazonaws.com`` publish, and use
            its key.

    Attributes:
        topic: the topic, to be subscribed to; None in the other accounts and regions.
        bus: the event bus; likewise.

    Raises:
        PlacementError: the stack's account holds no role and no stack set of the chain, or its region is not known.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        topic: sns.ITopic | None = None,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        account, region = stack.account, stack.region
        self._accounts = list(dict.fromkeys((*chain.accounts, *chain.deployed_accounts)))
        if account not in self._accounts or "$" in region:
            raise PlacementError(
                f"chain {chain.name} has no role in account {account} of stack {stack.node.path}, or the stack has no "
                f"region: put its alarms into stacks of {', '.join(self._accounts)}, with env=Environment(account=…, "
                "region=…)"
            )
        hub = (chain.middle[-1] if chain.middle else chain.source).account
        name = f"{chain.name}-alarms"
        bus_arn = format_arn(chain.partition, "events", chain.region, hub, f"event-bus/{name}")
        _report(self, chain, account, f"{name}-{region}", bus_arn)
        members = [target for target in chain.targets if target.by_unit]
        if members and (chain.administrator_account(members[0]), chain.region) == (account, region):
            self._report_members(chain, members, f"{name}-members", bus_arn)
        self.topic: sns.ITopic | None = None
        self.bus: events.CfnEventBus | None = None
        if (account, region) == (hub, chain.region):
            self._gather(chain, name, bus_arn, topic)

    def _report_members(self, chain: Chain, members: Sequence[ChainRole], name: str, bus_arn: str) -> None:
        """The rules of the accounts of organizational units, in a stack set of their own: targets share accounts."""
        template = member_template(
            f"What the chain {chain.name} reports",
            lambda stack: _report(stack, chain, ANY_ACCOUNT, f"{name}-{Aws.REGION}", bus_arn),
        )
        member_stack_set(
            Construct(self, "Members"),
            template,
            name=name,
            units=_units_of(members),
            # These have rules of their own.
            exclude=self._accounts,
            regions=list(dict.fromkeys((chain.region, FIRST_REGIONS[chain.partition]))),
            options=replace(members[0].stack_set or StackSet(), depends_on=()),
        )

    def _gather(self, chain: Chain, name: str, bus_arn: str, topic: sns.ITopic | None) -> None:
        """The event bus, the topic and the dashboard."""
        stack = Stack.of(self)
        rules = format_arn(chain.partition, "events", chain.region, stack.account, "rule")
        key = kms.Key(self, "Key", description=f"Events of {name}", enable_key_rotation=True)
        # A canary's alarm is in the account of the source role.
        users = {"events.amazonaws.com": [stack.account], "cloudwatch.amazonaws.com": self._accounts}
        for service, of_accounts in users.items():
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                    resources=["*"],
                    conditions={"StringEquals": {"aws:SourceAccount": of_accounts}},
                )
            )
        accounts = {"AWS": [iam_arn(chain.partition, each, "root") for each in self._accounts]}
        sender = iam_arn(chain.partition, "*", f"role{chain.source.path}{name}")
        statements = [
            allow(
                "AllowAccounts",
                "events:PutEvents",
                {"ArnLike": {"aws:PrincipalArn": f"{sender}-*"}},
                Principal=accounts,
                Resource=bus_arn,
            )
        ]
        if units := _units_of(target for target in chain.targets if target.by_unit):
            paths = [f"{chain.organization}/{unit}/*" for unit in units]
            in_units: Conditions = {
                "ArnLike": {"aws:PrincipalArn": f"{sender}-members-*"},
                "StringEquals": {"aws:PrincipalOrgID": chain.organization},
                "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": one_or_all(paths)},
            }
            statements.append(
                allow("AllowMembers", "events:PutEvents", in_units, Principal="*", Resource=bus_arn)
            )
        self.bus = events.CfnEventBus(
            self,
            "Bus",
            name=name,
            kms_key_identifier=key.key_arn,
            policy={"Version": "2012-10-17", "Statement": statements},
        )
        self.topic = topic or sns.Topic(self, "Topic", topic_name=name, master_key=key, enforce_ssl=True)
        events.CfnRule(
            self,
            "Tell",
            name=name,
            description=f"{chain.name}: what its accounts report",
            event_bus_name=self.bus.ref,
            # Events of AWS's services, whose names nobody else's events may bear.
            event_pattern={"source": ["aws.iam", "aws.sts"]},
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
            targets=[events.CfnRule.TargetProperty(id="Topic", arn=self.topic.topic_arn)],
        )
        if topic is None:
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="AllowRule",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": f"{rules}/{name}/{name}"}},
                )
            )
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="AllowAlarms",
                    principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": self._accounts}},
                )
            )
        walks = events.CfnRule(
            self,
            "Walks",
            name=f"{chain.name}-walks",
            description=f"{chain.name}: sessions of its targets, counted by the dashboard",
            event_pattern=walks_of(chain),
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        )
        counted = {
            "Walks a day": {"RuleName": walks.ref},
            "Reports a day": {"RuleName": name, "EventBusName": name},
        }
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=chain.name)
        dashboard.add_widgets(
            *(
                cloudwatch.GraphWidget(
                    title=f"{title} of {chain.name}",
                    width=12,
                    left=[
                        cloudwatch.Metric(
                            namespace="AWS/Events",
                            metric_name="MatchedEvents",
                            dimensions_map=dimensions,
                            statistic="Sum",
                            period=Duration.days(1),
                        )
                    ],
                )
                for title, dimensions in counted.items()
            )
        )


def _report(scope: Construct, chain: Chain, account: str, name: str, bus_arn: str) -> None:
    """The rules of an account, and the role by which they send to the event bus; ``*`` is each account of the units."""
    stack, path = Stack.of(scope), chain.source.path
    sender = iam.CfnRole(
        scope,
        "Sender",
        # Roles are of the account, and this one may stand in several regions of it.
        role_name=name,
        path=path,
        description=f"Sends what the chain {chain.name} reports to its event bus",
        assume_role_policy_document={
            "Version": "2012-10-17",
            "Statement": [
                allow(
                    "AllowEvents",
                    ASSUME_ROLE,
                    {"StringEquals": {"aws:SourceAccount": stack.account}},
                    Principal={"Service": "events.amazonaws.com"},
                )
            ],
        },
    )
    # Managed rather than inline: the compliance packs of cdk-nag refuse inline policies.
    iam.CfnManagedPolicy(
        scope,
        "Sending",
        path=path,
        policy_document={
            "Version": "2012-10-17",
            "Statement": [allow("Send", "events:PutEvents", {}, Resource=bus_arn)],
        },
        roles=[sender.ref],
    )
    for watch in watches_of(chain, account):
        if not watch.of_iam or account == ANY_ACCOUNT or stack.region == FIRST_REGIONS[chain.partition]:
            events.CfnRule(
                scope,
                watch.id,
                description=f"{chain.name}: {watch.words}",
                event_pattern=watch.pattern,
                # STS's calls count as read-only ones, which a rule leaves out otherwise.
                state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
                targets=[events.CfnRule.TargetProperty(id="Bus", arn=bus_arn, role_arn=sender.attr_arn)],
            )


def _units_of(targets: Iterable[ChainRole]) -> list[str]:
    """The paths of the organizational units of targets, without those that lie below another of them."""
    units = list(
        dict.fromkeys(unit.rstrip("/") for target in targets for unit in target.organizational_units)
    )
    return [each for each in units if not any(each.startswith(f"{other}/") for other in units)]
