"""Verdicts of several targets side by side, as a table on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.session import screen
from reports.matrix import Key, Matrix

_AS_WIDE_AS_IT_IS = 1_000_000  # characters
_STYLES = {**screen.COLOURS, "UNSUPPORTED": "dim"}
_LETTERS = {"CONFORMS": ".", "VIOLATED": "V", "UNKNOWN": "?", "INCONCLUSIVE": "i", "UNSUPPORTED": "-"}
_LEGEND = "V violated, . conforms, ? unknown, i inconclusive, - unsupported, blank not run"


def print_matrix(found: Matrix, console: Console) -> None:
    """Whichever are more go down the side. Wider than the terminal rather than cut: half a name is nobody's."""
    labels = {key: key[0] if found.by == "rule" else f"{key[0]} {key[1]}" for key in found.keys}
    targets_down = len(found.targets) > len(found.keys)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("target" if targets_down else found.by)
    for name in found.targets if not targets_down else labels.values():
        table.add_column(_plain(name), justify="center")
    if targets_down:
        for target in found.targets:
            table.add_row(_plain(target), *(_cell(found, key, target) for key in found.keys))
    else:
        for key, label in labels.items():
            table.add_row(_plain(label), *(_cell(found, key, target) for target in found.targets))
    before, console.width = console.width, _AS_WIDE_AS_IT_IS
    console.print(table)
    console.width = before
    console.print(_LEGEND, style="dim")


def _cell(found: Matrix, key: Key, target: str) -> str:
    verdict = found.verdict(key, target)
    return f"[{_STYLES.get(verdict, 'dim')}]{_LETTERS.get(verdict, ' ')}[/]"


def _plain(text: str) -> str:
    """Text of a record as a terminal may have it, and without a meaning as Rich's markup."""
    return escape(screen.one_line(text))
