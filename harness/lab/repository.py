"""A real git repository for a run, and what its files say of worktrees and branches.

Looking reads files and asks no git, so that it neither changes the repository nor believes what a broken one is told to
say. How the files lie: gitrepository-layout(5).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.errors import TargetFailed
from harness.events import RepositorySeen
from harness.lab.look import digest

_DRAFT = "draft"
_IDENTITY = ("-c", "user.name=Pileup", "-c", "user.email=pileup@localhost")


def make(folder: Path) -> Path:
    """A repository with one commit on main, which follows a remote branch. Raises TargetFailed when git fails."""
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "README").write_text("a repository\n", encoding="utf-8")
    _git(folder, "add", "README")
    _git(folder, *_IDENTITY, "commit", "--quiet", "--message=first")
    _git(folder, "remote", "add", "origin", str(folder))
    _git(folder, "fetch", "--quiet", "origin")
    _git(folder, "branch", "--quiet", "--set-upstream-to=origin/main")
    return folder


def edit(folder: Path) -> None:
    """What a person is at work on in the main checkout: a file changed, and one added, neither committed."""
    (folder / "README").write_text("a repository that somebody is at work in\n", encoding="utf-8")
    (folder / _DRAFT).write_text("not committed yet\n", encoding="utf-8")


def work_in(worktree: Path, *, commit: bool) -> None:
    """What a person does in a worktree: adds a file, and commits it or not."""
    (worktree / _DRAFT).write_text("somebody's work\n", encoding="utf-8")
    if commit:
        _git(worktree, "add", _DRAFT)
        _git(worktree, *_IDENTITY, "commit", "--quiet", "--message=work")


def lock_branch(folder: Path, name: str) -> None:
    """What a git leaves for as long as it makes or moves a branch, to keep others out."""
    lock = folder / ".git" / "refs" / "heads" / f"{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()


def branch(folder: Path, name: str) -> None:
    """One more branch."""
    _git(folder, "branch", name)


def add_worktree(folder: Path, place: Path, *, branch: str) -> None:
    """A worktree of the repository with a new branch of its own."""
    _git(folder, "worktree", "add", "--quiet", "-b", branch, str(place))


def seen(folder: Path, workspaces: Path, when: str) -> RepositorySeen:
    """What there is now."""
    shared = folder / ".git"
    whole, broken = list[str](), list[str]()
    for admin in sorted((shared / "worktrees").glob("*")):
        link = Path(_text(admin / "gitdir") or admin / "nowhere")  # the first that git writes there, and maybe the last
        place = link.parent
        (whole if _is_whole(admin, link) else broken).append(place.name)
    return RepositorySeen(
        when=when,
        config=digest((_text(shared / "config") + _text(shared / "HEAD")).encode()),
        branches=tuple(sorted(_branches(shared))),
        worktrees=tuple(whole),
        broken=tuple(broken),
        folders=tuple(sorted(path.name for path in workspaces.glob("*"))),
        files=tuple(f"{path.name} {digest(path.read_bytes())}" for path in sorted(folder.glob("*")) if path.is_file()),
        drafts=tuple(sorted(path.parent.name for path in workspaces.glob(f"*/{_DRAFT}"))),
    )


def _is_whole(admin: Path, link: Path) -> bool:
    """Whether folder and repository know each other, and nobody is still at it."""
    known = _text(link) == f"gitdir: {admin}"
    return known and (admin / "index").exists() and not any(admin.glob("*.lock")) and not (admin / "locked").exists()


def _branches(shared: Path) -> Iterator[str]:
    for path in (shared / "refs" / "heads").rglob("*"):
        if path.is_file():  # a leftover lock of a branch is one more that should not be there
            yield str(path.relative_to(shared / "refs" / "heads"))
    for line in _text(shared / "packed-refs").splitlines():
        if " refs/heads/" in line:
            yield line.partition(" refs/heads/")[2]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _git(folder: Path, *words: str) -> None:
    path = os.environ.get("PATH", os.defpath)
    env = {"PATH": path, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    try:
        ran = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    except FileNotFoundError as error:
        raise TargetFailed("git is not installed", hint="install git, or leave out what needs a repository") from error
    if ran.returncode:
        raise TargetFailed(f"the repository could not be made: git {' '.join(words)}: {ran.stderr.strip()}")
