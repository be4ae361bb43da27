"""A note of a worktree that is being made, written before git is asked and removed once its agent is in the config.

An add that is killed leaves its note, and by it somebody else can tell the half of an add from a worktree of somebody's
own. Git and all that it starts have the note open: so what of it outlives a killed add is known too, by no pid.
"""

from __future__ import annotations

import json
import os

from reference import durable, identity, jsonfile
from reference.errors import Local
from reference.home import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home

_TEXTS = ("repository", "workspace", "branch", "commit", "boot_id")


class Note:
    """What is being made: a new `branch` at `commit`, checked out into `workspace`; `repository` is what all share.

    `was_there` says that the folder of the workspace had been there before, empty.
    """

    __slots__ = ("boot_id", "branch", "commit", "file", "pid", "repository", "start_time", "was_there", "workspace")

    def __init__(self, file: str, found: dict[str, object]) -> None:
        """Raises Local(`worktree-note-damaged`)."""
        texts = {name: value for name in _TEXTS if isinstance(value := found.get(name), str)}
        numbers = {name: value for name in ("pid", "start_time") if isinstance(value := found.get(name), int)}
        if len(texts) + len(numbers) < len(_TEXTS) + 2:
            raise Local("worktree-note-damaged", f"{file} is not a note of a worktree", hint="`reference doctor --fix`")
        self.file = file
        self.repository, self.workspace = texts["repository"], texts["workspace"]
        self.branch, self.commit, self.boot_id = texts["branch"], texts["commit"], texts["boot_id"]
        self.pid, self.start_time = numbers["pid"], numbers["start_time"]
        self.was_there = found.get("was_there") is True

    @property
    def is_left(self) -> bool:
        """Whether the add that wrote it is gone."""
        return not identity.is_alive(self.pid, self.start_time, self.boot_id)

    def remove(self) -> None:
        """It has served: the worktree has its agent, or is taken back."""
        durable.discard(self.file)


def write(home: Home, *, repository: str, workspace: str, branch: str, commit: str, was_there: bool) -> Note:
    """Note, durably, what is about to be made. Raises OSError, and then it must not be."""
    pid = os.getpid()
    found = {
        "repository": repository,
        "workspace": workspace,
        "branch": branch,
        "commit": commit,
        "was_there": was_there,
        "pid": pid,
        "start_time": identity.start_time(pid),
        "boot_id": identity.boot_id(),
    }
    make_private(home.worktrees)
    file = os.path.join(home.worktrees, f"{pid}.{os.urandom(4).hex()}.json")
    durable.replace(file, json.dumps(found).encode() + b"\n")
    return Note(file, found)


def files(home: Home) -> list[str]:
    """The paths of all notes; there is seldom one."""
    try:
        names = os.listdir(home.worktrees)
    except FileNotFoundError:
        return []
    return [os.path.join(home.worktrees, name) for name in sorted(names) if name.endswith(".json")]


def read(file: str) -> Note | None:
    """The note; None if it has just been removed. Raises Local(`worktree-note-damaged`), OSError."""
    try:
        return Note(file, jsonfile.parse_object(durable.read(file)))
    except FileNotFoundError:
        return None
    except jsonfile.Damaged as damaged:
        message = f"{file} is damaged: {damaged.reason}"
        raise Local("worktree-note-damaged", message, hint="`reference doctor --fix`") from None


def left(home: Home) -> Iterator[Note]:
    """Notes of adds that are gone. What cannot be read is `doctor`'s."""
    for file in files(home):
        try:
            note = read(file)
        except (Local, OSError):
            continue
        if note is not None and note.is_left:
            yield note


def forget(home: Home, workspace: str) -> None:
    """What was left half made here is an agent's now, and stays."""
    for note in left(home):
        if note.workspace == workspace:
            note.remove()
