"""Rows of the table of runs, checked: SQLite gives back whatever stands in a damaged page.

A damaged value can make a text of a number, or bytes that are no text. Whoever reads a row may rely on its types.
"""

from __future__ import annotations

from reference import jsonfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Row = dict[str, Any]

_NUMBER = (int, float)
_NOTHING = type(None)
_KINDS: dict[str, tuple[type, ...]] = {
    "pid": (int,),
    "start_time": (int,),
    "background": (int,),
    "started": _NUMBER,
    "finished": (*_NUMBER, _NOTHING),
    "error": (str, _NOTHING),
    "text": (str, _NOTHING),
    "parent": (str, _NOTHING),
    "message": (str, _NOTHING),
}
_TEXT = (str,)  # every other column
_STATUSES = ("running", "succeeded", "failed", "timed-out", "cancelled", "interrupted", "ended")
_LAST_MOMENT = 253402300800.0  # the end of the year 9999, in seconds since 1970: no calendar of ours goes further


class Damaged(Exception):
    """A value that this program has not written."""


def checked(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows as they are, `error` read as the JSON object that it is. Raises Damaged."""
    found = [dict(row) for row in rows]
    for row in found:
        for name, value in row.items():
            if not isinstance(value, _KINDS.get(name, _TEXT)) or not _is_possible(name, value):
                raise Damaged(f"{name} is {ascii(value)[:40]}")
        if row.get("error") is not None:
            row["error"] = _error(row["error"])
    return found


def _is_possible(name: str, value: Any) -> bool:
    if name in ("started", "finished"):
        return value is None or 0 <= value < _LAST_MOMENT
    return name != "status" or value in _STATUSES


def _error(text: str) -> dict[str, Any]:
    try:
        error = jsonfile.parse_object(text.encode())
    except (ValueError, jsonfile.Damaged):
        error = {}
    if not all(isinstance(error.get(name), str) for name in ("code", "message")):
        raise Damaged(f"error is {ascii(text)[:40]}")
    return error
