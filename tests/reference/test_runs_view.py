"""How runs look to a person: the table, one run in full, its process tree; on a terminal and in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.commands.runs_view import printable, tree
from tests.reference.conftest import BOUND, Program, Provider, wait_until

COLOUR = re.compile(r"\x1b\[\d*m")


def text(program: Program, *words: str, status: int = 0) -> str:
    done = program.finish(program.start(*words))
    assert (done.status, done.stderr) == (status, "")
    return done.stdout.decode()


def on_terminal(program: Program, *words: str, columns: int, **env: str) -> list[str]:
    """The lines that the program writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = program.env(TERM="xterm", **env)
    with subprocess.Popen(program.argv(*words), env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
        os.close(ours)
        assert process.wait(BOUND) == 0, shown
    return shown.decode().replace("\r\n", "\n").splitlines()


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


def test_the_list_is_a_table(ready: Program) -> None:
    assert ready.agent("lane0", "hi").status == 0
    assert ready.agent("lane1", "status: 400", "--session", "other").status == 1
    runs = ready.runs("--all")
    ids = [run["id"] for run in runs]
    head, first, second = text(ready, "runs", "list", "--all").splitlines()
    assert head.split() == ["RUN", "STATUS", "AGENT/SESSION", "PID", "STARTED", "TOOK"]
    assert first.split()[:3] == [ids[0], "succeeded", "lane0/main"]
    assert second.split()[:3] == [ids[1], "failed", "lane1/other"]
    assert second.endswith(f"{runs[1]['error']['code']}: {runs[1]['error']['message']}")
    starts = {line.index(word) for line, word in ((head, "AGENT/"), (first, "lane0/main"), (second, "lane1/other"))}
    assert len(starts) == 1
    assert text(ready, "runs", "list") == "no runs\n"


def test_a_terminal_gets_colours_and_lines_that_fit(ready: Program) -> None:
    assert ready.agent("lane0", "hi", "--session", "s" * 60).status == 0
    lines = on_terminal(ready, "runs", "list", "--all", columns=50)
    assert lines[0].startswith("\x1b[1mRUN")
    assert "\x1b[32msucceeded" in lines[1]
    assert [len(COLOUR.sub("", line)) for line in lines] == [50, 50]
    assert COLOUR.sub("", lines[1]).endswith("…")
    plain = on_terminal(ready, "runs", "list", "--all", columns=50, NO_COLOR="1")
    assert plain == [COLOUR.sub("", line) for line in lines]
    assert "\x1b" not in text(ready, "runs", "list", "--all")


def test_a_run_is_shown_with_its_jobs_and_processes(ready: Program, provider: Provider) -> None:
    ready.start_agent("lane0", "run: sleep 600 & sleep 601; wait")
    run = wait_until(lambda: [run for run in ready.runs() if run["jobs"]])[0]
    commands = wait_until(lambda: sleepers(shown := ready.run("runs", "show", run["id"]).json["run"]) and shown)
    found = {process["pid"]: process for process in commands["processes"]}
    assert commands["processes"][0]["pid"] == run["pid"]
    for name in ("sleep 600", "sleep 601"):
        (sleeper,) = [process for process in found.values() if process["command"] == name]
        assert sleeper["depth"] > found[run["jobs"][0]["pid"]]["depth"] > 0
        while sleeper["depth"]:
            above = found[sleeper["parent"]]
            assert above["depth"] == sleeper["depth"] - 1
            sleeper = above
        assert sleeper["pid"] == run["pid"]
    lines = text(ready, "runs", "show", run["id"]).splitlines()
    assert any(re.search(r"^job j-\w+ +running, [\d.]+ s: sleep 600 & sleep 601; wait$", line) for line in lines)
    assert any(re.search(r"^ +[├└]─ \d+ S sleep 601$", line) for line in lines)
    assert any(re.search(r"^└─ \d+ S reference-keep: ", line) for line in lines)
    assert ready.run("runs", "cancel", run["id"]).status == 0
    after = ready.run("runs", "show", run["id"]).json["run"]
    assert (after["status"], after["processes"]) == ("cancelled", [])
    assert "processes" not in text(ready, "runs", "show", run["id"])


def sleepers(run: dict[str, Any]) -> bool:
    return sum(process["command"].startswith("sleep ") for process in run["processes"]) == 2


def test_what_a_model_asks_for_cannot_steer_the_terminal(ready: Program) -> None:
    done = ready.agent("lane0", "background: sleep 0.1; : '\x1b[2J\n\u202e'")
    assert done.status == 0
    (run,) = ready.runs("--all")
    for words in (("runs", "list", "--all"), ("runs", "show", run["id"])):
        shown = text(ready, *words).partition("answer")[0]
        assert r": '\x1b[2J\n\u202e'" in shown
        assert "\x1b" not in shown


def test_the_answer_stands_at_the_end(ready: Program) -> None:
    assert ready.agent("lane0", "hi").status == 0
    (run,) = ready.runs("--all")
    lines = text(ready, "runs", "show", run["id"]).splitlines()
    assert lines[0].split() == ["run", run["id"]]
    assert lines[-2:] == ["answer", "you said hi"]


def process(pid: int, depth: int) -> dict[str, Any]:
    return {"pid": pid, "parent": 0, "depth": depth, "state": "S", "command": "c", "name": "c"}


def test_a_tree_is_drawn() -> None:
    depths = [0, 1, 2, 2, 1, 2, 0]
    assert tree([process(number, depth) for number, depth in enumerate(depths)]) == [
        "0 S c",
        "├─ 1 S c",
        "│  ├─ 2 S c",
        "│  └─ 3 S c",
        "└─ 4 S c",
        "   └─ 5 S c",
        "6 S c",
    ]


@given(st.text())
def test_what_is_printed_is_printable_and_nothing_is_lost(words: str) -> None:
    shown = printable(words)
    assert shown.isprintable()
    assert len(shown) >= len(words)
    assert printable(shown) == shown


@pytest.mark.parametrize("gone", [(), (2**22,)])
def test_no_process_is_no_tree(gone: tuple[int, ...]) -> None:
    from reference import proctree

    assert proctree.below(gone) == []
