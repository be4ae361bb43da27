"""The picture of growth has every point where a logarithmic scale puts it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from bench import chart


def drawn(tmp_path: Path, curves: chart.Curves) -> ElementTree.Element:
    return ElementTree.fromstring(chart.draw(tmp_path / "x.svg", curves, title="a < b").read_text())


def points(picture: ElementTree.Element) -> list[list[tuple[float, float]]]:
    found = (line.attrib["points"] for line in picture.iter("{http://www.w3.org/2000/svg}polyline"))
    return [[(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", text)] for text in found]


def test_proportional_growth_is_a_straight_line_from_corner_to_corner(tmp_path: Path) -> None:
    (line,) = points(drawn(tmp_path, {"adds": [(1, 1.0), (10, 10.0), (100, 100.0)]}))
    assert line == [(60.0, 370.0), (410.0, 210.0), (760.0, 50.0)]


def test_every_curve_has_its_label_and_its_points(tmp_path: Path) -> None:
    picture = drawn(tmp_path, {"at once": [(4, 80.0), (16, 60.0)], "one by one": [(4, 70.0)]})
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "at once", "one by one", "4", "16", "50", "100"} <= set(words)
    assert [len(line) for line in points(picture)] == [2, 1]


def test_a_single_value_lies_on_the_picture(tmp_path: Path) -> None:
    ((place,),) = points(drawn(tmp_path, {"adds": [(4, 7.0)]}))
    assert 60 <= place[0] <= 760
    assert 50 <= place[1] <= 370
