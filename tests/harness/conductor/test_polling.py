"""Who asks again and again is not asked while it must be in vain, and starves nobody."""

from __future__ import annotations

import shutil

import pytest

from harness.conductor.calls import Family
from tests.harness.conductor.ordered import (
    CHANGES,
    INCREMENT,
    LOCKED,
    ORDERED,
    TRY,
    First,
    Replayed,
    Rotating,
    order,
    python,
    schedule,
)


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


def test_who_is_held_while_it_has_what_another_asks_for_is_not_starved(conduct):
    """b lets go of y as soon as it has learnt that x is taken: a must not have given up before."""
    head = """
import fcntl, sys, time
x, y = open("x", "w"), open("y", "w")
def gets(lock, how):
    try: fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError: return False
    return True
"""
    patient = """
fcntl.flock(x, fcntl.LOCK_EX)
sys.exit(not any(gets(y, fcntl.LOCK_EX) or time.sleep(0.001) for _ in range(100)))
"""
    polite = """
while fcntl.flock(y, fcntl.LOCK_SH) or not gets(x, fcntl.LOCK_EX):
    fcntl.flock(y, fcntl.LOCK_UN)
    time.sleep(0.001)
"""

    async def body(rig):
        actors = {"a": python(head + patient), "b": python(head + polite)}
        scheduler = await schedule(rig, Replayed(*"aaa", *"bbbbbb", First()), actors, families=CHANGES)
        return [str(point) for point in scheduler.trace.points], [await rig.running[name].ended() for name in "ab"]

    points, statuses = conduct(body)
    held = ["b.2: flock lock:y", "b.3: flock lock:x", "b.4: flock lock:y", "b.5: flock lock:y", "a.3: flock lock:y"]
    assert points[5:10] == held
    assert statuses == [0, 0]


def test_a_client_does_not_ask_again_before_somebody_answers(conduct):
    """Nor when the socket has its name, as one that does not listen yet refuses."""
    client = """
import socket, time
while True:
    try: socket.socket(socket.AF_UNIX).connect("sock"); break
    except OSError: time.sleep(0.001)
"""
    server = """
import os, socket
one = socket.socket(socket.AF_UNIX); one.bind("sock"); os.mkdir("made"); one.listen(); os.mkdir("more"); os.mkdir("end")
"""

    async def body(rig):
        families = CHANGES | {Family.SERVE, Family.NETWORK}
        actors = {"client": python(client), "server": python(server)}
        scheduler = await schedule(rig, First(), actors, families=families)
        return [point.call for point in scheduler.trace.points]

    assert conduct(body) == ["connect", "bind", "mkdir", "listen", "connect", "mkdir", "mkdir"]


def test_who_sets_an_attribute_that_is_there_does_not_ask_again_before_it_is_gone(conduct):
    """An attribute that only one can set (XATTR_CREATE) is a lock like any other."""
    code = """
import os, time
while True:
    try: os.setxattr("job", "user.owner", b"me", os.XATTR_CREATE); break
    except FileExistsError: time.sleep(0.001)
os.mkdir(f"has-{os.getpid()}"); os.rmdir(f"has-{os.getpid()}")
os.removexattr("job", "user.owner")
"""

    async def body(rig):
        (rig.folder / "job").touch()
        families = CHANGES | {Family.MARK}
        scheduler = await schedule(rig, Rotating(), dict.fromkeys("abc", python(code)), families=families)
        return [point.call for point in scheduler.trace.points]

    calls = conduct(body)
    assert calls.count("setxattr") <= 3 + 2 + 1 + 3  # as above
    assert calls.count("removexattr") == 3


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


def test_what_is_read_between_two_attempts_in_vain_is_read_once(conduct):
    """How often somebody asks whose lock it is, who gives up after a second, is a matter of the clock."""
    polling = """
import os, time
end = time.monotonic() + 0.3
while time.monotonic() < end:
    try: open("lock", "x").close(); break
    except FileExistsError: open("lock").close(); open("log").close(); time.sleep(0.01)
os.mkdir("b")
"""
    holder = 'import os\nopen("log", "w").close()\nopen("lock", "x").close()\nos.mkdir("a")\n'

    async def body(rig):
        actors = {"a": python(holder), "b": python(polling)}
        scheduler = await schedule(rig, First(), actors, decisions="a.2!SIGSTOP")
        return [str(point) for point in scheduler.trace.points if point.actor == "b"]

    assert conduct(body) == ["b.0: openat lock", "b.1: openat lock", "b.2: openat log", "b.3: mkdir b"]


def test_what_comes_between_a_look_and_the_wish_to_be_told_is_missed(conduct):
    """inotify_add_watch(2) has a turn."""
    watcher = """
import ctypes, os, select
libc = ctypes.CDLL(None)
news = libc.inotify_init()
if not os.path.exists("box/news"):
    libc.inotify_add_watch(news, b"box", 0x80)
    print(bool(select.select([news], [], [], 0.2)[0]))
"""

    async def body(rig):
        (rig.folder / "box").mkdir()
        (rig.folder / "new").touch()
        actors = {"a": python(watcher), "b": python('import os; os.rename("new", "box/news")')}
        families = frozenset({Family.LIST, Family.REPLACE})
        scheduler = await schedule(rig, Replayed("b", First()), actors, families=families)
        return [step.chosen.call for step in scheduler.trace.steps], rig.running["a"].said()

    assert conduct(body) == (["rename", "inotify_add_watch"], "False\n")
