"""The scheduler on real processes: one goes on at a time, in the order that a strategy says."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Sequence

import pytest

from harness.conductor.calls import Family
from harness.conductor.scheduler import Scheduler
from harness.events import FaultFired, Scheduled
from harness.processes import tree
from harness.schedules.decisions import Decisions
from harness.schedules.dpor import Explorer
from harness.schedules.explain import explain
from harness.schedules.points import named, racing
from harness.verdict import Verdict

CHANGES = frozenset({Family.REPLACE, Family.OPEN, Family.REMOVE, Family.MAKE, Family.LOCK, Family.FORK})
ORDERED = CHANGES | {Family.READ, Family.LIST}  # without reads an actor has read what it will before its first turn
# Reads a number, and replaces the file by one that is greater by one: the update that a second one can lose.
INCREMENT = """
import os, sys
old = int(open("count").read())
with open(f"new.{os.getpid()}", "w") as file:
    file.write(str(old + 1))
os.rename(f"new.{os.getpid()}", "count")
"""
LOCKED = (
    """
import fcntl
lock = open("lock", "a")
fcntl.flock(lock, fcntl.LOCK_EX)
"""
    + INCREMENT
)


TRY = "fcntl.LOCK_EX | fcntl.LOCK_NB"


class Replayed:
    """Actors by name first, then as another strategy says."""

    def __init__(self, *parts):
        *self._actors, self._then = parts

    def choose(self, choice):
        if self._actors:
            wanted = self._actors.pop(0)
            return next(point for point in choice.enabled if point.actor == wanted)
        return self._then.choose(choice)


class First:
    """Whoever is first by name goes on until it ends or waits."""

    def choose(self, choice):
        return choice.enabled[0]


class Rotating:
    """Never the same twice in a row, if there is another."""

    def choose(self, choice):
        others = [point for point in choice.enabled if choice.last is None or point.actor != choice.last.actor]
        return (others or choice.enabled)[0]


async def schedule(
    rig, strategy, actors: dict[str, Sequence[str]], *, families=ORDERED, decisions="-", where=lambda call: True,
    **options,
):  # fmt: skip
    """Run the actors under a scheduler to their end; gives it. `options` are of how they are started."""
    folder = str(rig.folder)

    class Around:
        def processes(self, actor):
            running = rig.running[actor]
            plural = running.supervisor.plural
            return tree.family({running.process.pid}) if plural else frozenset({running.process.pid})

    scheduler = Scheduler(
        fault="ordered", parties=len(actors), where=where, root=folder, strategy=strategy,
        decisions=Decisions.parse(decisions), surroundings=Around(), record=rig.events.append,
    )  # fmt: skip
    rig.directors.append(scheduler)
    for name, argv in actors.items():
        running = await rig.start(name, *argv, families=families, **options)
        scheduler.start(name, running.supervisor)
    await asyncio.gather(*(rig.running[name].ended() for name in actors))
    scheduler.open()
    if scheduler.failure is not None:
        raise scheduler.failure
    return scheduler


def python(code):
    return (sys.executable, "-S", "-E", "-c", code)


def order(scheduler):
    return [point.actor for point in scheduler.trace.points]


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


def test_who_sets_an_extended_attribute_changes_the_file(conduct):
    """A number may be kept in one: others can go on before it is set, and what they set is a change."""
    code = 'import os; os.setxattr("count", "user.n", b"1")'

    async def body(rig):
        (rig.folder / "count").touch()
        families = CHANGES | {Family.MARK}
        scheduler = await schedule(rig, Rotating(), {"a": python(code), "b": python(code)}, families=families)
        return scheduler.trace

    trace = conduct(body)
    assert [str(point) for point in trace.points] == ["a.0: setxattr count", "b.0: setxattr count"]
    assert racing(*trace.points)
    assert trace.steps[0].contended


def test_names_drawn_by_chance_do_not_tell_runs_apart(conduct):
    """As of mkstemp and mkdtemp, whose letters may form any word; who names a file himself means that name."""
    code = """
import os, sys
drawn, own = sys.argv[1:]
os.close(os.open(drawn, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)); os.rename(drawn, "config")
os.mkdir("x-" + drawn, 0o700); os.close(os.open(f"x-{drawn}/f", os.O_WRONLY | os.O_CREAT))
os.mkdir("private", 0o700); os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
"""

    async def body(rig):
        found = []
        for words in (("sedFWmqmE", "owner-lock"), ("sedBonjou", "owner-lock"), ("sedFWmqmE", "other-lock")):
            scheduler = await schedule(rig, First(), {"a": (*python(code), *words)})
            rig.running.clear()
            found.append([point.fingerprint for point in scheduler.trace.points])
            for left in (words[1], f"x-{words[0]}/f"):
                (rig.folder / left).unlink()
            (rig.folder / f"x-{words[0]}").rmdir()
            (rig.folder / "private").rmdir()
        return found

    first, again, other = conduct(body)
    made = ["openat *", "rename * config", "mkdir x-*", "openat x-*/f", "mkdir private", "openat owner-lock"]
    assert first[-6:] == again[-6:] == made
    assert other[-6:] == [*made[:-1], "openat other-lock"]


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


@pytest.mark.parametrize("strategy", [Rotating, First])
def test_who_waits_for_a_lock_is_not_asked(conduct, strategy):
    async def body(rig):
        (rig.folder / "count").write_text("0")
        actors = {name: python(LOCKED) for name in "abc"}
        scheduler = await schedule(rig, strategy(), actors)
        return scheduler, (rig.folder / "count").read_text()

    scheduler, count = conduct(body)
    assert count == "3"
    holder = None
    for step in scheduler.trace.steps:
        if step.chosen.call == "flock":
            assert holder is None
            holder = step.chosen.actor
        if step.chosen.call == "rename":
            assert holder == step.chosen.actor
            holder = None


def test_a_polling_actor_does_not_starve_the_holder(conduct):
    """An attempt that must fail again is not repeated while another can go on."""
    polling = LOCKED.replace(
        "fcntl.flock(lock, fcntl.LOCK_EX)",
        "import time\n"
        "while True:\n"
        "    try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB); break\n"
        "    except BlockingIOError: time.sleep(0.005)\n",
    )

    async def body(rig):
        (rig.folder / "count").write_text("0")
        scheduler = await schedule(rig, Rotating(), {name: python(polling) for name in "abc"}, families=CHANGES)
        return scheduler, (rig.folder / "count").read_text()

    scheduler, count = conduct(body)
    assert count == "3"
    attempts = sum(step.chosen.call == "flock" for step in scheduler.trace.steps)
    assert attempts <= 3 + 2 + 1 + 3  # three that succeed, and at most two in vain for each who waits


def test_an_attempt_of_several_calls_is_one_attempt(conduct):
    """A lock that is opened anew for each try is not tried again and again either, with a strategy that would."""
    reopening = (
        """
import fcntl, os, time
while True:
    lock = os.open("lock", os.O_RDWR | os.O_CREAT)
    try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB); break
    except BlockingIOError: os.close(lock); time.sleep(0.001)
"""
        + INCREMENT
    )

    class Last:
        def choose(self, choice):
            return choice.enabled[-1]

    async def body(rig):
        (rig.folder / "count").write_text("0")
        (rig.folder / "lock").write_text("")
        scheduler = await schedule(rig, Replayed("a", "a", Last()), {name: python(reopening) for name in "ab"})
        return scheduler, (rig.folder / "count").read_text()

    scheduler, count = conduct(body)
    assert count == "2"
    assert sum(step.chosen.call == "flock" for step in scheduler.trace.steps) <= 4


def test_an_attempt_at_one_lock_is_none_at_another_of_the_same_file(conduct):
    """As SQLite polls in WAL mode: it takes one lock, asks for a second, and lets go of the first."""
    poll = f"""
import fcntl
file = open("locks", "r+")
while True:
    fcntl.lockf(file, fcntl.LOCK_SH, 1, 123)
    try: fcntl.lockf(file, {TRY}, 1, 120)
    except OSError: fcntl.lockf(file, fcntl.LOCK_UN, 1, 123)
    else: break
"""
    hold = (
        f"import fcntl, os; file = open('locks', 'r+'); fcntl.lockf(file, {TRY}, 1, 120); os.mkdir('a'); os.mkdir('b')"
    )

    async def body(rig):
        (rig.folder / "locks").write_text("")
        strategy = Replayed("hold", "hold", First())
        scheduler = await schedule(rig, strategy, {"hold": python(hold), "a-poll": python(poll)}, families=CHANGES)
        return order(scheduler)

    # Its first attempt fails, and the second one waits until the lock is free.
    assert conduct(body) == ["hold"] * 2 + ["a-poll"] * 5 + ["hold"] * 2 + ["a-poll"]


def test_lock_by_exclusive_creation(conduct):
    code = (
        """
import os, time
while True:
    try: os.close(os.open("lock", os.O_CREAT | os.O_EXCL)); break
    except FileExistsError: time.sleep(0.001)
"""
        + INCREMENT
        + 'os.unlink("lock")'
    )

    async def body(rig):
        (rig.folder / "count").write_text("0")
        scheduler = await schedule(rig, Rotating(), {name: python(code) for name in "ab"}, families=CHANGES)
        return len(scheduler.trace.steps), (rig.folder / "count").read_text()

    steps, count = conduct(body)
    assert count == "2"
    assert steps <= 10


def test_record_locks(conduct):
    code = LOCKED.replace("flock(lock", "lockf(lock")

    async def body(rig):
        (rig.folder / "count").write_text("0")
        await schedule(rig, Rotating(), {name: python(code) for name in "abc"})
        return (rig.folder / "count").read_text()

    assert conduct(body) == "3"


def test_a_record_lock_is_about_its_bytes_and_a_shared_one_changes_nothing(conduct):
    code = """
import fcntl
lock = open("lock", "a+b")
fcntl.lockf(lock, fcntl.LOCK_SH, 1, 3)
fcntl.lockf(lock, fcntl.LOCK_EX, 2, 7)
fcntl.lockf(lock, fcntl.LOCK_UN)
fcntl.flock(lock, fcntl.LOCK_SH)
"""

    async def body(rig):
        (rig.folder / "lock").write_text("")
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=frozenset({Family.LOCK}))
        return [(touch.object, touch.writes) for point in scheduler.trace.points for touch in named(point.touches)]

    assert conduct(body) == [
        ("lock:lock@3+1", False),
        ("lock:lock@7+2", True),
        ("lock:lock", True),
        ("lock:lock", False),
    ]


def test_making_a_folder_that_is_there_changes_nothing(conduct):
    code = """
import os
for _ in range(2): os.makedirs("made", exist_ok=True)
os.mkdir("other")
"""

    async def body(rig):
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=frozenset({Family.MAKE}))
        return [(point.touches[0].object, point.touches[0].writes) for point in scheduler.trace.points]

    assert conduct(body) == [("made", True), ("made", False), ("other", True)]


@pytest.mark.parametrize("there", [True, False])
def test_who_makes_sure_of_a_folder_again_and_again_waits_for_nobody(conduct, there):
    """Were it taken for one that polls for a lock, it would have no turn until the others have ended."""
    code = "import os\nfor _ in range(4): os.makedirs('made', exist_ok=True)\n" + INCREMENT

    async def body(rig):
        (rig.folder / "count").write_text("0")
        if there:
            (rig.folder / "made").mkdir()
        await schedule(rig, Rotating(), {name: python(code) for name in "ab"})
        return (rig.folder / "count").read_text()

    assert conduct(body) == "1"


CONTEND = """
import os, time
while True:
    try: MAKE; break
    except FileExistsError: time.sleep(0.001)
open("log", "a").write(os.environ["PILEUP_ACTOR"])
UNMAKE
"""
EXCLUSIVE = {
    "open": ("os.close(os.open('lock', os.O_CREAT | os.O_EXCL))", "os.unlink('lock')"),
    "mkdir": ("os.mkdir('lock')", "os.rmdir('lock')"),
    "link": ("os.link('count', 'lock')", "os.unlink('lock')"),
}


@pytest.mark.parametrize("kind", EXCLUSIVE)
def test_three_that_contend_for_a_name_get_it_in_every_order(conduct, kind):
    """Whoever waited for the name makes it in the end, and does not find it made, as it would have at first.

    Of those who come later, the first fails in vain or not, the second while the first or the second has the lock, or
    not at all: six classes for each of the six orders.
    """
    make, unmake = EXCLUSIVE[kind]
    code = CONTEND.replace("UNMAKE", unmake).replace("MAKE", make)
    families = frozenset({Family.REPLACE, Family.OPEN, Family.REMOVE, Family.MAKE})

    async def body(rig):
        (rig.folder / "count").write_text("0")
        explorer, orders = Explorer(limit=100), Counter()
        while (strategy := explorer.next()) is not None:
            (rig.folder / "log").write_text("")
            scheduler = await schedule(rig, strategy, {name: python(code) for name in "abc"}, families=families)
            orders[(rig.folder / "log").read_text()] += 1
            explorer.executed(scheduler.trace, verdict=Verdict.CONFORMS)
            rig.running.clear()
            rig.directors.clear()
        return orders, explorer.certificate()

    orders, certificate = conduct(body)
    assert orders == dict.fromkeys(["abc", "acb", "bac", "bca", "cab", "cba"], 6)
    assert (certificate.classes, certificate.verdict) == (36, Verdict.CONFORMS)


@pytest.mark.parametrize("way", ["current/file", "deputy"])
def test_a_link_that_is_led_elsewhere_concerns_whoever_goes_through_it(conduct, way):
    """And a call that waits meanwhile goes where the link leads when it has its turn."""
    swap = "import os; os.symlink('two', 'new'); os.rename('new', 'current')"
    read = f"text = open({way!r}).read(); open('log', 'w').write(text)"

    async def body(rig):
        for name in ("one", "two"):
            (rig.folder / name).mkdir()
            (rig.folder / name / "file").write_text(name)
        (rig.folder / "deputy").symlink_to("current/file")
        explorer, read_from = Explorer(limit=100), {}
        while (strategy := explorer.next()) is not None:
            (rig.folder / "current").unlink(missing_ok=True)
            (rig.folder / "current").symlink_to("one")
            actors = {"swap": python(swap), "read": python(read)}
            scheduler = await schedule(rig, strategy, actors, families=CHANGES | {Family.READ})
            [point] = [point for point in scheduler.trace.points if point.call == "openat" and "log" not in str(point)]
            read_from[(rig.folder / "log").read_text()] = [touch.object for touch in named(point.touches)]
            explorer.executed(scheduler.trace)
            rig.running.clear()
            rig.directors.clear()
        return read_from

    links = ["deputy", "current"] if way == "deputy" else ["current"]
    assert conduct(body) == {"one": ["one/file", *links], "two": ["two/file", *links]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("os.mkdir('made')", "os.open('made/file', os.O_CREAT)"),
        ("os.rename('there', 'away')", "os.open('there/file', os.O_RDONLY)"),
        ("os.rmdir('empty')", "os.open('empty/file', os.O_CREAT)"),
        (
            f"fcntl.lockf(file, {TRY}); os.mkdir('a'); fcntl.lockf(file, fcntl.LOCK_UN)",
            f"fcntl.lockf(file, {TRY}, 2, 5)",
        ),
        (
            "os.link('there/file', 'name'); os.open('there/file', os.O_WRONLY | os.O_TRUNC)",
            "open('name').read() == 'text' or os.stat('nowhere')",
        ),
        (f"fcntl.lockf(file, {TRY}, 4); fcntl.lockf(file, fcntl.LOCK_UN, 4)", f"fcntl.lockf(file, {TRY}, 2, 3)"),
    ],
)
def test_what_happens_to_a_folder_another_name_or_a_part_of_a_lock_concerns_whoever_it_may_refuse(conduct, one, other):
    """Each order is run: there is one in which the other one is refused, and one in which it is not."""
    code = (
        "import fcntl, os; file = open('lock', 'r+')\ntry: {}\nexcept OSError: open('refused-{}', 'x')\nos.mkdir('{}')"
    )

    async def body(rig):
        explorer, seen = Explorer(limit=100), set()
        while (strategy := explorer.next()) is not None:
            for folder in ("there", "empty"):
                (rig.folder / folder).mkdir()
            for file in ("lock", "there/file"):
                (rig.folder / file).write_text("text")
            actors = {"one": python(code.format(one, 1, 1)), "other": python(code.format(other, 2, 2))}
            explorer.executed((await schedule(rig, strategy, actors, families=CHANGES | {Family.READ})).trace)
            seen.add((rig.folder / "refused-2").exists())
            for path in rig.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == {True, False}


@pytest.mark.parametrize(
    ("one", "contents"),
    [
        ("os.link('t', 'file'); os.unlink('t')", ["-", "A", ""]),
        ("os.link('t', 'u'); os.unlink('t'); os.rename('u', 'file')", ["-", "A", ""]),
        ("libc.linkat(-100, b'/proc/self/fd/%d' % nameless, -100, b'file', 0x400); file = nameless", ["-", "A", ""]),
    ],
)
def test_a_file_is_known_by_the_name_that_it_has_now(conduct, one, contents):
    """One that was given its name before what it holds is read whole, empty or not at all."""
    write = f"""
import ctypes, os
libc, nameless = ctypes.CDLL(None), os.open(".", os.O_TMPFILE | os.O_RDWR)
file = os.open("t", os.O_CREAT | os.O_WRONLY)
{one}
os.write(file, b"A")
"""
    read = """
try: found = open("file").read()
except OSError: found = "-"
open("log", "w").write(found)
"""

    async def body(rig):
        explorer, seen = Explorer(limit=200), set()
        while (strategy := explorer.next()) is not None:
            actors = {"read": python(read), "write": python(write)}
            scheduler = await schedule(rig, strategy, actors, families=ORDERED | {Family.WRITE})
            explorer.executed(scheduler.trace)
            seen.add((rig.folder / "log").read_text())
            for name in ("t", "file"):
                (rig.folder / name).unlink(missing_ok=True)
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == set(contents)


def test_a_write_that_waits_follows_its_file_to_another_name(conduct):
    """Every order of a write and two reads behind a rename is run."""
    write = "import os; os.write(os.open('old', os.O_WRONLY), b'A')"
    read = """
import os
os.rename("old", "new")
found = open("new").read() + open("new").read()
open("log", "w").write(found)
"""

    async def body(rig):
        explorer, seen = Explorer(limit=200), set()
        while (strategy := explorer.next()) is not None:
            (rig.folder / "old").write_text("-")
            actors = {"read": python(read), "write": python(write)}
            explorer.executed((await schedule(rig, strategy, actors, families=ORDERED | {Family.WRITE})).trace)
            if await rig.running["write"].ended() == 0:  # else it had come too late for the old name
                seen.add((rig.folder / "log").read_text())
            (rig.folder / "new").unlink()
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == {"AA", "-A", "--"}


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


LETS_GO = {
    "unlock": "fcntl.flock(lock, fcntl.LOCK_UN)",
    "close": "lock.close()",
    "end": "",
    "heir": "os.close(w); lock.close(); os.waitpid(child, 0)",
    "record": "open('lock').close()",
}


@pytest.mark.parametrize("way", LETS_GO)
@pytest.mark.parametrize("count", [2, 3])
def test_whoever_tries_for_a_lock_is_refused_in_every_order_however_its_holder_lets_go(conduct, way, count):
    """To close the file, or to end, is no point. What comes out is compared with all orders of two steps each."""
    take = f"fcntl.lockf(lock, {TRY})" if way == "record" else f"fcntl.flock(lock, {TRY})"
    heir = "r, w = os.pipe()\nif not (child := os.fork()): os.close(w); os.read(r, 1); os._exit(0)\n"
    code = f"""
import fcntl, os
lock = open("lock", "r+")
try: {take}
except OSError: os._exit(0)
{heir if way == "heir" else ""}open(os.environ["PILEUP_ACTOR"], "x").close()
{LETS_GO[way]}
"""
    actors = "abc"[:count]

    async def body(rig):
        (rig.folder / "lock").write_text("")
        explorer, seen = Explorer(limit=100), set()
        families = frozenset({Family.LOCK, Family.OPEN})
        while (strategy := explorer.next()) is not None:
            explorer.executed(
                (await schedule(rig, strategy, dict.fromkeys(actors, python(code)), families=families)).trace
            )
            seen.add("".join(name for name in actors if (rig.folder / name).exists()))
            for name in actors:
                (rig.folder / name).unlink(missing_ok=True)
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == {"".join(sorted(had)) for had in _had(dict.fromkeys(actors, 2))}


def _had(left, holder="", had=()):
    """Who has had the lock in the end, for every order in which each tries for it and, if it has it, lets go."""
    if not any(left.values()):
        yield had
    for name, steps in left.items():
        if steps == 2 and holder:
            yield from _had({**left, name: 0}, holder, had)
        elif steps == 2:
            yield from _had({**left, name: 1}, name, (*had, name))
        elif steps == 1:
            yield from _had({**left, name: 0}, "", had)


def test_brothers_have_the_same_names_in_every_run(conduct):
    """Which of two processes that were started at once stops first is a matter of luck, and names are not."""
    code = """
import os
children = []
for number in range(3):
    if not (child := os.fork()):
        open(f"brother-{number}", "w").close()
        os.mkdir(f"done-{number}")
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
"""

    async def body(rig):
        traces = set()
        for _ in range(20):
            scheduler = await schedule(rig, Rotating(), {name: python(code) for name in "ab"})
            traces.add(tuple(str(point) for point in scheduler.trace.points))
            for path in rig.folder.iterdir():
                path.rmdir() if path.is_dir() else path.unlink()
            rig.running.clear()
            rig.directors.clear()
        return traces

    [trace] = conduct(body)
    assert [words for words in trace if words.startswith("a") and "brother" in words] == [
        "a.0: openat brother-0",
        "a/1.0: openat brother-1",
        "a/2.0: openat brother-2",
    ]


def test_threads_that_ask_at_once_go_by_what_they_ask_for(conduct):
    """They wait for one another, so that both are there when somebody is let go."""
    code = """
import threading
both = threading.Barrier(2)
def make(name):
    both.wait()
    open(name, "w").close()
threads = [threading.Thread(target=make, args=(name,)) for name in ("z", "y")]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

    async def body(rig):
        traces = set()
        for _ in range(10):
            scheduler = await schedule(rig, First(), {"a": python(code)}, families=CHANGES)
            traces.add(tuple(str(point) for point in scheduler.trace.points))
            rig.running.clear()
            rig.directors.clear()
            for path in rig.folder.iterdir():
                path.unlink()
        return traces

    assert conduct(body) == {("a.0: openat y", "a.1: openat z")}


def test_a_shell_that_polls_by_a_process_for_each_attempt_waits_like_any_other(conduct):
    """Its second attempt is in vain as well, so that the one that it waits for has its turn, whom nobody prefers."""

    class Last:
        def choose(self, choice):
            return choice.enabled[-1]

    async def body(rig):
        (rig.folder / "lock").mkdir()
        actors = {
            "holder": python("import os; os.mkdir('used'); os.rmdir('lock')"),
            "poller": ("/bin/sh", "-c", "until mkdir lock 2>/dev/null; do sleep 0.001; done"),
        }
        return [str(point) for point in (await schedule(rig, Last(), actors)).trace.points]

    assert [words for words in conduct(body) if "poller" in words and "mkdir lock" in words] == [
        "poller.0: mkdir lock",
        "poller/1.0: mkdir lock",
    ]


@pytest.mark.parametrize(
    "wait",
    [
        "set -C; until (: > lock) 2>/dev/null; do :; done",
        "set -C; until echo x > lock; do :; done 2>/dev/null",
        "while test -e lock; do :; done",
        "until test -e done; do :; done; while test -e lock; do :; done",
    ],
)
def test_who_only_looks_waits(conduct, monkeypatch, wait):
    """However long it would be waited for: the holder goes on, and who has looked does once it has made way."""
    monkeypatch.setattr("harness.conductor.underway._BUSY", 1e9)

    async def body(rig):
        (rig.folder / "lock").touch()
        shell = shutil.which("sh")
        holder = "echo x > work; mv work done; rm lock"
        actors = {"a": (shell, "-c", holder), "b": (shell, "-c", f"{wait}; echo x > after")}
        where = lambda call: call.kind.family is not Family.LOOK  # noqa: E731
        return order(await schedule(rig, First(), actors, families=ORDERED | {Family.LOOK}, where=where))

    names = conduct(body)
    assert names[:3] == ["a", "a/1", "a/2"]
    assert names[-1].startswith("b")


def test_the_sentence_names_the_call_that_replaced_and_the_process_that_read(conduct):
    """mv(1) tries to rename without replacing first, and looks whether the target is a folder: neither reads it."""
    script = "cat count; echo 1 > new.$1; mv new.$1 count"

    async def body(rig):
        (rig.folder / "count").write_text("0")
        actors = {name: ("/bin/sh", "-c", script, "sh", name) for name in "ab"}
        return explain((await schedule(rig, Rotating(), actors)).trace)

    said = conduct(body)
    assert re.fullmatch(r"b/2 replaced count at its rename(at)? after a/2 had replaced it; b had read it before", said)


def test_a_shell_and_its_children_are_one_actor(conduct):
    script = "old=$(cat count); (sleep 0.01; echo $((old + 1)) > new.$1); mv new.$1 count"

    async def body(rig):
        counts = []
        for strategy in (Rotating(), First()):
            (rig.folder / "count").write_text("0")
            actors = {name: ("/bin/sh", "-c", script, "sh", name) for name in "ab"}
            scheduler = await schedule(rig, strategy, actors)
            counts.append((rig.folder / "count").read_text().strip())
        return counts, {point.actor.partition("/")[0] for point in scheduler.trace.points}

    assert conduct(body) == (["1", "2"], {"a", "b"})


def test_threads_take_turns(conduct):
    code = """
import os, threading
def work(n):
    open(f"made.{n}", "w").close(); os.rename(f"made.{n}", f"done.{n}")
threads = [threading.Thread(target=work, args=(f"{os.environ['PILEUP_ACTOR']}{n}",)) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

    async def body(rig):
        scheduler = await schedule(rig, Rotating(), {name: python(code) for name in "ab"}, families=CHANGES)
        return len(scheduler.trace.steps), len(list(rig.folder.glob("done.*")))

    assert conduct(body) == (12, 6)


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


@pytest.mark.parametrize(
    ("fault", "status", "count"),
    [("ENOSPC", 1, "0"), ("kill", -9, "0"), ("SIGTERM", -15, "0"), ("SIGINT", None, "0")],
)
def test_faults_strike_at_their_point(conduct, fault, status, count):
    async def body(rig):
        (rig.folder / "count").write_text("0")
        scheduler = await schedule(rig, First(), {"a": python(INCREMENT)}, families=CHANGES, decisions=f"a.0!{fault}")
        return await rig.running["a"].ended(), (rig.folder / "count").read_text(), scheduler

    code, content, _ = conduct(body)
    assert content == count or fault == "SIGINT"
    assert code == status if status is not None else code != 0


@pytest.mark.parametrize("threads", [0, 2])
def test_a_signal_that_ends_a_process_does_so_before_the_call(conduct, threads):
    """And it always counts as having struck, however quick the process is in dying."""
    code = f"""
import os, threading
for _ in range({threads}): threading.Thread(target=threading.Event().wait, daemon=True).start()
os.rename("old", "new")
"""

    async def body(rig):
        (rig.folder / "old").touch()
        for _ in range(20):
            running = {"a": python(code)}
            scheduler = await schedule(
                rig, First(), running, families=frozenset({Family.REPLACE}), decisions="a.0!SIGTERM"
            )
            assert [point.call for point in scheduler.struck] == ["rename"]
            assert await rig.running.pop("a").ended() == -15
            assert (rig.folder / "old").exists()

    conduct(body)


def test_a_signal_that_is_caught_comes_with_the_call(conduct):
    code = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os.mkdir("caught"))
os.rename("old", "new")
"""

    async def body(rig):
        for _ in range(5):
            (rig.folder / "old").touch()
            scheduler = await schedule(rig, First(), {"a": python(code)}, families=CHANGES, decisions="a.0!SIGTERM")
            assert [point.call for point in scheduler.struck] == ["rename"]
            assert await rig.running.pop("a").ended() == 0
            assert [path.name for path in sorted(rig.folder.iterdir())] == ["caught", "new"]
            (rig.folder / "caught").rmdir()

    conduct(body)


def test_a_short_write_writes_half(conduct):
    code = (
        'import os; f = os.open("out", os.O_CREAT | os.O_WRONLY); n = os.write(f, b"12345678"); os.write(f, b"!" * n)'
    )

    async def body(rig):
        families = ORDERED | {Family.WRITE}
        await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.1!short")
        return (rig.folder / "out").read_text()

    assert conduct(body) == "1234!!!!"


@pytest.mark.parametrize(
    ("write", "left"),
    [
        ('os.writev(f, [b"123", b"", b"45678"])', b"0123499999"),
        ('os.pwritev(f, [b"123", b"45678"], 2)', b"0912349999"),
        ('os.pwritev(f, [b"12345678"], -1, os.RWF_DSYNC)', b"0123499999"),
        ('os.pwritev(f, [b"12345678"], 2, os.RWF_APPEND)', b"09999999991234"),
    ],
)
def test_a_short_write_of_several_pieces_writes_half_of_all(conduct, write, left):
    code = f"""
import os
f = os.open("out", os.O_CREAT | os.O_RDWR); os.write(f, b"0999999999"); os.lseek(f, 1, 0)
assert {write} == 4
"""

    async def body(rig):
        families = ORDERED | {Family.WRITE}
        await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.2!short")
        assert (await rig.running["a"].ended(), rig.running["a"].said("stderr")) == (0, "")
        return (rig.folder / "out").read_bytes()

    assert conduct(body) == left


@pytest.mark.parametrize(
    ("copy", "again", "half", "whole"),
    [
        ("os.copy_file_range(source, target, 1 << 30)", "os.copy_file_range(source, target, 9)", "1234", "12345678"),
        ("os.copy_file_range(source, target, 6, 2, 1)", "os.copy_file_range(source, target, 9, 5, 4)", "345", "345678"),
        ("os.sendfile(target, source, None, 8)", "os.sendfile(target, source, None, 8)", "1234", "12345678"),
        ("os.sendfile(target, source, 4, 8)", "os.sendfile(target, source, 6, 8)", "56", "5678"),
        ("libc.sendfile(target, source, at, 8)", "libc.sendfile(target, source, at, 8)", "345", "345678"),
        ("os.splice(pipe, target, 1 << 20)", "os.splice(pipe, target, 9)", "1234", "12345678"),
        ("os.splice(pipe, target, 6, offset_dst=2)", "os.splice(pipe, target, 3, offset_dst=5)", "123", "123456"),
        ("libc.copy_file_range(source, at, target, 0, 8, 0)", "libc.sendfile(target, source, at, 8)", "345", "345678"),
    ],
)
def test_a_short_copy_copies_half_of_what_there_is(conduct, copy, again, half, whole):
    """Whoever goes on behind it, where positions and offsets have come to, has all."""
    code = f"""
import os
from ctypes import CDLL, byref, c_long
libc, at = CDLL(None), byref(c_long(2))
source, target = os.open("count", os.O_RDONLY), os.open("out", os.O_CREAT | os.O_RDWR)
pipe, end = os.pipe(); os.write(end, b"12345678")
for copy in (lambda: {copy}), (lambda: {again}):
    print(copy(), os.pread(target, 99, 0).decode().strip(chr(0)))
"""

    async def body(rig):
        (rig.folder / "count").write_text("12345678")
        families = CHANGES | {Family.WRITE}
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.1!short")
        return [str(point) for point in scheduler.struck], rig.running["a"].said(), rig.running["a"].said("stderr")

    struck, said, errors = conduct(body)
    assert (len(struck), errors) == (1, "")
    assert said.split() == [str(len(half)), half, str(len(whole) - len(half)), whole]


@pytest.mark.parametrize("call", ["libc.flock(lock, 2)", "libc.fcntl(lock, 7, whole)", "libc.fcntl(lock, 38, whole)"])
def test_who_waits_for_a_lock_may_be_interrupted(conduct, call):
    """F_SETLKW is 7, F_OFD_SETLKW 38. The same in every run."""
    code = f"""
import os, struct
from ctypes import CDLL, create_string_buffer, get_errno
libc, whole = CDLL(None, use_errno=True), create_string_buffer(struct.pack("hh4xqqi4x", 1, 0, 0, 0, 0))
lock = os.open("lock", os.O_RDWR)
print({call}, get_errno())
"""

    async def body(rig):
        (rig.folder / "lock").write_text("")
        found = []
        for _ in range(5):
            actors = {name: python(code) for name in "ab"}
            scheduler = await schedule(rig, Rotating(), actors, families=CHANGES, decisions="a.1!EINTR")
            found.append(
                (len(scheduler.struck), order(scheduler), *(rig.running[name].said().splitlines()[-1] for name in "ab"))
            )
            rig.running.clear()
            rig.directors.clear()
        return found

    assert conduct(body) == [(1, ["a", "b", "a", "b"], "-1 4", "0 0")] * 5


def test_a_torn_write_writes_half_and_kills(conduct):
    code = 'import os; f = os.open("out", os.O_CREAT | os.O_WRONLY); os.pwrite(f, b"12345678", 2); os.write(f, b"!")'

    async def body(rig):
        families = ORDERED | {Family.WRITE}
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.1!torn")
        return (rig.folder / "out").read_bytes(), await rig.running["a"].ended(), [str(p) for p in scheduler.struck]

    assert conduct(body) == (b"\0\0001234", -9, ["a.1: pwrite64 out"])


def test_what_cannot_be_divided_is_not_struck(conduct):
    code = 'import os; f = os.open("out", os.O_CREAT | os.O_WRONLY); os.write(f, b"1"); os.ftruncate(f, 5)'

    async def body(rig):
        struck = []
        for decisions in ("a.1!short", "a.2!torn"):
            families = ORDERED | {Family.WRITE}
            scheduler = await schedule(rig, First(), {"a": python(code)}, families=families, decisions=decisions)
            struck += scheduler.struck
            rig.running.clear()
        return (rig.folder / "out").read_bytes(), struck

    assert conduct(body) == (b"1\0\0\0\0", [])


def test_a_kill_under_signals_is_at_its_point(conduct):
    """The killed call is the planned one, whatever signals came before."""
    code = """
import os, signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, False)
open("0", "w").close()
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for number in range(100):
    os.rename(str(number), str(number + 1))
"""

    async def body(rig):
        families = frozenset({Family.REPLACE})
        await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.50!kill")
        assert await rig.running["a"].ended() == -9
        return [path.name for path in rig.folder.iterdir()]

    assert conduct(body) == ["50"]


def test_a_kill_takes_the_whole_process_of_a_thread_and_no_other(conduct):
    code = """
import os, sys, threading
child = os.fork()
if child == 0:
    open("x", "w").close()
    def rename(): os.rename("x", "y")
    threading.Thread(target=rename).start()
    threading.Event().wait()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

    async def body(rig):
        families = frozenset({Family.REPLACE, Family.FORK})
        await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.0!kill")
        assert await rig.running["a"].ended() == 0
        return rig.running["a"].said(), sorted(path.name for path in rig.folder.iterdir())

    assert conduct(body) == ("-9\n", ["x"])


STEALING = (
    """
import os, time
for attempt in range(20):
    try: os.close(os.open("lock", os.O_CREAT | os.O_EXCL)); break
    except FileExistsError: time.sleep(0.001)
else:
    os.unlink("lock"); os.close(os.open("lock", os.O_CREAT | os.O_EXCL))
"""
    + INCREMENT
)


def test_a_stopped_holder_goes_on_when_the_others_have_ended(conduct):
    """SIGSTOP at a point: the others go on to their end, steal the lock on the way, and then the holder wakes up."""

    async def body(rig):
        (rig.folder / "count").write_text("0")
        actors = {name: python(STEALING) for name in "ab"}
        scheduler = await schedule(rig, First(), actors, families=ORDERED, decisions="a.2!SIGSTOP")
        return scheduler, (rig.folder / "count").read_text()

    scheduler, count = conduct(body)
    order = [(point.actor, point.call) for point in scheduler.trace.points]
    assert order.index(("b", "rename")) < order.index(("a", "rename"))
    assert count == "1"  # what b had added is overwritten: the lock was stolen from a live holder


def test_a_stopped_holder_wakes_up_when_the_others_wait_for_it(conduct):
    async def body(rig):
        (rig.folder / "count").write_text("0")
        actors = {name: python(LOCKED) for name in "ab"}
        await schedule(rig, First(), actors, families=ORDERED, decisions="a.2!SIGSTOP")
        return (rig.folder / "count").read_text()

    assert conduct(body) == "2"


def test_a_strategy_that_fails_lets_everything_go(conduct):
    class Broken:
        def choose(self, choice):
            raise RuntimeError("broken on purpose")

    async def body(rig):
        (rig.folder / "count").write_text("0")
        with pytest.raises(RuntimeError, match="on purpose"):
            await schedule(rig, Broken(), {"a": python(INCREMENT), "b": python(INCREMENT)})

    conduct(body)


def test_a_listing_and_a_creation_touch_each_other_and_two_creations_do_not(conduct):
    codes = {
        "list": 'import os; os.listdir("folder")',
        "make": 'open("folder/one", "w").close()',
        "move": 'import os; os.rename("old", "folder/two")',
    }

    async def body(rig):
        (rig.folder / "folder").mkdir()
        (rig.folder / "old").touch()
        scheduler = await schedule(rig, First(), {name: python(code) for name, code in codes.items()})
        return {point.actor: point for point in scheduler.trace.points}

    points = conduct(body)
    assert racing(points["list"], points["make"])
    assert racing(points["list"], points["move"])
    assert not racing(points["make"], points["move"])
    assert points["move"].fingerprint == "rename old folder/two"


def test_a_ring_of_locks_is_broken_by_the_kernel(conduct):
    """All wait for each other: nobody could ever go on, if their calls were not let go all the same (EDEADLK)."""
    code = """
import fcntl, sys
for name in sys.argv[1:]:
    globals()[name] = open(name, "a")
    fcntl.lockf(globals()[name], fcntl.LOCK_EX)
"""
    ring = {"a": ("one", "two"), "b": ("two", "three"), "c": ("three", "one")}

    async def body(rig):
        actors = {name: (*python(code), *locks) for name, locks in ring.items()}
        await schedule(rig, Replayed(*"aabbcc", First()), actors, families=CHANGES)
        return [await rig.running[name].ended() for name in ring]

    assert sorted(conduct(body)) == [0, 0, 1]


def test_an_end_is_heard_at_once(conduct, monkeypatch):
    """Whoever waits for the others' end goes on without anybody looking at processes."""
    monkeypatch.setattr("harness.conductor.scheduler._LOOKS", 3600.0)
    monkeypatch.setattr("harness.conductor.scheduler._SELDOM", 3600.0)

    async def body(rig):
        (rig.folder / "count").write_text("0")
        await schedule(rig, First(), {name: python(INCREMENT) for name in "ab"})
        return (rig.folder / "count").read_text()

    assert conduct(body) == "2"
