"""Where things stand in a picture: no box lies on another, and no arrow runs through a box."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.cli.template_files import read
from rolechain.diagram import FORMATS, Diagram, diagram_of_graph
from rolechain.diagram.layout import Layout, PlacedBox, layout_of
from rolechain.diagram.text import text
from rolechain.proof import audit
from tests.diagram.conftest import chain_of, drawn, role_of

TEXT = """\
chain deploy is proven: 2 hops can be taken, and nothing else gets in than by 1 declared entrance

  ┌─ entrance ───────────────┐  ┌─ 111111111111 ────┐           ┌─ 222222222222 ────┐              ┌─ 333333333000 ────┐
  │ ┌──────────────────────┐ │  │ ┌───────────────┐ │           │ ┌───────────────┐ │              │ ┌───────────────┐ │
  │ │ the service          ├─┼──┼▶┤ deploy-source ├─┼──── 1 ✓✓ ─┼▶┤ deploy-middle ├─┼─────── 2 ✓✓ ─┼▶┤ deploy-target │ │
  │ │ lambda.amazonaws.com │ │  │ │               │ │           │ └───────────────┘ │              │ │               │ │
  │ └──────────────────────┘ │  │ │               ├╌┼╌┐         └───────────────────┘ ┌╌╌ refused ╌┼✗┤               │ │
  └──────────────────────────┘  │ └───────────────┘ │ ┆                               ┆            │ └───────────────┘ │
                                └───────────────────┘ ┆                               ┆            └───────────────────┘
                                                      ┆                               ┆
                                                      └╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┘

a hop: its number, then what the caller's policies and the callee's trust policy say
"""


def many() -> Diagram:
    """Two sources of several entrances, two middle roles, and targets of two kinds."""
    entrances = [Entrance.service("lambda.amazonaws.com"), Entrance.account("555555555555")]
    return drawn(
        Chain(
            "deploy",
            sources=[
                ChainRole(f"11111111111{each}", f"source-{each}", assumed_by=entrances) for each in "12"
            ],
            middle=[ChainRole("222222222222"), ChainRole("222222222223")],
            targets=[ChainRole(f"33333333333{each}", external_id=f"ext-{each}") for each in "123"]
            + [ChainRole(f"44444444444{each}", f"audit-{each}") for each in "123"],
        )
    )


def circle() -> Diagram:
    """Three roles of one account that assume each other in a circle, one of them itself."""
    names = ("a", "b", "c", "a")
    resources = {}
    for one, other in pairwise(names):
        callers = [f"arn:aws:iam::111111111111:role/{each}" for each in names if each != other]
        trust = [{"Effect": "Allow", "Principal": {"AWS": callers}, "Action": "sts:AssumeRole"}]
        calls = [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": f"arn:aws:iam::111111111111:role/{other}",
            }
        ]
        resources[f"Role{one}"] = role_of(one, trust, calls)
    return diagram_of_graph(audit({"111111111111": {"Resources": resources}}), "circle")


def estate() -> Diagram:
    """Templates of many sorts, whose accounts are not known and whose roles assume each other in circles."""
    files = read([str(Path(__file__).parents[2] / "examples" / "audit")], {})
    return diagram_of_graph(audit([each.template for each in files.values()]), "estate")


DIAGRAMS = [drawn(chain_of(1)), drawn(chain_of(30)), many(), circle(), estate()]


def test_nothing() -> None:
    """Templates without a role that somebody assumes are an empty picture, which says what is left out."""
    lambda_alone = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    for resources in ({}, {"A": role_of("a", [lambda_alone])}):
        diagram = diagram_of_graph(audit({"111111111111": {"Resources": resources}}), "nothing")
        assert diagram.boxes == ()
        for write in FORMATS.values():
            assert "0 errors" in write(diagram)
    assert "left out: 1 role that no other role or account assumes" in text(diagram)


@pytest.fixture(params=DIAGRAMS, ids=["three", "thirty", "many", "circle", "estate"])
def layout(request: pytest.FixtureRequest) -> Layout:
    return layout_of(request.param)


def test_the_text(deploy: Chain) -> None:
    """The picture as text is the same each time, to the character."""
    assert text(drawn(deploy)) == TEXT


def test_every_layout_is_written(layout: Layout) -> None:
    """Each picture is written as text, each title at full length."""
    lines = text(layout.diagram)
    assert all(frame.heading in lines for frame in layout.frames)


def test_no_box_lies_on_another(layout: Layout) -> None:
    """Boxes do not overlap, and each stands in the picture and in exactly one frame of its heading."""
    assert len(layout.boxes) == len(layout.diagram.boxes)
    for one, other in combinations(layout.boxes, 2):
        beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y
    for box in layout.boxes:
        around = [
            frame
            for frame in layout.frames
            if frame.x < box.x and box.x + box.width < frame.x + frame.width
            if frame.y < box.y and box.y + box.height < frame.y + frame.height
        ]
        assert [frame.heading for frame in around] == [box.box.heading]
        assert around[0].width >= len(box.box.heading) + 4
        assert box.x + box.width <= layout.width
        assert box.y + box.height <= layout.height


def test_no_arrow_runs_through_a_box(layout: Layout) -> None:
    """Each arrow leads from its caller's right border to its callee's left one, and crosses no box on the way."""
    by_number = {box.number: box for box in layout.boxes}
    assert len(layout.arrows) == len(layout.diagram.arrows)
    for placed in layout.arrows:
        caller, callee = by_number[placed.arrow.caller], by_number[placed.arrow.callee]
        assert placed.points[0][0] == caller.x + caller.width - 1
        assert placed.points[-1][0] == callee.x
        for box, (_, y) in ((caller, placed.points[0]), (callee, placed.points[-1])):
            assert box.y < y < box.y + box.height - 1
        for one, other in pairwise(placed.points):
            assert one[0] == other[0] or one[1] == other[1]
            assert not any(_crosses(box, one, other) for box in layout.boxes)


def _crosses(box: PlacedBox, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a line runs inside a box, its borders aside."""
    (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    inside = right > box.x and left < box.x + box.width - 1
    return inside and bottom > box.y and top < box.y + box.height - 1
