"""Draws a timeline as monospace text, downwards: one column a lane, one row an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reports import escape
from reports.timeline import Bar, Lane, Mark, Timeline

_WIDEST = 14  # columns of a lane's label that are shown
_SENTENCE = 150
GLYPHS = {
    "start": "►",
    "exit": "■",
    "hung": "∞",
    "tree-end": "□",
    "outcome": "◆",
    "signal": "↯",
    "held": "‖",
    "released": "▷",
    "planned": "◌",
    "fault": "✱",
    "file": "≡",
    "tree": "┬",
    "survivor": "✗",
    "beat": "·",
    "secret": "§",
    "refused": "⊘",
    "note": "i",
    "request": "→",
    "reply": "←",
    "grant": "←",
}
_LINES = {"process": "│", "tree": "┊", "exchange": "│", "held": "║"}


class _Column(NamedTuple):
    lane: Lane
    bars: tuple[Bar, ...]  # of this lane
    width: int


def draw(timeline: Timeline) -> list[str]:
    """The rows, clean and bounded, with a header. Evidence rows begin with the numbers of their findings."""
    columns = [_column(lane, timeline.bars) for lane in timeline.lanes]
    labels = [_label(column.lane)[: column.width].ljust(column.width) for column in columns]
    rows = [_row(mark, columns) for mark in timeline.marks]
    hidden = timeline.total - len(timeline.marks)
    tail = [f"({hidden} of {timeline.total} events are not drawn; record.json has them all)"] if hidden else []
    return [f"{'':8}{'event':>6} {'seconds':>9}  {'  '.join(labels)}".rstrip(), *rows, *tail]


def _label(lane: Lane) -> str:
    return escape.line(lane.label, _WIDEST * 2)


def _column(lane: Lane, bars: Sequence[Bar]) -> _Column:
    width = max(3, min(_WIDEST, len(_label(lane))))
    return _Column(lane, tuple(bar for bar in bars if bar.lane == lane), width)


def _row(mark: Mark, columns: Sequence[_Column]) -> str:
    cells = [_cell(column, mark).ljust(column.width) for column in columns]
    findings = f"[{','.join(map(str, mark.findings))}]" if mark.findings else ""
    sentence = escape.line(mark.label, _SENTENCE)
    return f"{findings:8}{'#' + str(mark.seq):>6} {mark.at:9.3f}  {'  '.join(cells)}  {sentence}"


def _cell(column: _Column, mark: Mark) -> str:
    if column.lane == mark.lane:
        return GLYPHS[mark.kind]
    lasting = [bar for bar in column.bars if bar.start < mark.seq and (bar.end is None or mark.seq < bar.end)]
    return _LINES[lasting[-1].kind] if lasting else ""
