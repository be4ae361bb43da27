"""Reading JSON that people wrote, strictly: what cannot be written back unchanged is refused, with its place.

Python's reader keeps the last of two equal keys and accepts NaN; a program that reads, changes and writes
such a file loses data without a word.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Damaged(Exception):
    """The bytes are not one JSON object; line and column count from 1 and are 0 where unknown."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


def parse_object(data: bytes) -> dict[str, Any]:
    """The object in these bytes, key order kept. Raises Damaged."""
    text = _decode(data)
    if not text.strip():
        raise Damaged("the file is empty")
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=refuse_constant, parse_float=finite)
    except json.JSONDecodeError as error:
        raise Damaged(error.msg[:1].lower() + error.msg[1:], error.lineno, error.colno) from None
    except RecursionError:
        raise Damaged("nested too deeply") from None
    except ValueError:  # int() refuses more than 4300 digits
        raise Damaged("a number is too long") from None
    if not isinstance(value, dict):
        raise Damaged("the top level must be an object, { … }")
    return value


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise Damaged("not UTF-8 text", line, column) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        last = {name: index for index, (name, _) in enumerate(pairs)}
        twice = next(name for index, (name, _) in enumerate(pairs) if last[name] != index)
        raise Damaged(f"the key {twice!a} stands twice in one object")
    return found


def number(value: object) -> float | None:
    """A number of a document for reckoning; None for what is none, or an integer beyond every float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def refuse_constant(name: str) -> object:
    """For NaN and Infinity, which Python reads and writes, and nobody else."""
    raise Damaged(f"{name} is not JSON")


def finite(text: str) -> float:
    """A number that can be written back. Raises Damaged."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Damaged(f"the number {text[:40]} is too large")
    return value
