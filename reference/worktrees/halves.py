"""Taking back what an add has made of a worktree that has got no agent.

An add takes back by itself what it has made, whatever ends it. One that is killed cannot: the next add in the same
repository does so by the note that it has left, or `doctor`.

It refuses to take back what somebody has worked in meanwhile, and what an agent has come to use.
"""

from __future__ import annotations

import os
import time

from reference import durable, stopping
from reference.errors import Busy, Local
from reference.home import make_folder
from reference.tools import tree
from reference.worktrees.git import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.worktrees.note import Note


def take_back(shared: str, path: str, branch: str, *, was_there: bool = False) -> None:
    """Remove what was made, as far as it was: the second --force is for one that was interrupted.

    `was_there` says that the folder had been there before, with nothing in it.
    """
    git(shared, "worktree", "remove", "--force", "--force", path, check=False)
    if os.path.isdir(path):
        import shutil

        shutil.rmtree(path)
    _let_prune(shared, path)
    git(shared, "worktree", "prune", check=False)
    unlock_branch(shared, branch)
    git(shared, "branch", "--quiet", "-D", "--", branch, check=False)
    if was_there:
        make_folder(path)


def take_back_noted(note: Note) -> None:
    """The same of what a note tells of, and of the note."""
    take_back(note.repository, note.workspace, note.branch, was_there=note.was_there)
    note.remove()


def take_back_left(note: Note, is_used: Callable[[str], bool]) -> None:
    """Take back what a killed add has left, for a caller that has the repository's turn.

    Raises Busy(`repository-busy`) when what is at work there cannot be ended, Local(`worktree-changed`).
    """
    if is_used(note.workspace):
        note.remove()
        return
    _end_those_at_work(note)
    _check_unchanged(note)
    take_back_noted(note)


def unlock_branch(shared: str, branch: str) -> None:
    """A git that ends as it makes a lock file leaves that behind: its handler learns of the file a moment later."""
    durable.discard(os.path.join(shared, "refs", "heads", f"{branch}.lock"))


def _let_prune(shared: str, path: str) -> None:
    """Unlock what git keeps of a worktree whose folder is gone; over what it has half written git itself stumbles."""
    folder = os.path.join(shared, "worktrees")
    ours = os.path.join(os.path.realpath(path), ".git")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        admin = os.path.join(folder, name)
        try:
            whose = _pointed_to(os.path.join(admin, "gitdir"))
        except OSError:
            whose = ""
        if whose == ours or (not whose and name.startswith(os.path.basename(path))):
            durable.discard(os.path.join(admin, "locked"))


def _end_those_at_work(note: Note) -> None:
    """A git that outlived its add would go on making what is taken back."""

    def look() -> list[tree.Process]:
        return tree.holding(note.file)

    tree.take_down(look, lambda: bool(look()), time.sleep, stopping.grace())
    if left := look():
        who = f"{left[0].name} ({left[0].pid})"
        raise Busy("repository-busy", f"{who} is still at work in {note.workspace}", hint="end it, then try again")


def _check_unchanged(note: Note) -> None:
    """Raises Local(`worktree-changed`): what git has made whole may have become somebody's."""
    tip = git(note.repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{note.branch}", check=False)
    if tip not in ("", note.commit) or (_is_whole(note.workspace) and _is_worked_in(note)):
        raise Local(
            "worktree-changed",
            f"a killed add has left {note.workspace} and the branch {note.branch}, and somebody has worked there since",
            hint="save what you need, then `git worktree remove --force` and `git branch -D` them",
            detail={"workspace": note.workspace, "branch": note.branch},
        )


def _is_worked_in(note: Note) -> bool:
    """Whether anything differs from what git has made there: the branch that is checked out, its tip, any file.

    A person may have told git to show less of that, by `status.showUntrackedFiles` for one.
    """
    words = ("--porcelain=v2", "--branch", "--untracked-files=normal", "--ignore-submodules=none")
    lines = git(note.workspace, "status", *words).splitlines()
    ours = {f"# branch.oid {note.commit}", f"# branch.head {note.branch}"}
    return not ours.issubset(lines) or any(not line.startswith("# ") for line in lines)


def _is_whole(path: str) -> bool:
    """Whether git came to the end of making this worktree: until then it is locked, and nobody can work in it."""
    try:
        admin = _pointed_to(os.path.join(path, ".git"))
    except OSError:
        return False
    return os.path.exists(os.path.join(admin, "index")) and not os.path.exists(os.path.join(admin, "locked"))


def _pointed_to(file: str) -> str:
    """The path in one of git's files, which may be relative to that (`worktree.useRelativePaths`). Raises OSError."""
    found = os.fsdecode(durable.read(file)).removeprefix("gitdir: ").rstrip("\n")
    return os.path.realpath(os.path.join(os.path.dirname(file), found)) if found else ""
