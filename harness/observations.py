"""What there was when the harness looked: files and what a power cut left of them, processes, locks, ports.

These are kinds of events (`harness.events`), and the only ones that say what is, not what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSeen:
    """What stood in a file when a reader looked. `parses` is None for files that are not documents."""

    role: str  # "config", "credentials", …
    path: str
    exists: bool
    size: int
    digest: str
    parses: bool | None
    mode: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRecorded:
    """What some actors did to the files of one folder, call by call, and how many power cuts were tried on it.

    `unknown` says what may have changed unseen, `left_out` how many states of the folder were not tried.
    """

    actors: tuple[str, ...]
    operations: tuple[str, ...]  # "rename config.json": the call, and the path below the folder; contents never
    states: int
    left_out: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLost:
    """A change that a power cut took back. `path` is the file's name in the folder that is left, if it has one."""

    path: str
    call: str
    what: Literal["bytes", "length", "marks", "name"]
    left: str  # how much of it is there: "nothing", "the beginning", "the end", "zeroes" …
    moved: bool  # the file had been moved to its name by a rename, or made under it, after this change


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLost:
    """The folder was put into a state that a power cut may leave; the commands that follow begin there.

    `moment` of `operations` recorded ones had been made. `models` are the filesystems' promises that allow this state.
    `behind` are the files that stand there and stood neither before the recording nor after it: locks, temporaries.
    """

    trial: str
    moment: int
    operations: int
    lost: tuple[ChangeLost, ...]
    models: tuple[str, ...]
    behind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """One process of a tree."""

    pid: int
    parent: int
    actor: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSeen:
    """All processes of the run at one moment."""

    when: str  # "before the signal", "after the grace period", …
    processes: tuple[ProcessSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorSeen:
    """A process that outlived its command beyond the grace period. `listed` is the target's own handle, if any."""

    actor: str
    pid: int
    command: str
    listed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """A process that the target's commands had left behind for those after them; whether it ended when it was told to.

    It is told so at the end of the run, by SIGTERM.
    """

    pid: int
    command: str
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildBeat:
    """Child work was seen alive (its heartbeat advanced) or still since the last look."""

    child: str
    beats: int
    advanced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSeen:
    """A fingerprint of everything in a workspace; equal fingerprints mean that nothing changed between."""

    workspace: str
    when: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySeen:
    """A git repository as its files show it. `config` digests its config and HEAD; worktrees go by their folders.

    `broken` are worktrees that only one side knows, or that are still being made; `folders` exist, whatever they hold.
    `files` are those of the main checkout, committed or not, each with a digest of what stands in it. `drafts` are
    folders in which a person has been at work (`harness.lab.repository.work_in`) and whose work is still there.
    """

    when: str
    config: str
    branches: tuple[str, ...]
    worktrees: tuple[str, ...]
    broken: tuple[str, ...]
    folders: tuple[str, ...]
    files: tuple[str, ...] = ()
    drafts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSeen:
    """A lock that the kernel holds on a file of the run (/proc/locks); `holder` 0 says that none was found."""

    path: str
    holder: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSeen:
    """A port that a process of the run listens on; 0 says that none was found."""

    port: int
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSeen:
    """A token or key stood where none may be: in a command's output, or in a file that holds no credentials."""

    where: str
    fingerprint: str
