"""Real programs under the recorder: what they did to their folder is in the log, and what cannot be told is said."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from harness.conductor.calls import Family
from harness.conductor.recorder import Recorder
from harness.powerloss.disk import Disk
from harness.powerloss.log import File, Shift, Sync
from harness.scenario import WATCH_STORES, WATCH_WRITES

IMPORTS = "import os\nfrom ctypes import CDLL, c_long\nlibc = CDLL(None)\n"


def record(conduct, code, *, setup=lambda folder: None, families=WATCH_STORES, others=(), killed=False, below="."):
    """The log of a Python program; the folder that it has left, by path. Recorded is the folder `below` its own."""

    async def body(rig):
        setup(rig.folder)
        folder = rig.folder / below
        recorder = Recorder(folder, was_killed=lambda actor: killed)
        rig.directors += [recorder, *others]
        running = await rig.python("one", f"{IMPORTS}{code}", families=families)
        status = await running.ended()
        assert status == 0 or killed, running.said("stderr")
        await running.supervisor.ended.wait()
        return recorder.finish(), {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20
        }

    return conduct(body)


def replayed(log):
    """What the log makes of its start."""
    disk = Disk(log.start)
    for operation in log.operations:
        disk.apply(operation.change)
    return {path: placed.node.data for path, placed in disk.tree().items() if isinstance(placed.node, File)}


def open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def kinds(log):
    """A file without a name is told by its inode's number, which is left out."""
    return [re.sub(r"#\d+", "#", f"{operation.call} {operation.path}".strip()) for operation in log.operations]


OPEN = "f = os.open('f', os.O_RDWR | os.O_CREAT, 0o600)\n"
PROGRAMS = {
    "replace": (
        "f = os.open('tmp', os.O_WRONLY | os.O_CREAT | os.O_EXCL)\n"
        "os.write(f, b'new'); os.fsync(f); os.close(f); os.rename('tmp', 'old')\n"
        "os.fsync(os.open('.', os.O_RDONLY))",
        ["openat tmp", "write tmp", "fsync tmp", "rename old", "fsync ."],
    ),
    "truncate-on-open": ("open('old', 'w').write('n')", ["openat old", "write old"]),
    "append": (
        "f = os.open('old', os.O_WRONLY | os.O_APPEND); os.write(f, b'1'); os.write(f, b'2')", ["write old"] * 2
    ),
    "pwrite": (OPEN + "os.write(f, b'abc'); os.pwrite(f, b'X', 1)", ["openat f", "write f", "pwrite64 f"]),
    "pwrite-of-an-appending-file": (
        "os.pwrite(os.open('old', os.O_WRONLY | os.O_APPEND), b'1', 0)", ["pwrite64 old"]
    ),
    "writev": (OPEN + "os.writev(f, [b'ab', b'', b'cd'])", ["openat f", "writev f"]),
    "pwritev": (OPEN + "os.pwritev(f, [b'ab', b'cd'], 3)", ["openat f", "pwritev2 f"]),
    "seek": (OPEN + "os.write(f, b'abc'); os.lseek(f, 1, 0); os.write(f, b'X')", ["openat f", "write f", "write f"]),
    "ftruncate": (OPEN + "os.write(f, b'abc'); os.ftruncate(f, 1)", ["openat f", "write f", "ftruncate f"]),
    "truncate": ("os.truncate('old', 1); os.truncate('old', 5)", ["truncate old"] * 2),
    "fallocate": (OPEN + "os.posix_fallocate(f, 0, 10)", ["openat f", "fallocate f"]),
    "copy": (
        OPEN + "os.copy_file_range(os.open('old', os.O_RDONLY), f, 100)", ["openat f", "copy_file_range f"]
    ),
    "splice": ("r, w = os.pipe(); os.write(w, b'xy'); os.splice(r, os.open('old', os.O_RDWR), 2)", ["splice old"]),
    "a-hole-and-zeroes": (
        OPEN + "os.write(f, b'abcdef'); libc.fallocate(f, 3, c_long(1), c_long(2))\n"
        "libc.fallocate(f, 3, c_long(9), c_long(9)); assert libc.fallocate(f, 16, c_long(4), c_long(4)) == 0",
        ["openat f", "write f", "fallocate f", "fallocate f"],
    ),
    "stores-through-mmap": (
        "import mmap; f = os.open('old', os.O_RDWR); os.ftruncate(f, 9000); m = mmap.mmap(f, 9000)\n"
        "m[1:2] = b'X'; m[8999:] = b'Y'; m.flush(); os.rename('old', 'new'); m[2:3] = b'Z'",
        ["ftruncate old", "mmap old", "mmap old", "msync old", "rename new", "mmap new"],
    ),
    "stores-in-a-file-without-a-name": (
        "import mmap; f = os.open('.', os.O_RDWR | os.O_TMPFILE); os.ftruncate(f, 3); m = mmap.mmap(f, 3)\n"
        "m[:] = b'abc'; m.flush(); assert libc.linkat(-100, b'/proc/self/fd/%d' % f, -100, b'n', 0x400) == 0",
        ["openat # (deleted)", "ftruncate # (deleted)", "mmap", "msync # (deleted)", "linkat n"],
    ),
    "links": ("os.link('old', 'b'); os.unlink('old')", ["link b", "unlink old"]),
    "symbolic-link": ("os.symlink('old', 's'); open('s', 'a').write('1')", ["symlink s", "write old"]),
    "folders": (
        "os.mkdir('d'); open('d/f', 'w').write('1'); os.rename('d', 'e'); os.unlink('e/f'); os.rmdir('e')",
        ["mkdir d", "openat d/f", "write d/f", "rename e", "unlink e/f", "rmdir e"],
    ),
    "nothing-happens": (
        "for call in (lambda: os.rename('none', 'x'), lambda: os.unlink('none'), lambda: os.mkdir('old'),\n"
        "             lambda: os.open('none/x', os.O_CREAT | os.O_WRONLY), lambda: os.rmdir('old'),\n"
        "             lambda: os.write(os.open('old', os.O_WRONLY), b''), lambda: os.link('none', 'x')):\n"
        "    try: call()\n"
        "    except OSError: pass\n"
        "os.truncate('old', 3); os.rename('old', 'old')",
        [],
    ),
    "an-inode-number-comes-again": (
        "for name in 'abcd':\n"
        "    open(name, 'w').write(name); os.unlink(name)\n"
        "open('e', 'w').write('e')",
        [f"{call} {name}" for name in "abcd" for call in ("openat", "write", "unlink")] + ["openat e", "write e"],
    ),
    "a-file-without-a-name": (
        "f = open('old', 'r+'); os.unlink('old'); f.write('1')", ["unlink old", "write old (deleted)"]
    ),
    "a-file-that-gets-its-name-last": (
        "f = os.open('.', os.O_RDWR | os.O_TMPFILE); os.write(f, b'new'); os.fsync(f)\n"
        "assert libc.linkat(-100, b'/proc/self/fd/%d' % f, -100, b'n', 0x400) == 0",  # AT_SYMLINK_FOLLOW
        ["openat # (deleted)", "write # (deleted)", "fsync # (deleted)", "linkat n"],
    ),
    "a-file-that-never-gets-a-name": (
        "os.write(os.memfd_create('m'), b'1'); os.open('.', os.O_RDWR | os.O_TMPFILE)", []
    ),
    "everything-is-synced": ("open('old', 'w').write('n'); os.sync()", ["openat old", "write old", "sync"]),
    "a-descriptor-that-only-names-a-folder-cannot-be-synced": (
        "f = os.open('.', os.O_PATH)\ntry: os.fsync(f)\nexcept OSError: assert libc.syncfs(f) < 0", []
    ),
    "a-file-is-no-folder": (
        "try: os.open('old/f', os.O_CREAT)\nexcept NotADirectoryError: os.rename('old', 'new')", ["rename new"]
    ),
    "synced-by-its-flags": (
        "os.write(os.open('old', os.O_WRONLY | os.O_DSYNC), b'new')", ["write old", "fdatasync old"]
    ),
    "what-is-said-of-a-file": (
        "f = os.open('old', os.O_RDWR); os.fchmod(f, 0o640); os.setxattr('old', 'user.a', b'1'); os.utime(f, (1, 1))\n"
        "os.removexattr(f, 'user.a'); os.chmod('old', 0o640); os.chown('old', -1, -1)\n"
        "os.mkdir('d'); os.chmod('d', 0o750)",
        ["fchmod old", "setxattr old", "utimensat old", "fremovexattr old", "mkdir d", "chmod d"],
    ),
    "what-is-said-of-a-link": ("os.symlink('old', 's'); os.utime('s', (1, 1), follow_symlinks=False)", ["symlink s"]),
    "a-child": (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-E', '-c', \"open('c', 'w').write('1')\"])\n"
        "os.rename('c', 'd')",
        ["openat c", "write c", "rename d"],
    ),
    "threads-one-after-the-other": (
        "import threading\n"
        "def run(call):\n"
        "    t = threading.Thread(target=call); t.start(); t.join()\n"
        "run(lambda: open('t', 'w').write('1')); run(lambda: os.rename('t', 'u'))\n"
        "run(lambda: open('u', 'a').write('2'))",
        ["openat t", "write t", "rename u", "write u"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_recorded(conduct, name):
    """The operations in their order; and replayed they give the folder that was left."""
    code, expected = PROGRAMS[name]
    log, left = record(conduct, code, setup=lambda folder: (folder / "old").write_bytes(b"old"))
    assert log.unknown == ()
    assert kinds(log) == expected
    assert replayed(log) == left


def test_what_stood_in_the_folder_is_the_start(conduct):
    def setup(folder):
        (folder / "d").mkdir()
        (folder / "d" / "a").write_bytes(b"1")
        (folder / "b").hardlink_to(folder / "d" / "a")
        (folder / "s").symlink_to("d")

    log, left = record(conduct, "open('b', 'a').write('2')", setup=setup)
    assert replayed(log) == left == {"b": b"12", "d/a": b"12"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.truncate('old', 1 << 40)", "old is too large to be copied"),
        ("os.pwrite(os.open('old', os.O_WRONLY), b'x', 1 << 40)", "old is too large to be copied"),
        ("open('../x', 'w').write('1'); os.rename('../x', 'x')", "x came from outside"),
    ],
)
def test_what_cannot_be_reproduced_is_said(conduct, code, words):
    log, _ = record(conduct, code, setup=lambda folder: (folder / "old").write_bytes(b"old"))
    assert [reason for reason in log.unknown if words in reason], log.unknown


MADE = "f = os.open('x', os.O_WRONLY | os.O_CREAT); os.write(f, b'one'); "


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"{MADE}os.rename('x', 'home/x')", ["openat x", "write x", "rename x"]),
        (f"{MADE}os.fsync(f); os.rename('x', 'home/old')", ["openat old", "write old", "fsync old", "rename old"]),
        (f"{MADE}os.sync(); os.link('x', 'home/x')", ["sync", "openat x", "write x", "fsync x", "link x"]),
        (f"{MADE}os.rename('x', 'y'); os.rename('y', 'home/x')", ["openat x", "write x", "rename x"]),
        (f"{MADE}open('x', 'w').close(); os.rename('x', 'home/x')", ["openat x", "rename x"]),
        (f"{MADE}os.rename('x', 'home/x'); os.write(f, b'two')", ["openat x", "write x", "rename x", "write x"]),
        (
            "f = os.open('x', os.O_WRONLY | os.O_CREAT | os.O_DSYNC); os.write(f, b'one'); os.rename('x', 'home/x')",
            ["openat x", "write x", "fsync x", "rename x"],
        ),
        (
            "f = os.open('x', os.O_WRONLY | os.O_CREAT); os.pwritev(f, [b'one'], 0, os.RWF_SYNC); "
            "os.rename('x', 'home/x')",
            ["openat x", "write x", "fsync x", "rename x"],
        ),
        ("os.rename('before', 'home/x')", ["openat x", "write x", "fsync x", "rename x"]),
        ("os.mkdir('x'); os.link('before', 'x/y')", []),
    ],
)
def test_what_comes_from_beside_the_folder_has_what_was_written_there(conduct, code, expected):
    def setup(folder):
        (folder / "home").mkdir()
        (folder / "home" / "old").write_bytes(b"old")
        (folder / "before").write_bytes(b"before")
        os.utime(folder / "before", (1, 1))

    log, left = record(conduct, code, setup=setup, below="home")
    assert log.unknown == ()
    assert replayed(log) == left
    assert [kind for kind in kinds(log) if not kind.startswith("openat /")] == expected


@pytest.mark.parametrize(
    "code",
    [
        f"{MADE}os.fsync(f); os.write(f, b'two'); os.rename('x', 'home/x')",
        "open('before', 'a').write('more'); os.rename('before', 'home/x')",
        "os.rename('fresh', 'home/x')",
        "os.mkdir('d'); os.rename('d', 'home/x')",
    ],
)
def test_what_comes_from_beside_the_folder_and_may_be_half_safe_is_not_judged(conduct, code):
    def setup(folder):
        (folder / "home").mkdir()
        (folder / "before").write_bytes(b"before")
        os.utime(folder / "before", (1, 1))
        (folder / "fresh").write_bytes(b"1")
        os.utime(folder / "fresh", (1 << 32, 1 << 32))

    log, _ = record(conduct, code, setup=setup, below="home")
    assert "x came from outside" in log.unknown


def test_room_is_put_into_a_file_and_taken_out(conduct):
    """Where the file system can: ext4 and XFS can, tmpfs cannot, and then it is a call that has failed."""
    code = (
        "f = os.open('f', os.O_RDWR | os.O_CREAT); os.write(f, b'a' * 4096 + b'b' * 4096 + b'c')\n"
        "for mode in (32, 8, 8): libc.fallocate(f, mode, c_long(4096), c_long(4096))"
    )
    log, left = record(conduct, code)
    assert log.unknown == ()
    assert replayed(log) == left
    shifts = [operation.change.size for operation in log.operations if isinstance(operation.change, Shift)]
    assert shifts == ([4096, -4096, -4096] if len(left["f"]) == 4097 else [])


def test_those_who_write_into_one_file_take_turns(conduct):
    """Eight processes append at once: each call is kept until the one before it has ended."""
    code = (
        "log = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n"
        "for n in range(8):\n"
        "    if os.fork() == 0:\n"
        "        for _ in range(3): os.write(log, b'%d\\n' % n); os.fdatasync(log)\n"
        "        os._exit(0)\n"
        "for n in range(8): os.wait()"
    )
    log, left = record(conduct, code)
    assert log.unknown == ()
    assert replayed(log) == left
    assert Counter(kinds(log)) == {"openat log": 1, "write log": 24, "fdatasync log": 24}


def test_what_was_stored_through_mmap_is_noticed_where_mappings_do_not_stop(conduct):
    code = "import mmap; f = os.open('old', os.O_RDWR); m = mmap.mmap(f, 3); m[0:1] = b'X'"
    log, _ = record(conduct, code, setup=lambda folder: (folder / "old").write_bytes(b"old"), families=WATCH_WRITES)
    assert log.unknown == ("old changed in a way that was not seen",)


def test_what_was_not_stopped_is_noticed(conduct):
    log, _ = record(conduct, "open('f', 'w').write('1')", families=frozenset({Family.REPLACE}))
    assert log.unknown == ("f changed in a way that was not seen",)


def test_a_failed_sync_makes_nothing_safe(conduct):
    class Fail:
        def take(self, call):
            return call.kind.name == "fsync" and call.fail(5)

    code = "f = os.open('f', os.O_WRONLY | os.O_CREAT); os.write(f, b'1')\ntry: os.fsync(f)\nexcept OSError: pass"
    log, _ = record(conduct, code, others=[Fail()])
    assert kinds(log) == ["openat f", "write f"]


@pytest.mark.parametrize(("killed", "syncs"), [(False, 1), (True, 0)])
def test_the_last_sync_counts_unless_a_signal_came(conduct, killed, syncs):
    """Whether it had returned before the process died, nobody can tell."""
    end = "os.kill(os.getpid(), 9)" if killed else "pass"
    log, _ = record(conduct, f"{OPEN}os.fsync(f); {end}", killed=killed)
    assert sum(isinstance(operation.change, Sync) for operation in log.operations) == syncs


def test_a_short_write_is_told_as_short(conduct):
    """A limit on the file's size lets only a part through (setrlimit(2))."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))\n" + OPEN + "assert os.write(f, b'abcdef') == 4"
    )
    log, left = record(conduct, code)
    assert replayed(log) == left == {"f": b"abcd"}
    assert log.unknown == ()


def test_it_gives_its_descriptors_back(conduct):
    before = open_descriptors()
    record(conduct, "for n in range(20):\n    open(f'{n}', 'w').write('1'); os.unlink(f'{n}')")
    assert open_descriptors() <= before + 1  # the launcher may have started meanwhile
