"""The values of parameters, as the command line and files of CloudFormation's and CodePipeline's give them.

Source: AWS CLI Command Reference, "cloudformation create-stack"; CodePipeline User Guide, "CloudFormation artifacts".
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rolechain.cli.template_nodes import NodeError, compose, value_of
from rolechain.proof import ParameterError

Values = Mapping[str, Any]


def pair(text: str) -> tuple[str, str]:
    """The name and value of ``KEY=VALUE``, for argparse."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not KEY=VALUE: write a parameter's name, =, and its value"
        )
    return key, value


def values_of(files: Iterable[str], pairs: Iterable[tuple[str, str]]) -> Values:
    """The values that files and options give; an option's takes the place of a file's.

    Raises:
        ParameterError: a file cannot be read or gives no values, or one parameter is given two of them.
    """
    of_files = _once((key, value, file) for file in files for key, value in _pairs(file))
    return {**of_files, **_once((key, value, "--parameter") for key, value in pairs)}


def _once(given: Iterable[tuple[str, Any, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value, source in given:
        if found.setdefault(key, value) != value:
            raise ParameterError(f"parameter {key} is given two values ({source}): leave one of them out")
    return found


def _pairs(file: str) -> Iterator[tuple[str, Any]]:
    content = _content(file)
    if isinstance(content, Mapping) and isinstance(content.get("Parameters"), (Mapping, list)):
        content = content["Parameters"]
    for item in (
        content.items() if isinstance(content, Mapping) else content if isinstance(content, list) else ()
    ):
        match item:
            case (str(key), value):
                pass
            case {"ParameterKey": str(key), "ParameterValue": value}:
                pass
            case {"ParameterKey": key}:
                raise ParameterError(f"{file} gives {key} no ParameterValue: write the value that it has")
            case _:
                raise ParameterError(
                    f"{file} holds an element that is no parameter: write its ParameterKey and ParameterValue"
                )
        if value is None or isinstance(value, Mapping):
            raise ParameterError(f"{file} gives {key} no value: write a text or a list")
        yield key, value
    if not isinstance(content, (Mapping, list)):
        raise ParameterError(
            f"{file} gives no parameters: write a list of ParameterKey and ParameterValue, or a mapping"
        )


def _content(file: str) -> Any:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ParameterError(f"{file} cannot be read: {error.strerror}: name a file of parameters") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{file} gives no parameters: it is not UTF-8 text") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        node = compose(text)
        return value_of(node) if node else None
    except NodeError as error:
        line = f":{error.line}" if error.line else ""
        raise ParameterError(f"{file}{line} is neither JSON nor YAML: {error}") from None
