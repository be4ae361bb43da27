"""However a session ends, nothing of it is left: no process, no listening port, no folder.

The session is a real pytest in a process of its own, in the middle of a scenario that has calls parked, a reply held
by the fakes and a detached build that ignores SIGTERM.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.processes import stat

LIMIT = 180.0  # seconds, on a machine that is busy with something else
BUSY = '''
import asyncio, json, sys, time
from pathlib import Path
from fakes.script import Match, Rule, Text
from harness.scenario import WATCH_REPLACEMENTS, scenario
from harness.targets.protocol import Raw, Setup

RENAME = "import os, sys; open(sys.argv[1], 'w').close(); os.rename(sys.argv[1], 'config.json')"
ASK = """
import json, sys, urllib.request
body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "[[ask]] hi"}]}
request = urllib.request.Request(sys.argv[1] + "/v1/messages", json.dumps(body).encode())
request.add_header("content-type", "application/json"); request.add_header("x-api-key", "sk-ant-test")
urllib.request.urlopen(request)
"""

def nothing(history):
    return []

async def busy(lab):
    lab.prepare(Setup())
    lab.script(Rule("held", Match(), (Text("done", gate="gate"),)))
    lab.hold("gate")
    build = lab.build("child", "--double-fork", "--new-session", "--ignore-term")
    await lab.start(Raw(words=(f"import os; os.system({build!r})",)), "build")
    await lab.start(Raw(words=(ASK, lab.fakes.url)), "ask")
    async with lab.barrier("held", parties=3, where=lab.is_config):
        for name in ("one", "two"):  # the third never comes, so that these stay parked
            await lab.start(Raw(words=(RENAME, name)), name)
        assert await lab.reached("gate")
        assert await lab.look.beat("child")
        while sum(type(e.what).__name__ == "CallHeld" for e in lab.history().events) < 2:
            await asyncio.sleep(0)
        Path(MARKS, f"{lab.site.root.name}").write_text(lab.fakes.url)
        await asyncio.Event().wait()
'''
MOMENTS = {
    "busy": BUSY,
    "starting": BUSY.replace("Setup())", "Setup()); Path(MARKS, lab.site.root.name).write_text(lab.fakes.url)"),
}
TESTS = """
@scenario("CFG-1", fault="held", judges=[nothing], watch=WATCH_REPLACEMENTS)
async def test_{name}(lab):
    \"\"\"It never ends by itself.\"\"\"
    if lab.faulty:
        await busy(lab)
"""
ADOPT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Session:
    """A pytest of its own, with its own folder for temporary files."""

    def __init__(self, folder: Path, moment: str, workers: int) -> None:
        self.marks, self.temporary = folder / "marks", folder / "temporary"
        self.report, self.output = folder / "report", folder / "output"
        self._workers = workers
        for each in (self.marks, self.temporary):
            each.mkdir()
        shutil.copy(Path(__file__).parents[1] / "toy.py", folder / "toy.py")
        tests = "".join(TESTS.format(name=name) for name in ("first", "second"))
        (folder / "test_busy.py").write_text(f"{MOMENTS[moment]}\nMARKS = {str(self.marks)!r}\n{tests}")
        self._master, terminal = pty.openpty()
        argv = [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--target", "toy.py:toy", "--report",
            str(self.report), "-n", str(workers), "test_busy.py",
        ]  # fmt: skip
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", ADOPT, *argv], cwd=folder, stdin=terminal, stdout=output, stderr=output,
                start_new_session=True, env={**os.environ, "TMPDIR": str(self.temporary), "COLUMNS": "200"},
            )  # fmt: skip
        os.close(terminal)

    def until_busy(self) -> None:
        """Wait until each worker is in the middle of a scenario."""
        wait_until(lambda: self.process.poll() is not None or len(self._marked()) >= max(1, self._workers))
        assert self.process.poll() is None, self.output.read_text()
        self.below = stat.below(self.process.pid)
        assert self.below
        self.ports = [int(url.rpartition(":")[2]) for url in self._marked()]

    def _marked(self) -> list[str]:
        """What has been written to the marks; one that was just made is empty yet."""
        return [url for mark in self.marks.iterdir() if (url := mark.read_text())]

    def press_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    def left(self) -> list[int]:
        """What of the session still lives; zombies of other parents are not ours to wait for."""
        return [pid for pid, started in self.below.items() if stat.start_time(pid) == started]

    def close(self) -> None:
        os.close(self._master)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def assert_nothing_left(self) -> None:
        wait_until(lambda: not self.left())
        wait_until(lambda: not list(self.temporary.glob("pileup-*")))
        listening = {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert not listening & set(self.ports)

    def assert_interrupted(self, record: bool = True) -> None:
        assert self.process.wait(LIMIT) == 2, self.output.read_text()
        output = self.output.read_text()
        assert "Traceback" not in output
        if record:
            assert json.loads((self.report / "record.json").read_text())["interrupted"] is True
        self.assert_nothing_left()


def wait_until(condition):
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up
        select.select([], [], [], 0.01)  # neither /proc nor a folder tells when it changes


@pytest.fixture
def session(tmp_path):
    started = []

    def start(moment, workers):
        started.append(Session(tmp_path, moment, workers))
        started[-1].until_busy()
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.mark.parametrize(("moment", "workers"), [("busy", 0), ("starting", 0), ("busy", 2)])
def test_killed(session, moment, workers):
    running = session(moment, workers)
    running.process.kill()
    running.assert_nothing_left()


DEATH_SIGNAL = """
import ctypes, os
number = ctypes.c_int(-1)
assert ctypes.CDLL(None).prctl(2, ctypes.byref(number), 0, 0, 0) == 0  # PR_GET_PDEATHSIG
open(os.environ["SEEN"], "a").write(f"{number.value} ")
"""
SCENARIO = """
from harness.scenario import scenario
@scenario("CFG-1", fault="", judges=[lambda history: []])
async def test_it(lab):
    \"\"\"It does nothing.\"\"\"
"""


@pytest.mark.parametrize(("tests", "later"), [(SCENARIO, signal.SIGKILL), ("def test_it(): pass", 0)])
def test_a_worker_dies_with_its_controller(tmp_path, tests, later):
    """From before its collection; but a worker without scenarios is left to end as pytest-xdist has it."""
    shutil.copy(Path(__file__).parents[1] / "toy.py", tmp_path / "toy.py")
    (tmp_path / "test_own.py").write_text(DEATH_SIGNAL + tests)
    (tmp_path / "conftest.py").write_text("def pytest_runtest_setup():" + DEATH_SIGNAL.replace("\n", "\n    "))
    seen = tmp_path / "seen"
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--target", "toy.py:toy", "-n", "1"]
    done = subprocess.run(
        argv, cwd=tmp_path, env={**os.environ, "SEEN": str(seen)}, capture_output=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout
    assert seen.read_text().split() == [str(int(signal.SIGKILL)), str(int(later))]


def test_terminated(session):
    running = session("busy", 0)
    running.process.terminate()
    running.assert_interrupted()


@pytest.mark.parametrize("workers", [0, 2])
def test_terminated_as_a_background_job(session, workers):
    """`pytest … &` in a script: the shell has it ignore SIGINT, which SIGTERM was turned into and so did nothing."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running = session("busy", workers)
    finally:
        signal.signal(signal.SIGINT, before)
    running.process.terminate()
    running.assert_interrupted()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_the_whole_group_is_signalled(session, number):
    running = session("busy", 2)
    os.killpg(running.process.pid, number)
    running.assert_interrupted()


def test_ctrl_c_at_a_terminal(session):
    running = session("busy", 0)
    running.press_ctrl_c()
    running.assert_interrupted()


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_twice(session, workers):
    running = session("busy", workers)
    running.press_ctrl_c()
    running.press_ctrl_c()
    running.assert_interrupted(record=False)  # the second may have come before the handling of the first
