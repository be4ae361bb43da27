"""What a person at a terminal reads: the table rule by rule, and why a verdict is what it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports import escape
from reports.record import ArmFacts, Record, Result

COLOURS = {"CONFORMS": "green", "VIOLATED": "red", "UNKNOWN": "yellow", "INCONCLUSIVE": "yellow"}
_MAX_FINDINGS = 6
_WIDTH = 1000  # characters of one line that are shown, as in report.html
_MAX_ENDS = 16  # lines that are shown of each end of an order; what decides is in the last steps as a rule


@dataclass(frozen=True, slots=True)
class Line:
    """One line, and the colour it has on a terminal."""

    text: str
    colour: str = ""


def safe(text: str) -> str:
    """Text of a target as a terminal may have it: no control character acts, and any encoding can hold it."""
    return escape.clean(text).encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: str) -> str:
    """The same on one line, which cannot pass for a line of ours, and cut as report.html cuts it."""
    return escape.line(text, _WIDTH)


def explain(result: Result) -> str:
    """Why a scenario is not green: findings first, then what could not be decided, then how to see it again.

    A target's words stay on the line of what holds them, and are cut as the reports cut them.
    """
    lines = [f"{result.rule} {result.verdict}: {result.title}"]
    if result.fault:
        lines.append(f"  fault: {result.fault}")
    lines += [f"  - {one_line(finding.message)}" for finding in result.findings[:_MAX_FINDINGS]]
    if (more := len(result.findings) - _MAX_FINDINGS) > 0:
        lines.append(f"  - and {more} more, in the report")
    lines += [f"  {line}" for note in result.notes for line in escape.lines(note, width=_WIDTH)]
    lines += [f"  {escape.indented(line, _WIDTH)}" for line in _in_short(result.schedule)]
    lines.append(f"  {_arms(result)}")
    lines.append(f"  replay: {result.replay}")
    return "\n".join(lines)


def table(record: Record) -> Iterator[Line]:
    """The verdicts, one line a scenario, in the order of the record; then the count of each verdict."""
    names = {rule.id: rule.name for rule in record.rules}
    width = max((len(names[r.rule]) for r in record.results), default=0)
    scenario_width = max((len(r.scenario) for r in record.results), default=0)
    for result in record.results:
        arms = one_line("; ".join(result.notes)) if result.verdict == "UNSUPPORTED" else _arms(result)
        text = (
            f"{result.rule:6} {names[result.rule]:{width}}  {result.scenario:{scenario_width}}  "
            f"{result.verdict:12}  {arms}"
        )
        yield Line(safe(text), COLOURS.get(result.verdict, ""))
    counts = {v: sum(r.verdict == v for r in record.results) for v in ("CONFORMS", *COLOURS, "UNSUPPORTED")}
    yield Line(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "no verdict")


def command_line(argv: Sequence[str]) -> str:
    """The session's own command line, without the path of the interpreter's scripts; `python -m pytest` is pytest."""
    program = Path(argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return shlex.join([name, *argv[1:]])


def relative(paths: Sequence[Path]) -> str:
    """The written files, seen from here."""
    here = Path.cwd()
    return ", ".join(str(p.relative_to(here) if p.is_relative_to(here) else p) for p in paths)


def _in_short(order: Sequence[str]) -> Sequence[str]:
    """An order's beginning and end, where it is long."""
    left_out = len(order) - 2 * _MAX_ENDS
    if left_out <= 1:
        return order
    return [*order[:_MAX_ENDS], f"   …  {left_out} lines, which are in the report", *order[-_MAX_ENDS:]]


def _arms(result: Result) -> str:
    def arm(name: str, facts: ArmFacts) -> str:
        return f"{name} {facts.violated} of {facts.runs} violated" if facts.runs else ""

    return ", ".join(filter(None, (arm("fault", result.fault_arm), arm("control", result.control_arm))))
