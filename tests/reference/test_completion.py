"""Completion: what the program offers, and that real shells show it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reference.commands import COMMANDS, HIDDEN
from tests.reference.conftest import BOUND, Program, Provider

SHELLS = ("bash", "zsh", "fish")
RUN = "the run's id"
LINES = {
    "agents d": ["delete"],
    "agents delete ": ["lane0", "lane1"],
    "agent --agent la": ["lane0", "lane1"],
    "agent --agent lane0 --mes": ["--message"],
    "runs show ": [RUN],
}


@pytest.fixture
def there(ready: Program, tmp_path: Path) -> Program:
    """A home with two agents and a run, and `reference` as a command of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "reference").write_text(f'#!/bin/sh\nexec {sys.executable} -m reference "$@"\n')
    (folder / "reference").chmod(0o755)
    assert ready.agent("lane0", "hi").status == 0
    return ready


def wanted(program: Program, line: str) -> list[str]:
    ids = [run["id"] for run in program.runs("--all")]
    return ids if LINES[line] == [RUN] else LINES[line]


def environment(program: Program, tmp_path: Path) -> dict[str, str]:
    return {**program.env(), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(tmp_path)}


def offered(program: Program, *words: str, shell: str = "fish") -> list[str]:
    done = program.finish(program.start("complete", shell, "--", "\x1f".join(words)))
    assert (done.status, done.stderr) == (0, "")
    return [line.partition("\t")[0] for line in done.stdout.decode().splitlines() if line]


def ask_bash(line: str, env: dict[str, str], _words: list[str]) -> list[str]:
    script = (
        'source <(reference completion bash); eval "COMP_WORDS=(reference $1)"; [[ $1 == *" " ]] && COMP_WORDS+=("");'
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _reference; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return run("bash", "--norc", "-c", script, "bash", line, env=env)


def ask_fish(line: str, env: dict[str, str], _words: list[str]) -> list[str]:
    script = f"reference completion fish | source; complete -C 'reference {line}'"
    return [found.partition("\t")[0] for found in run("fish", "--no-config", "-c", script, env=env)]


def run(*argv: str, env: dict[str, str]) -> list[str]:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=BOUND, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def ask_zsh(line: str, env: dict[str, str], words: list[str]) -> list[str]:
    """What stands on the line, or below it, after the tab key: zsh completes in its line editor only."""
    with terminal("zsh", "-f", "-i", env=env) as (send, until):
        send("PS1='> '; autoload -Uz compinit; compinit -D -u; source <(reference completion zsh); echo re''ady\n")
        until(["ready\r\n"])
        send(f"reference {line}\t\t")
        return until(words).replace("\r", " ").split()


@contextmanager
def terminal(*argv: str, env: dict[str, str]) -> Iterator[tuple]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True) as process:
        os.close(theirs)

        def until(signs: list[str]) -> str:
            shown, end = "", time.monotonic() + BOUND
            while not all(sign in shown for sign in signs):
                assert time.monotonic() < end, shown
                if select.select([ours], [], [], 0.1)[0]:
                    shown += os.read(ours, 65536).decode()
            return shown

        try:
            yield lambda text: os.write(ours, text.encode()), until
        finally:
            process.kill()
            os.close(ours)


ASK = {"bash": ask_bash, "zsh": ask_zsh, "fish": ask_fish}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(there: Program, tmp_path: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    for line in LINES:
        words = wanted(there, line)
        found = ASK[shell](line, environment(there, tmp_path), words)
        missing = [word for word in words if word not in found]
        assert not missing, (line, found)


def test_all_commands_are_offered_and_no_hidden_one(there: Program) -> None:
    groups = {command.name.partition(" ")[0] for command in COMMANDS if command.name not in HIDDEN}
    assert set(offered(there, "")) == groups
    for group in groups:
        names = {c.name.partition(" ")[2] for c in COMMANDS if c.name.startswith(f"{group} ") and c.name not in HIDDEN}
        assert not names or set(offered(there, group, "")) == names


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.name not in HIDDEN], ids=lambda command: command.name)
def test_every_option_is_offered_once(there: Program, command) -> None:
    assert offered(there, *command.name.split(), "--") == [f"--{name}" for name in command.options]
    assert "--json" not in offered(there, *command.name.split(), "--json", "--")


def test_values(there: Program) -> None:
    assert offered(there, "agent", "--agent=lane1") == ["--agent=lane1"]
    assert offered(there, "agent", "--agent", "=", "la", shell="bash") == ["lane0", "lane1"]
    assert offered(there, "agent", "--agent=", "la", shell="bash") == ["lane0", "lane1"]
    assert offered(there, "agents", "add", "") == []  # a new name
    assert "--workspace" in offered(there, "agents", "add", "lane7", "")
    assert offered(there, "agent", "--message", "") == []  # anything
    assert offered(there, "runs", "cancel", "") == []  # none is alive
    assert offered(there, "completion", "") == list(SHELLS)


def test_runs_that_are_alive_can_be_cancelled(there: Program, provider: Provider) -> None:
    there.start_agent("lane1", "stall: it")
    provider.wait_for(2)
    (alive,) = there.runs()
    assert offered(there, "runs", "cancel", "") == [alive["id"]]
    assert offered(there, "runs", "wait", "r") == [alive["id"]]
    assert offered(there, "runs", "show", "r")[0] == alive["id"]  # the newest first


@pytest.mark.parametrize("words", [("zz",), ("nothing", ""), ("agents", "nothing", ""), ("--json",)])
def test_what_cannot_be_completed_offers_nothing(there: Program, words: tuple[str, ...]) -> None:
    assert offered(there, *words) == []


def test_a_damaged_state_offers_nothing_and_is_no_error(there: Program) -> None:
    (there.home / "config.json").write_text("{")
    assert offered(there, "agents", "delete", "") == []


def test_an_unknown_shell_is_told_which_there_are(program: Program) -> None:
    done = program.run("completion", "tcsh")
    assert (done.status, done.code) == (2, "bad-usage")
    assert "bash, zsh, fish" in done.json["error"]["hint"]
