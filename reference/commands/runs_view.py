"""How runs look to a person: a table, one run in full, its process tree. Colours and cut lines on a terminal only."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_HEAD = ("RUN", "STATUS", "AGENT/SESSION", "PID", "STARTED", "TOOK", "")
_STATUS = 1  # the column that is coloured
_COLOURS = {
    "running": "36",
    "succeeded": "32",
    "failed": "31",
    "timed-out": "31",
    "interrupted": "33",
    "cancelled": "33",
}
_BRANCHES = ("├─ ", "└─ ", "│  ", "   ")


def table(found: Sequence[dict[str, Any]]) -> str:
    """A line for each run and, below it, for each of its jobs."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for run in found:
        rows.append(_row(run, f"{run['agent']}/{run['session']}", _remark(run)))
        rows += [_row(job, "", job["command"], indent="  ") for job in run["jobs"]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    terminal = _Terminal()
    lines = []
    for number, row in enumerate(rows):
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)]
        line = terminal.cut("  ".join([*cells, row[-1]]).rstrip())
        lines.append(terminal.bold(line) if number == 0 else terminal.coloured(line, cells[_STATUS]))
    return "\n".join(lines)


def full(run: dict[str, Any], text: str) -> str:
    """Everything about one run: its answer last, as it may be long."""
    terminal = _Terminal()
    facts = {
        "run": run["id"],
        "status": f"{run['status']}, {'for' if run['status'] == 'running' else 'after'} {_took(run)}",
        "agent": f"{run['agent']}, session {run['session']}",
        "process": str(run["pid"]),
        "started": f"{_moment(run['started'], exact=True)}, {run['via']}",
        "for run": run["parent"] or "",
        "error": _error(run),
        **{f"job {job['id']}": f"{job['status']}, {_took(job)}: {printable(job['command'])}" for job in run["jobs"]},
    }
    width = max(map(len, facts))
    lines = [terminal.cut(f"{name:{width}}  {value}") for name, value in facts.items() if value]
    if processes := run.get("processes"):
        lines += ["", terminal.bold("processes"), *map(terminal.cut, tree(processes))]
    if text:
        lines += ["", terminal.bold("answer"), text]
    return "\n".join(lines)


def tree(processes: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each process, its parent above it. They come as `proctree.below` gives them."""
    lines = []
    for number, process in enumerate(processes):
        depth = process["depth"]
        lead = "".join(
            _BRANCHES[3 if _is_last(processes, number, level) else 2] for level in range(1, depth)
        )  # of each ancestor below the root: whether more of its siblings follow
        if depth:
            lead += _BRANCHES[1 if _is_last(processes, number, depth) else 0]
        what, name = process["command"], process["name"]
        words = what if name in what else f"{name}: {what}"  # a keeper is forked: its words are its parent's
        lines.append(f"{lead}{process['pid']} {process['state']} {printable(words)}")
    return lines


def _is_last(processes: Sequence[dict[str, Any]], number: int, depth: int) -> bool:
    """Whether nothing at this depth follows before the lines come back to one above it."""
    for process in processes[number + 1 :]:
        if process["depth"] <= depth:
            return bool(process["depth"] < depth)
    return True


def printable(text: str) -> str:
    """The same on one line, and without what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _row(what: dict[str, Any], of: str, remark: str, indent: str = "") -> tuple[str, ...]:
    moment = _moment(what["started"])
    return (indent + what["id"], what["status"], of, str(what["pid"]), moment, _took(what), printable(remark))


def _remark(run: dict[str, Any]) -> str:
    words = [f"for {run['parent']}"] if run["parent"] else []
    return "; ".join([*words, _error(run)] if run["error"] else words)


def _error(run: dict[str, Any]) -> str:
    return printable(f"{run['error']['code']}: {run['error']['message']}") if run["error"] else ""


def _moment(seconds: float, *, exact: bool = False) -> str:
    then, now = time.localtime(seconds), time.localtime()
    if exact:
        return time.strftime("%Y-%m-%d %H:%M:%S", then)
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d", then)


def _took(what: dict[str, Any]) -> str:
    """How long it took, or has been going on for."""
    seconds = max((what["finished"] or time.time()) - what["started"], 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {whole:02} s" if minutes else f"{whole} s"


class _Terminal:
    """Standard output, if it is a terminal; else what it does to a text is nothing."""

    __slots__ = ("colours", "width")

    def __init__(self) -> None:
        there = os.isatty(1)
        self.width = os.get_terminal_size(1).columns if there else 0
        self.colours = there and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"

    def cut(self, line: str) -> str:
        return line[: self.width - 1] + "…" if 0 < self.width < len(line) else line

    def bold(self, line: str) -> str:
        return f"\x1b[1m{line}\x1b[m" if self.colours else line

    def coloured(self, line: str, cell: str) -> str:
        """The line with this cell in the colour of its status."""
        colour = _COLOURS.get(cell.strip()) if self.colours else None
        return line.replace(cell, f"\x1b[{colour}m{cell}\x1b[m", 1) if colour else line
