"""Agents in git worktrees (GIT-1, GIT-2, CFG-12)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reference import identity, worktrees
from reference.deadline import Deadline
from reference.errors import Local, Usage
from reference.home import Home
from reference.worktrees.git import git as run_git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
FOREVER = Deadline.after(None)


def nobody(workspace: str) -> bool:
    return False


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    ran = subprocess.run(["git", *identity, *words], cwd=folder, env=env, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=first")
    return folder


def branches(repository: Path) -> set[str]:
    return set(git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines())


def test_add_makes_a_worktree_and_leaves_the_config_alone(program: Any, repository: Path) -> None:
    before = (repository / ".git" / "config").read_bytes()
    lane = program.work / "lane0"
    words = ("agents", "add", "lane0", "--json", "--workspace", str(lane), "--worktree-of", str(repository))
    assert program.finish(program.start(*words)).status == 0
    assert git(lane, "rev-parse", "--abbrev-ref", "HEAD") == "agent/lane0"
    assert (repository / ".git" / "config").read_bytes() == before
    assert program.names() == ["lane0"]


def test_taken_name_makes_no_worktree(program: Any, repository: Path) -> None:
    program.add("lane0")
    lane = program.work / "other"
    words = ("agents", "add", "lane0", "--json", "--workspace", str(lane), "--worktree-of", str(repository))
    done = program.finish(program.start(*words))
    assert (done.status, done.code) == (2, "agent-exists")
    assert not lane.exists()
    assert branches(repository) == {"main"}


@pytest.mark.parametrize(
    ("branch", "code"), [("main", "branch-exists"), ("not..a name", "bad-branch"), ("-r", "git-failed")]
)
def test_git_refuses(program: Any, repository: Path, branch: str, code: str) -> None:
    lane = program.work / "lane0"
    words = ("--workspace", str(lane), "--worktree-of", str(repository), f"--branch={branch}")
    done = program.finish(program.start("agents", "add", "lane0", "--json", *words))
    assert done.code == code
    assert not lane.exists()
    assert branches(repository) == {"main"}


def test_another_word_for_a_branch_that_exists_is_refused_and_deletes_nothing(program: Any, repository: Path) -> None:
    """To git `@{-1}` is the branch that was checked out before the one that is now."""
    for words in (("checkout", "--quiet", "-b", "precious"), ("checkout", "--quiet", "main")):
        git(repository, *words)
    words = ("--workspace", str(program.work / "lane0"), "--worktree-of", str(repository), "--branch=@{-1}")
    done = program.run("agents", "add", "lane0", *words)
    assert (done.status, done.code) == (2, "bad-branch")
    assert branches(repository) == {"main", "precious"}


def test_what_is_no_repository_is_a_usage_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Usage) as caught:
            worktrees.add(Home(str(tmp_path / "home")).make(), str(folder), str(tmp_path / "w"), "b", FOREVER, nobody)
        assert caught.value.code == "not-a-repository"


def test_folder_with_something_in_it_is_kept(tmp_path: Path, repository: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    with pytest.raises(Usage) as caught:
        worktrees.add(Home(str(tmp_path / "home")).make(), str(repository), str(full), "b", FOREVER, nobody)
    assert caught.value.code == "bad-workspace"
    assert (full / "mine").exists()


def test_undo_takes_both_back(tmp_path: Path, repository: Path) -> None:
    home, lane = Home(str(tmp_path / "home")).make(), tmp_path / "lane"
    made = worktrees.add(home, str(repository), str(lane), "b", FOREVER, nobody)
    assert branches(repository) == {"main", "b"}
    made.take_back()
    assert branches(repository) == {"main"}
    assert not lane.exists()
    assert git(repository, "worktree", "list", "--porcelain").count("worktree ") == 1


def test_empty_folder_that_was_there_stays(program: Any, repository: Path) -> None:
    lane = program.work / "lane0"
    lane.mkdir()
    program.add("other")
    hook(repository, f"rm {program.home / 'config.json'}; mkdir {program.home / 'config.json'}")
    words = ("--workspace", str(lane), "--worktree-of", str(repository))
    assert program.run("agents", "add", "lane0", *words).status == 1
    assert list(lane.iterdir()) == []
    assert branches(repository) == {"main"}


def test_missing_git_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Local) as caught:
        run_git(str(tmp_path), "status", "--short")
    assert caught.value.code == "git-missing"


def hook(repository: Path, text: str) -> None:
    path = repository / ".git" / "hooks" / "post-checkout"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_what_a_hook_leaves_in_the_background_is_not_waited_for(program: Any, repository: Path) -> None:
    hook(repository, "sleep 60 & echo $! > pid")
    lane = program.work / "lane0"
    words = ("--workspace", str(lane), "--worktree-of", str(repository))
    assert program.run("agents", "add", "lane0", *words, bound=20).status == 0
    left = int((lane / "pid").read_text())
    assert identity.start_time(left) is not None
    os.kill(left, signal.SIGKILL)


def test_hook_of_an_add_that_is_stopped_ends_with_it(program: Any, repository: Path, until: Any) -> None:
    told = program.work / "pid"
    hook(repository, f"trap '' TERM; echo $$ > {told}; while :; do sleep 1; done")
    lane = program.work / "lane0"
    words = ("--workspace", str(lane), "--worktree-of", str(repository))
    adding = program.start("agents", "add", "lane0", *words, "--json")
    child = int(until(lambda: told.read_text() if told.exists() else "", "the hook runs"))
    adding.terminate()
    assert program.finish(adding).status == 143
    assert identity.start_time(child) is None
    assert not lane.exists()
    assert branches(repository) == {"main"}


def killed_in_the_hook(program: Any, repository: Path, until: Any) -> int:
    """An add is killed while git runs a hook, which goes on: its pid."""
    told = program.work / "pid"
    hook(repository, f"echo $$ > {told}; for second in $(seq 60); do sleep 1; done")
    words = ("--workspace", str(program.work / "lane0"), "--worktree-of", str(repository))
    adding = program.start("agents", "add", "lane0", *words, "--json")
    child = int(until(lambda: told.read_text() if told.exists() else "", "the hook runs"))
    adding.kill()
    adding.wait()
    assert identity.start_time(child) is not None
    (repository / ".git" / "hooks" / "post-checkout").unlink()
    return child


def test_next_add_ends_and_takes_back_what_a_killed_one_left(program: Any, repository: Path, until: Any) -> None:
    child = killed_in_the_hook(program, repository, until)
    lane = program.work / "lane0"
    words = ("--workspace", str(lane), "--worktree-of", str(repository))
    assert program.run("agents", "add", "lane0", *words).status == 0
    assert identity.start_time(child) is None
    assert git(lane, "status", "--porcelain") == ""
    assert branches(repository) == {"main", "agent/lane0"}
    assert program.run("doctor").json["problems"] == []


def test_doctor_takes_back_what_a_killed_add_left(program: Any, repository: Path, until: Any) -> None:
    child = killed_in_the_hook(program, repository, until)
    found = program.run("doctor").json["problems"]
    assert ("worktree-left", str(program.work / "lane0")) in {(problem["code"], problem["path"]) for problem in found}
    assert program.run("doctor", "--fix").status == 0
    assert identity.start_time(child) is None
    assert branches(repository) == {"main"}
    assert not (program.work / "lane0").exists()
    assert program.run("doctor").json["problems"] == []


@pytest.mark.parametrize("work", ["file", "a file that git is told not to show", "commit", "a commit on no branch"])
def test_half_in_which_somebody_has_worked_is_left_to_a_person(
    program: Any, repository: Path, until: Any, work: str
) -> None:
    os.kill(killed_in_the_hook(program, repository, until), signal.SIGKILL)
    lane = program.work / "lane0"
    (lane / "precious").write_text("mine")
    if "show" in work:
        git(repository, "config", "status.showUntrackedFiles", "no")
    if "branch" in work:
        git(lane, "checkout", "--quiet", "--detach")
    if "commit" in work:
        git(lane, "add", "precious")
        git(lane, "commit", "--quiet", "--message=mine")
    words = ("--workspace", str(lane), "--worktree-of", str(repository))
    assert program.run("agents", "add", "lane0", *words).code == "bad-workspace"
    done = program.run("doctor", "--fix")
    assert (done.status, done.code) == (1, "problems-found")
    assert "somebody has worked there since" in done.json["error"]["message"]
    assert (lane / "precious").read_text() == "mine"
    assert branches(repository) == {"main", "agent/lane0"}


def test_half_that_an_agent_has_come_to_use_stays_when_the_agent_goes(
    program: Any, repository: Path, until: Any
) -> None:
    os.kill(killed_in_the_hook(program, repository, until), signal.SIGKILL)
    lane = program.work / "lane0"
    assert program.run("agents", "add", "lane0", "--workspace", str(lane)).status == 0
    assert program.run("agents", "delete", "lane0").status == 0
    assert program.run("doctor", "--fix").status == 0
    assert git(lane, "rev-parse", "--abbrev-ref", "HEAD") == "agent/lane0"


@pytest.mark.parametrize("content", ["", "garbage", "{}", '{"pid": "x"}'])
def test_damaged_note_is_put_aside(program: Any, repository: Path, content: str) -> None:
    lane = program.work / "lane0"
    words = ("--workspace", str(lane), "--worktree-of", str(repository))
    program.add("other")
    (program.home / "worktrees").mkdir()
    (program.home / "worktrees" / "1.json").write_text(content)
    assert program.run("agents", "add", "lane0", *words).status == 0
    assert [problem["code"] for problem in program.run("doctor").json["problems"]] == ["worktree-note-damaged"]
    assert program.run("doctor", "--fix").status == 0
    assert program.run("doctor").json["problems"] == []
    assert lane.exists()


def test_branch_that_another_git_is_making_is_left_to_it(program: Any, repository: Path) -> None:
    at_work = repository / ".git" / "refs" / "heads" / "agent" / "lane0.lock"
    at_work.parent.mkdir()
    at_work.touch()
    words = ("--workspace", str(program.work / "lane0"), "--worktree-of", str(repository))
    done = program.run("agents", "add", "lane0", *words)
    assert (done.status, done.code) == (75, "repository-busy")
    assert str(at_work) in done.json["error"]["hint"]
    assert at_work.exists()


@pytest.mark.parametrize("made", ["agent/lane0", "agent/lane0.lock"])
def test_branch_that_another_git_makes_at_the_same_moment_stays(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    theirs = repository / ".git" / "refs" / "heads" / made

    def make_it(shared: str, path: str, branch: str) -> None:
        theirs.parent.mkdir()
        theirs.write_text(git(repository, "rev-parse", "HEAD") + "\n")

    monkeypatch.setattr(worktrees, "check_free", make_it)
    home, lane = Home(str(tmp_path / "home")).make(), tmp_path / "lane0"
    with pytest.raises(Local) as caught:
        worktrees.add(home, str(repository), str(lane), "agent/lane0", FOREVER, nobody)
    assert caught.value.code == "git-failed"
    assert theirs.exists()
    assert not lane.exists()
    assert list(Path(home.worktrees).iterdir()) == []


def test_repository_whose_path_is_no_text(program: Any, repository: Path) -> None:
    odd = repository.rename(os.fsdecode(os.fsencode(repository.parent) + b"/odd \xff "))
    words = ("--workspace", str(program.work / "lane0"), "--worktree-of", str(odd))
    assert program.run("agents", "add", "lane0", *words).status == 0


def test_signal_behind_git_leaves_neither_half(program: Any, repository: Path) -> None:
    """It waits until whoever gets it can take the worktree back."""
    script = (
        "import os, signal, sys\n"
        "from reference.cli import main\n"
        "from reference.locks import Lock\n"
        "from reference.parts import Parts\n"
        "real = Lock.release\n"
        "def interrupted(self):\n"
        "    real(self)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "Lock.release = interrupted\n"
        "sys.exit(main(Parts.default(), sys.argv[1:]))\n"
    )
    lane = program.work / "lane0"
    words = ("agents", "add", "lane0", "--workspace", str(lane), "--worktree-of", str(repository), "--json")
    argv = [sys.executable, "-c", script, *words]
    assert subprocess.run(argv, env=program.env(), capture_output=True, timeout=30, check=False).returncode == 143
    assert program.names() == []
    assert not lane.exists()
    assert branches(repository) == {"main"}
