"""The resources that the transform AWS::Serverless-2016-10-31 makes of a template of the Serverless Application Model.

The transform itself is AWS's: the package ``aws-sam-translator``, which the extra ``sam`` installs.
Source: AWS SAM Developer Guide, "AWS SAM template anatomy".
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from rolechain.cloudformation import texts
from rolechain.cloudformation.template import Json
from rolechain.iam.arn import iam_arn
from rolechain.iam.partitions import prefix_of

SERVERLESS_TYPE = "AWS::Serverless::"
"""What the types of SAM's resources begin with."""
APPLICATION = "AWS::Serverless::Application"
"""A stack of its own, whose template is a file or in the Serverless Application Repository."""
CONNECTORS = "Connectors"
"""The attribute of any resource by which SAM attaches policies to the role that it has, or another one."""

_LOCAL_FILES = {
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::GraphQLApi": "SchemaUri",
}
"""The properties that name a file beside the template; ``sam package`` puts an address in S3 in its place."""
_WITHOUT_ROLES = ("Api", "HttpApi", "LayerVersion", "SimpleTable")
_FUNCTION = f"{SERVERLESS_TYPE}Function"
_PACKAGED = "s3://packaged/file"
_IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/packaged:latest"


def is_declared_in(body: Mapping[str, Json]) -> bool:
    """Whether a template declares resources of SAM."""
    return any(map(_is_of_sam, texts.section(body, "Resources").values()))


def translated(
    body: Mapping[str, Json], parameters: Mapping[str, Json], partition: str, region: str | None
) -> tuple[Mapping[str, Json], dict[str, str]]:
    """A template with the resources that SAM makes in place of those that it declares.

    Args:
        body: the template.
        parameters: the values that its parameters are given.
        partition: the partition that it is deployed to.
        region: the region; None if that is not known.

    Returns:
        The template, and why each resource of SAM that stays in it cannot be translated, by logical id.
    """
    try:
        translator = _translator()
    except ImportError:
        return body, _all(body, "aws-sam-translator is not installed: pip install 'rolechain[sam]'")
    given: dict[str, Json] = {
        name: text for name, value in parameters.items() if (text := texts.scalar(value)) is not None
    }
    given |= {"AWS::Partition": partition, "AWS::Region": region or {"Ref": "AWS::Region"}}
    # The one use of a region is its partition, by what its name begins with.
    here = SimpleNamespace(region_name=f"{prefix_of(partition)}1")
    # The translator would ask the Serverless Application Repository for it.
    failed = {
        logical_id: "the template of an application is not at hand"
        for logical_id, resource in body["Resources"].items()
        if isinstance(resource, Mapping) and resource.get("Type") == APPLICATION
    }
    while True:
        try:
            source = _packaged(body, failed)
            if not is_declared_in(source):
                return body, failed
            translation = translator.Translator(None, translator.Parser(), boto_session=here)
            found = translation.translate(source, given, get_managed_policy_map=dict)
        except translator.InvalidDocumentException as error:
            causes = _causes(error.causes, body)
            if not causes.keys() - failed.keys():
                return body, failed | _all(body, f"SAM refuses the template: {_reason(error)}")
            failed |= causes
        # The translator asks for no types of what it is given: any error is one of the template.
        except Exception as error:
            return body, failed | _all(body, f"SAM refuses the template: {_reason(error)}")
        else:
            left = {name: item for name, item in body["Resources"].items() if name not in source["Resources"]}
            plain = json.loads(json.dumps(found, default=str))
            for resource in plain["Resources"].values():
                _name_partition(resource.get("Properties"), partition)
            return {
                **plain,
                "Transform": body.get("Transform"),
                "Resources": {**plain["Resources"], **left},
            }, failed


@cache
def _translator() -> Any:
    from samtranslator.translator import translator

    # Each translation would validate the translator's own list of policy templates again: 60 of 75 ms of each.
    translator.make_policy_template_for_function_plugin = cache(
        translator.make_policy_template_for_function_plugin
    )
    # It tells of each resource that it cannot translate on stderr.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    return translator


def makes_role(kind: str) -> bool:
    """Whether SAM makes a role, or a policy of one, of resources of a type."""
    return kind.startswith(SERVERLESS_TYPE) and kind.removeprefix(SERVERLESS_TYPE) not in _WITHOUT_ROLES


def _is_of_sam(resource: Json) -> bool:
    if not isinstance(resource, Mapping):
        return False
    kind = resource.get("Type")
    return CONNECTORS in resource or (isinstance(kind, str) and kind.startswith(SERVERLESS_TYPE))


def _all(body: Mapping[str, Json], reason: str) -> dict[str, str]:
    listed = texts.section(body, "Resources").items()
    return {logical_id: reason for logical_id, resource in listed if _is_of_sam(resource)}


def _packaged(body: Mapping[str, Json], without: Mapping[str, str]) -> dict[str, Any]:
    """A copy that the translator may change, as ``sam package`` leaves a template."""
    source: dict[str, Any] = copy.deepcopy(dict(body))
    resources = source["Resources"] = {
        logical_id: resource
        for logical_id, resource in source["Resources"].items()
        # A loop that is not expanded is a list.
        if logical_id not in without and isinstance(resource, dict)
    }
    shared = texts.section(source, "Globals").items()
    declared: list[tuple[str, Any]] = [
        *((str(each.get("Type")), each.get("Properties")) for each in resources.values()),
        *((f"{SERVERLESS_TYPE}{kind}", each) for kind, each in shared),
    ]
    for kind, properties in declared:
        name = _LOCAL_FILES.get(kind, "")
        if isinstance(properties, dict) and isinstance(address := properties.get(name), str):
            properties[name] = address if address.startswith("s3://") else _PACKAGED
    for resource in resources.values():
        properties = resource.get("Properties")
        if resource.get("Type") == _FUNCTION and isinstance(properties, dict):
            # Code bears on no role; what no property names stands beside the template.
            if properties.get("PackageType") == "Image":
                properties["ImageUri"] = _IMAGE
            elif properties.get("InlineCode") is None:
                properties["CodeUri"] = _PACKAGED
    return source


def _name_partition(properties: Any, partition: str) -> None:
    """Writes the managed policies of AWS's as ``AWS::Partition`` gives them, where SAM writes the partition out."""
    of_aws = iam_arn(partition, "aws", "policy/")
    arns: Any = properties.get("ManagedPolicyArns") if isinstance(properties, dict) else None
    for number, arn in enumerate(arns if isinstance(arns, list) else ()):
        if isinstance(arn, str) and arn.startswith(of_aws):
            arns[number] = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::aws:policy/{arn.removeprefix(of_aws)}"}


def _causes(errors: Any, body: Mapping[str, Json]) -> dict[str, str]:
    """Why each resource cannot be translated, where the errors name resources or what is made of them."""
    found: dict[str, str] = {}
    for error in errors:
        named: Any = getattr(error, "_logical_id", None)
        for made in named if isinstance(named, list) else [named]:
            of = [logical_id for logical_id in body["Resources"] if str(made).startswith(logical_id)]
            if made is not None and of:
                found[max(of, key=len)] = _reason(error)
    return found


def _reason(error: Exception) -> str:
    """What the translator says, of several errors of the template as a whole the first one."""
    causes = getattr(error, "causes", ())
    first = causes[0] if causes else error
    more = f" and {len(causes) - 1} more" if len(causes) > 1 else ""
    return str(getattr(first, "message", None) or first) + more
