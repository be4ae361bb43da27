"""Signals that reach a program while its call is stopped: no call is lost, run twice or counted twice."""

from __future__ import annotations

import asyncio
import io
import os
import signal

import pytest

from harness.conductor import kernel, notifications
from harness.conductor.calls import Family
from harness.conductor.directors import Barrier
from tests.asleep import EXIT_GROUP, MKDIR, wait_in
from tests.harness.conductor.ordered import ORDERED, First, Replayed, Rotating, order, python, schedule

REPLACE = frozenset({Family.REPLACE})
RENAMER = """
import os, signal, sys
def handler(number, frame):
    os.write(1, b"handled ")
signal.signal(signal.SIGTERM, handler)
signal.signal(signal.SIGALRM, handler)
open("a", "w").close()
os.write(1, b"ready ")
try:
    os.rename("a", "b")
    os.write(1, b"renamed")
except InterruptedError:
    os.write(1, b"interrupted")
"""
RESTARTING = RENAMER.replace("open(", "signal.siginterrupt(signal.SIGTERM, False); open(", 1)


def test_a_handler_waits_for_the_end_of_a_stopped_call(conduct, holder):
    """A file system never gives EINTR, so the conductor must not either."""

    async def body(rig):
        keeper = holder("rename")
        rig.directors.append(keeper)
        running = await rig.python("one", RENAMER, families=REPLACE)
        [call] = await keeper.until(1)
        for _ in range(20):
            assert running.process.signal(signal.SIGTERM)
        assert call.perform()
        assert await running.ended() == 0
        assert running.supervisor.watched == 1
        return running.said()

    said = conduct(body)
    assert said.startswith("ready ")
    assert said.endswith("renamed")
    assert "handled" in said


def test_an_interruptible_call_is_asked_again_and_counted_once(conduct, holder):
    async def body(rig):
        keeper = holder("rename")
        rig.directors.append(keeper)
        running = await rig.python("one", RESTARTING, families=REPLACE, interruptible=True)
        for count in range(1, 6):
            held = await keeper.until(count)
            assert held[-1].index == 0
            assert held[-1].again is (count > 1)
            if count < 5:
                running.process.signal(signal.SIGTERM)
        assert not any(call.go() for call in held[:-1])  # those are gone
        assert held[-1].perform()
        assert await running.ended() == 0
        assert running.supervisor.watched == 1
        return running.said()

    assert conduct(body) == "ready handled renamed"  # Python runs its handlers once it is back


def test_a_rename_that_was_carried_out_is_not_carried_out_again(conduct, holder, monkeypatch):
    """On kernels without killable waits a signal may come between our rename and our answer."""

    async def body(rig):
        keeper = holder("rename")
        rig.directors.append(keeper)
        running = await rig.python("one", RESTARTING, families=REPLACE, interruptible=True)
        [call] = await keeper.until(1)
        with monkeypatch.context() as patch:
            patch.setattr(notifications, "answer", lambda *_: False)  # as if the signal had been faster
            assert not call.perform()
        running.process.signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert len(keeper.held) == 1
        assert running.supervisor.watched == 1
        return running.said(), sorted(path.name for path in rig.folder.iterdir())

    assert conduct(body) == ("ready handled renamed", ["b"])


def test_a_barrier_holds_the_newest_of_an_interrupted_call(conduct):
    async def body(rig):
        barrier = Barrier(
            fault="held", parties=2, where=lambda call: call.path.endswith("/b"), order=list, surroundings=rig,
            record=rig.events.append, hold=50,
        )  # fmt: skip
        barrier.expected += ["one", "two"]
        rig.directors.append(barrier)
        asked = asyncio.Queue()

        class Spy:
            def take(self, call):
                asked.put_nowait(call)
                return False

        rig.directors.insert(0, Spy())
        (rig.folder / "second").mkdir()
        first = await rig.python("one", RESTARTING, families=REPLACE, interruptible=True)
        await asked.get()
        for _ in range(3):
            first.process.signal(signal.SIGTERM)
            assert (await asked.get()).again
        second = await rig.python("two", RESTARTING, families=REPLACE, cwd=str(rig.folder / "second"))
        assert (await first.ended(), await second.ended()) == (0, 0)
        return first.said(), [type(event).__name__ for event in rig.events]

    said, events = conduct(body)
    assert said == "ready handled renamed"
    assert events == ["CallHeld", "CallHeld", "FaultFired", "CallReleased", "CallReleased"]


@pytest.mark.parametrize("interruptible", [False, True])
def test_timers_that_fire_all_the_time(conduct, watcher, interruptible):
    """Like Go's preemption: a signal every few hundred microseconds, with restarting handlers."""
    code = """
import os, signal
count = 0
def handler(number, frame):
    global count
    count += 1
signal.signal(signal.SIGALRM, handler)
signal.siginterrupt(signal.SIGALRM, False)
open("0", "w").close()
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
for number in range(300):
    os.rename(str(number), str(number + 1))
signal.setitimer(signal.ITIMER_REAL, 0)
print(count > 0, os.listdir())
"""

    async def body(rig):
        rig.directors.append(watcher)
        running = await rig.python("one", code, families=REPLACE, interruptible=interruptible)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return running.said(), running.supervisor.watched

    said, watched = conduct(body)
    assert said == "True ['300']\n"
    assert sorted({call.index for call in watcher.calls}) == list(range(watched))
    # A signal that comes with our answer makes the kernel ask again although it took the answer (seccomp_unotify(2)).
    assert watched >= 300 if interruptible else watched == 300


def test_a_stopped_process_goes_on_after_sigcont(conduct, holder):
    async def body(rig):
        keeper = holder("rename")
        rig.directors.append(keeper)
        running = await rig.python("one", RENAMER, families=REPLACE)
        [call] = await keeper.until(1)
        running.process.signal(signal.SIGSTOP)
        assert call.perform()
        assert (rig.folder / "b").exists()
        running.process.signal(signal.SIGCONT)
        assert await running.ended() == 0
        assert running.supervisor.watched == 1
        return running.said()

    assert conduct(body) == "ready renamed"


def test_a_caller_that_is_gone_has_no_process(monkeypatch):
    """What /proc says of a thread that is taken away just then, and pidfd_open(2) would call an invalid argument."""
    monkeypatch.setattr(kernel, "open", lambda *_, **__: io.StringIO("Name:\tx\nTgid:\t0\n"), raising=False)
    with pytest.raises(ProcessLookupError, match="4711"):
        kernel.thread_group(4711)


ENDS = """
import os, signal
signal.signal(signal.SIGUSR2, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.mkdir("first")
os.write(1, b"ready")
signal.sigwait({signal.SIGUSR1})
try:
    os.mkdir("made")
finally:
    os._exit(3)
"""


def test_a_call_that_a_signal_ended_before_it_was_taken_is_counted_even_if_it_is_the_last(conduct):
    async def body(rig):
        running = await rig.python("one", ENDS, families=frozenset({Family.MAKE, Family.END}))
        pid = running.process.pid
        while running.said() != "ready":  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.001)
        os.kill(pid, signal.SIGUSR1)
        wait_in(pid, MKDIR)
        os.kill(pid, signal.SIGUSR2)
        wait_in(pid, EXIT_GROUP)
        assert await running.ended() == 3
        await running.supervisor.ended.wait()
        return running.supervisor.withdrawn

    assert conduct(body) == 1


# On one processor, where the killed one waits behind the other: it is not gone when that one stops again.
VICTIM = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); os.nice(19)
held = bytearray(1 << 26)
with open("pid.new", "w") as file: file.write(str(os.getpid()))
os.rename("pid.new", "pid")
for name in "xyz": open(name, "w").close()
"""
KILLER = """
import os, signal
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
pid = int(open("pid").read())
os.kill(pid, signal.SIGTERM)
for name in "1234": open(name, "w").close()
"""


def test_who_is_killed_where_it_waits_has_no_turn_any_more(conduct):
    async def body(rig):
        went = []
        for _ in range(10):
            strategy = Replayed(*"aaab", Rotating())  # a has its pid in the file, and waits to make x
            actors = {"a": python(VICTIM), "b": python(KILLER)}
            scheduler = await schedule(rig, strategy, actors, families=ORDERED)
            went.append((order(scheduler)[4:], [len(step.enabled) for step in scheduler.trace.steps[4:]]))
            rig.running.clear()
            rig.directors.clear()
            (rig.folder / "pid").unlink()
        return went

    assert conduct(body) == [(["b"] * 4, [1] * 4)] * 10


def test_a_thread_that_an_exec_ends_where_it_waits_takes_nothing_with_it(conduct):
    """execve(2) ends all other threads; the process lives, and what its new program asks for is a point as ever."""
    code = """
import os, sys, threading
thread = threading.Thread(target=lambda: open("old", "w"))
thread.start()
descriptor = os.open(f"/proc/self/task/{thread.native_id}/syscall", os.O_RDONLY)
while not os.pread(descriptor, 99, 0).startswith(b"257 "): pass  # it is at openat(2), and this one is not asleep
os.execv(sys.executable, [sys.executable, "-S", "-E", "-c", "open('new', 'w').close(); open('last', 'w').close()"])
"""

    async def body(rig):
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=ORDERED)
        return [str(point) for point in scheduler.trace.points]

    assert conduct(body) == ["a.0: openat new", "a.1: openat last"]
