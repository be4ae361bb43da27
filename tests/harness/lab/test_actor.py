"""How long a command may take before it counts as hung: the time of others is not held against it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.lab import actor as actor_module
from harness.lab.actor import Actor

BUSY = "import os, time\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile time.process_time() < 0.6: pass"
PATIENCE = 2.0


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-S", "-E", "-c", code]) as process:
        try:
            yield process
        finally:
            process.kill()


async def _waited_for(process: subprocess.Popen[bytes]) -> bool:
    """Whether the command had ended by itself when the harness would have called it hung."""
    exited = asyncio.get_running_loop().create_future()
    watching = asyncio.create_task(asyncio.to_thread(process.wait))
    watching.add_done_callback(lambda done: exited.set_result(done.result()))
    started = SimpleNamespace(pid=process.pid, exited=exited)
    actor = Actor(cast("Any", None), "one", cast("Any", None), cast("Any", None), cast("Any", started))
    await actor._wait(PATIENCE)
    ended = exited.done()
    process.kill()
    await watching
    return ended


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel does not count it (CONFIG_SCHED_INFO)"
)
def test_one_that_others_starve_is_waited_for() -> None:
    """Four share a processor, so that 0.6 s of it take longer than the patience."""
    with ExitStack() as stack:
        process, *_ = [stack.enter_context(running(BUSY)) for _ in range(4)]
        assert asyncio.run(_waited_for(process))


def test_one_that_waits_for_the_harness_at_work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose calls are stopped, while the harness looks at a large home before each of them."""
    monkeypatch.setattr(actor_module, "_MOST_STRETCHED", 1000)  # however much of the machine others have meanwhile

    async def at_work(process: subprocess.Popen[bytes]) -> None:
        until = time.thread_time() + 2 * PATIENCE
        while time.thread_time() < until:
            sum(range(10_000))
            await asyncio.sleep(0)
        os.kill(process.pid, signal.SIGTERM)

    async def both(process: subprocess.Popen[bytes]) -> bool:
        return (await asyncio.gather(_waited_for(process), at_work(process)))[0]

    with running("import time; time.sleep(60)") as process:
        assert asyncio.run(both(process))


def test_one_that_sleeps_is_not() -> None:
    with running("import time; time.sleep(60)") as process:
        assert not asyncio.run(_waited_for(process))
