"""Children that end beside their parent's calls, and parents that catch SIGCHLD without asking for a restart."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from harness.conductor.calls import Family
from tests.asleep import EXIT_GROUP, wait_in

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
        while not running.said():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.001)
        wait_in(int(running.said()), EXIT_GROUP)
        os.kill(int(running.said()), signal.SIGKILL)
        return await running.ended()

    assert conduct(body) == 0
