"""The processes below one, as proc(5) shows them at one moment."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_MOST = 1000  # characters of a command line


def below(roots: Sequence[int]) -> list[dict[str, Any]]:
    """These processes, each with all its descendants behind it.

    Of each its `pid`, its `parent`, how far it is below its root (`depth`), its `state` (a letter, as in ps(1)), its
    `command`, and the `name` that it has given itself, if it has. What ends while we look is left out.
    """
    processes = dict(_all()) if roots else {}  # of a run that has ended nothing is looked for
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in sorted(processes.items()):
        children.setdefault(parent, []).append(pid)
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    rest = [(pid, 0) for pid in reversed(roots) if pid in processes]
    while rest:
        pid, depth = rest.pop()
        if pid in seen:  # a root below another
            continue
        seen.add(pid)
        parent, state = processes[pid]
        about = {"state": state, "command": _command(pid), "name": _name(pid)}
        found.append({"pid": pid, "parent": parent, "depth": depth, **about})
        rest += [(child, depth + 1) for child in reversed(children.get(pid, []))]
    return found


def _all() -> Iterator[tuple[int, tuple[int, str]]]:
    """Every process: its parent and its state."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _read(f"/proc/{entry}/stat")):
            state, parent, *_ = stat[stat.rfind(b")") + 2 :].split()
            yield int(entry), (int(parent), state.decode())


def _command(pid: int) -> str:
    """Its command line; a kernel's name in brackets where there is none, as of a zombie."""
    words = _read(f"/proc/{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    return words[:_MOST] or f"[{_name(pid)}]"


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").decode("utf-8", "replace").rstrip("\n")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
