"""What the accounts of a chain report about it, in one topic."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from rolechain.cdk.chain_role import PlacementError
from rolechain.iam.arn import iam_arn
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.iam.sts_actions import ASSUME_ROLE
from rolechain.model.chain import Chain
from rolechain.statements.event_patterns import walks_of, watches_of
from rolechain.statements.statement_json import allow


class ChainAlarms(Construct):
    """Rules of EventBridge in one account and region that report what nobody declared; each account's stack takes one.

    They report a session of a role of the chain that another than its declared caller took (the entrances too), the use
    of an entrance that closes at a time, refused calls, changes of the chain's roles and policies, and the end of their
    sessions. The events go to an event bus in the account of the last middle role (of the source role, where there is
    none) and the chain's region, and from there to a topic. The construct in that account and region makes both,
    encrypted, and a dashboard of the walks of each day. The bus takes events of the chain's accounts alone.

    STS reports a call in the region whose endpoint was called, IAM in the partition's first region (us-east-1). A chain
    of another region needs a stack with the construct there too, and so does each region whose calls are to be
    reported. CloudTrail must log management events. What the patterns cannot tell: ``docs/watching.md``.

    Args:
        scope: a stack of one of the chain's accounts, with account and region.
        id: the construct's id.
        chain: the chain.
        topic: where the events go in place of a topic of its own; it must let ``events.amazonaws.com`` publish, and use
            its key.

    Attributes:
        topic: the topic, to be subscribed to; None in the other accounts and regions.
        bus: the event bus; likewise.

    Raises:
        PlacementError: the stack's account holds no role of the chain, or its region is not known.
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
        if account not in chain.accounts or "$" in region:
            raise PlacementError(
                f"chain {chain.name} has no role in account {account} of stack {stack.node.path}, or the stack has no "
                f"region: put its alarms into stacks of {', '.join(chain.accounts)}, with env=Environment(account=…, "
                "region=…)"
            )
        hub = (chain.middle[-1] if chain.middle else chain.source).account
        name = f"{chain.name}-alarms"
        bus_arn = f"arn:{chain.partition}:events:{chain.region}:{hub}:event-bus/{name}"
        path = chain.source.path
        sender = iam.CfnRole(
            self,
            "Sender",
            # Roles are of the account, and this one may stand in several regions of it.
            role_name=f"{name}-{region}",
            path=path,
            description=f"Sends what the chain {chain.name} reports to its event bus",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    allow(
                        "AllowEvents",
                        ASSUME_ROLE,
                        {"StringEquals": {"aws:SourceAccount": account}},
                        Principal={"Service": "events.amazonaws.com"},
                    )
                ],
            },
        )
        # Managed rather than inline: the compliance packs of cdk-nag refuse inline policies.
        iam.CfnManagedPolicy(
            self,
            "Sending",
            path=path,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [allow("Send", "events:PutEvents", {}, Resource=bus_arn)],
            },
            roles=[sender.ref],
        )
        for watch in watches_of(chain, account):
            if not watch.of_iam or region == FIRST_REGIONS[chain.partition]:
                events.CfnRule(
                    self,
                    watch.id,
                    description=f"{chain.name}: {watch.words}",
                    event_pattern=watch.pattern,
                    # STS's calls count as read-only ones, which a rule leaves out otherwise.
                    state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
                    targets=[events.CfnRule.TargetProperty(id="Bus", arn=bus_arn, role_arn=sender.attr_arn)],
                )
        self.topic: sns.ITopic | None = None
        self.bus: events.CfnEventBus | None = None
        if (account, region) == (hub, chain.region):
            self._gather(chain, name, bus_arn, topic)

    def _gather(self, chain: Chain, name: str, bus_arn: str, topic: sns.ITopic | None) -> None:
        """The event bus, the topic and the dashboard."""
        stack = Stack.of(self)
        rules = f"arn:{chain.partition}:events:{chain.region}:{stack.account}:rule"
        key = kms.Key(self, "Key", description=f"Events of {name}", enable_key_rotation=True)
        # A canary's alarm is in the account of the source role.
        users = {"events.amazonaws.com": [stack.account], "cloudwatch.amazonaws.com": list(chain.accounts)}
        for service, of_accounts in users.items():
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                    resources=["*"],
                    conditions={"StringEquals": {"aws:SourceAccount": of_accounts}},
                )
            )
        accounts = {"AWS": [iam_arn(chain.partition, each, "root") for each in chain.accounts]}
        senders = {
            "ArnLike": {"aws:PrincipalArn": iam_arn(chain.partition, "*", f"role{chain.source.path}{name}-*")}
        }
        self.bus = events.CfnEventBus(
            self,
            "Bus",
            name=name,
            kms_key_identifier=key.key_arn,
            policy={
                "Version": "2012-10-17",
                "Statement": [
                    allow("AllowAccounts", "events:PutEvents", senders, Principal=accounts, Resource=bus_arn)
                ],
            },
        )
        self.topic = topic or sns.Topic(self, "Topic", topic_name=name, master_key=key, enforce_ssl=True)
        events.CfnRule(
            self,
            "Tell",
            name=name,
            description=f"{chain.name}: what its accounts report",
            event_bus_name=self.bus.ref,
            event_pattern={"account": list(chain.accounts)},
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
                    conditions={"StringEquals": {"aws:SourceAccount": list(chain.accounts)}},
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
