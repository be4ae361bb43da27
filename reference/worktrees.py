"""Git worktrees for agents: made one at a time for each repository, and taken back when the add fails.

`git worktree add` fails at once when another git holds the lock that it wants, and leaves the branch behind that it has
made by then. So adds of one repository take turns (GIT-1), and whatever a failed one has made is removed (CFG-12). With
--no-track git writes nothing into the config that all worktrees share (GIT-2).

It refuses to take over a branch or a folder with something in it, and to remove what was there before.
"""

from __future__ import annotations

import os
import subprocess
import time

from reference import stopping
from reference.errors import Local, Usage
from reference.locks import Lock
from reference.tools import tree
from reference.tools.kernel import become_subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from reference.deadline import Deadline
    from reference.home import Home

LOCK_SECONDS = 60.0  # a checkout of a large repository takes that long


def add(home: Home, repository: str, path: str, branch: str, deadline: Deadline) -> Callable[[], None]:
    """Make a worktree at `path` with a new branch; a function that takes both back.

    It is for callers inside `stopping.held`: a signal between the two would leave the worktree behind.

    Raises Usage(`not-a-repository`, `bad-branch`, `branch-exists`, `bad-workspace`), Busy(`repository-busy`),
    Local(`git-failed`, `git-missing`).
    """
    shared = common_folder(repository)
    check_branch(shared, branch)
    turn = lock(home, shared)
    with stopping.deliver():
        turn.acquire(deadline.sooner(LOCK_SECONDS))
    with turn:
        check_free(shared, path, branch)
        try:
            make(shared, path, branch)
        except BaseException:  # a signal too
            take_back(shared, path, branch)
            raise

    def undo() -> None:
        with lock(home, shared).acquire(deadline.sooner(LOCK_SECONDS)):
            take_back(shared, path, branch)

    return undo


def make(shared: str, path: str, branch: str) -> None:
    """What `add` does once everything is free."""
    git(shared, "worktree", "add", "--quiet", "--no-track", "-b", branch, path, "HEAD")


def take_back(shared: str, path: str, branch: str) -> None:
    """Remove what was made, as far as it was: the second --force is for one that was interrupted."""
    git(shared, "worktree", "remove", "--force", "--force", path, check=False)
    if os.path.isdir(path):
        import shutil

        shutil.rmtree(path)
    git(shared, "worktree", "prune", check=False)
    git(shared, "branch", "--quiet", "-D", "--", branch, check=False)


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
    """Raises Usage(`bad-workspace`, `branch-exists`)."""
    if os.path.isdir(path) and os.listdir(path):
        detail = {"workspace": path}
        raise Usage("bad-workspace", f"{path} is not empty", hint="name a folder that is not there yet", detail=detail)
    if git(shared, "for-each-ref", f"refs/heads/{branch}", check=False):
        detail = {"branch": branch}
        hint = "name another with --branch"
        raise Usage("branch-exists", f"there is a branch {branch} already", hint=hint, detail=detail)


def git(folder: str, *words: str, check: bool = True) -> str:
    """What git prints. Raises Local(`git-missing`, `git-failed`), the second only with `check`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    # Memory and no pipes: those would stay open for as long as what a hook has left in the background.
    with open(os.memfd_create("output"), "w+b") as output, open(os.memfd_create("errors"), "w+b") as errors:
        status = _run(["git", "-C", folder, *words], env, output, errors)
        output.seek(0)
        errors.seek(0)
        if check and status:
            said = errors.read().decode(errors="replace").strip().rpartition("\n")[2] or f"exit status {status}"
            raise Local("git-failed", f"git {words[0]} {words[1]}: {said}", detail={"status": status})
        return os.fsdecode(output.read()).removesuffix("\n") if status == 0 else ""


def _run(command: list[str], env: dict[str, str], output: IO[bytes], errors: IO[bytes]) -> int:
    """The exit status. A git that is interrupted with us is ended with all that its hooks have begun.

    It gets SIGTERM first, at which it removes its own lock files.
    """
    try:
        with stopping.deliver(), stopping.interrupting():
            return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors).wait()
    except FileNotFoundError:
        raise Local("git-missing", "git is not installed", hint="install git, or leave --worktree-of out") from None
    except BaseException:
        become_subreaper()  # what a hook has begun is ours when git has ended
        us = os.getpid()
        tree.take_down(lambda: tree.descendants(us), _reap, time.sleep, stopping.grace())
        raise


def _reap() -> bool:
    """Collect the dead; whether any child is left."""
    gone = [tree.collect(pid) for pid in tree.children(os.getpid())]
    return not all(gone)
