"""The words that stand in a report for an account or a name that is not known before deployment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from rolechain.cloudformation.resources import UNPLACED, stand_in
from rolechain.graph.finding import Finding
from rolechain.graph.role_graph import RoleGraph
from rolechain.iam.arn import account_of, resource_of, service_of

_ARN = re.compile(r"arn:[^:\s\"]+:[\w-]+:[^:\s\"]*:(?:<[^<>]+>|\d{12}|\*?):(?:<[^<>]+>|[^\s\",;<>()])+")
_STAND_IN = re.compile(r"(account )?<([^<>]+)>")


class Names:
    """Says the roles of a graph by their logical ids where ARNs hold what only stands for an account or a name."""

    def __init__(self, graph: RoleGraph) -> None:
        self._templates = {stand_in(name)[1:-1]: name for name in graph.templates}
        self._several = sum(bool(template.body) for template in graph.templates.values()) > 1
        places = {each.arn: each.place for each in graph.identities}
        places |= {each.arn: each.place for each in graph.roles}
        self._places = {arn: place for arn, place in places.items() if _STAND_IN.search(arn)}
        self._own = {each.place.resource: each.arn for each in graph.roles}

    def by_arn(self, others: Iterable[str]) -> Mapping[str, str]:
        """What each role, user and group is called whose ARN is not known, and others whose ARNs are not."""
        return {arn: self.words(arn) for arn in (*self._places, *others) if _STAND_IN.search(arn)}

    def finding(self, finding: Finding) -> Finding:
        """A finding in words; what its remediation asks to write keeps the form of an ARN."""
        at = finding.place.resource if finding.place else ("", "")
        message, remediation = self.words(finding.message, *at), self._to_write(finding.remediation)
        return replace(finding, message=message, remediation=remediation)

    def words(self, text: str, template: str = "", logical_id: str = "") -> str:
        """A text without what stands in for others.

        Args:
            text: the text.
            template: the template that it is about, whose roles and account are its own.
            logical_id: the resource of it that the text is about, as two that exclude each other may share an ARN.
        """
        if "<" not in text:
            return text
        text = text.replace(f".{UNPLACED}.", ".${AWS::Region}.")
        own = self._own.get((template, logical_id))
        named = _ARN.sub(
            lambda match: (
                logical_id if match[0] == own and own in self._places else self._principal(match[0], template)
            ),
            text,
        )
        said = _STAND_IN.sub(lambda match: self._part(match, template), named)
        return said.replace(
            "of its own account that its own account allows",
            "of its own account that may call sts:AssumeRole",
        )

    def _principal(self, arn: str, template: str) -> str:
        if place := self._places.get(arn):
            return place.logical_id + self._of(place.template, template)
        account, resource = account_of(arn), resource_of(arn)
        if not self._owner(account[1:-1]):
            return arn
        kind, _, name = resource.partition("/")
        if service_of(arn) != "iam" or not name:
            return f"{service_of(arn)} {resource} of account {account}".replace("iam root", "the root")
        return f"the {kind} {name} of account {account}"

    def _part(self, match: re.Match[str], template: str) -> str:
        content = match[2]
        if content == UNPLACED[1:-1]:
            return "any region"
        if not (owner := self._owner(content)):
            return match[0]
        name, rest = owner
        if rest:
            return f"{match[1] or ''}{rest.split('.')[0]}{self._of(name, template)}"
        account = "its own account" if name == template or not self._several else f"the account of {name}"
        return account if match[1] else f"the id of {account}"

    def _of(self, name: str, template: str) -> str:
        return f" of {name}" if self._several and name != template else ""

    def _owner(self, content: str) -> tuple[str, str] | None:
        """The template that a stand-in belongs to, and the resource; empty for the account."""
        parts = content.split(".")
        for number in range(len(parts), 0, -1):
            name = self._templates.get(".".join(parts[:number]))
            if name is not None:
                return name, ".".join(parts[number:])
        return None

    def _to_write(self, text: str) -> str:
        def part(match: re.Match[str]) -> str:
            owner = self._owner(match[2])
            if owner is None:
                return match[0]
            return f"{match[1] or ''}<{f'name of {owner[1]}' if owner[1] else 'account'}>"

        return _STAND_IN.sub(part, text) if "<" in text else text
