"""An audit as it is shown to people: any number of templates within a few screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rolechain.cli.output import ProofText
from rolechain.cli.template_files import FilesByName, Skipped, located
from rolechain.cli.triage import TITLES, Triage
from rolechain.policy import Verdict
from rolechain.proof import Finding, HopProof, Level, Proof
from rolechain.proof.report import counted, tally
from rolechain.proof.rules import UNKNOWN

Listed = TypeVar("Listed")

GROUPS = ("rule", "role", "account", "file")
_MOST_LISTED, _MOST_UNKNOWN, _MOST_OF_GROUP, _MOST_GROUPS = 40, 10, 3, 20


class AuditText(ProofText):
    """Writes an audit: its findings first, then who is let in and who may assume what.

    Args:
        files: the templates that were read.
        names: what each principal is called whose ARN is not known.
        every: whether each thing is listed, however many there are.
    """

    def __init__(
        self, files: FilesByName, names: Mapping[str, str] | None = None, *, every: bool = False
    ) -> None:
        super().__init__(lambda place: located(place, files), names)
        self._files = files
        self._every = every

    def audit(
        self, report: Proof, triage: Triage, skipped: Sequence[Skipped], *, group: str | None, quiet: bool
    ) -> None:
        """Everything that an audit says but the last line.

        Args:
            report: what was found.
            triage: the findings, sorted out.
            skipped: the files of folders that could not be read as templates.
            group: one of ``GROUPS`` to put the findings together by; None for the order of the places, or by rule
                where there are many.
            quiet: whether the findings are said alone.
        """
        self._triaged(triage, group)
        if not quiet:
            self._access(report)
            self._listed("skipped", [each.reason for each in skipped])
            self._summary(triage.counted)

    def _triaged(self, triage: Triage, group: str | None) -> None:
        findings = triage.counted
        if group is None and (self._every or len(findings) <= _MOST_LISTED):
            self.findings(findings)
        else:
            self._grouped(findings, group or "rule")
        acknowledged = []
        for each in triage.acknowledged:
            place = self._where(each.finding.place) if each.finding.place else ""
            acknowledged.append(f"{each.finding.rule} {place}: {each.reason}")
        self._listed("acknowledged", acknowledged)

    def _grouped(self, findings: Sequence[Finding], group: str) -> None:
        key = self._key(group)
        groups: dict[str, list[Finding]] = {}
        for finding in findings:
            groups.setdefault(key(finding), []).append(finding)
        # What is wrong stands before what is not known.
        ordered = sorted(
            groups.items(),
            key=lambda item: (
                item[0] == UNKNOWN.id,
                -sum(finding.level is Level.ERROR for finding in item[1]),
                -len(item[1]),
                item[0],
            ),
        )
        shown = len(ordered) if self._every else _MOST_GROUPS
        for name, found in ordered[:shown]:
            title = f": {TITLES[name]}" if group == "rule" else ""
            self.findings(
                found if self._every else found[:_MOST_OF_GROUP], heading=f"{name}{title} ({tally(found)})"
            )
            if not self._every and len(found) > _MOST_OF_GROUP:
                option = f"--only {name}" if group == "rule" else "--all"
                self._note(f"and {len(found) - _MOST_OF_GROUP} more: {option} lists them")
        if len(ordered) > shown:
            self._note(f"and {len(ordered) - shown} more groups: --all lists them")

    def _key(self, group: str) -> Callable[[Finding], str]:
        def key(finding: Finding) -> str:
            place = finding.place
            if group == "rule":
                return finding.rule
            if place is None:
                return "no place in the templates"
            if group == "role":
                return f"{place.template} {place.logical_id}".strip()
            if group == "file":
                return self._where(place).split(":")[0]
            file = self._files.get(place.template.split("/")[0])
            account = file.template.account if file else None
            return f"account {account}" if account else "accounts that are not known"

        return key

    def _access(self, report: Proof) -> None:
        # Most roles let a service in: the others stand before them.
        ordered = sorted(report.entrances, key=lambda each: each.words.startswith("the service"))
        self._listed(
            "who is let in",
            list(dict.fromkeys(f"{self.name(each.role)} lets in {each.words}" for each in ordered)),
        )
        known = [hop for hop in report.hops if hop.verdict is not Verdict.UNKNOWN]
        unknown = [hop for hop in report.hops if hop.verdict is Verdict.UNKNOWN]
        listed = self._cut(known, _MOST_LISTED)
        # What nobody can decide grows with the square of the roles.
        open_ends = unknown if self._every or len(unknown) <= _MOST_UNKNOWN else []
        hops: list[HopProof] = [*listed, *open_ends]
        self.hops("who may assume what", hops)
        self._more(known, listed)
        if len(unknown) > len(open_ends):
            self._note(f"of {counted(len(unknown), 'pair')} it cannot be decided: --all lists them")
        self._listed("taken for granted", [each.removeprefix("assuming ") for each in report.assumptions])

    def _summary(self, findings: Sequence[Finding]) -> None:
        if len(findings) <= _MOST_LISTED:
            return
        for heading, key in (("by rule", self._key("rule")), ("by account", self._key("account"))):
            counts = Counter(map(key, findings))
            words = [
                f"{name}: {tally(each for each in findings if key(each) == name)}"
                for name, _ in counts.most_common()
            ]
            self._listed(heading, words)

    def _listed(self, heading: str, lines: Sequence[str]) -> None:
        shown = self._cut(lines, _MOST_LISTED)
        self.items(heading, shown)
        self._more(lines, shown)

    def _cut(self, listed: Sequence[Listed], most: int) -> Sequence[Listed]:
        return listed if self._every else listed[:most]

    def _more(self, listed: Sequence[object], shown: Sequence[object]) -> None:
        if len(listed) > len(shown):
            self._note(f"and {len(listed) - len(shown)} more: --all lists them")

    def _note(self, words: str) -> None:
        self._line((f"    {words}", "dim"))
