"""Locks are seen where they are, on any filesystem and inside namespaces, and nothing changes hands by looking."""

import ctypes
import fcntl
import itertools
import os
import struct
import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness.conductor import holders, locks
from harness.errors import LabError

BOTH = ("READ", "WRITE")

TAKEN_BY_ONE_THAT_HAS_ENDED = """
import fcntl, os, subprocess, sys
from harness.conductor import holders
lock, other = open("lock", "w"), open("lock")
taker = "import fcntl; fcntl.flock(0, fcntl.LOCK_EX)"
subprocess.run([sys.executable, "-c", taker], stdin=lock, check=True)
print(holders.others_hold(os.getpid(), other.fileno(), ("READ", "WRITE")), end=" ")
print(holders.others_hold(os.getpid(), lock.fileno(), ("READ", "WRITE")), end=" ")
fcntl.flock(lock, fcntl.LOCK_UN)
print(holders.others_hold(os.getpid(), other.fileno(), ("READ", "WRITE")))
"""

HELD_BY_A_NAME = """
import fcntl
from pathlib import Path
from harness.conductor import holders
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
name = holders.file_in_locks(Path("lock"))
print([line[holders.FILE] for line in holders.held_on([name])] == [name], end=" ")
print(repr(holders.file_in_locks(Path("nothing"))), repr(holders.file_in_locks(Path("."))))
"""


def asks(file, wanted):
    return SimpleNamespace(kind=SimpleNamespace(name="flock"), thread=os.getpid(), args=(file.fileno(), wanted))


OFD, OF_PROCESS = fcntl.F_OFD_SETLK, fcntl.F_SETLK
SHARED_RECORD = """
import fcntl, sys
lock = open("lock", "r+")
fcntl.lockf(lock, fcntl.LOCK_SH, 10)
print(flush=True)
sys.stdin.read()
"""


def record(kind, start, length, whence=os.SEEK_SET):
    """A struct flock, fcntl(2)."""
    return struct.pack("hh4xqqi4x", kind, whence, start, length, 0)


def asks_for_record(file, command, *wanted):
    memory = ctypes.create_string_buffer(record(*wanted))
    args = (file.fileno(), command, ctypes.addressof(memory))
    kind = SimpleNamespace(name="fcntl")
    return SimpleNamespace(kind=kind, thread=os.getpid(), process=os.getpid(), args=args, memory=memory)


def unshared(flags, script, folder):
    """Run a shell's script in namespaces of its own; skip where the machine does not allow them."""
    command = ["unshare", "--user", "--map-root-user", *flags, "sh", "-c", script]
    allowed = subprocess.run([*command[:-1], "true"], cwd=folder, check=False, capture_output=True)
    if allowed.returncode:
        pytest.skip(f"no namespaces here: {allowed.stderr.decode().strip()}")
    return subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable}
    )


@pytest.mark.parametrize(
    ("held", "wanted", "taken"),
    [
        (fcntl.LOCK_EX, fcntl.LOCK_EX, True),
        (fcntl.LOCK_EX, fcntl.LOCK_SH, True),
        (fcntl.LOCK_SH, fcntl.LOCK_EX, True),
        (fcntl.LOCK_SH, fcntl.LOCK_SH, False),
        (fcntl.LOCK_EX, fcntl.LOCK_UN, False),
        (fcntl.LOCK_UN, fcntl.LOCK_EX, False),
    ],
)
def test_a_lock_that_is_taken_is_seen_and_not_touched(tmp_path, held, wanted, taken):
    with (tmp_path / "lock").open("w") as holder, (tmp_path / "lock").open() as other:
        fcntl.flock(holder, held)
        assert locks.in_vain(asks(other, wanted)) is taken
        assert locks.in_vain(asks(holder, wanted)) is False  # to ask again for one's own converts it
        if not taken:
            fcntl.flock(other, wanted | fcntl.LOCK_NB)


def test_a_conversion_waits_for_the_others_who_share(tmp_path):
    with (tmp_path / "lock").open("w") as one, (tmp_path / "lock").open() as other:
        fcntl.flock(one, fcntl.LOCK_SH)
        assert not holders.others_hold(os.getpid(), one.fileno(), BOTH)
        fcntl.flock(other, fcntl.LOCK_SH)
        assert holders.others_hold(os.getpid(), one.fileno(), BOTH)
        with pytest.raises(BlockingIOError):
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("command", [OFD, OF_PROCESS])
def test_a_record_lock_of_ones_own_is_not_in_the_way(tmp_path, command):
    with (tmp_path / "lock").open("w+") as file:
        fcntl.fcntl(file, command, record(fcntl.F_WRLCK, 0, 10))
        assert not locks.in_vain(asks_for_record(file, command, fcntl.F_WRLCK, 5, 20))
        fcntl.fcntl(file, command, record(fcntl.F_WRLCK, 5, 20))


@pytest.mark.parametrize("command", [OFD, OF_PROCESS])
def test_behind_a_record_lock_of_ones_own_those_of_others_are_seen(tmp_path, command):
    """Who shares a lock and asks for more waits for the others: the kernel tells of the first lock only."""
    with (tmp_path / "lock").open("w+") as file:
        fcntl.fcntl(file, command, record(fcntl.F_RDLCK, 0, 10))
        other = subprocess.Popen([sys.executable, "-c", SHARED_RECORD], cwd=tmp_path, stdin=-1, stdout=-1)
        with other:
            other.stdout.readline()
            assert locks.in_vain(asks_for_record(file, command, fcntl.F_WRLCK, 0, 10))
            assert not locks.in_vain(asks_for_record(file, command, fcntl.F_RDLCK, 0, 10))
            assert not locks.in_vain(asks_for_record(file, command, fcntl.F_WRLCK, 10, 10))
            with pytest.raises(BlockingIOError):
                fcntl.fcntl(file, command, record(fcntl.F_WRLCK, 0, 10))
            other.communicate()
        assert not locks.in_vain(asks_for_record(file, command, fcntl.F_WRLCK, 0, 10))


@pytest.mark.parametrize(
    ("whence", "start", "length", "name", "taken"),
    [
        (os.SEEK_CUR, 0, 5, "@10+5", False),  # lockf(3)
        (os.SEEK_CUR, -5, 5, "@5+5", True),
        (os.SEEK_END, -20, -5, "@5+5", True),
        (os.SEEK_END, -20, 0, "@10+0", False),
        (os.SEEK_SET, 9, 0, "@9+0", True),
        (os.SEEK_CUR, 2**63 - 1, 0, "", False),  # the kernel refuses it
    ],
)
def test_which_bytes_are_meant_is_counted_from_where_the_caller_says(tmp_path, whence, start, length, name, taken):
    with (tmp_path / "lock").open("wb+", buffering=0) as holder, (tmp_path / "lock").open("rb+", buffering=0) as other:
        other.write(bytes(30))
        other.seek(10)
        fcntl.fcntl(holder, OFD, record(fcntl.F_WRLCK, 0, 10))
        call = asks_for_record(other, OFD, fcntl.F_WRLCK, start, length, whence)
        assert (locks.record(call), locks.in_vain(call)) == (name, taken)


def test_a_long_list_of_locks_is_read_until_readings_agree(tmp_path, monkeypatch):
    """A read gives at most a page; what is unlocked before the next one has a line left out, or twice."""
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        name = holders.file_in_locks(tmp_path / "lock")
        [held] = holders.held_on([name])
        line = " ".join(["9:", *held[1:]]).encode() + b"\n"
        page = line.replace(name.encode(), b"00:00:0") * (4000 // len(line))
        readings = [(page, b""), (page, line * 2), (page, line), (page, line), (page, line)]
        monkeypatch.setattr(holders, "_two_reads", iter(readings).__next__)
        assert holders.held_on([name]) == [held]
        monkeypatch.setattr(holders, "_two_reads", lambda: (line, line))  # one read was enough; others came meanwhile
        assert holders.held_on([name]) == [held]


def test_a_list_of_locks_that_is_never_the_same_twice_is_given_up(monkeypatch):
    line = "9: FLOCK ADVISORY WRITE {} 00:00:7 0 EOF\n"
    page = line.format(0).replace("00:00:7", "00:00:0").encode() * 100  # of other files
    readings = ((page, line.format(number).encode()) for number in itertools.count())
    monkeypatch.setattr(holders, "_two_reads", readings.__next__)
    with pytest.raises(LabError, match="never the same"):
        holders.held_on(["00:00:7"])


def test_a_lock_of_another_file_is_none_of_this(tmp_path):
    with (tmp_path / "lock").open("w") as holder, (tmp_path / "free").open("w") as free:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert not holders.others_hold(os.getpid(), free.fileno(), BOTH)


def test_who_is_gone_cannot_be_asked(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(OSError, match=str(ended.pid)):
        holders.others_hold(ended.pid, 0, BOTH)


def test_a_taker_that_has_ended_is_seen(tmp_path):
    seen = subprocess.check_output([sys.executable, "-c", TAKEN_BY_ONE_THAT_HAS_ENDED], cwd=tmp_path, text=True)
    assert seen.split() == ["True", "False", "False"]


def test_it_is_seen_inside_a_pid_namespace_too(tmp_path):
    (tmp_path / "script.py").write_text(TAKEN_BY_ONE_THAT_HAS_ENDED)
    ran = unshared(["--pid", "--fork", "--mount-proc"], '"$PYTHON" script.py; cat /proc/locks >&2', tmp_path)
    assert ran.stdout.split() == ["True", "False", "False"], ran.stderr


def test_a_file_is_known_by_its_path(tmp_path):
    seen = subprocess.check_output([sys.executable, "-c", HELD_BY_A_NAME], cwd=tmp_path, text=True)
    assert seen.split() == ["True", "''", "''"]


@pytest.mark.parametrize(
    ("code", "seen"),
    [(TAKEN_BY_ONE_THAT_HAS_ENDED, ["True", "False", "False"]), (HELD_BY_A_NAME, ["True", "''", "''"])],
)
def test_it_is_seen_on_a_filesystem_with_other_numbers_than_its_files(tmp_path, code, seen):
    """Overlayfs over two filesystems: stat(2) names another device than /proc/locks does."""
    (tmp_path / "script.py").write_text(code)
    script = """
        mkdir lower tmp && mount -t tmpfs none tmp && mkdir tmp/upper tmp/work tmp/merged && touch lower/lock || exit 77
        mount -t overlay overlay -o lowerdir=lower,upperdir=tmp/upper,workdir=tmp/work,userxattr tmp/merged || exit 77
        cd tmp/merged && "$PYTHON" ../../script.py
    """
    ran = unshared(["--mount"], script, tmp_path)
    if ran.returncode == 77:
        pytest.skip(f"no overlayfs here: {ran.stderr.strip()}")
    assert ran.stdout.split() == seen, ran.stderr
