"""Places a timeline on a plane: where each lane, bar, mark and tick stands. Numbers only; no markup.

Time runs to the right and is compressed: every event gets room, and a long wait is drawn longer, but not in
proportion. Ticks say the real times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p

from reports import escape
from reports.timeline import Bar, Lane, Mark, Timeline

LANE_HEIGHT = 40
TOP = 34  # above the first lane: the ticks
GUTTER = 156  # left of the drawing: the labels
_STEP = 20.0  # between two events
_STRETCH = 9.0  # for waits, times the logarithm of the milliseconds
_RIGHT = 28
_NARROWEST = 1078  # the width of a page's column; a short history is spread over it
_TICK_GAP = 74
_HALF_A_TIME = 26.0  # of "123 ms", which stands above the middle of its event


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLane:
    lane: Lane
    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBar:
    """A bar from x, `width` wide; `open` when the history ends before it does."""

    bar: Bar
    x: float
    y: float
    width: float
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedMark:
    """A mark; `from_y` is the lane of the actor that sent the request, or None."""

    mark: Mark
    x: float
    y: float
    from_y: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Everything that the template draws, in its own units, which are CSS pixels at full size."""

    width: float
    height: float
    lanes: tuple[PlacedLane, ...]
    bars: tuple[PlacedBar, ...]
    marks: tuple[PlacedMark, ...]
    ticks: tuple[Tick, ...]


def place(timeline: Timeline) -> Drawing:
    """Lay the timeline out. The same timeline always gives the same drawing."""
    xs = _columns(timeline.marks)
    rows = {lane: TOP + LANE_HEIGHT * (index + 0.5) for index, lane in enumerate(timeline.lanes)}
    senders = {lane.label: y for lane, y in rows.items() if lane.kind == "actor"}
    end = max(xs.values(), default=GUTTER) + _RIGHT
    return Drawing(
        width=end,
        height=TOP + LANE_HEIGHT * len(rows) + 8,
        lanes=tuple(PlacedLane(lane=lane, y=y, label=_short(lane.label)) for lane, y in rows.items()),
        bars=tuple(_bar(bar, rows[bar.lane], xs, end) for bar in timeline.bars if bar.lane in rows),
        marks=tuple(
            PlacedMark(mark=mark, x=xs[mark.seq], y=rows[mark.lane], from_y=senders.get(mark.actor))
            for mark in timeline.marks
        ),
        ticks=_ticks(timeline.marks, xs),
    )


def _columns(marks: Sequence[Mark]) -> dict[int, float]:
    xs: dict[int, float] = {}
    x, last = 0.0, marks[0].at if marks else 0.0
    for mark in marks:
        x += _STRETCH * log1p(max(0.0, mark.at - last) * 1000)
        xs[mark.seq] = x
        x, last = x + _STEP, mark.at
    left = GUTTER + _HALF_A_TIME
    scale = max(1.0, (_NARROWEST - left - _RIGHT) / max(1.0, x - _STEP))
    return {seq: round(left + offset * scale, 1) for seq, offset in xs.items()}


def _bar(bar: Bar, y: float, xs: Mapping[int, float], end: float) -> PlacedBar:
    x = xs[bar.start]
    stop = end if bar.end is None else _at(bar.end, xs)
    return PlacedBar(bar=bar, x=x, y=y, width=round(max(2.0, stop - x), 1), open=bar.end is None)


def _at(seq: int, xs: Mapping[int, float]) -> float:
    """The column of an event, or of the last one shown before it."""
    shown = list(xs)
    return xs[shown[max(0, bisect_right(shown, seq) - 1)]]


def _ticks(marks: Sequence[Mark], xs: Mapping[int, float]) -> tuple[Tick, ...]:
    ticks: list[Tick] = []
    for mark in marks:
        x = xs[mark.seq]
        if not ticks or x - ticks[-1].x >= _TICK_GAP:
            ticks.append(Tick(x=x, text=_seconds(mark.at)))
    return tuple(ticks)


def _seconds(at: float) -> str:
    return f"{at * 1000:.0f} ms" if at < 1 else f"{at:.2f} s"


def _short(label: str) -> str:
    """Both ends of a long label: lanes often differ in their last characters."""
    label = escape.line(label)
    return label if len(label) <= 19 else f"{label[:10]}…{label[-8:]}"
