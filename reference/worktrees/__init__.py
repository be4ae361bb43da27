"""Git worktrees for agents: made one at a time for each repository, and taken back when the add fails.

`git worktree add` fails at once when another git holds the lock that it wants, and leaves the branch behind that it has
made by then. So adds of one repository take turns (GIT-1), and whatever a failed one has made is removed (CFG-12), of
one that was killed by the next (`reference.worktrees.halves`). With --no-track git writes nothing into the config that
all worktrees share (GIT-2).

It refuses to take over a branch or a folder with something in it, and to remove what was there before, or what another
git has made at the same moment: the branch is made first and by itself, so that git's refusal says whose it is.
"""

from __future__ import annotations

import os

from reference import stopping
from reference.errors import Busy, Local, Usage
from reference.locks import Lock
from reference.worktrees import note as notes
from reference.worktrees.git import git
from reference.worktrees.halves import take_back_left, take_back_noted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.home import Home
    from reference.worktrees.note import Note

LOCK_SECONDS = 60.0  # a checkout of a large repository takes that long


class BranchRefused(Local):
    """Git would not make the branch, and has made nothing."""


class Worktree:
    """A worktree that was made for an agent who is not in the config yet: to be kept or to be taken back."""

    __slots__ = ("keep", "take_back")

    def __init__(self, keep: Callable[[], None], take_back: Callable[[], None]) -> None:
        self.keep = keep
        self.take_back = take_back


def add(
    home: Home, repository: str, path: str, branch: str, deadline: Deadline, is_used: Callable[[str], bool]
) -> Worktree:
    """Make a worktree at `path` with a new branch.

    It is for callers inside `stopping.held`: a signal behind it would leave the worktree behind. `is_used` says whether
    an agent has this workspace.

    Raises Usage(`not-a-repository`, `bad-branch`, `branch-exists`, `bad-workspace`), Busy(`repository-busy`),
    Local(`git-failed`, `git-missing`).
    """
    shared = common_folder(repository)
    check_branch(shared, branch)
    turn = lock(home, shared)
    with stopping.deliver():
        turn.acquire(deadline.sooner(LOCK_SECONDS))
    with turn:
        recover(home, shared, is_used)
        check_free(shared, path, branch)
        commit = git(shared, "rev-parse", "--verify", "HEAD^{commit}")
        there = os.path.isdir(path)
        note = notes.write(home, repository=shared, workspace=path, branch=branch, commit=commit, was_there=there)
        try:
            make(note)
        except BranchRefused:
            note.remove()
            raise
        except BaseException:  # a signal too
            take_back_noted(note)
            raise

    def undo() -> None:
        with lock(home, shared).acquire(deadline.sooner(LOCK_SECONDS)):
            take_back_noted(note)

    return Worktree(note.remove, undo)


def make(note: Note) -> None:
    """What `add` does once everything is free; git and what it starts have the note open. Raises Local, Stopped."""
    sign = os.open(note.file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        make_branch(note, sign)
        git(note.repository, "worktree", "add", "--quiet", "--", note.workspace, note.branch, sign=sign)
    finally:
        os.close(sign)


def make_branch(note: Note, sign: int) -> None:
    """Raises BranchRefused where git has come to its own end: then a branch or a lock of that name is another's."""
    try:
        git(note.repository, "branch", "--quiet", "--no-track", "--", note.branch, note.commit, sign=sign)
    except Local as failed:
        status = failed.detail.get("status")
        if isinstance(status, int) and status > 0:
            raise BranchRefused(failed.code, failed.message, hint=failed.hint, detail=failed.detail) from None
        raise


def recover(home: Home, shared: str, is_used: Callable[[str], bool]) -> None:
    """Take back what killed adds have left of this repository's; what cannot be, `doctor` tells of."""
    for note in notes.left(home):
        if note.repository == shared:
            try:
                with stopping.deliver():
                    take_back_left(note, is_used)
            except Local:
                continue


def common_folder(repository: str) -> str:
    """The folder that all worktrees of a repository share. Raises Usage(`not-a-repository`), Local."""
    if os.path.isdir(repository):
        found = git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir", check=False)
        if found:
            return found
    raise Usage(
        "not-a-repository",
        f"{ascii(repository)[:200]} is not in a git repository",
        hint="name a folder of one: --worktree-of DIR",
        detail={"repository": ascii(repository)[:500]},
    )


def lock(home: Home, shared: str) -> Lock:
    """The lock of one repository, by whichever path it is reached."""
    status = os.stat(shared)
    path = home.lock(f"repository-{status.st_dev:x}-{status.st_ino:x}")
    return Lock(path, code="repository-busy", what=f"the repository {shared}")


def check_branch(shared: str, branch: str) -> None:
    """Raises Usage(`bad-branch`) for what git would not name a branch.

    In some commands git takes `@{-1}` for the branch that was checked out before: to take that back would delete it.
    """
    try:
        git(shared, "check-ref-format", f"refs/heads/{branch}")
    except Local as refused:
        if refused.code != "git-failed":
            raise
        shown = ascii(branch)[:100]
        hint = "see `git help check-ref-format`; for example --branch agent/lane0"
        detail = {"branch": ascii(branch)[:500]}
        raise Usage("bad-branch", f"{shown} is not a name for a branch", hint=hint, detail=detail) from None


def check_free(shared: str, path: str, branch: str) -> None:
    """Raises Usage(`bad-workspace`, `branch-exists`), Busy(`repository-busy`)."""
    if os.path.isdir(path) and os.listdir(path):
        detail = {"workspace": path}
        raise Usage("bad-workspace", f"{path} is not empty", hint="name a folder that is not there yet", detail=detail)
    if git(shared, "for-each-ref", f"refs/heads/{branch}", check=False):
        detail = {"branch": branch}
        hint = "name another with --branch"
        raise Usage("branch-exists", f"there is a branch {branch} already", hint=hint, detail=detail)
    at_work = os.path.join(shared, "refs", "heads", f"{branch}.lock")
    if os.path.exists(at_work):
        hint = f"wait for it to end; if no git is at work there, remove {at_work}"
        raise Busy("repository-busy", f"another git is making the branch {branch}", hint=hint, detail={"lock": at_work})
