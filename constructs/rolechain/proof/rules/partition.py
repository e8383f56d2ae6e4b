"""The partition in ARNs that a template writes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolechain.cloudformation.template import Json, Template
from rolechain.graph.finding import Level
from rolechain.iam.partitions import partition_of
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.rule import Violation, Violations, rule

_LITERAL = "arn:aws:"


@rule(
    "RC29",
    "no ARN is written out with arn:aws: where the chain's partition is another, or the template serves several",
    prevents="failure in the China and GovCloud regions",
    source="IAM User Guide, IAM identifiers: partitions",
    levels="error warning",
)
def literal_partition(context: RuleContext) -> Violations:
    """A literal partition in a role or policy that is deployed to another (error) or to any region (warning)."""
    chain = context.chain
    anywhere: set[str] = set()
    partitions: dict[str, str | None] = {}
    for name, template in context.graph.templates.items():
        partitions[name] = _partition(template) or (chain.partition if chain else None)
    suspects = [
        resource
        for resource in context.resources
        if resource.type.startswith("AWS::IAM::") and partitions.get(resource.template) != "aws"
    ]
    for resource in suspects:
        if partitions.get(resource.template) is None and any(
            "AWS::Partition" in text for text in _texts(resource.properties)
        ):
            anywhere.add(resource.template)
    for resource in suspects:
        partition = partitions.get(resource.template)
        if partition is None and resource.template not in anywhere:
            continue
        found = next((text for text in _texts(resource.properties) if _LITERAL in text), None)
        if found is None:
            continue
        if partition:
            message = f"{found} names the partition aws, and the template is deployed to {partition}"
        else:
            message = f"{found} names the partition aws, and the template names AWS::Partition elsewhere"
        yield Violation(
            resource.place(),
            message,
            'write {"Fn::Sub": "arn:${AWS::Partition}:…"}' + (f", or arn:{partition}:…" if partition else ""),
            Level.ERROR if partition else Level.WARNING,
        )


def _partition(template: Template) -> str | None:
    return partition_of(template.region) if template.region else None


def _texts(value: Json) -> Iterator[str]:
    """Every text in a value, however deep."""
    open_values = [value]
    while open_values:
        current = open_values.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, Mapping):
            open_values.extend(current.values())
        elif isinstance(current, (list, tuple)):
            open_values.extend(current)
