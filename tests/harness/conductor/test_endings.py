"""Children that end beside their parent's calls, and parents that catch SIGCHLD without asking for a restart."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys

import pytest

from harness.conductor import endings, operands
from harness.conductor.calls import Family
from harness.processes import quiet, stat
from tests.asleep import EXIT_GROUP, OPENAT, sleeps_in, wait_in

FAMILIES = frozenset({Family.FORK, Family.MAKE, Family.END})
PYTHON = "import os, signal, sys\nsignal.signal(signal.SIGCHLD, lambda *_: None)\n"
PARENTS = {
    # dash catches SIGCHLD, and says "Cannot fork" when a fork is interrupted
    "forks on": ("/bin/sh", "-c", "i=0; while [ $i -lt 12 ]; do (exit 0) & i=$((i+1)); done; wait"),
    "reads the output": ("/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do test $(echo $i) = $i; mkdir $i; done"),
    "spins until it is gone": (
        sys.executable, "-S", "-E", "-c",
        PYTHON + "pid = os.fork() or os._exit(0)\nwhile not os.waitpid(pid, os.WNOHANG)[0]: pass",
    ),
    "works, and makes folders": (
        sys.executable, "-S", "-E", "-c",
        PYTHON + "for i in range(12):\n if not os.fork(): os._exit(0)\n sum(range(3000 * i)); os.mkdir(str(i))\n",
    ),
    "sleeps": (
        sys.executable, "-S", "-E", "-c",
        PYTHON + "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])\nos.fork() or os._exit(0)\n"
        "assert signal.sigwait([signal.SIGCHLD])",
    ),
    "is gone": (sys.executable, "-S", "-E", "-c", PYTHON + "os.fork() or os.setsid()"),
}  # fmt: skip


@pytest.mark.parametrize("parent", PARENTS)
def test_no_call_of_the_parent_is_interrupted(conduct, parent) -> None:
    async def body(rig):
        running = await rig.start("one", *PARENTS[parent], families=FAMILIES)
        ended = await running.ended(), running.said("stderr")
        await running.supervisor.ended.wait()
        return (*ended, running.supervisor.withdrawn)

    assert conduct(body) == (0, "", 0)


async def until(holds) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - /proc has no event
            await asyncio.sleep(0.001)


SPINS = (
    PYTHON
    + """
child = os.fork()
if not child: os._exit(0)
os.write(1, str(child).encode())
while not os.waitpid(child, os.WNOHANG)[0]: pass
"""
)


def test_a_child_that_waits_for_its_end_can_be_killed(conduct) -> None:
    async def body(rig):
        running = await rig.python("one", SPINS, families=FAMILIES)
        await until(running.said)
        wait_in(int(running.said()), EXIT_GROUP)
        os.kill(int(running.said()), signal.SIGKILL)
        return await running.ended()

    assert conduct(body) == 0


DEEPLY = """
os.mkfifo("end"), os.mkfifo("start")
children = [os.fork() or os._exit(len(open("end").read())) for _ in range(2)]
print(*children, flush=True)
"""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No end is let go because its parent has not slept for long."""
    monkeypatch.setattr(endings, "_MOST_SECONDS", float("inf"))


@pytest.mark.usefixtures("patient")
def test_a_parent_that_a_signal_reaches_at_its_taken_call_sleeps_deeply_and_its_other_child_ends(conduct, holder):
    async def body(rig):
        at_mkdir = holder("mkdir")
        rig.directors.append(at_mkdir)
        running = await rig.python("one", PYTHON + DEEPLY + "os.mkdir('x')", families=FAMILIES)
        await at_mkdir.until(1)
        first, second = map(int, running.said().split())
        os.kill(first, signal.SIGKILL)
        await until(lambda: stat.fields(running.process.pid)[0] == "D" and sleeps_in(second, OPENAT))
        os.close(os.open(rig.folder / "end", os.O_WRONLY))
        await until(lambda: stat.fields(second)[0] == "Z")
        at_mkdir.held[0].go()
        return await running.ended()

    assert conduct(body) == 0


SPAWNS = (
    "os.posix_spawn('/bin/true', ['true'], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, 'start', os.O_RDONLY, 0)])\n"
    "for _ in range(3): os.wait()"
)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("lends", [True, False], ids=["lends its memory", "works"])
def test_a_child_ends_while_its_parent_sleeps_deeply_only_if_it_waits_for_an_exec(conduct, monkeypatch, lends) -> None:
    """A fork that waits for a lock in the kernel is over in microseconds, so posix_spawn(3) stands in for it."""
    spawns = functools.partial(quiet.lends_memory, read=operands.read_memory)
    if not lends:
        monkeypatch.setattr(quiet, "lends_memory", lambda *_: False)

    async def body(rig):
        running = await rig.python("one", PYTHON + DEEPLY + SPAWNS, families=FAMILIES)
        await until(lambda: stat.fields(running.process.pid)[0] == "D" and spawns(running.process.pid))
        children = [*map(int, running.said().split())]
        await until(lambda: all(sleeps_in(child, OPENAT) for child in children))
        os.close(os.open(rig.folder / "end", os.O_WRONLY))
        await until(lambda: all(stat.fields(child)[0] == "Z" or sleeps_in(child, EXIT_GROUP) for child in children))
        for _ in range(20):  # looks
            await asyncio.sleep(endings._AGAIN_SECONDS)
        ended = {stat.fields(child)[0] == "Z" for child in children}
        os.close(os.open(rig.folder / "start", os.O_WRONLY))
        return ended, await running.ended(), running.supervisor.withdrawn

    assert conduct(body) == ({lends}, 0, 0)
