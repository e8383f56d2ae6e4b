"""Names and statements of a template may hold anything, and none of it becomes part of a picture's own language."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from rolechain.diagram import FORMATS, Diagram, diagram_of_graph, dot, mermaid, page, svg, text
from rolechain.proof import audit
from tests.diagram.conftest import role_of

NAMES = (
    "<script>alert(1)</script>",
    '"];evil [label="x',
    "]]><g onload=alert(1)>",
    "right\u202eleft",
    "one\ntwo\r\nthree",
    "'><img src=https://example.com/x onerror=alert(1)>",
    "back\\slash\\N\\",
    "</style></svg></pre>",
    "#quot;`**`%%{init: {}}%%",
    "\x1b[31mred\x00",
    "漢字" * 20,
)


def hostile(name: str) -> Diagram:
    """Two roles of a name, one of which calls the other, with the name in every place that may hold it."""
    arn = f"arn:aws:iam::222222222222:role/{name}"
    trust = [
        {"Sid": name, "Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "sts:AssumeRole"},
        {
            "Effect": "Allow",
            "Principal": {"Federated": name, "AWS": f"arn:aws:iam::333333333333:role/{name}"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringLike": {name: name, "sts:ExternalId": name}},
        },
    ]
    calls = [{"Sid": name, "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": [arn, name]}]
    return diagram_of_graph(
        audit(
            {
                "111111111111": {"Resources": {"A": role_of(name, trust, calls)}},
                "222222222222": {"Resources": {name: role_of(name, trust, calls)}},
            }
        ),
        name,
    )


@pytest.fixture(params=NAMES, ids=range(len(NAMES)))
def diagram(request: pytest.FixtureRequest) -> Diagram:
    found = hostile(request.param)
    assert len(found.boxes) > 2
    return found


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps a tag."""
        self.tags.append((tag, dict(attrs)))


def test_a_page(diagram: Diagram) -> None:
    """It has the tags of a page of harmless names and no others, one script, and nothing that is loaded."""
    written = page(diagram)
    found = Tags(written).tags
    assert [tag for tag, _ in found].count("script") == 1
    assert {tag for tag, _ in found} <= {tag for tag, _ in Tags(page(hostile("harmless"))).tags} | {"br"}
    for _, attributes in found:
        assert not any(name.startswith("on") or name in ("src", "href", "style") for name in attributes)
    policy = next(
        attributes["content"] for tag, attributes in found if "content" in attributes and tag == "meta"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_an_svg(diagram: Diagram) -> None:
    """It is well-formed XML of the elements that a picture has, without script, event or link."""
    tree = ElementTree.fromstring(svg(diagram))  # noqa: S314 - it was just written
    names = {each.tag.removeprefix("{http://www.w3.org/2000/svg}") for each in tree.iter()}
    assert names <= {"svg", "title", "style", "rect", "text", "g", "path"}
    attributes = {name for each in tree.iter() for name in each.attrib}
    assert not any(name.startswith("on") or "href" in name for name in attributes)


def test_a_text(diagram: Diagram) -> None:
    """It holds no character that controls a terminal or turns the text around."""
    assert all(character.isprintable() for line in text(diagram).split("\n") for character in line)


def test_mermaid(diagram: Diagram) -> None:
    """Every label is one quoted text of letters, marks without a meaning, and entity codes."""
    label = r'"(?:[\w .,:/@=+-]|#\d+;|<br>)*"'
    line = re.compile(
        rf"flowchart LR|  %% (?:[\w .,:/@=+-]|#\d+;)*|  subgraph account\d+\[{label}\]|    box\d+\[{label}\]|  end"
        rf"|  box\d+ (?:-->|==>|-\.-x)(?:\|{label}\|)? box\d+|  linkStyle \d+ stroke:#\w+"
    )
    for each in mermaid(diagram).splitlines():
        assert line.fullmatch(each), each


@pytest.mark.parametrize("name", NAMES)
def test_dot(name: str) -> None:
    """A quoted text ends where it is meant to: what is between two of them is what a harmless name has there."""

    def skeleton(diagram: Diagram) -> list[str]:
        return re.sub(r'"(?:[^"\\]|\\.)*"', '""', dot(diagram)).splitlines()

    diagram = hostile(name)
    lines = skeleton(diagram)
    rest = "".join(lines)
    assert '"' not in rest.replace('""', "")
    assert set(re.findall(r"\w+", rest)) <= set(
        re.findall(r"\w+", "".join(skeleton(hostile("harmless"))))
    ) | {word for number in range(12) for word in (f"box{number}", f"cluster_{number}")} | {
        "style",
        "dashed",
        "color",
    }
    if program := shutil.which("dot"):
        drawn = subprocess.run(
            [program, "-Tjson"], input=dot(diagram), capture_output=True, text=True, check=True
        )
        boxes = [each for each in json.loads(drawn.stdout)["objects"] if each["name"].startswith("box")]
        assert len(boxes) == len(diagram.boxes)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_each_time(form: str) -> None:
    """A picture of the same templates is the same, to the character."""
    assert FORMATS[form](hostile(NAMES[0])) == FORMATS[form](hostile(NAMES[0]))
