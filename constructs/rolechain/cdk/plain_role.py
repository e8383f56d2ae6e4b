"""The resource of a role, until a role of CDK takes its place.

Every object of CDK lives in a Node process, and each call to it takes its time: an account's stack with one target
takes 7 ms with this resource, and 40 ms with a role of CDK (200 targets, aws-cdk-lib 2.275, two cores). Few roles are
ever read, so the role of CDK is made when it is.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Aspects
from aws_cdk import aws_iam as iam
from constructs import Construct

_PROPERTIES = (
    *("assume_role_policy_document", "description", "managed_policy_arns", "max_session_duration"),
    *("path", "permissions_boundary", "policies", "role_name"),
)
_OPTIONS = (
    *("condition", "creation_policy", "deletion_policy", "description", "metadata"),
    *("update_policy", "update_replace_policy", "version"),
)
_CALLS = (
    *("add_override", "add_deletion_override", "add_property_override", "add_property_deletion_override"),
    *("add_dependency", "add_depends_on", "add_resource_dependency", "replace_dependency"),
    *("remove_dependency", "remove_resource_dependency", "override_logical_id"),
)
"""The methods whose changes to a resource cannot be read back from it."""

TAG_PRIORITY = 50
"""The priority of the tags that a resource is made with: what an app or a stack sets by ``Tags.of`` goes before."""


class PlainRole(iam.CfnRole):
    """A role's resource that hands on its changes.

    An escape hatch may be what closes a role: it must not come loose because the role is granted something later.
    """

    def __init__(self, scope: Construct, id: str, **properties: Any) -> None:  # noqa: A002 - CDK's own name
        super().__init__(scope, id, **properties)
        self._made_with = properties
        self._calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in _CALLS:
            return found

        # A method that overrides CDK's own would be called back from its process wherever CDK calls it.
        def kept(*args: Any, **options: Any) -> Any:
            self._calls.append((name, args, options))
            return found(*args, **options)

        return kept

    def hand_on(self, successor: iam.CfnRole) -> None:
        """Makes ``successor`` what this resource was made to be, and has it meant wherever this one is referred to."""
        for name in _PROPERTIES:
            if (value := getattr(self, name)) != self._made_with.get(name):
                setattr(successor, name, value)
        for key, value in self.tags.tag_values().items():
            successor.tags.set_tag(key, value, TAG_PRIORITY)
        for name in _OPTIONS:
            if (value := getattr(self.cfn_options, name)) is not None:
                setattr(successor.cfn_options, name, value)
        for name, args, options in self._calls:
            getattr(successor, name)(*args, **options)
        successor.node.add_dependency(*self.node.dependencies)
        for applied in Aspects.of(self).applied:
            Aspects.of(successor).add(applied.aspect, priority=applied.priority)
        of_every_resource = {entry.type for entry in successor.node.metadata}
        for entry in self.node.metadata:
            if entry.type not in of_every_resource:
                successor.node.add_metadata(entry.type, entry.data)
        self.override_logical_id(successor.logical_id)
        # From here on this object stands for the successor in CDK's process: changes to a removed resource would have
        # no effect.
        self.__jsii_ref__ = successor.__jsii_ref__  # type: ignore[attr-defined] # the object of CDK's process
