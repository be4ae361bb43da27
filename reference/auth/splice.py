"""Changing one member of a JSON text and no other byte.

The credentials of all profiles share one file. Reading it into objects and writing it out again would rewrite
everybody's entry for the sake of one (number formats, escapes, order); here the other entries stay as they
are because they are never touched. The text must have been checked to be JSON without duplicate keys before.
"""

from __future__ import annotations

import re
from json import JSONDecoder, dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\n\r]*")
_VALUE = JSONDecoder()


def put_profile(text: str, profile: str, entry: dict[str, object]) -> str:
    """`text` with `profiles.<profile>` set to `entry`, whether or not the member and its parent exist."""
    value = dumps(entry, indent=2).replace("\n", "\n    ")
    top = text.index("{")
    for key, start, _ in _members(text, top):
        if key == "profiles":
            return _put(text, start, profile, value, indent="    ")
    return _put(text, top, "profiles", "{\n    " + dumps(profile) + ": " + value + "\n  }", indent="  ")


def _put(text: str, brace: int, name: str, value: str, *, indent: str) -> str:
    """Set member `name` of the object that begins at `brace`."""
    last = None
    for key, start, end in _members(text, brace):
        if key == name:
            return text[:start] + value + text[end:]
        last = end
    member = f"\n{indent}{dumps(name)}: {value}"
    if last is None:
        return text[: brace + 1] + member + "\n" + indent[2:] + text[_skip(text, brace + 1) :]
    return text[:last] + "," + member + text[last:]


def _members(text: str, brace: int) -> Iterator[tuple[str, int, int]]:
    """Key, start and end of the value of each member of the object that begins at `brace`."""
    position = _skip(text, brace + 1)
    while text[position] == '"':
        key, position = _VALUE.raw_decode(text, position)
        start = _skip(text, _skip(text, position) + 1)
        _, end = _VALUE.raw_decode(text, start)
        yield key, start, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
