"""report.html: one self-contained file that needs no script and no network.

Only arranges; what is shown comes from `reports.view`, places come from `reports.svg`, and the templates
escape every value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import escape, svg, textline, verdicts, view
from reports.record import Record
from reports.timeline import Mark

_KINDS = {
    "start": "process starts",
    "exit": "process ends",
    "hung": "hung, killed by the harness",
    "tree-end": "nothing left of its tree",
    "outcome": "what it reported",
    "signal": "signal sent",
    "held": "held",
    "released": "let go on",
    "planned": "fault planned",
    "fault": "fault fires",
    "file": "file, lock or port looked at",
    "tree": "process tree looked at",
    "survivor": "survivor",
    "beat": "child's heartbeat",
    "secret": "secret in the open",
    "refused": "left loopback: refused",
    "note": "note",
    "request": "request",
    "reply": "reply",
    "grant": "token grant decided",
}
_BARS = {
    "process": "process runs",
    "tree": "its descendants live on",
    "held": "held at a system call",
    "exchange": "exchange under way",
}


def render(record: Record) -> str:
    """The whole report as one HTML document."""
    return _environment().get_template("report.html.j2").render(record=record, results=view.results(record))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        line=_line, lines=_joined, indented=_indented, thread=escape.thread, arm=view.arm,
        meaning=verdicts.meaning, symbol=verdicts.symbol, tone=_tone,
    )  # fmt: skip
    environment.globals.update(
        place=svg.place, draw=textline.draw, tally=view.tally, legend=_legend, bar_legend=_bar_legend,
        verdict_order=tuple(reversed(verdicts.ORDER)), certainties=verdicts.CERTAINTIES,
        gutter=svg.GUTTER, lane_height=svg.LANE_HEIGHT,
    )  # fmt: skip
    return environment


def _line(value: Any, width: int = 1000) -> str:
    return escape.line(str(value), width)


def _joined(text: str, limit: int = escape.LINES) -> str:
    return "\n".join(escape.lines(str(text), limit, 2000))


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(escape.indented(line) for line in lines)


def _tone(verdict: str) -> str:
    """The CSS class of a verdict; a word that is not known must not become a class of its own."""
    return (verdict if verdict in verdicts.ORDER else verdicts.UNKNOWN).lower()


def _legend(marks: Iterable[Mark]) -> list[tuple[str, str]]:
    used = {mark.kind for mark in marks}
    return [(kind, words) for kind, words in _KINDS.items() if kind in used]


def _bar_legend(bars: Iterable[svg.PlacedBar]) -> list[tuple[str, str]]:
    used = {placed.bar.kind for placed in bars}
    return [(kind, words) for kind, words in _BARS.items() if kind in used]
