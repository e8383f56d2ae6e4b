"""The templates of a synthesized CDK app, as its cloud assembly (``cdk.out``) holds them.

Source: AWS CDK, "Cloud assembly schema".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from rolechain.cloudformation.template import Template
from rolechain.cloudformation.texts import section
from rolechain.errors import RolechainError
from rolechain.json_keys import RepeatedKeyError, unrepeated

_STACK, _ASSEMBLY, _ASSETS = "aws:cloudformation:stack", "cdk:cloud-assembly", "cdk:asset-manifest"


class AssemblyError(RolechainError, ValueError):
    """A folder is not a cloud assembly, or a file of it cannot be read."""

    usage = True


def templates_in(folder: str | PathLike[str]) -> tuple[Template, ...]:
    """The templates of all stacks of a cloud assembly, those of its stages and nested stacks included.

    Raises:
        AssemblyError: there is no manifest, or a file cannot be read, in one line.
    """
    path = Path(folder)
    if not (path / "manifest.json").is_file():
        raise AssemblyError(
            f"{path} holds no manifest.json: name the folder that cdk synth wrote, such as cdk.out"
        )
    return tuple(_templates(path))


def _templates(folder: Path) -> Iterator[Template]:
    artifacts = section(_read(folder / "manifest.json"), "artifacts")
    stacks = {name for name in artifacts if section(artifacts, name).get("type") == _STACK}
    for name in artifacts:
        artifact = section(artifacts, name)
        properties = section(artifact, "properties")
        if artifact.get("type") == _ASSEMBLY:
            yield from _templates(folder / str(properties.get("directoryName", "")))
        elif name in stacks:
            file = folder / str(properties.get("templateFile", ""))
            body = _read(file)
            # aws://<account>/<region>, of which the app may leave either open
            environment = str(artifact.get("environment", "")).removeprefix("aws://")
            account, _, region = environment.partition("/")
            yield Template(
                name=name,
                body=body,
                account=account if account.isdecimal() else None,
                region=region if region and not region.startswith("unknown-") else None,
                dependencies=tuple(each for each in artifact.get("dependencies", ()) if each in stacks),
                file=str(file),
                stack_name=str(properties.get("stackName", name)),
                nested=_nested(folder, body, artifacts, artifact),
            )


def _assets(folder: Path, artifacts: Mapping[str, Any], stack: Mapping[str, Any]) -> dict[str, str]:
    """The files of a stack's assets, by the bucket and key that each is published to: ``/bucket/key``."""
    found: dict[str, str] = {}
    for name in stack.get("dependencies", ()):
        artifact = section(artifacts, name)
        if artifact.get("type") == _ASSETS:
            manifest = _read(folder / str(section(artifact, "properties").get("file", "")))
            for asset in section(manifest, "files").values():
                path = section(asset, "source").get("path")
                for destination in section(asset, "destinations").values():
                    bucket, key = destination.get("bucketName"), destination.get("objectKey")
                    if isinstance(path, str) and isinstance(bucket, str) and isinstance(key, str):
                        found[f"/{bucket}/{key}"] = path
    return found


def _address(url: Any) -> str:
    """A TemplateURL as one text, with ``${name}`` for what it refers to; empty where it is made otherwise."""
    if isinstance(url, Mapping) and len(url) == 1:
        ((function, argument),) = url.items()
        if function == "Ref" and isinstance(argument, str):
            return f"${{{argument}}}"
        if function == "Fn::Sub":
            return argument if isinstance(argument, str) else ""
        if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and argument[0] == "":
            parts = [_address(part) for part in argument[1]] if isinstance(argument[1], list) else [""]
            return "".join(parts) if all(parts) else ""
    return url if isinstance(url, str) else ""


def _nested(
    folder: Path, body: Mapping[str, Any], artifacts: Mapping[str, Any], stack: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """The templates of nested stacks and stack sets, which are assets that a TemplateURL names by bucket and key."""
    resources = section(body, "Resources")
    kinds = ("AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet")
    addresses = {
        name: _address(section(resource, "Properties").get("TemplateURL"))
        for name in resources
        if (resource := section(resources, name)).get("Type") in kinds
        and "TemplateURL" in section(resource, "Properties")
    }
    # Most stacks nest none: their list of assets need not be read.
    assets = _assets(folder, artifacts, stack) if addresses else {}
    return {
        logical_id: _read(folder / path)
        for logical_id, address in addresses.items()
        for key, path in assets.items()
        if address.endswith(key) and (folder / path).is_file()
    }


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=unrepeated)
    except OSError as error:
        raise AssemblyError(f"{file} cannot be read: {error.strerror}: run cdk synth again") from error
    except RepeatedKeyError as error:
        raise AssemblyError(f"{file}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise AssemblyError(f"{file} is not JSON: run cdk synth again") from error
    if not isinstance(found, dict):
        raise AssemblyError(f"{file} holds no JSON object: run cdk synth again")
    return found
