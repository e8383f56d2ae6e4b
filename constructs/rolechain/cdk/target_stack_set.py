"""A target in every account of organizational units, by a service-managed stack set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, Aws, BootstraplessSynthesizer, CfnStackSet, Stack
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from rolechain.cdk.chain_proof import prove_at_synth
from rolechain.cdk.chain_role import PlacementError, TargetRole
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.model.stack_set import StackSet

_INLINE_BYTES = 51_200
"""The longest template that may stand in a stack set; a longer one is an asset (CloudFormation quotas)."""
_PREFERENCES = tuple(
    field.name for field in fields(StackSet) if field.name.startswith(("failure_", "max_", "concurrency_"))
)


class TargetStackSet(Construct):
    """A target that a chain declares by organizational unit: a stack set creates it in every account of the units.

    Accounts that join get the role, and accounts that leave lose it. The template holds no account's id, so that it is
    the same however many there are. A stack set never goes to the management account: declare its role as a target of
    its own.

    Args:
        scope: a stack of the management account or of a delegated administrator, or a construct in one.
        id: the construct's id.
        chain: the chain.
        target: singles one out where the chain declares several by organizational unit: its name, or the role.
        proof: whether the synth proves the chain, as far as its roles are in the app; None if the caller registers
            the proof.

    Attributes:
        declared: what the chain says of the target.
        template: the template of each account.
        resource: the stack set.

    Raises:
        PlacementError: the chain declares no such target, or several, or the stack set for another account.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        target: str | ChainRole | None = None,
        proof: bool | None = True,
    ) -> None:
        self.declared = declared = _declared_here(scope, chain, target)
        super().__init__(scope, id)
        if proof is not None:
            prove_at_synth(self, chain, declared, proof=proof)
        options = declared.stack_set or StackSet()
        self.template = _template(chain, declared)
        body = json.dumps(self.template, separators=(",", ":"), ensure_ascii=False)
        is_inline = len(body.encode()) <= _INLINE_BYTES
        units = [unit.rstrip("/").rsplit("/", 1)[-1] for unit in declared.organizational_units]
        targets = CfnStackSet.DeploymentTargetsProperty(
            organizational_unit_ids=units,
            account_filter_type="DIFFERENCE" if declared.exclude else None,
            accounts=list(declared.exclude) or None,
        )
        preferences = {name: value for name in _PREFERENCES if (value := getattr(options, name)) is not None}
        self.resource = CfnStackSet(
            self,
            "Resource",
            stack_set_name=re.sub(r"[^A-Za-z0-9-]", "-", f"{chain.name}-{declared.role}"),
            description=f"Role {declared.role} of the chain {chain.name}",
            permission_model="SERVICE_MANAGED",
            call_as=options.call_as,
            auto_deployment=CfnStackSet.AutoDeploymentProperty(
                enabled=True,
                retain_stacks_on_account_removal=False,
                depends_on=list(options.depends_on) or None,
            ),
            capabilities=["CAPABILITY_NAMED_IAM"],
            operation_preferences=CfnStackSet.OperationPreferencesProperty(**preferences),
            # A role is global: a second region would create it again.
            stack_instances_group=[
                CfnStackSet.StackInstancesProperty(deployment_targets=targets, regions=[chain.region])
            ],
            template_body=body if is_inline else None,
            template_url=None if is_inline else _asset(self, body).http_url,
        )


def _template(chain: Chain, target: ChainRole) -> Mapping[str, Any]:
    """The template of one account, made as that of a target in a stack of its own."""
    with TemporaryDirectory() as folder:
        app = App(
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
            outdir=folder,
            tree_metadata=False,
        )
        description = f"Role {target.role} of the chain {chain.name}"
        stack = Stack(app, "Target", description=description, synthesizer=BootstraplessSynthesizer())
        TargetRole(stack, target.role, chain=chain, role=target.in_account(Aws.ACCOUNT_ID), proof=None)
        made: Mapping[str, Any] = app.synth().get_stack_artifact(stack.artifact_id).template
        return made


def _asset(scope: Construct, body: str) -> Asset:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.json"
        file.write_text(body, encoding="utf-8")
        return Asset(scope, "Template", path=str(file))


def _declared_here(scope: Construct, chain: Chain, wanted: str | ChainRole | None) -> ChainRole:
    """The one target by organizational unit whose stack set belongs into the stack of ``scope``."""
    stack = Stack.of(scope)
    name = wanted.role if isinstance(wanted, ChainRole) else wanted
    targets = [role for role in chain.targets if role.by_unit]
    found = [role for role in targets if name in (None, role.role)]
    if len(found) != 1:
        declared = " or ".join(repr(role.role) for role in targets) or "none"
        which = f"several targets by organizational unit: single one out with target={declared}"
        none = f"no target by organizational unit{f' named {name}' if name else ''}: it has {declared}"
        raise PlacementError(f"chain {chain.name} declares {which if found else none}")
    account = chain.administrator_account(found[0])
    if stack.account != account:
        raise PlacementError(
            f"the stack set of {found[0].role} belongs into account {account}, and stack {stack.node.path} is of "
            f"{stack.account if stack.account.isdecimal() else 'no account'}: give it env=Environment(account=…), or "
            "declare stack_set: {administrator_account: …}"
        )
    return found[0]
