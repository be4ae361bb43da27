"""The scheduler on real processes: one goes on at a time, in the order that a strategy says."""

from __future__ import annotations

import asyncio
import os

import pytest

from harness.conductor.calls import Family
from harness.events import FaultFired, Scheduled
from tests.harness.conductor.ordered import CHANGES, INCREMENT, First, Replayed, Rotating, python, schedule


def test_a_strategy_decides_who_loses(conduct):
    """Both read before either writes: one update is lost; one after the other: none is."""

    async def body(rig):
        counts = []
        for strategy in (Rotating(), First()):
            (rig.folder / "count").write_text("0")
            await schedule(rig, strategy, {"a": python(INCREMENT), "b": python(INCREMENT)})
            rig.running.clear()
            counts.append((rig.folder / "count").read_text())
        return counts

    assert conduct(body) == ["1", "2"]


def test_the_same_choices_give_the_same_trace(conduct):
    async def body(rig):
        traces = []
        for _ in range(5):
            (rig.folder / "count").write_text("0")
            scheduler = await schedule(rig, Rotating(), {"a": python(INCREMENT), "b": python(INCREMENT)})
            traces.append([(p.actor, p.index, p.fingerprint) for p in scheduler.trace.points])
        return traces

    traces = conduct(body)
    assert len(traces[0]) == 6
    assert all(trace == traces[0] for trace in traces)


def test_who_is_woken_up_takes_part_in_the_next_decision(conduct):
    """One sleeps until the other opens a pipe, which is no lock, and is slow to come to its next call."""
    sleeper = "import os; os.open('pipe', os.O_RDONLY); sum(range(10**6)); os.mkdir('late')"
    waker = "import os; os.open('pipe', os.O_WRONLY); os.mkdir('soon')"

    async def body(rig):
        os.mkfifo(rig.folder / "pipe")
        strategy = Replayed("sleeper", "waker", First())
        scheduler = await schedule(rig, strategy, {"sleeper": python(sleeper), "waker": python(waker)})
        return [str(point) for point in scheduler.trace.steps[2].enabled]

    assert conduct(body) == ["sleeper.1: mkdir late", "waker.1: mkdir soon"]


def test_what_is_written_to_a_terminal_has_arrived_before_the_next_decision(conduct):
    """A thread of the kernel's brings it there a little later, while both ends of the terminal look asleep."""
    program = """
import os, pty
child, terminal = pty.fork()
if child == 0:
    os.write(1, b"x")
    os.mkdir("by-child")
    os._exit(0)
os.read(terminal, 1)
os.mkdir("by-parent")
os.waitpid(child, 0)
"""

    async def body(rig):
        enabled = set()
        for _ in range(20):
            scheduler = await schedule(rig, First(), {"one": python(program)})
            first = next(step for step in scheduler.trace.steps if step.chosen.call == "mkdir")
            enabled.add(tuple(str(point) for point in first.enabled))
            for name in ("by-child", "by-parent"):
                (rig.folder / name).rmdir()
        return enabled

    assert conduct(body) == {("one.0: mkdir by-parent", "one/1.0: mkdir by-child")}


def test_a_reply_that_comes_after_the_end_of_the_schedule_is_not_held(conduct):
    """As in a replay that has diverged: its clients would wait until their own patience ends, and be judged for it."""

    class Reply:
        gone = False

        def waits(self):
            return not self.gone

        def go(self):
            self.gone = True

    async def body(rig):
        scheduler = await schedule(rig, First(), {"a": python("import os; os.mkdir('done')")})
        reply = Reply()
        scheduler.hold("grant/1", (), reply)
        return reply.gone

    assert conduct(body)


ALONE, BESIDE_A_THREAD = "", "threading.Thread(target=os.mkdir, args=('c',)).start()"


@pytest.mark.parametrize(
    ("meanwhile", "enabled"),
    [
        (ALONE, ["b.0: mkdir b", "grant/1.0: reply"]),
        (BESIDE_A_THREAD, ["a.1: mkdir c", "b.0: mkdir b", "grant/1.0: reply"]),
    ],
    ids=["alone", "beside-a-thread"],
)
def test_what_was_sent_to_a_fake_is_a_point_before_the_next_decision(conduct, monkeypatch, meanwhile, enabled):
    """Its client sleeps as soon as it has sent it, before a busy loop comes to accept, to read and to hold it."""
    monkeypatch.setattr("harness.conductor.scheduler._LOOKS", 0)
    monkeypatch.setattr("harness.conductor.scheduler._SELDOM", 0)

    class Reply:
        def __init__(self, writer):
            self._writer = writer

        def waits(self):
            return self._writer is not None

        def go(self):
            self._writer.close()
            self._writer = None

    async def body(rig):
        async def serve(reader, writer):
            await reader.readline()
            rig.directors[0].hold("grant/1", (), Reply(writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = f"""
import os, socket, threading
with socket.create_connection(("127.0.0.1", {port})) as sock:
    {meanwhile}
    os.mkdir("a")
    sock.send(b"please\\n")
    sock.recv(1)
"""
        async with server:
            actors = {"a": python(client), "b": python("import os; os.mkdir('b')")}
            scheduler = await schedule(rig, First(), actors, families=frozenset({Family.MAKE, Family.NETWORK}))
        return [str(point) for point in scheduler.trace.steps[1].enabled]

    assert conduct(body) == enabled


def test_a_signal_for_whoever_is_stopped_holds_nobody_up(conduct):
    """The kernel shows it in another state from then on, as if it waited for a disk."""
    code = """
import os, signal
signal.signal(signal.SIGCHLD, lambda number, frame: None)
os.mkdir("parent" if os.fork() else "child")
"""

    async def body(rig):
        strategy = Replayed("a/1", First())  # the child ends while its parent is stopped
        scheduler = await schedule(rig, strategy, {"a": python(code)}, families=CHANGES)
        return [str(point) for point in scheduler.trace.points]

    assert conduct(body) == ["a/1.0: mkdir child", "a.0: mkdir parent"]


def test_a_child_that_works_is_waited_for_though_its_birth_is_no_stop(conduct):
    """Its parent sleeps meanwhile, and whoever is not known to have children would pass for one that does nothing."""
    code = "import os; os.mkdir('first'); os.fork() and (os.wait(), os._exit(0)); sum(range(10**7)); os.mkdir('child')"

    async def body(rig):
        actors = {"a": python(code), "b": python("import os; os.mkdir('second')")}
        scheduler = await schedule(rig, First(), actors, families=frozenset({Family.MAKE}))
        return [str(point) for point in scheduler.trace.points]

    assert conduct(body) == ["a.0: mkdir first", "a/1.0: mkdir child", "b.0: mkdir second"]


def test_a_daemon_that_works_is_waited_for_though_it_is_nobodys_child_any_more(conduct):
    """Its parent has ended before it first stopped, so that no list of an actor's descendants has it."""
    daemon = "os.setsid(); (os.fork() and os._exit(0)); sum(range(10**7)); os.mkdir('daemon'); os._exit(0)"
    code = f"import os\nif not os.fork(): {daemon}\nos.wait(); os.mkdir('starter')"

    async def body(rig):
        families = frozenset({Family.MAKE, Family.FORK, Family.END})
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=families)
        return [str(point) for point in scheduler.trace.steps[0].enabled]

    assert conduct(body) == ["a.0: mkdir starter", "a/1.0: mkdir daemon"]


@pytest.mark.parametrize("fault", ["SIGKILL", "SIGTERM"])
def test_the_child_of_one_that_is_killed_is_waited_for(conduct, fault):
    """It has not stopped before, and learns of the end by a pipe."""
    child = "os.close(w); os.read(r, 1); sum(range(10**7)); os.mkdir('child'); os._exit(0)"
    code = f"import os\nr, w = os.pipe()\nif not os.fork(): {child}\nos.mkdir('parent')"

    async def body(rig):
        actors = {"a": python(code), "b": python("import os; os.mkdir('first')")}
        families = frozenset({Family.MAKE, Family.FORK})
        scheduler = await schedule(rig, First(), actors, families=families, decisions=f"a.0!{fault}")
        return [str(point) for point in scheduler.trace.points]

    assert conduct(body) == ["a.0: mkdir parent", "a/1.0: mkdir child", "b.0: mkdir first"]


def test_every_step_is_recorded(conduct):
    async def body(rig):
        (rig.folder / "count").write_text("0")
        await schedule(rig, First(), {"a": python(INCREMENT), "b": python(INCREMENT)}, families=CHANGES)
        return rig.events

    events = conduct(body)
    steps = [event for event in events if isinstance(event, Scheduled)]
    assert [(s.actor, s.index, s.call) for s in steps] == [
        ("a", 0, "openat"), ("a", 1, "rename"), ("b", 0, "openat"), ("b", 1, "rename"),
    ]  # fmt: skip
    assert steps[1].writes[1] == "count"
    assert [step.others for step in steps] == [("b",), ("b",), (), ()]
    assert isinstance(events[-1], FaultFired)


def test_a_strategy_that_fails_lets_everything_go(conduct):
    class Broken:
        def choose(self, choice):
            raise RuntimeError("broken on purpose")

    async def body(rig):
        (rig.folder / "count").write_text("0")
        with pytest.raises(RuntimeError, match="on purpose"):
            await schedule(rig, Broken(), {"a": python(INCREMENT), "b": python(INCREMENT)})

    conduct(body)


def test_an_end_is_heard_at_once(conduct, monkeypatch):
    """Whoever waits for the others' end goes on without anybody looking at processes."""
    monkeypatch.setattr("harness.conductor.scheduler._LOOKS", 3600.0)
    monkeypatch.setattr("harness.conductor.scheduler._SELDOM", 3600.0)

    async def body(rig):
        (rig.folder / "count").write_text("0")
        await schedule(rig, First(), {name: python(INCREMENT) for name in "ab"})
        return (rig.folder / "count").read_text()

    assert conduct(body) == "2"
