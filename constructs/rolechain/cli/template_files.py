"""CloudFormation templates read from files, with the line of each place in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rolechain.cli.template_nodes import NodeError, compose, declaring, line_of, value_of
from rolechain.errors import RolechainError
from rolechain.json_keys import RepeatedKeyError, unrepeated
from rolechain.proof import SourceLocation, Template, templates_in

SUFFIXES = (".json", ".yaml", ".yml", ".template")
"""What the name of a template in a folder ends with."""


class TemplateFileError(RolechainError, ValueError):
    """A file is no template, or cannot be read."""

    usage = True


@dataclass(frozen=True)
class TemplateFile:
    """A template, and the file that holds it.

    Attributes:
        template: the template; its name is the file's, with its folder where several have it, or the stack's.
        path: the file.
    """

    template: Template
    path: Path

    @cached_property
    def _root(self) -> Any:
        # YAML takes no tabs, and JSON may be laid out with them.
        try:
            return compose(_read(self.path).replace("\t", " "))
        except NodeError:  # JSON that is not YAML as well has no lines here
            return None

    def line(self, place: SourceLocation) -> int:
        """The line of a place of this template, counted from 1; of what is around it where it has none of its own."""
        if not self._root:
            return 1
        steps = list(_path(place, self.template.name))
        if len(steps) > 1:
            steps[1] = declaring(self._root, str(steps[1]))
        return line_of(self._root, steps)


FilesByName = Mapping[str, TemplateFile]


def read(names: Iterable[str]) -> list[TemplateFile]:
    """The templates of files, of folders of files, and of the folders that ``cdk synth`` writes.

    Args:
        names: files and folders; of a folder, every file below it that is a template.

    Raises:
        TemplateFileError: one of them is missing, or no template.
        AssemblyError: the folder of ``cdk synth`` cannot be read.
    """
    found: dict[Path, TemplateFile] = {}
    for name in names:
        for file in _of(Path(name)):
            found.setdefault(file.path.resolve(), file)
    shared = Counter(map(_short, found.values()))
    return [_named(file, shared[_short(file)] == 1) for file in found.values()]


def _short(file: TemplateFile) -> str:
    """What people call a template: by its file, or by its stack."""
    name = file.template.name
    return file.path.name if name == file.path.as_posix() else name


def _named(file: TemplateFile, alone: bool) -> TemplateFile:
    """The same under its short name, or under its path where another has that name as well."""
    name = _short(file) if alone else file.path.as_posix()
    return replace(file, template=replace(file.template, name=name))


def _of(path: Path) -> Iterator[TemplateFile]:
    if not path.is_dir():
        yield _file(path)
        return
    if (path / "manifest.json").is_file():
        for template in templates_in(path):
            yield TemplateFile(template, Path(template.file or path))
        return
    files = [file for file in sorted(path.rglob("*")) if file.suffix in SUFFIXES and file.is_file()]
    templates = [file for file in files if _is_template(file)]
    if not templates:
        raise TemplateFileError(f"{path} holds no template: name a folder of CloudFormation templates")
    yield from map(_file, templates)


def _is_template(file: Path) -> bool:
    """Whether a file of a folder looks like a template; one that is meant as such and is broken counts."""
    return "Resources" in _read(file) and "AWS::" in _read(file)


def _file(path: Path) -> TemplateFile:
    """One file as a template.

    Raises:
        TemplateFileError: it is none, in one line.
    """
    body = _body(path)
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise TemplateFileError(f"{path} is no CloudFormation template: it has no Resources")
    name = path.as_posix()
    template = Template(name, _with_json_bodies(body), file=name, stack_name=path.name.split(".")[0])
    return TemplateFile(template, path)


def _body(path: Path) -> Any:
    text = _read(path)
    try:
        return json.loads(text, object_pairs_hook=unrepeated)
    except RecursionError:
        raise TemplateFileError(f"{path} is nested too deeply to be a template") from None
    except RepeatedKeyError as error:
        raise TemplateFileError(f"{path}{_line_of_repeated(text)} is no template: {error}") from None
    except ValueError as error:
        if text.lstrip().startswith("{") and path.suffix == ".json":
            raise TemplateFileError(f"{path} is no JSON: {error}") from None
    try:
        node = compose(text)
        return value_of(node) if node else None
    except NodeError as error:
        line = f":{error.line}" if error.line else ""
        raise TemplateFileError(f"{path}{line} is neither JSON nor YAML of a template: {error}") from None


def _line_of_repeated(text: str) -> str:
    """The line of a JSON text on which a key stands a second time, where YAML reads the text as well."""
    try:
        node = compose(text)
    except NodeError:
        return ""
    try:
        if node:
            value_of(node)
    except NodeError as error:
        return f":{error.line}" if error.line else ""
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TemplateFileError(f"{path} cannot be read: {error.strerror}: name a template") from None
    except UnicodeDecodeError:
        raise TemplateFileError(f"{path} is no template: it is not UTF-8 text") from None


def _with_json_bodies(body: Mapping[str, Any]) -> dict[str, Any]:
    """The template with those of its stack sets as JSON text, where they stand as YAML text."""
    resources = {logical_id: _with_json_body(element) for logical_id, element in body["Resources"].items()}
    return {**body, "Resources": resources}


def _with_json_body(element: Any) -> Any:
    properties = element.get("Properties") if isinstance(element, dict) else None
    if not isinstance(properties, dict) or element.get("Type") != "AWS::CloudFormation::StackSet":
        return element
    text = properties.get("TemplateBody")
    if not isinstance(text, str):
        return element
    try:
        node = compose(text)
        as_json = json.dumps(value_of(node)) if node else text
    except NodeError:  # the proof says that it cannot be read, and where
        return element
    return {**element, "Properties": {**properties, "TemplateBody": as_json}}


def _path(place: SourceLocation, template: str) -> Iterator[str | int]:
    """The steps from the root of a file to a place; of a stack inside a template, to what holds it."""
    if place.template != template:
        yield "Resources"
        yield place.template.removeprefix(f"{template}/").split("/")[0]
        return
    if not place.logical_id:
        return
    yield from ("Resources", place.logical_id)
    if not place.part:
        return
    name, _, number = place.part.partition("[")
    yield from ("Properties", name)
    if number:
        yield int(number.rstrip("]"))
        yield "PolicyDocument"
    if place.statement is not None:
        yield from ("Statement", place.statement)


def by_name(files: Iterable[TemplateFile]) -> FilesByName:
    """The files by the names of their templates."""
    return {file.template.name: file for file in files}


def holding(files: FilesByName, place: SourceLocation) -> TemplateFile | None:
    """The file that holds a place: its own template, or the one that a nested stack or stack set stands in."""
    name = place.template
    while name and name not in files:
        name = name.rpartition("/")[0]
    return files.get(name)


def placed(files: Iterable[TemplateFile], accounts: Mapping[str, str]) -> list[TemplateFile]:
    """The files, with the account that each of ``accounts`` gives to the file of that path.

    Raises:
        TemplateFileError: a path is none of the files.
    """
    wanted = {Path(path).resolve(): (path, account) for path, account in accounts.items()}
    found = []
    for file in files:
        _, account = wanted.pop(file.path.resolve(), ("", file.template.account))
        found.append(replace(file, template=replace(file.template, account=account)))
    if wanted:
        path, account = next(iter(wanted.values()))
        raise TemplateFileError(
            f"--account {path}={account} names none of the templates: name a file as it is given to the command"
        )
    return found
