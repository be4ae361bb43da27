"""Faults at points of real processes: errnos, signals, kills, short and torn writes."""

from __future__ import annotations

import signal

import pytest

from harness.conductor.calls import Family
from tests.harness.conductor.ordered import CHANGES, INCREMENT, ORDERED, First, Rotating, order, python, schedule


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
        ('os.writev(f, [b"123", b"", b"45678"])', b"01234"),
        ('os.pwritev(f, [b"123", b"45678"], 2)', b"091234"),
        ('os.pwritev(f, [b"12345678"], -1, os.RWF_DSYNC)', b"01234"),
        ('os.pwritev(f, [b"12345678"], 2, os.RWF_APPEND)', b"09991234"),
    ],
)
def test_a_short_write_of_several_pieces_writes_half_of_all(conduct, write, left):
    code = f"""
import os
f = os.open("out", os.O_CREAT | os.O_RDWR); os.write(f, b"0999"); os.lseek(f, 1, 0)
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


def test_what_is_written_over_is_torn_where_a_page_ends(conduct):
    """It needs no space, and the kernel writes a page as a whole: within one it cannot be torn."""
    code = (
        "import os; f = os.open('out', os.O_CREAT | os.O_WRONLY); os.ftruncate(f, 9000)\n"
        "os.pwrite(f, b'12345678', 2); os.pwrite(f, b'x' * 5000, 100)"
    )

    async def body(rig):
        families = ORDERED | {Family.WRITE}
        decisions = "a.2!torn;a.3!torn"
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=families, decisions=decisions)
        return (rig.folder / "out").read_bytes().rstrip(b"\0"), [str(p) for p in scheduler.struck]

    written = b"\0\x0012345678" + b"\0" * 90 + b"x" * 3996
    assert conduct(body) == (written, ["a.3: pwrite64 out"])


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


def test_a_kill_comes_too_late_for_who_was_killed_meanwhile(conduct, holder, monkeypatch):
    def gone(*_):
        raise ProcessLookupError

    async def body(rig):
        keeper = holder("rename")
        rig.directors.append(keeper)
        running = await rig.python("one", 'import os; open("a", "w").close(); os.rename("a", "b")')
        [call] = await keeper.until(1)
        with monkeypatch.context() as patch:
            patch.setattr(signal, "pidfd_send_signal", gone)
            killed = call.kill()
        return killed, call.go(), await running.ended()

    assert conduct(body) == (False, True, 0)


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


@pytest.mark.parametrize(("fault", "status", "said"), [("kill", -9, ""), ("SIGKILL", 0, "-9\n")])
def test_a_kill_ends_the_whole_command_and_the_signal_the_calling_process_alone(conduct, fault, status, said):
    """With all its threads, in either case."""
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
        await schedule(rig, First(), {"a": python(code)}, families=families, decisions=f"a.0!{fault}")
        assert await rig.running["a"].ended() == status
        return rig.running["a"].said(), sorted(path.name for path in rig.folder.iterdir())

    assert conduct(body) == (said, ["x"])


@pytest.mark.parametrize("script", ["cp new part; mv part state", "(cp new part; mv part state) & wait"])
def test_of_a_killed_command_nothing_goes_on(conduct, script):
    """A shell that minds no child's end would put half a copy in the state's place."""

    async def body(rig):
        (rig.folder / "new").write_text("new")
        families = ORDERED | {Family.WRITE}
        copying = {"a": ("/bin/sh", "-c", script)}
        recorded = await schedule(rig, First(), copying, families=families)
        copy = next(s.chosen for s in recorded.trace.steps if s.chosen.call in ("copy_file_range", "write"))
        for name in ("state", "part"):
            (rig.folder / name).unlink(missing_ok=True)
        rig.running.clear()
        decisions = f"{copy.actor}.{copy.index}!kill"
        await schedule(rig, First(), copying, families=families, decisions=decisions)
        assert await rig.running["a"].ended() == -9
        return (rig.folder / "part").read_text(), (rig.folder / "state").exists()

    assert conduct(body) == ("", False)


def test_a_kill_reaches_who_has_detached_itself(conduct):
    code = """
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.rename("old", "new")
    os._exit(0)
os.wait()
signal.pause()
"""

    async def body(rig):
        (rig.folder / "old").touch()
        families = frozenset({Family.REPLACE, Family.FORK})
        await schedule(rig, First(), {"a": python(code)}, families=families, decisions="a.0!kill")
        return await rig.running["a"].ended(), [path.name for path in rig.folder.iterdir()]

    assert conduct(body) == (-9, ["old"])
