"""Reading JSON documents out of a stream that may hold other things too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.outcome import Kind

_DECODER = json.JSONDecoder()
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):|^\s+at .+ \(.+:\d+:\d+\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Documents:
    """The JSON objects and arrays that a stream holds, in order, and whether anything else but space stood there."""

    found: tuple[Any, ...]
    stray: bool

    @property
    def last_object(self) -> dict[str, Any]:
        """The last object, {} when there is none."""
        return next((document for document in reversed(self.found) if isinstance(document, dict)), {})


def documents(text: str) -> Documents:
    """Find every document that starts at the beginning of a line (or of the text)."""
    found: list[Any] = []
    position, stray = 0, False
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        if text[position] in "{[":
            try:
                document, position = _DECODER.raw_decode(text, position)
            except ValueError:
                pass
            except RecursionError:  # nested more deeply than any document, and each line of it would take as long again
                return Documents(tuple(found), True)
            else:
                found.append(document)
                continue
        stray = True
        end_of_line = text.find("\n", position)
        position = len(text) if end_of_line < 0 else end_of_line + 1
    return Documents(tuple(found), stray)


def rows_in(document: Mapping[str, Any], key: str) -> list[dict[str, Any]] | None:
    """The list of objects that stands under this key; None when it is not there, or is something else."""
    found = document.get(key)
    return found if isinstance(found, list) and all(isinstance(row, dict) for row in found) else None


def first_line(text: str) -> str:
    """The first line that is not blank; "" when there is none."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def kind_in(message: str, kinds: Sequence[tuple[str, Kind]]) -> Kind:
    """The kind of the first pattern that is found in a program's sentence, for a program whose errors have no type."""
    return next((kind for pattern, kind in kinds if re.search(pattern, message)), "unclear")


def shows_traceback(text: str) -> bool:
    """Whether a Python or JavaScript stack trace stands in the text."""
    return _TRACEBACK.search(text) is not None
