"""CloudFormation templates read from files, with the line of each place in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from rolechain.cli.options import UsageError
from rolechain.cli.template_nodes import NodeError, compose, declaring, line_of, load, read_text
from rolechain.proof import SourceLocation, Template, templates_in

SUFFIXES = (".json", ".yaml", ".yml", ".template")
"""The ends of the names of the templates in a folder."""


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
            return compose(read_text(self.path).replace("\t", " "))
        except NodeError:  # JSON that is not YAML as well has no lines here
            return None

    def line(self, place: SourceLocation) -> int:
        """The line of a place of this template, counted from 1; of what is around it where it has none of its own."""
        if not self._root:
            return 1
        steps = list(_path(place, self.template.name))
        if len(steps) > 1:
            steps[1] = self.declaring(place)
        return line_of(self._root, steps)

    def declaring(self, place: SourceLocation) -> str:
        """The logical id in this file of what a place is in: a loop, a function or a stack set that makes it."""
        steps = list(_path(place, self.template.name))
        name = str(steps[1]) if len(steps) > 1 else ""
        if name in self.template.body["Resources"]:
            return name
        return declaring(self._root, name) if self._root else name


FilesByName = Mapping[str, TemplateFile]


class Skipped(NamedTuple):
    """A file of a folder that is meant as a template and is none.

    Attributes:
        path: the file.
        reason: why it cannot be read, with the file and the line.
    """

    path: Path
    reason: str


def read(
    names: Iterable[str],
    accounts: Mapping[str, str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skipped: list[Skipped] | None = None,
) -> FilesByName:
    """The templates of files, of every file below a folder, and of the folders that ``cdk synth`` writes.

    Args:
        names: the files and folders.
        accounts: the account that a file, given its path, is deployed to.
        include: patterns of which a file of a folder meets one by its path below the folder; empty for all files.
        exclude: patterns of which it meets none.
        skipped: takes the files of folders that are no templates; without it, such a file is an error.
    """
    found: dict[Path, TemplateFile] = {}
    for name in names:
        for file in _of(Path(name), include, exclude, skipped):
            found.setdefault(file.path.resolve(), file)
    if not found:
        raise UsageError(f"{', '.join(names)} holds no template: name a folder of CloudFormation templates")
    for path, account in accounts.items():
        if (place := Path(path).resolve()) not in found:
            raise UsageError(
                f"--account {path}={account} names none of the templates: name a file as it is given to the command"
            )
        found[place] = replace(found[place], template=replace(found[place].template, account=account))
    shared = Counter(map(_short_name, found.values()))
    # Under its path where another has its short name as well.
    named: dict[str, TemplateFile] = {}
    for file in found.values():
        name = _short_name(file)
        name = name if shared[name] == 1 else file.path.as_posix()
        named[name] = replace(file, template=replace(file.template, name=name))
    return named


def synthesized(folder: str) -> tuple[Template, ...]:
    """The templates of a folder that cdk synth wrote."""
    if not (Path(folder) / "manifest.json").is_file():
        raise UsageError(
            f"{folder} is not a folder that cdk synth wrote: run cdk synth first, or name the folder"
        )
    return templates_in(folder)


def _short_name(file: TemplateFile) -> str:
    """The name of the file, or of the stack."""
    name = file.template.name
    return file.path.name if name == file.path.as_posix() else name


def _of(
    path: Path, include: Sequence[str], exclude: Sequence[str], skipped: list[Skipped] | None
) -> Iterator[TemplateFile]:
    if not path.is_dir():
        yield _file(path)
        return
    if (path / "manifest.json").is_file():
        for template in templates_in(path):
            yield TemplateFile(template, Path(template.file or path))
        return
    for file in sorted(path.rglob("*")):
        below = file.relative_to(path).as_posix()
        chosen = not include or _meets(below, include)
        if not chosen or _meets(below, exclude) or file.suffix not in SUFFIXES or not file.is_file():
            continue
        try:
            text = read_text(file)
            # A file that is meant as a template and is broken counts.
            if "Resources" in text and "AWS::" in text:
                yield _file(file, text)
        except UsageError as error:
            if skipped is None:
                raise
            skipped.append(Skipped(file, str(error)))


def _meets(below: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(below, pattern) for pattern in patterns)


def _file(path: Path, text: str | None = None) -> TemplateFile:
    try:
        body = load(read_text(path) if text is None else text)
    except NodeError as error:
        raise UsageError(f"{path}{error.after_path} is not a template: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise UsageError(f"{path} is not a CloudFormation template: it has no Resources")
    resources = {logical_id: _with_json_body(element) for logical_id, element in body["Resources"].items()}
    name = path.as_posix()
    template = Template(name, {**body, "Resources": resources}, file=name, stack_name=path.name.split(".")[0])
    return TemplateFile(template, path)


def _with_json_body(element: Any) -> Any:
    """A resource; a stack set with its template as JSON text, where that stands as YAML text."""
    properties = element.get("Properties") if isinstance(element, dict) else None
    if not isinstance(properties, dict) or element.get("Type") != "AWS::CloudFormation::StackSet":
        return element
    text = properties.get("TemplateBody")
    if not isinstance(text, str):
        return element
    try:
        body = load(text)
    except NodeError:  # the proof says that it cannot be read, and where
        return element
    return {**element, "Properties": {**properties, "TemplateBody": json.dumps(body)}}


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


def holding(files: FilesByName, place: SourceLocation) -> TemplateFile | None:
    """The file that holds a place: its own template, or the one that a nested stack or stack set stands in."""
    name = place.template
    while name and name not in files:
        name = name.rpartition("/")[0]
    return files.get(name)


def located(place: SourceLocation, files: FilesByName) -> str:
    """``FILE:LINE logical id, part, statement``."""
    file = holding(files, place)
    if file is None:
        return str(place)
    words = str(place).removeprefix(place.template).strip()
    return f"{file.path.as_posix()}:{file.line(place)} {words}".strip()


def metadata_of(files: FilesByName, place: SourceLocation | None) -> Iterator[Any]:
    """The Metadata of the resource and of the template that a place is in."""
    file = holding(files, place) if place else None
    if file is None or place is None:
        return
    resource = file.template.body["Resources"].get(file.declaring(place))
    yield resource.get("Metadata") if isinstance(resource, Mapping) else None
    yield file.template.body.get("Metadata")
