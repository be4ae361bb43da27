"""Where the state lies: one directory, readable by its owner alone.

Every path of the program is made here, from names that were checked; nothing else joins user input to a
path.
"""

from __future__ import annotations

import errno
import os

from reference import durable
from reference.errors import Usage

_NAME_LIMIT = 64
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_REST = _FIRST | {"-", "_"}


class Home:
    """The paths in one state directory."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def from_environment(cls) -> Home:
        """$REFERENCE_HOME, or ~/.reference. Raises Usage(`no-home`)."""
        path = os.environ.get("REFERENCE_HOME")
        if not path and os.path.expanduser("~") == "~":  # neither HOME nor an entry in the user database
            raise Usage("no-home", "this user has no home directory", hint="set REFERENCE_HOME to a folder of your own")
        return cls(absolute(path or os.path.join(os.path.expanduser("~"), ".reference")))

    @property
    def config(self) -> str:
        return os.path.join(self.path, "config.json")

    @property
    def runs(self) -> str:
        return os.path.join(self.path, "runs.sqlite")

    @property
    def credentials(self) -> str:
        return os.path.join(self.path, "credentials.json")

    @property
    def locks(self) -> str:
        return os.path.join(self.path, "locks")

    @property
    def sessions(self) -> str:
        return os.path.join(self.path, "sessions")

    @property
    def worktrees(self) -> str:
        """The notes of worktrees that are being made."""
        return os.path.join(self.path, "worktrees")

    def lock(self, name: str) -> str:
        """The lock file of this name, for example `gateway` or `auth-codex`."""
        return os.path.join(self.locks, f"{name}.lock")

    def session_lock(self, agent: str, session: str) -> str:
        """One lock per session. The dot separates, as no name has one: `a-b` + `c` is not `a` + `b-c`."""
        return self.lock(f"session-{agent}.{session}")

    def transcript(self, agent: str, session: str) -> str:
        """The JSONL file of one session."""
        return os.path.join(self.sessions, agent, f"{session}.jsonl")

    def make(self) -> Home:
        """Create what is missing, as 0700. Raises OSError."""
        for folder in (self.path, self.locks, self.sessions):
            make_private(folder)
        return self


def absolute(path: str) -> str:
    """The absolute path, from the working directory. Raises Usage(`no-working-directory`) where that is needed."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        shown = ascii(path)[:200]
        hint = "change to a folder that exists, or give an absolute path"
        raise Usage("no-working-directory", f"{shown} is relative to a folder that is gone", hint=hint) from None


def make_private(path: str, mode: int = 0o700) -> None:
    """Make a folder for the owner alone, and its parents, durably; one that exists is left as it is. Raises OSError.

    What is synced inside a folder is lost with the folder's own name, so that is synced in its parent.
    """
    for folder in missing(path):
        make_folder(folder, mode if folder == path else 0o777)
        durable.sync_folder(os.path.dirname(folder) or ".")


def missing(path: str) -> list[str]:
    """The folders on the way to a path that are not there, outermost first; none where its names are too long.

    Raises OSError then: found out by mkdir(2), it would leave those made that come before.
    """
    found, there = [], path
    while not os.path.isdir(there):
        found.append(there)
        there = os.path.dirname(there) or "."
    name_limit, path_limit = os.pathconf(there, "PC_NAME_MAX"), os.pathconf(there, "PC_PATH_MAX")
    names = [len(os.fsencode(os.path.basename(folder))) for folder in found]
    if len(os.fsencode(path)) >= path_limit or any(length > name_limit for length in names):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    return found[::-1]


def make_folder(path: str, mode: int = 0o777) -> None:
    """Make this one folder; somebody else may have made it meanwhile. Raises OSError."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None


def checked_name(name: str, what: str) -> str:
    """The name of an agent or a session, if it is one. Raises Usage(`bad-name`).

    Lower case only: on file systems that fold case `A` and `a` would share one folder.
    """
    if 0 < len(name) <= _NAME_LIMIT and name[0] in _FIRST and _REST.issuperset(name):
        return name
    hint = f"use 1 to {_NAME_LIMIT} of a-z, 0-9, - and _, with a letter or digit first"
    proposal = "".join(c for c in name.lower() if c in _REST).lstrip("-_")[:_NAME_LIMIT]
    if proposal:
        hint += f"; for example {proposal}"
    shown = ascii(name if len(name) <= 80 else name[:77] + "...")
    raise Usage("bad-name", f"{shown} is not a name for {what}", hint=hint, detail={"name": ascii(name)[:200]})
