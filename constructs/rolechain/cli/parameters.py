"""The values of parameters, as the command line and files of CloudFormation's and CodePipeline's give them.

Source: AWS CLI Command Reference, "cloudformation create-stack"; CodePipeline User Guide, "CloudFormation artifacts".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rolechain.cli.template_nodes import NodeError, load, read_text
from rolechain.proof import ParameterError

Values = Mapping[str, Any]


def values_of(
    files: Iterable[str], pairs: Iterable[tuple[str, str]], stored: Iterable[tuple[str, str]] = ()
) -> Values:
    """The values that files and options give; an option's takes the place of a file's.

    Args:
        files: files of parameters.
        pairs: parameters with their values.
        stored: names under which Systems Manager holds values, with those.
    """
    of_files = _once((key, value, file) for file in files for key, value in _pairs(file))
    of_options = [(key, value, "--parameter") for key, value in pairs]
    return {**of_files, **_once([*of_options, *((key, value, "--ssm") for key, value in stored)])}


def _once(given: Iterable[tuple[str, Any, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value, source in given:
        if found.setdefault(key, value) != value:
            raise ParameterError(f"parameter {key} is given two values ({source}): remove one of them")
    return found


def _pairs(file: str) -> Iterator[tuple[str, Any]]:
    try:
        content = load(read_text(Path(file)))
    except NodeError as error:
        raise ParameterError(f"{file}{error.after_path} gives no parameters: {error}") from None
    if isinstance(content, Mapping) and isinstance(content.get("Parameters"), (Mapping, list)):
        content = content["Parameters"]
    if not isinstance(content, (Mapping, list)):
        raise ParameterError(
            f"{file} gives no parameters: write a list of ParameterKey and ParameterValue, or a mapping"
        )
    for item in content.items() if isinstance(content, Mapping) else content:
        match item:
            case (str(key), value) | {"ParameterKey": str(key), "ParameterValue": value}:
                pass
            case {"ParameterKey": key}:
                raise ParameterError(f"{file} gives {key} no ParameterValue: write the value that it has")
            case _:
                raise ParameterError(
                    f"{file} holds an element that is not a parameter: write its ParameterKey and ParameterValue"
                )
        if value is None or isinstance(value, Mapping):
            raise ParameterError(f"{file} gives {key} no value: write a text or a list")
        yield key, value
