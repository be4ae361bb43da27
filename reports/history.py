"""Reads a stored history without knowing the program that wrote it.

Records outlive versions: an unknown kind, a missing field or a value of the wrong type costs a detail in the
report, never the report. Nothing here judges.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event: its place in the order, its time in seconds since the run began, its kind and fields."""

    seq: int
    at: float
    kind: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """The field as text, "" when it is missing or null."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int | None:
        """The field if it is a whole number."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def list(self, name: str) -> Sequence[Any]:
        value = self.fields.get(name)
        return value if isinstance(value, list | tuple) else ()

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.fields.get(name)
        return value if isinstance(value, Mapping) else {}


def read(history: Iterable[Any]) -> tuple[Entry, ...]:
    """The events in their order. What has no whole number `seq` cannot be placed and is left out."""
    entries = [_entry(document) for document in history if isinstance(document, Mapping)]
    return tuple(sorted((entry for entry in entries if entry), key=lambda entry: entry.seq))


def _entry(document: Mapping[str, Any]) -> Entry | None:
    seq, at = document.get("seq"), document.get("at")
    if not isinstance(seq, int) or isinstance(seq, bool):
        return None
    known = isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at)
    return Entry(
        seq=seq,
        at=float(at) if known and at is not None else 0.0,
        kind=str(document.get("kind", "")),
        fields=document,
    )
