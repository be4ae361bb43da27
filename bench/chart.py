"""Growth curves as a picture: both axes logarithmic, so that what grows in proportion is a straight line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

Curves = Mapping[str, Sequence[tuple[int, float]]]  # by label: (how many, value), both greater than 0

_COLOURS = ("#1f5fa8", "#b5482a", "#3c7d3c", "#7a4a9c")
_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 50, 700, 320  # of the plot, in pixels


def draw(path: Path, curves: Curves, *, title: str) -> Path:
    """Write an SVG of the curves; the values' axis has a line at 1, 2 and 5 times each power of ten."""
    counts = sorted({count for points in curves.values() for count, _ in points})
    values = [value for points in curves.values() for _, value in points]
    lines = _ticks(min(values), max(values))
    across, up = _Axis(counts[0], counts[-1], _LEFT, _WIDTH), _Axis(lines[0], lines[-1], _TOP + _HEIGHT, -_HEIGHT)
    drawn = [
        {"label": label, "colour": colour, "points": [(across.at(count), up.at(value)) for count, value in points]}
        for colour, (label, points) in zip(_COLOURS, curves.items(), strict=False)
    ]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    text = environment.get_template("chart.svg.j2").render(
        title=title, curves=drawn, left=_LEFT, top=_TOP, right=_LEFT + _WIDTH, bottom=_TOP + _HEIGHT,
        columns=[(across.at(count), count) for count in counts], rows=[(up.at(line), f"{line:g}") for line in lines],
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


class _Axis:
    """Where a value lies between two others, on a logarithmic scale."""

    def __init__(self, least: float, most: float, start: float, length: float) -> None:
        self._least, self._start = least, start
        self._scale = length / math.log(most / least) if most > least else 0.0

    def at(self, value: float) -> float:
        return round(self._start + self._scale * math.log(value / self._least), 1)


def _ticks(least: float, most: float) -> list[float]:
    """The smallest run of 1, 2, 5, 10, 20 … that encloses both."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    first = max(index for index, step in enumerate(steps) if step <= least)
    return steps[first : next(index for index, step in enumerate(steps) if step >= most) + 1]
