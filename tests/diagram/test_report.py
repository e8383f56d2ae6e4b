"""The report to sign says what was proven, what was not, and from what."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from rolechain import Chain, ChainRole
from rolechain.diagram.report import Provenance, report
from rolechain.live import Account, prove_live
from rolechain.proof import prove
from rolechain.proof.rules import RULES
from tests.diagram.browser import CHROMIUM, page_of
from tests.diagram.conftest import Edit, Json, chain_of, templates
from tests.diagram.test_untrusted import NAMES, Tags

PROVENANCE = Provenance(
    "2026-11-28T09:00:00+00:00",
    "arn:aws:iam::111111111111:user/ann",
    "cdk.out",
    {"rolechain": "0.1.0"},
    "59013f5",
    {"cdk.out/111111111111.json": "0" * 64},
)


def written(chain: Chain, edit: Edit | None = None) -> str:
    return report(chain, prove(chain, templates(chain, edit)), PROVENANCE, source=" from cdk.out")


def words(document: str) -> str:
    """A page's text, on one line."""
    body = re.sub(r"<(script|style|title)\b.*?</\1>", " ", document, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def results(document: str) -> dict[str, str]:
    """The result of each rule, by its id."""
    return dict(
        re.findall(r'<tr><td class="word">(RC\d\d)</td>.*?<td class="word \w*">(.*?)</td></tr>', document)
    )


def test_what_is_claimed(deploy: Chain) -> None:
    """It says in a sentence what is claimed, then what is not, and where it comes from."""
    said = words(written(deploy))
    assert "chain deploy is proven from cdk.out: 2 hops can be taken" in said
    assert (
        "nobody gets into a role of chain deploy but by its declared hops and by 1 declared entrance" in said
    )
    assert "What is not claimed" in said
    for each in (PROVENANCE.when, PROVENANCE.who, "59013f5", "rolechain 0.1.0", "0" * 64):
        assert each in said
    assert "Date Signature" in said


def test_each_hop_with_its_statements(deploy: Chain) -> None:
    """Each hop has both sides beside each other, with one decisive statement on each."""
    document = written(deploy)
    hops = re.findall(
        r'<article id="arrow-\d+-details"[^>]*><h3>(hop .*?)</h3>(.*?)</article>', document, re.DOTALL
    )
    assert [heading for heading, _ in hops] == [
        "hop 1: deploy-source → deploy-middle, ✓ allowed",
        "hop 2: deploy-middle → deploy-target, ✓ allowed",
    ]
    for _, sides in hops:
        assert sides.count("<strong>decides</strong>") == 2
        assert sides.count('<section class="half allow">') == 2


def test_the_rules(deploy: Chain) -> None:
    """Each rule passes, fails or is about nothing that is there."""
    found = results(written(deploy))
    assert list(found) == [rule.id for rule in RULES]
    assert found["RC08"] == "✓ pass"
    assert found["RC34"] == "not applicable"
    assert set(found.values()) == {"✓ pass", "not applicable"}

    def opened(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-target":
            properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = "*"
            del properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]

    document = written(deploy, opened)
    assert results(document)["RC01"] == "✗ fail"
    assert results(document)["RC34"] == "not applicable"
    said = words(document)
    assert "Chain deploy is not proven" in said
    assert "is proven" not in said
    assert "By what was read, nobody" not in said
    assert "Fix: " in said


def test_what_is_not_known(deploy: Chain) -> None:
    """Where something that matters is not known, nothing is said to be proven and no rule to pass."""

    def unresolved(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-target":
            properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {
                "AWS": {"Fn::ImportValue": "elsewhere"}
            }

    document = written(deploy, unresolved)
    found = results(document)
    assert "✓ pass" not in found.values()
    assert "? not known" in found.values()
    assert "is proven" not in words(document)


def test_hops_that_are_not_known(deploy: Chain) -> None:
    """Of live accounts whose control policies were not read, no hop is said to be allowed."""
    bodies = templates(deploy)
    held = [
        Account(
            role.account,
            {
                "RoleDetailList": [
                    {
                        "Arn": role.arn,
                        "Path": role.path,
                        "RoleName": role.role,
                        "AssumeRolePolicyDocument": properties["AssumeRolePolicyDocument"],
                        "RolePolicyList": properties.get("Policies", []),
                    }
                ],
                "UserDetailList": [],
                "GroupDetailList": [],
                "Policies": [],
            },
        )
        for role in deploy.roles
        for resource in bodies[role.account]["Resources"].values()
        for properties in [resource["Properties"]]
    ]
    said = words(report(deploy, prove_live(deploy, held), PROVENANCE))
    assert "hop 1: deploy-source → deploy-middle, ? not known" in said
    assert "hop 2: deploy-middle → deploy-target, ? not known" in said
    assert "is proven" not in said


def test_a_hop_that_depends_on_the_moment(deploy: Chain) -> None:
    """Who gets in is claimed, and of the hop that it is not known whether it works."""

    def addressed(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-target":
            condition = properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
            condition["IpAddress"] = {"aws:SourceIp": "192.0.2.0/24"}

    said = words(written(deploy, addressed))
    assert "whether 1 of the 2 declared hops can be taken is not known" in said
    assert "hop 2: deploy-middle → deploy-target, ? not known" in said
    assert "is proven" not in said


@pytest.mark.parametrize("name", NAMES)
def test_untrusted_names(deploy: Chain, name: str) -> None:
    """A statement of any text makes no element and no attribute of the page."""

    def planted(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-target":
            statement = {
                "Sid": name,
                "Effect": "Allow",
                "Principal": {"AWS": name},
                "Action": "sts:AssumeRole",
            }
            properties["AssumeRolePolicyDocument"]["Statement"].append(statement)

    found = Tags(written(deploy, planted)).tags
    assert [tag for tag, _ in found].count("script") == 1
    assert not {tag for tag, _ in found} & {"img", "a", "iframe", "link", "object"}
    assert not any(
        key.startswith("on") or key in ("src", "href", "style") for _, each in found for key in each
    )


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_in_a_browser_and_on_paper(tmp_path: Path) -> None:
    """It loads nothing, is accessible, and is printed on several pages of A4, with the picture on one of them."""
    file = tmp_path / "report.html"
    file.write_text(written(chain_of(300)))
    with page_of(tmp_path / "profile") as page:
        page.open(file)
        assert page.value("[...document.querySelectorAll('article')].every((one) => one.offsetHeight > 0)")
        page.click("#arrow-1 .label")
        assert page.value("document.activeElement.id") == "arrow-1-details"
        assert page.violations() == []
        pages = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page.pdf())
        assert len(pages) > 2
        assert {(round(float(width)), round(float(height))) for width, height in pages} <= {
            (595, 842),
            (596, 842),
        }
        assert page.requested == [file.as_uri()]
        assert page.said == []
