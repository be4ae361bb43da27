"""What the harness sees of a git repository, whatever half a git has left there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import TargetFailed
from harness.lab import repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return repository.make(tmp_path / "repository")


def test_whole_worktree_is_seen(folder: Path, tmp_path: Path) -> None:
    repository.add_worktree(folder, tmp_path / "work" / "lane0", branch="agent/lane0")
    seen = repository.seen(folder, tmp_path / "work", "after")
    assert (seen.worktrees, seen.broken) == (("lane0",), ())
    assert (seen.branches, seen.folders) == (("agent/lane0", "main"), ("lane0",))


@pytest.mark.parametrize("half", ["nothing", "locked", "empty", "gone"])
def test_half_a_worktree_is_broken(folder: Path, tmp_path: Path, half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)  # where `.git` is a folder: a link that is not there yet must not lead here
    admin = folder / ".git" / "worktrees" / "lane0"
    admin.mkdir(parents=True)
    if half == "locked":
        (admin / "locked").write_text("initializing")
    elif half == "empty":
        (admin / "gitdir").touch()
    elif half == "gone":
        (admin / "gitdir").write_text(f"{tmp_path / 'work' / 'lane0' / '.git'}\n")
    seen = repository.seen(folder, tmp_path / "work", "after")
    assert (seen.worktrees, seen.broken) == ((), ("lane0",))


def test_lock_of_a_branch_that_a_git_has_left_is_one_more_branch(folder: Path, tmp_path: Path) -> None:
    (folder / ".git" / "refs" / "heads" / "lane0.lock").touch()
    assert "lane0.lock" in repository.seen(folder, tmp_path, "after").branches


@pytest.mark.parametrize("commit", [False, True])
def test_work_of_a_person_is_seen_until_it_is_gone(folder: Path, tmp_path: Path, commit: bool) -> None:
    place = tmp_path / "work" / "lane0"
    repository.add_worktree(folder, place, branch="agent/lane0")
    assert repository.seen(folder, tmp_path / "work", "before").drafts == ()
    repository.work_in(place, commit=commit)
    assert repository.seen(folder, tmp_path / "work", "worked in").drafts == ("lane0",)
    shutil.rmtree(place)
    assert repository.seen(folder, tmp_path / "work", "after").drafts == ()


def test_locked_branch_cannot_be_made(folder: Path) -> None:
    repository.lock_branch(folder, "agent/lane0")
    with pytest.raises(TargetFailed, match="could not be made"):
        repository.branch(folder, "agent/lane0")
