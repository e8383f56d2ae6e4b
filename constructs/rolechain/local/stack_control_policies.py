"""``AWS::Organizations::Policy`` in a stack, which ministack does not make.

Source: CloudFormation User Guide, "AWS::Organizations::Policy".
"""

from __future__ import annotations

import json
from typing import Any

from rolechain.local import emulator
from rolechain.local.emulator import Record
from rolechain.local.errors import ServiceError
from rolechain.local.organizations import ServedOrganization

_TYPE = "AWS::Organizations::Policy"


def install(organization: ServedOrganization) -> None:
    """Has the management account's stacks make control policies, attach, change and delete them."""

    def call(operation: str, **parameters: Any) -> Record:
        return emulator.spawn(organization.perform(operation, parameters)).result()

    def written(operation: str, properties: Record, **more: Any) -> tuple[str, Record]:
        content = properties["Content"]
        text = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))
        given = {"Name": properties["Name"], "Description": properties.get("Description", "")}
        made = call(operation, Content=text, **given, **more)["Policy"]["PolicySummary"]
        return made["Id"], {name: made.get(name, False) for name in ("Id", "Arn", "AwsManaged")}

    def attach(policy: str, wanted: list[str]) -> None:
        held = organization.targets_of(policy)
        for operation, targets, others in (("AttachPolicy", wanted, held), ("DetachPolicy", held, wanted)):
            for target in targets:
                if target not in others:
                    call(operation, PolicyId=policy, TargetId=target)

    def create(_: str, properties: Record, __: str) -> tuple[str, Record]:
        made = written("CreatePolicy", properties, Type=properties["Type"])
        try:
            attach(made[0], properties.get("TargetIds", []))
        except ServiceError:
            delete(made[0], properties)
            raise
        return made

    def update(policy: str, old: Record, new: Record, stack: str) -> tuple[str, Record]:
        if old["Type"] != new["Type"]:
            return create("", new, stack)
        made = written("UpdatePolicy", new, PolicyId=policy)
        attach(policy, new.get("TargetIds", []))
        return made

    def delete(policy: str, _: Record) -> None:
        attach(policy, [])
        call("DeletePolicy", PolicyId=policy)

    emulator.stack_waits_for(_TYPE)
    emulator.stack_handlers(_TYPE).update(create=create, update=update, delete=delete)
