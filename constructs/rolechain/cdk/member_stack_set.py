"""Service-managed stack sets, whose template constructs make."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, BootstraplessSynthesizer, CfnStackSet, Stack
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from rolechain.iam.limits import unit_of_path
from rolechain.model.stack_set import StackSet

_INLINE_BYTES = 51_200
"""The longest template that may stand in a stack set; a longer one is an asset (CloudFormation quotas)."""
_PREFERENCES = tuple(
    field.name for field in fields(StackSet) if field.name.startswith(("failure_", "max_", "concurrency_"))
)


def member_template(description: str, fill: Callable[[Stack], object]) -> Mapping[str, Any]:
    """The template of one account, which ``fill`` puts into a stack of no account."""
    with TemporaryDirectory() as folder:
        app = App(
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
            outdir=folder,
            tree_metadata=False,
        )
        stack = Stack(app, "Target", description=description, synthesizer=BootstraplessSynthesizer())
        fill(stack)
        made: Mapping[str, Any] = app.synth().get_stack_artifact(stack.artifact_id).template
        return made


def member_stack_set(
    scope: Construct,
    template: Mapping[str, Any],
    *,
    name: str,
    units: Sequence[str],
    exclude: Sequence[str],
    regions: Sequence[str],
    options: StackSet,
) -> CfnStackSet:
    """A stack set that deploys a template to every account of units, given by their paths, and to those that join."""
    body = json.dumps(template, separators=(",", ":"), ensure_ascii=False)
    is_inline = len(body.encode()) <= _INLINE_BYTES
    targets = CfnStackSet.DeploymentTargetsProperty(
        organizational_unit_ids=list(map(unit_of_path, units)),
        account_filter_type="DIFFERENCE" if exclude else None,
        accounts=list(exclude) or None,
    )
    preferences = {each: value for each in _PREFERENCES if (value := getattr(options, each)) is not None}
    return CfnStackSet(
        scope,
        "Resource",
        stack_set_name=name,
        description=template["Description"],
        permission_model="SERVICE_MANAGED",
        call_as=options.call_as,
        auto_deployment=CfnStackSet.AutoDeploymentProperty(
            enabled=True,
            retain_stacks_on_account_removal=False,
            depends_on=list(options.depends_on) or None,
        ),
        capabilities=["CAPABILITY_NAMED_IAM"],
        operation_preferences=CfnStackSet.OperationPreferencesProperty(**preferences),
        stack_instances_group=[
            CfnStackSet.StackInstancesProperty(deployment_targets=targets, regions=list(regions))
        ],
        template_body=body if is_inline else None,
        template_url=None if is_inline else _asset(scope, body).http_url,
    )


def _asset(scope: Construct, body: str) -> Asset:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.json"
        file.write_text(body, encoding="utf-8")
        return Asset(scope, "Template", path=str(file))
