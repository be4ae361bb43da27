"""Child work through the real program: of whatever kind, however the run ends, nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

GRACE = 0.5
BOUND = GRACE + 5.0  # seconds in which the tree must be gone; far more than it takes, as machines are loaded

HEART = """
import os, signal, sys, time
for mode in sys.argv[2:]:
    if mode == "ignore":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
    if mode == "double" and os.fork():
        os._exit(0)
    if mode in ("session", "double"):
        if os.fork():
            os.wait() if mode == "session" else os._exit(0)
        os.setsid()
with open(sys.argv[1], "a", buffering=1) as file:
    while True:
        file.write(f"{os.getpid()}\\n")
        time.sleep(0.02)
"""

MODES = ["plain", "ignore", "ignore session", "ignore double"]


class Heart:
    """A child that writes into the workspace as long as it lives, and all that belongs to its run."""

    def __init__(self, ready: Any, until: Callable[..., Any]) -> None:
        self.program = ready
        self.until = until
        self.token = uuid.uuid4().hex
        self.script = ready.work / "heart.py"
        self.script.write_text(HEART)

    def command(self, mode: str, then: str, lane: str = "lane0") -> str:
        beat = f"{sys.executable} {self.script} {self.file(lane)} {mode}"
        return f"{beat} & {then}"

    def file(self, lane: str = "lane0") -> Path:
        return Path(self.program.work / lane / "beats")

    def start(self, message: str, *words: str, lane: str = "lane0") -> subprocess.Popen[bytes]:
        env = self.program.env(RUN_TOKEN=self.token)
        process: subprocess.Popen[bytes] = self.program.start_agent(lane, message, "--local", *words, env=env)
        return process

    def wait(self, lane: str = "lane0") -> None:
        self.until(lambda: self.beats(lane) > 1, "heart beats")

    def beats(self, lane: str = "lane0") -> int:
        return len(self.file(lane).read_bytes()) if self.file(lane).exists() else 0

    def alive(self) -> list[int]:
        """Every live process with our token in its environment; kept by fork and exec alike."""
        names = [path.name for path in Path("/proc").iterdir()]
        return [int(name) for name in names if name.isdigit() and self._is_ours(name)]

    def _is_ours(self, pid: str) -> bool:
        try:
            return self.token.encode() in Path("/proc", pid, "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False

    def keepers(self) -> list[int]:
        return [pid for pid in self.alive() if _comm(pid) == "reference-keep"]

    def gone_within(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while left := self.alive():
            assert time.monotonic() < end, {pid: _comm(pid) for pid in left}
            time.sleep(0.01)

    def assert_quiet(self, lane: str = "lane0") -> None:
        """CHD-3: nobody is left who could write, and nobody has."""
        before = self.beats(lane)
        assert self.alive() == []
        assert self.beats(lane) == before


def _held(pid: int) -> list[str]:
    """What its descriptors are, but for those with which a keeper looks through /proc every now and then."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(path.readlink()))
        except FileNotFoundError:
            continue
    return sorted(name.partition(":")[0] for name in found if not name.startswith("/proc"))


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture
def heart(ready: Any, provider: Any, until: Callable[..., Any]) -> Iterator[Heart]:
    ready.write_config({**ready.config(), "limits": {"graceSeconds": GRACE}})
    heart = Heart(ready, until)
    yield heart
    ready.kill_all()
    for pid in heart.alive():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("mode", MODES)
def test_success_leaves_nothing(heart: Heart, mode: str) -> None:
    message = "run: " + heart.command(mode, "until [ -s beats ]; do sleep 0.01; done; echo built")
    done = heart.program.finish(heart.start(message))
    assert done.status == 0
    heart.assert_quiet()
    assert "built" in done.json["text"]
    assert "exit status 0" in done.json["text"]
    assert "ended with it: python" in done.json["text"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (None, 124)]
)
def test_stopped_run_leaves_nothing(heart: Heart, mode: str, number: int | None, status: int) -> None:
    words = [] if number else ["--timeout", "2"]
    process = heart.start("run: " + heart.command(mode, "sleep 600"), *words)
    if number:
        heart.wait()
        process.send_signal(number)
    done = heart.program.finish(process)
    heart.assert_quiet()
    assert done.status == status
    assert done.json["run"]["status"] in ("cancelled", "timed-out")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("whole_group", [False, True])
def test_killed_run_leaves_nothing(heart: Heart, mode: str, whole_group: bool) -> None:
    """CHD-2: SIGKILL of the program, or of its whole process group."""
    process = heart.start("run: " + heart.command(mode, "sleep 600"))
    heart.wait()
    if whole_group:
        children = [pid for pid in heart.alive() if os.getpgid(pid) == os.getpgid(process.pid)]
        assert children == [process.pid]  # the keeper and the work are elsewhere
    process.kill()
    process.communicate(timeout=BOUND)
    heart.gone_within(BOUND)
    heart.assert_quiet()
    # A keeper on its way out has no memory left, by which it is known here, and yet its entry in the process table.
    heart.until(lambda: heart.program.runs() == [], "no run is listed")


def test_killed_keeper(heart: Heart) -> None:
    process = heart.start("run: " + heart.command("ignore double", "sleep 600"))
    heart.wait()
    [keeper] = heart.keepers()
    os.kill(keeper, signal.SIGKILL)
    done = heart.program.finish(process)
    heart.assert_quiet()
    assert done.status == 0
    assert "cancelled before it had ended" in done.json["text"]


def test_terminated_keeper_takes_its_tree_along(heart: Heart) -> None:
    process = heart.start("run: " + heart.command("ignore double", "sleep 600"))
    heart.wait()
    [keeper] = heart.keepers()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        os.kill(keeper, number)
    done = heart.program.finish(process)
    heart.assert_quiet()
    assert "cancelled before it had ended" in done.json["text"]


def test_second_signal_does_not_cut_the_clean_up_short(heart: Heart) -> None:
    process = heart.start("run: " + heart.command("ignore session", "sleep 600"))
    heart.wait()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    done = heart.program.finish(process)
    heart.assert_quiet()
    assert done.status in (130, 143)


def test_stopped_processes_are_ended(heart: Heart) -> None:
    process = heart.start("run: " + heart.command("session", "sleep 600"))
    heart.wait()
    for pid in set(heart.alive()) - {process.pid, *heart.keepers()}:
        os.kill(pid, signal.SIGSTOP)
    process.terminate()
    assert heart.program.finish(process).status == 143
    heart.assert_quiet()


def test_work_that_stops_its_keeper_is_ended(heart: Heart) -> None:
    process = heart.start("run: " + heart.command("ignore session", "sleep 600"), "--timeout", "2")
    heart.wait()
    [keeper] = heart.keepers()
    os.kill(keeper, signal.SIGSTOP)
    done = heart.program.finish(process)
    assert (done.status, done.json["run"]["status"]) == (124, "timed-out")
    heart.assert_quiet()


def test_work_of_a_killed_run_that_has_stopped_its_keeper_is_ended(heart: Heart) -> None:
    process = heart.start("run: " + heart.command("ignore session", "sleep 600"))
    heart.wait()
    [keeper] = heart.keepers()
    os.kill(keeper, signal.SIGSTOP)
    process.kill()
    process.communicate(timeout=BOUND)
    heart.gone_within(BOUND)
    assert heart.program.runs() == []


def test_background_work_that_has_stopped_its_keeper_can_be_cancelled(heart: Heart) -> None:
    assert heart.program.finish(heart.start("background: " + heart.command("ignore session", "sleep 600"))).status == 0
    heart.wait()
    [keeper] = heart.keepers()
    os.kill(keeper, signal.SIGSTOP)
    [run] = heart.program.runs()
    assert heart.program.run("runs", "cancel", run["id"]).status == 0
    heart.assert_quiet()
    assert heart.program.runs() == []


def test_chain_of_forks_is_ended(heart: Heart) -> None:
    """Each process lives for a moment and leaves a child: no list of pids is ever right."""
    chain = "import os\nif os.fork(): os._exit(0)\nwhile True:\n    if os.fork(): os._exit(0)\n"
    (heart.program.work / "chain.py").write_text(chain)
    command = heart.command("ignore", f"{sys.executable} {heart.program.work / 'chain.py'}; sleep 600")
    process = heart.start("run: " + command)
    heart.wait()
    process.terminate()
    assert heart.program.finish(process).status == 143
    heart.gone_within(1)
    heart.assert_quiet()


def test_the_keeper_holds_no_lock(heart: Heart) -> None:
    """LCK-2: while the keeper of a killed run is busy with its tree, the next run has the session.

    Nor does it hold the program's output, or this would wait for it: its grace period is longer than BOUND.
    """
    heart.program.write_config({**heart.program.config(), "limits": {"graceSeconds": 20}})
    process = heart.start("run: " + heart.command("ignore", "trap '' TERM; sleep 600; sleep 600"))
    heart.wait()
    process.kill()
    process.communicate(timeout=BOUND)
    begun = time.monotonic()
    assert heart.program.agent("lane0", "hello").status == 0
    assert time.monotonic() - begun < 10
    [keeper] = heart.keepers()  # it is still waiting for its grace period to end
    expected = [os.devnull, os.devnull, os.devnull, "pipe", "pipe", "socket"]
    heart.until(lambda: _held(keeper) == expected, "only its own descriptors")
    for pid in set(heart.alive()) - {keeper}:
        os.kill(pid, signal.SIGKILL)
    heart.gone_within(BOUND)


class TestBackground:
    """CHD-4: it outlives its turn, is listed, and its handle ends it."""

    def start(self, heart: Heart, mode: str = "ignore double") -> tuple[subprocess.Popen[bytes], str]:
        process = heart.start("background: " + heart.command(mode, "sleep 600"))
        done = heart.program.finish(process)
        heart.wait()
        [run] = heart.program.runs()
        [job] = run["jobs"]
        assert job["id"] in done.json["text"]
        assert job["background"] is True
        assert job["pid"] in heart.alive()
        return process, job["id"]

    def test_listed_and_cancelled(self, heart: Heart) -> None:
        _, handle = self.start(heart)
        before = heart.beats()
        heart.until(lambda: heart.beats() > before)
        assert heart.program.run("runs", "cancel", handle).status == 0
        heart.assert_quiet()
        assert heart.program.runs() == []

    def test_ends_by_itself(self, heart: Heart) -> None:
        done = heart.program.finish(heart.start("background: sleep 0.2"))
        assert done.status == 0
        heart.gone_within(BOUND)
        heart.until(lambda: heart.program.runs() == [], "no run is listed")

    def test_terminal_signals_do_not_end_it(self, heart: Heart) -> None:
        self.start(heart)
        [keeper] = heart.keepers()
        os.kill(keeper, signal.SIGHUP)
        os.kill(keeper, signal.SIGINT)
        before = heart.beats()
        heart.until(lambda: heart.beats() > before)
        assert heart.keepers() == [keeper]


def test_cancelling_one_run_leaves_the_others_alone(heart: Heart) -> None:
    """CHD-5"""
    processes = [
        heart.start("run: " + heart.command("plain", "sleep 600", lane), lane=lane) for lane in ("lane0", "lane1")
    ]
    heart.wait("lane0")
    heart.wait("lane1")
    ids = {run["agent"]: run["id"] for run in heart.program.runs()}
    assert heart.program.run("runs", "cancel", ids["lane0"]).status == 0
    assert heart.program.finish(processes[0]).status == 143
    before = heart.beats("lane1")
    heart.until(lambda: heart.beats("lane1") > before)
    processes[1].terminate()
    assert heart.program.finish(processes[1]).status == 143
    heart.assert_quiet("lane1")
