"""What a stopped call reads and changes, as the names by which schedules know them.

Files go by their path below the run's folder: whoever replaces a file touches the name that others read. Two creations
in one folder do not touch each other, but each touches a listing of that folder. What happens to a folder touches every
path that leads through it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from harness.conductor import locks, ports
from harness.conductor.calls import Family
from harness.conductor.paths import AT_FDCWD, REMOVED, links, lost_name
from harness.conductor.stopped import StoppedCall
from harness.schedules.points import (
    ANSWERED,
    CONTENT_OF,
    FACTS_OF,
    HELD,
    NAMES_IN,
    PATHS_BELOW,
    PROCESS,
    RECORDS_OF,
    Touch,
    named,
)

_NAMING = frozenset({Family.REPLACE, Family.REMOVE, Family.MAKE})
_FILLING = frozenset({Family.WRITE, Family.MARK})
_CHANGING = _NAMING | _FILLING
_BY_ANY_NAME = _FILLING | {Family.OPEN, Family.READ, Family.LOCK, Family.INSPECT}  # what one does to a file with many
_FOLDERS = frozenset({"mkdir", "mkdirat", "rmdir"})  # nearly every program makes sure of some: see `glances`
_ADMITTING = frozenset({"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"})
_NAME_ONLY = os.O_PATH | os.O_DIRECTORY  # whoever opens so reads nothing: of a folder, a listing is a call of its own


def touches(call: StoppedCall, root: str) -> tuple[Touch, ...]:
    """The objects of a call, in the order of its arguments; then the links and the folders that lead it there.

    Whoever takes the name of an open file away, or gives it another, changes by which name it will be known.
    """
    if call.asks:
        return (Touch(PROCESS + call.asks, False),)
    objects = _objects(call, root)
    return (
        *objects,
        *(Touch(_below(root, link), False) for link in _links(call, root)),
        *(Touch(PATHS_BELOW + folder, False) for folder in _folders(call, root)),
        *(Touch(PATHS_BELOW + _below(root, name), False) for name in _names(call, root)),
        *(Touch(f"{CONTENT_OF}{inode}", _changes_content(call)) for inode in _shared(call)),
        *(_facts(call, root, writes=True) if call.kind.name not in _FOLDERS and _changes(objects) else ()),
    )


def looked_at(call: StoppedCall, root: str) -> Iterator[Touch]:
    """What an actor learns by a look that is no point; it leads through folders that may get another name, or mode."""
    for touch in (*_facts(call, root, writes=False), *(Touch(FACTS_OF + name, False) for name in _folders(call, root))):
        yield replace(touch, behind=True)


def vary(call: StoppedCall, root: str) -> bool:
    """Whether the touches depend on names that others may have made, removed or led elsewhere while it waited."""
    if call.asks:
        return False
    if call.kind.family in _NAMING or call.open_flags & os.O_CREAT or _links(call, root) or _shared(call):
        return True
    return any(
        operand.text is None  # an open file may have another name by now
        or not os.path.lexists(os.path.dirname(operand.path))  # noqa: PTH120
        for operand in call.operands
    )


def _objects(call: StoppedCall, root: str) -> tuple[Touch, ...]:
    if call.kind.family is Family.LOCK:
        records, writes = locks.record(call), not locks.takes_share(call)
        named = tuple(Touch(f"lock:{_below(root, path)}{records}", writes) for path in call.paths)
        held = tuple(Touch(HELD + _below(root, name), False) for path in call.paths for name in _all_names(path, root))
        if call.kind.name == "flock":
            return (*named, *held)
        return (*named, *held, *(Touch(RECORDS_OF + _below(root, path), writes) for path in call.paths))
    if call.kind.name == "connect":
        reached = (_below(root, path) for path in call.paths)
        return tuple(Touch(name, False) for path in reached for name in (path, ANSWERED + path))
    if ports.is_name(call.path):
        return (Touch(call.path, not locks.in_vain(call)),)
    if locks.in_vain(call):  # it will only learn that its name is taken: whoever makes sure of a folder calls mkdir
        tells = call.kind.name != "renameat2"
        return tuple(Touch(_below(root, path), False, tells, taken=True) for path in call.paths)
    creates = _creates(call)
    writes = call.kind.family in _CHANGING or call.kind.family is Family.SERVE or creates or _empties(call)
    tells = not (call.open_flags & _NAME_ONLY or call.open_flags & os.O_ACCMODE == os.O_WRONLY)
    named = tuple(Touch(_below(root, path), writes, tells) for path in call.paths)
    if call.kind.family is Family.LIST:
        return (*named, *(Touch(NAMES_IN + _below(root, path), True) for path in call.paths))
    if creates or call.kind.family in _NAMING:
        folders = dict.fromkeys(_below(root, os.path.dirname(path)) for path in call.paths)  # noqa: PTH120
        named_so = call.paths if call.kind.family in _NAMING else ()
        ways = dict.fromkeys(name for path in named_so for name in _all_names(path, root))
        return (
            *named,
            *(Touch(NAMES_IN + folder, False) for folder in folders),
            *(Touch(PATHS_BELOW + _below(root, path), True) for path in ways),
        )
    if call.kind.name in _ADMITTING and os.path.isdir(call.path):  # noqa: PTH112
        return (*named, Touch(PATHS_BELOW + _below(root, call.path), True))  # who may go through a folder
    return named


def _facts(call: StoppedCall, root: str, *, writes: bool) -> Iterator[Touch]:
    """What looks tell of a call's objects, by any of their names."""
    for path in call.paths:
        yield Touch(FACTS_OF + _below(root, path), writes)
    for inode in _shared(call):
        yield Touch(f"{FACTS_OF}{inode}", writes)


def _changes(objects: Iterable[Touch]) -> bool:
    return any(touch.writes for touch in named(objects) if not touch.object.startswith("lock:"))


def _changes_content(call: StoppedCall) -> bool:
    """Whether the call concerns whoever opens, reads or locks the file by another name."""
    if call.kind.family is Family.LOCK:
        return not locks.takes_share(call)
    return call.kind.family in _FILLING or _empties(call)


def _empties(call: StoppedCall) -> bool:
    """Whether the call can cut the file: opening what is there for writing changes nothing by itself."""
    return call.kind.name == "truncate" or bool(call.open_flags & os.O_TRUNC)


def _creates(call: StoppedCall) -> bool:
    """Whether the call can make the file."""
    return bool(call.open_flags & os.O_CREAT) and not os.path.lexists(call.path)


def _links(call: StoppedCall, root: str) -> list[str]:
    """The links below the run's folder by which the call finds its objects."""
    found: list[str] = []
    for operand in call.operands:
        text = operand.text
        # The usual path has no links, and begins at the root; a name alone can only be a link itself.
        if text and text != operand.path and (operand.follows or "/" in text):
            with suppress(OSError):  # the caller is gone
                ways = links(call.thread, operand.descriptor, text, follows=operand.follows)
                found += [link for link in ways if link.startswith(f"{root}/")]
    return found


def _names(call: StoppedCall, root: str) -> list[str]:
    """What the files are called that a call opens, or has open, and what open ones were called; below the run's folder.

    Whoever takes one of several names away changes how the file is known by the others (`_all_names`).
    """
    found: list[str] = []
    for operand in call.operands:
        names = [operand.path] if call.kind.family in _BY_ANY_NAME else []
        if operand.text is None and operand.descriptor != AT_FDCWD:
            with suppress(OSError):  # the caller is gone
                names = [operand.path.removesuffix(REMOVED), lost_name(call.thread, operand.descriptor)]
        found += [name for name in dict.fromkeys(names) if name.startswith(f"{root}/")]
    return found


def _shared(call: StoppedCall) -> list[int]:
    """The files with several names that a call opens, reads, writes or locks by one of them."""
    found: list[int] = []
    for path in call.paths if call.kind.family in _BY_ANY_NAME or call.kind.family is Family.LOOK else ():
        with suppress(OSError):
            facts = os.stat(path)  # noqa: PTH116 - asked of every call that waits, at each decision
            found += [facts.st_ino] if facts.st_nlink > 1 and stat.S_ISREG(facts.st_mode) else []
    return found


def _all_names(path: str, root: str) -> list[str]:
    """What a file is called below the run's folder: who lets go of its lock had it by any of these names."""
    path = path.removesuffix(REMOVED)
    try:
        facts = os.lstat(path)
        if facts.st_nlink < 2 or not stat.S_ISREG(facts.st_mode):
            return [path]
        entries = (entry for folder, _, _ in os.walk(root) for entry in os.scandir(folder))
        return sorted({path, *(entry.path for entry in entries if entry.inode() == facts.st_ino)})
    except OSError:
        return [path]


def _folders(call: StoppedCall, root: str) -> dict[str, None]:
    """The folders below the run's own through which the call's paths lead; a set that keeps its order."""
    found: dict[str, None] = {}
    for operand in call.operands:
        folder = _below(root, operand.path) if operand.path.startswith(f"{root}/") else ""
        while folder := folder.rpartition("/")[0]:
            found[folder] = None
    return found


def _below(root: str, path: str) -> str:
    return path.removeprefix(root).lstrip("/") or "."
