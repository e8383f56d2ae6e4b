"""The colours of the pictures and pages are told apart, by the formula of WCAG 2.2, at level AA."""

from __future__ import annotations

import re

import pytest

from rolechain.diagram.svg import STYLE

PALETTES = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part)) for part in re.split(":root", STYLE)[1:]]
TEXTS = ("ink", "quiet", "good", "bad", "doubt", "chosen")
GROUNDS = ("ground", "frame", "box")


def luminance(colour: str) -> float:
    """The relative luminance of a colour."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula() -> None:
    """Black on white is 21, as the standard says."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark", "print"])
def test_each_text_on_each_ground(palette: dict[str, str]) -> None:
    """Text has a contrast of 4.5 or more on whatever it may stand on."""
    low = {
        (text, ground): round(contrast(palette[text], palette[ground]), 2)
        for text in TEXTS
        for ground in GROUNDS
        if contrast(palette[text], palette[ground]) < 4.5
    }
    assert low == {}


def test_paper_is_light() -> None:
    """On paper the colours are those of light, whatever the system's are."""
    assert PALETTES[2] == PALETTES[0]
