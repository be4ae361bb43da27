"""A strategy stops who has what the others ask for: these give up, or meet a lock that nobody would meet else."""

from __future__ import annotations

import textwrap
import time

import pytest

from harness.conductor.calls import Family
from harness.schedules.decisions import STOP, Decisions
from harness.schedules.replay import Recording, Replay
from tests.harness.conductor.ordered import INCREMENT, LOCKED, ORDERED, First, Rotating, python, schedule

# Goes on without the lock after so many tries.
GIVING_UP = (
    """
import fcntl, os, time
lock = open("lock", "a")
for attempt in range(6):
    try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB); break
    except BlockingIOError: time.sleep(0.001)
"""
    + INCREMENT
)
PATIENT = GIVING_UP.replace("range(6)", "range(10**6)")
# Takes a lock and lets go of it by closing the file, with no call between that could be stopped.
TOUCHES_A_LOCK = 'import fcntl; lock = open("lock", "a"); fcntl.flock(lock, fcntl.LOCK_EX); lock.close()'
ASKS_ONCE = """
import fcntl
try: fcntl.flock(open("lock", "a"), fcntl.LOCK_EX | fcntl.LOCK_NB); print("free")
except BlockingIOError: print("taken")
"""


class StopsAt(First):
    """The first by name goes on; it is stopped at the moment of that number, of those at which it may be."""

    def __init__(self, moment):
        self._left = moment

    def stops(self):
        self._left -= 1
        return STOP if self._left == -1 else ""


class Midway(Rotating):
    """They take turns, and a is stopped where it has read the count, and has not replaced it."""

    def choose(self, choice):
        self._at = super().choose(choice)
        return self._at

    def stops(self):
        return STOP if self._at.actor == "a" and "new." in str(self._at) else ""


async def counted(rig, strategy, code, decisions="-"):
    (rig.folder / "count").write_text("0")
    actors = {name: python(code) for name in "ab"}
    scheduler = await schedule(rig, strategy, actors, families=ORDERED, decisions=decisions)
    rig.running.clear()
    return scheduler, (rig.folder / "count").read_text()


def test_who_gives_up_meanwhile_is_found_out_and_the_token_repeats_it(conduct):
    async def body(rig):
        found, count = await counted(rig, Midway(), GIVING_UP)
        token = Recording.of(found.trace, found.stops).token
        recording = Recording.parse(token)
        replay = Replay(recording)
        again, second = await counted(rig, replay, GIVING_UP, decisions=str(recording.decisions))
        replay.finish()
        return found, count, again, second

    found, count, again, second = conduct(body)
    assert [fault.what for fault in found.stops] == ["SIGSTOP"]
    assert (count, second) == ("1", "1")
    assert again.stops == ()  # it is one of the decisions now
    assert [str(point.fingerprint) for point in again.trace.points] == [
        str(point.fingerprint) for point in found.trace.points
    ]


def limited(setting, seconds, goes_on="pass"):
    """Waits for the lock for so long, and goes on without it, or does something else."""
    return (
        f"""
import ctypes, fcntl, os, signal, sys
def late(number, frame): raise TimeoutError
signal.signal(signal.SIGALRM, late)
lock = open("lock", "a")
{setting.format(seconds)}
try: fcntl.{"lockf" if "itimer" in setting else "flock"}(lock, fcntl.LOCK_EX)
except TimeoutError: {goes_on}
signal.alarm(0); signal.setitimer(signal.ITIMER_REAL, 0)
"""
        + INCREMENT
    )


ALARM, ITIMER = "signal.alarm({})", "signal.setitimer(signal.ITIMER_REAL, {})"
TIMER = """
libc, made = ctypes.CDLL(None), ctypes.c_int()
spec = (ctypes.c_long * 4)(0, 0, {}, 0)
assert libc.timer_create(1, None, ctypes.byref(made)) == libc.timer_settime(made, 0, spec, None) == 0
"""


@pytest.mark.parametrize(
    ("code", "count"),
    [
        (limited(ALARM, 3), "1"),
        (limited(ITIMER, 3.5), "1"),
        (limited(TIMER, 3), "1"),
        (limited(ALARM, 3, "sys.exit(75)"), "1"),
        (limited(ALARM, 300), "2"),
        (limited("signal.alarm(3); signal.alarm({})", 0), "2"),
        (limited("signal.alarm({}); signal.signal(signal.SIGALRM, signal.SIG_IGN)", 3), "2"),
    ],
    ids=["alarm", "setitimer", "timer_settime", "who then ends", "of minutes", "taken back", "without a handler"],
)
def test_a_time_limit_passes_while_the_holder_is_stopped(conduct, code, count):
    """At once, as no clock decides, and in a replay as well."""

    async def body(rig):
        began = time.monotonic()
        found, first = await counted(rig, First(), code, decisions="a.2!SIGSTOP")
        recording = Recording.of(found.trace, Decisions.parse("a.2!SIGSTOP").faults)
        replay = Replay(Recording.parse(recording.token))
        _, second = await counted(rig, replay, code, decisions=str(recording.decisions))
        replay.finish()
        return first, second, time.monotonic() - began

    first, second, seconds = conduct(body)
    assert (first, second) == (count, count)
    assert seconds < 3.0


def test_a_stall_is_so_long_that_a_time_limit_of_half_a_minute_passes(conduct):
    """At once, as a short one does while somebody is stopped; one of minutes is to wait on all the same."""

    async def body(rig):
        code = {seconds: limited(ALARM, seconds) for seconds in (30, 300)}
        return [(await counted(rig, First(), code[seconds], decisions="a.2!stall"))[1] for seconds in code]

    assert conduct(body) == ["1", "2"]


WAITING_SECONDS = (
    """
import fcntl, os, time
lock, until = open("lock", "a"), time.monotonic() + 1.5
while time.monotonic() < until:
    try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB); break
    except BlockingIOError: time.sleep(0.01)
"""
    + INCREMENT
)


def test_a_stall_lasts_until_who_looks_at_the_clock_gives_up(conduct):
    """Forty attempts would be over before. Its replay takes the same steps, however many attempts there are."""

    async def body(rig):
        _, short = await counted(rig, First(), WAITING_SECONDS, decisions="a.2!SIGSTOP")
        found, first = await counted(rig, First(), WAITING_SECONDS, decisions="a.2!stall")
        recording = Recording.of(found.trace, Decisions.parse("a.2!stall").faults)
        replay = Replay(Recording.parse(recording.token))
        _, second = await counted(rig, replay, WAITING_SECONDS, decisions=str(recording.decisions))
        replay.finish()
        return short, first, second

    assert conduct(body) == ("2", "1", "1")


LOOKING = (
    """
import os, time
os.mkdir(f"begun-{os.getpid()}")
until = time.monotonic() + SECONDS
for look in range(LOOKS):
    if not os.path.exists("lock") or time.monotonic() > until: break
    time.sleep(0.01)
os.close(os.open("lock", os.O_CREAT))
"""
    + INCREMENT
    + "if os.path.exists('lock'): os.unlink('lock')"
)


@pytest.mark.parametrize(
    ("seconds", "looks", "pause", "count"),
    [(60, 20, "SIGSTOP", "1"), (1.5, 10**6, "SIGSTOP", "2"), (1.5, 10**6, "stall", "1"), (60, 10**6, "SIGSTOP", "2")],
    ids=["a few looks", "seconds", "seconds, and a stall", "for ever"],
)
def test_who_only_looks_whether_a_lock_is_gone_may_give_up_as_well(conduct, seconds, looks, pause, count):
    """Nobody sees it ask for anything."""

    async def body(rig):
        code = LOOKING.replace("SECONDS", str(seconds)).replace("LOOKS", str(looks))
        _, first = await counted(rig, First(), code, decisions=f"a.2!{pause}")
        return first

    assert conduct(body) == count


def test_a_stall_ends_though_the_others_never_give_up(conduct, monkeypatch):
    monkeypatch.setattr("harness.conductor.pauses._STALLED_SECONDS", 0.2)

    async def body(rig):
        _, count = await counted(rig, First(), PATIENT, decisions="a.2!stall")
        return count

    assert conduct(body) == "2"


def test_the_limit_of_a_command_passes(conduct):
    """flock(1) only believes a timer, and timeout(1) ends its child."""
    shell = "PATH=/usr/bin:/bin; exec 9>>lock\n{}\nread n <count; echo $((n + 1)) >new.$$; mv new.$$ count"

    async def body(rig):
        counts = []
        for waiting in ("flock -w 2 9", "timeout 2 flock 9", "flock 9"):
            (rig.folder / "count").write_text("0\n")
            actors = {name: ("/bin/sh", "-c", shell.format(waiting)) for name in "ab"}
            await schedule(rig, First(), actors, families=ORDERED, decisions="a.1!SIGSTOP")
            counts.append((rig.folder / "count").read_text())
            rig.running.clear()
        return counts

    assert conduct(body) == ["1\n", "1\n", "2\n"]


def test_who_waits_for_a_stopped_holder_is_not_kept_for_ever(conduct):
    """After so many attempts in vain the holder goes on, and nothing is lost."""

    async def body(rig):
        counts = [await counted(rig, StopsAt(0), code) for code in (LOCKED, PATIENT)]
        return [(len(scheduler.stops), count) for scheduler, count in counts]

    assert conduct(body) == [(1, "2"), (1, "2")]


def test_a_lock_between_two_points_is_met(conduct):
    async def body(rig):
        said = []
        for strategy in (First(), StopsAt(0)):
            await schedule(rig, strategy, {"a": python(TOUCHES_A_LOCK), "b": python(ASKS_ONCE)}, families=ORDERED)
            said.append(rig.running["b"].said())
            rig.running.clear()
        return said

    assert conduct(body) == ["free\n", "free\ntaken\n"]  # it is one file


def test_who_makes_what_another_one_is_about_to_open_may_be_stopped_behind_it(conduct):
    """Its handler for the signal comes behind its pid's file, with no point between: the other one sends too soon."""
    published = "open('new', 'w').write(str(os.getpid())); os.rename('new', 'pid'); signal.signal(10, lambda *_: 0)"
    sends = """
pid = None
while pid is None:
    try: pid = open('pid').read()
    except FileNotFoundError: time.sleep(0.002)
try: os.kill(int(pid), 10)
except ProcessLookupError: pass  # it was not stopped, and has ended
"""
    actors = {"a": python(f"import os, signal\n{published}"), "b": python(f"import os, time\n{sends}")}

    async def body(rig):
        found = []
        for strategy in (StopsAt(0), First()):
            (rig.folder / "pid").unlink(missing_ok=True)
            scheduler = await schedule(rig, strategy, actors)
            ends = [await rig.running[name].ended() for name in "ab"]
            found.append(([str(fault) for fault in scheduler.stops], ends))
            rig.running.clear()
        return found

    assert conduct(body) == [(["a.1!SIGSTOP"], [-10, 0]), ([], [0, 0])]


def test_without_a_lock_nobody_is_stopped(conduct):
    """Whoever has nothing that others may ask for is in nobody's way."""

    async def body(rig):
        scheduler, _ = await counted(rig, StopsAt(0), INCREMENT)
        return scheduler.stops, Decisions.from_trace(scheduler.trace, scheduler.stops).faults

    assert conduct(body) == ((), ())


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


def test_a_stop_ends_when_a_shell_has_asked_often_enough_by_a_process_each_time(conduct):
    """It makes no attempt at the lock, as it has looked at it, and reads whose it is, which is nobody's yet."""
    waits = "while test -e lock; do cat lock; done; echo x >after"

    async def body(rig):
        (rig.folder / "lock").touch()
        holder = python("import os; os.mkdir('taken'); os.unlink('lock')")
        actors = {"a": holder, "b": ("/bin/sh", "-c", waits)}
        families = ORDERED | {Family.LOOK, Family.START, Family.END}
        where = lambda call: call.kind.family is not Family.LOOK  # noqa: E731
        scheduler = await schedule(rig, First(), actors, families=families, where=where, decisions="a.1!SIGSTOP")
        return [str(step.chosen) for step in scheduler.trace.steps]

    steps = conduct(body)
    assert 40 <= len(steps) < 200
    assert steps[-1].endswith("openat after")


CHILD = """
import os, signal, sys, time
def state(process):
    return open(f"/proc/{process}/stat").read().rpartition(")")[2].split()[0]
child = os.fork()
if child == 0:
"""
STOPS_WITH_IT = """
while True:
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status): sys.exit(os.waitstatus_to_exitcode(status))
    os.kill(os.getpid(), signal.SIGSTOP)
"""
STOPPED_BEFORE = """
os.kill(os.getpid(), signal.SIGSTOP)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
ITS_PARENT_IS_STOPPED = """
while state(os.getppid()) != "T": time.sleep(0.001)
"""
STILL = """
still = state(os.getppid()) == "T"
os.kill(os.getppid(), signal.SIGCONT)
os._exit(not still)
"""


@pytest.mark.parametrize(
    ("before", "behind", "parent"),
    [("", "os._exit(0)", STOPS_WITH_IT), (ITS_PARENT_IS_STOPPED, STILL, STOPPED_BEFORE)],
    ids=["with its child", "by itself, before"],
)
def test_a_parent_that_stops_goes_on_with_its_child_if_that_was_why(conduct, before, behind, parent):
    """As script(1) and sudo do; who has stopped itself otherwise waits for somebody else."""
    work = CHILD + textwrap.indent(before + INCREMENT + behind, "    ") + parent

    async def body(rig):
        (rig.folder / "count").write_text("0")
        scheduler = await schedule(
            rig, First(), {"a": python(work), "b": python(INCREMENT)}, families=ORDERED, decisions="a.0!SIGSTOP"
        )
        return (
            [str(point) for point in scheduler.struck],
            await rig.running["a"].ended(),
            rig.running["a"].said("stderr"),
        )

    assert conduct(body) == (["a.0: openat count"], 0, "")
