"""The barrier's ways to open, what it does with several calls of one actor, and the order in which it lets go."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from harness.conductor.calls import Family
from harness.conductor.directors import Barrier, Keeper, Onlooker
from harness.events import CallHeld, CallReleased, FaultFired
from harness.processes.tree import Stillness
from tests.harness.toy import POLLS_FLOCK

REPLACE = frozenset({Family.REPLACE})
LOCKS = frozenset({Family.REPLACE, Family.LOCK, Family.OPEN})
RENAMER = 'import os, sys; open(sys.argv[1], "w").close(); os.rename(sys.argv[1], "target")'
WAITER = "import os; os.read(0, 1)"
NAMES = ("one", "two", "three")


def make_barrier(rig, parties, *, order=None, hold=50.0, where=None):
    barrier = Barrier(
        fault="held",
        parties=parties,
        where=where or (lambda call: call.path.endswith("/target")),
        order=order or (lambda calls: sorted(calls, key=lambda call: call.actor)),
        surroundings=rig,
        record=rig.events.append,
        hold=hold,
    )
    rig.directors.append(barrier)
    return barrier


async def start(rig, barrier, name, code=RENAMER, *words, families=REPLACE, **options):
    barrier.expected.append(name)
    return await rig.python(name, code, *(words or (name,)), families=families, **options)


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("last", NAMES)
def test_it_opens_when_all_are_there_and_releases_in_the_plans_order(conduct, last):
    order = [name for name in NAMES if name != last] + [last]

    async def body(rig):
        barrier = make_barrier(rig, 3, order=lambda calls: sorted(calls, key=lambda call: order.index(call.actor)))
        inodes = {}
        original = barrier.take

        def take(call):
            inodes[call.actor] = (rig.folder / call.actor).stat().st_ino
            return original(call)

        barrier.take = take
        started = [await start(rig, barrier, name) for name in NAMES]
        assert [await running.ended() for running in started] == [0, 0, 0]
        return rig.events, inodes, (rig.folder / "target").stat().st_ino

    events, inodes, left = conduct(body)
    assert [event.actor for event in of(events, CallReleased)] == order
    assert sorted(event.actor for event in of(events, CallHeld)) == sorted(NAMES)
    assert of(events, FaultFired)[0].detail.endswith("opened: barrier")
    assert left == inodes[last]  # the last rename is the one that stands


def test_it_opens_when_the_others_have_ended(conduct):
    async def body(rig):
        barrier = make_barrier(rig, 3)
        first = await start(rig, barrier, "one")
        for name in ("two", "three"):
            assert await (await start(rig, barrier, name, "pass")).ended() == 0
        assert await first.ended() == 0
        return of(rig.events, FaultFired)[0].detail

    assert conduct(body) == "1 held (one); opened: the others have ended"


@pytest.mark.parametrize("stopped", [False, True], ids=["asleep", "SIGSTOP"])
def test_it_opens_when_the_others_can_get_no_further(conduct, stopped, tmp_path):
    async def body(rig):
        barrier = make_barrier(rig, 2)
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        hold = os.open(fifo, os.O_RDWR)
        second = await start(rig, barrier, "two", WAITER, stdin=str(fifo))
        if stopped:
            second.process.signal(signal.SIGSTOP)
        first = await start(rig, barrier, "one")
        assert await first.ended() == 0
        os.close(hold)
        second.process.signal(signal.SIGCONT)
        assert await second.ended() == 0
        return of(rig.events, FaultFired)[0].detail

    assert conduct(body) == "1 held (one); opened: the others can get no further"


POLLS_A_NAME = """
import os, time
while True:
    try:
        os.close(os.open("lock", os.O_CREAT | os.O_EXCL))
        break
    except FileExistsError:
        end = time.process_time() + 0.02
        while time.process_time() < end: pass
"""


@pytest.mark.parametrize(("polls", "frees"), [(POLLS_FLOCK, ""), (POLLS_A_NAME, "os.unlink('lock')")])
def test_it_opens_when_the_others_only_ask_for_what_is_taken(conduct, polls, frees):
    async def body(rig):
        barrier = make_barrier(rig, 3)
        first = RENAMER.replace("import os, sys;", polls + "\nimport os, sys;") + "\n" + frees
        started = [await start(rig, barrier, "one", first, families=LOCKS)]
        while not of(rig.events, CallHeld):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        started += [await start(rig, barrier, name, polls + frees, families=LOCKS) for name in ("two", "three")]
        assert [await running.ended() for running in started] == [0, 0, 0]
        return of(rig.events, FaultFired)[0].detail

    assert conduct(body) == "1 held (one); opened: the others can get no further"


def test_it_waits_for_one_that_works(conduct, monkeypatch):
    """Work is told from waiting by the threads' states and processor time."""

    async def body(rig):
        barrier = make_barrier(rig, 2)
        first = await start(rig, barrier, "one")
        busy = f"import time\nend = time.process_time() + 3 * {Stillness.INTERVAL * 12}\n"
        busy += "while time.process_time() < end: pass\n" + RENAMER
        second = await start(rig, barrier, "two", busy)
        assert (await first.ended(), await second.ended()) == (0, 0)
        return of(rig.events, FaultFired)[0].detail

    assert conduct(body) == "2 held (one, two); opened: barrier"


def test_it_opens_after_its_time(conduct):
    async def body(rig):
        barrier = make_barrier(rig, 2, hold=0.0)  # the second is never started
        first = await start(rig, barrier, "one")
        assert await first.ended() == 0
        return of(rig.events, FaultFired)[0].detail

    assert conduct(body) == "1 held (one); opened: time-out"


def test_more_actors_than_parties(conduct):
    async def body(rig):
        barrier = make_barrier(rig, 2)
        first = await start(rig, barrier, "one")
        for name in ("two", "three"):
            assert await (await start(rig, barrier, name, "pass")).ended() == 0
        assert await first.ended() == 0
        return of(rig.events, FaultFired)[0].detail

    assert conduct(body) == "1 held (one); opened: the others have ended"


@pytest.mark.parametrize("how", ["threads", "processes"])
def test_several_calls_of_one_actor_are_all_held_and_all_released(conduct, how):
    code = {
        "threads": """
import os, threading
def rename(name):
    open(name, "w").close(); os.rename(name, "target")
threads = [threading.Thread(target=rename, args=(f"t{n}",)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        "processes": """
import os
for n in range(4):
    if os.fork() == 0:
        open(f"t{n}", "w").close(); os.rename(f"t{n}", "target"); os._exit(0)
for _ in range(4):
    assert os.wait()[1] == 0
""",
    }[how]

    async def body(rig):
        barrier = make_barrier(rig, 2)
        held = asyncio.Event()
        original = barrier.take

        def take(call):
            taken = original(call)
            if len(of(rig.events, CallHeld)) == 4:
                held.set()
            return taken

        barrier.take = take
        first = await start(rig, barrier, "one", code)
        await held.wait()
        assert of(rig.events, FaultFired) == []  # four calls, one party
        second = await start(rig, barrier, "two")
        assert (await first.ended(), await second.ended()) == (0, 0), first.said("stderr")
        return rig.events

    events = conduct(body)
    assert [event.actor for event in of(events, CallReleased)] == ["one"] * 4 + ["two"]
    assert of(events, FaultFired)[0].detail == "5 held (one, two); opened: barrier"


def test_an_actor_that_dies_while_held(conduct, holder):
    async def body(rig):
        barrier = make_barrier(rig, 2)
        held = asyncio.Event()
        original = barrier.take

        def take(call):
            taken = original(call)
            held.set()
            return taken

        barrier.take = take
        first = await start(rig, barrier, "one")
        await held.wait()
        first.process.signal(signal.SIGKILL)
        assert await first.ended() == -signal.SIGKILL
        second = await start(rig, barrier, "two")
        assert await second.ended() == 0
        return sorted(path.name for path in rig.folder.iterdir())

    assert conduct(body) == ["one", "target"]  # its rename never ran


def test_a_bug_in_the_order_releases_all_and_is_reported(conduct):
    async def body(rig):
        def order(_calls):
            raise ZeroDivisionError

        barrier = make_barrier(rig, 2, order=order)
        started = [await start(rig, barrier, name) for name in ("one", "two")]
        assert [await running.ended() for running in started] == [0, 0]
        faults = list(rig.faults)
        rig.faults.clear()
        return faults

    assert [type(fault) for fault in conduct(body)] == [ZeroDivisionError]


def test_a_bug_in_the_watch_releases_all_and_is_reported(conduct):
    async def body(rig):
        barrier = make_barrier(rig, 2)
        rig.progress = None  # not callable
        first = await start(rig, barrier, "one")
        second = await start(rig, barrier, "two", WAITER, stdin="/dev/zero")
        assert (await first.ended(), await second.ended()) == (0, 0)
        faults = list(rig.faults)
        rig.faults.clear()
        return faults

    faults = conduct(body)
    assert [type(fault) for fault in faults] in ([TypeError], [])  # [] when the second had ended before the first look


def test_a_bug_in_a_director_lets_the_call_go_and_is_reported(conduct):
    class Broken:
        def take(self, call):
            raise KeyError(call.path)

    async def body(rig):
        rig.directors.append(Broken())
        running = await rig.python("one", RENAMER, "one", families=REPLACE)
        assert await running.ended() == 0
        faults = list(rig.faults)
        rig.faults.clear()
        return faults

    assert [type(fault) for fault in conduct(body)] == [KeyError]


def test_the_onlooker_sees_the_world_before_every_call(conduct):
    async def body(rig):
        worlds = []
        look = Onlooker(
            where=lambda _: True, look=lambda _: worlds.append(sorted(p.name for p in rig.folder.iterdir()))
        )
        rig.directors.append(look)
        code = 'import os; open("0", "w").close()\nfor n in range(50): os.rename(str(n), str(n + 1))'
        running = await rig.python("one", code, families=REPLACE)
        assert await running.ended() == 0
        return worlds, look.looks

    worlds, looks = conduct(body)
    assert worlds == [[str(number)] for number in range(50)]
    assert looks == 50


def test_a_keeper_keeps_the_first_actor_and_no_other(conduct):
    async def body(rig):
        keeper = Keeper(fault="kept", where=lambda call: call.path.endswith("/target"), record=rig.events.append)
        rig.directors.append(keeper)
        first = await rig.python("one", RENAMER, "one", families=REPLACE)
        while not keeper.actor:  # noqa: ASYNC110 - as scenarios do
            await asyncio.sleep(0.005)
        second = await rig.python("two", RENAMER, "two", families=REPLACE)
        assert await second.ended() == 0
        assert (keeper.actor, (rig.folder / "one").exists(), (rig.folder / "two").exists()) == ("one", True, False)
        keeper.open()
        assert await first.ended() == 0
        assert not (rig.folder / "one").exists()
        assert [type(event) for event in rig.events] == [CallHeld, FaultFired, CallReleased]

    conduct(body)
