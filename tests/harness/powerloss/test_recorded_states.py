"""Real programs under the recorder, and the states after a power cut at their end, derived by hand.

`test_states` derives from logs that are written by hand, and `test_recorder` looks at the log alone; here unusual calls
go the whole way. Sources: fsync(2), open(2) on O_SYNC and O_TMPFILE, sync_file_range(2), fallocate(2), and for
`ordered` fs/ext4/fsync.c.
"""

from __future__ import annotations

import pytest

from harness.powerloss.models import Ordered, Posix
from tests.harness.conductor.test_recorder import record
from tests.harness.powerloss.crashes import left_by

NEW = "f = os.open('tmp', os.O_RDWR | os.O_CREAT); os.write(f, b'new!')\n"
MOVED = f"{NEW}os.sync(); os.rename('tmp', 'b')\n"
FOLDER = "d = os.open('.', os.O_RDONLY)\n"
OLD, DONE = {"old": b"old"}, {"old": b"new!"}
TORN = [{"old": b""}, {"old": b"ne"}, {"old": b"\0\0\0\0"}]

# name, code, under posix, under ordered; the folder holds "old" with the text "old"
CASES = [
    (
        # What is written to a file that was renamed over goes into the old file, which is only found if the rename is
        # lost. The journal has the rename behind the bytes of the new file; the old file's own bytes wait for nothing.
        "rename-over-an-open-file-that-is-written-to",
        f"o = os.open('old', os.O_WRONLY)\n{NEW}os.fsync(f); os.rename('tmp', 'old'); os.write(o, b'OLD')",
        [DONE, OLD, {"old": b"OLD"}, OLD | {"tmp": b"new!"}, {"old": b"OLD", "tmp": b"new!"}],
        [DONE, OLD | {"tmp": b"new!"}, {"old": b"OLD", "tmp": b"new!"}],
    ),
    (
        # One name is removed and made again, in that order; the link is another name, and comes when it likes.
        "link-unlink-and-create-again",
        "os.link('old', 'bak'); os.unlink('old'); f = os.open('old', os.O_WRONLY | os.O_CREAT)\n"
        "os.write(f, b'n'); os.fsync(f)",
        [{"bak": b"old", "old": b"n"}, {"bak": b"old"}, {"bak": b"old"} | OLD, OLD, {"old": b"n"}, {}],
        [{"bak": b"old", "old": b"n"}],
    ),
    (
        # fsync of the folder makes the names safe; the bytes only where a rename replaces (auto_da_alloc).
        "the-folder-synced-alone",
        f"{FOLDER}{NEW}os.rename('tmp', 'old'); os.fsync(d)",
        [DONE, *TORN],
        [DONE],
    ),
    (
        # O_DSYNC: the bytes and the length, as by fdatasync; the name only on ext4, as the file's creation is in the
        # same journal.
        "written-with-o-dsync",
        "f = os.open('tmp', os.O_WRONLY | os.O_CREAT | os.O_DSYNC); os.write(f, b'new!')",
        [OLD | {"tmp": b"new!"}, OLD],
        [OLD | {"tmp": b"new!"}],
    ),
    (
        # O_DSYNC over what is there changes no length: fdatasync has nothing in the journal to wait for.
        "a-rename-and-an-overwrite-with-o-dsync",
        f"{MOVED}os.write(os.open('old', os.O_WRONLY | os.O_DSYNC), b'OLD')",
        [{"old": b"OLD", "b": b"new!"}, {"old": b"OLD", "tmp": b"new!"}],
        [{"old": b"OLD", "b": b"new!"}, {"old": b"OLD", "tmp": b"new!"}],
    ),
    (
        # O_SYNC is fsync after each write: the time of change is in the journal, behind the rename.
        "a-rename-and-an-overwrite-with-o-sync",
        f"{MOVED}os.write(os.open('old', os.O_WRONLY | os.O_SYNC), b'OLD')",
        [{"old": b"OLD", "b": b"new!"}, {"old": b"OLD", "tmp": b"new!"}],
        [{"old": b"OLD", "b": b"new!"}],
    ),
    (
        # The same for one write of a descriptor that is not synced otherwise.
        "a-rename-and-an-overwrite-with-rwf-sync",
        f"{MOVED}os.pwritev(os.open('old', os.O_WRONLY), [b'OLD'], 0, os.RWF_SYNC)",
        [{"old": b"OLD", "b": b"new!"}, {"old": b"OLD", "tmp": b"new!"}],
        [{"old": b"OLD", "b": b"new!"}],
    ),
    (
        # A copy by the kernel is a write: what it puts into a file that is open with O_DSYNC is synced (splice.c).
        "sendfile-to-o-dsync",
        "s = os.open('old', os.O_RDONLY); f = os.open('tmp', os.O_WRONLY | os.O_CREAT | os.O_DSYNC)\n"
        "os.sendfile(f, s, 0, 3); os.fsync(os.open('.', os.O_RDONLY))",
        [OLD | {"tmp": b"old"}],
        [OLD | {"tmp": b"old"}],
    ),
    (
        # fdatasync keeps what is needed to find the bytes: the new length, but no name.
        "an-append-with-its-data-synced",
        "f = os.open('old', os.O_WRONLY | os.O_APPEND); os.write(f, b'+'); os.fdatasync(f); os.write(f, b'-')",
        [{"old": b"old+"}, {"old": b"old+-"}, {"old": b"old+\0"}],
        [{"old": b"old+"}, {"old": b"old+-"}],
    ),
    (
        # sync_file_range "does not write out the file's metadata", and promises nothing: it is no sync.
        "sync-file-range-is-no-sync",
        f"{FOLDER}{NEW}libc.sync_file_range(f, c_long(0), c_long(0), 7); os.rename('tmp', 'old'); os.fsync(d)",
        [DONE, *TORN],
        [DONE],
    ),
    (
        # syncfs makes safe what was before it, everywhere.
        "syncfs-and-a-rename",
        f"{FOLDER}{NEW}libc.syncfs(d); os.rename('tmp', 'old')",
        [DONE, OLD | {"tmp": b"new!"}],
        [DONE, OLD | {"tmp": b"new!"}],
    ),
    (
        # Emptied, then longer than it was: under posix in any order, and each alone.
        "truncated-and-extended",
        "f = os.open('old', os.O_WRONLY); os.ftruncate(f, 0); os.ftruncate(f, 5)",
        [{"old": b"\0" * 5}, {"old": b""}, {"old": b"old\0\0"}, OLD],
        [{"old": b"\0" * 5}, {"old": b""}, OLD],
    ),
    (
        # Space is given first, the bytes come later: zeroes of the full length until then.
        "fallocate-and-write",
        "f = os.open('old', os.O_WRONLY); os.posix_fallocate(f, 0, 6); os.pwrite(f, b'NEWER!', 0)",
        [{"old": b"NEWER!"}, {"old": b"old\0\0\0"}, OLD],
        [{"old": b"NEWER!"}, {"old": b"old\0\0\0"}, OLD],
    ),
    (
        # With FALLOC_FL_KEEP_SIZE nothing changes that can be read.
        "fallocate-that-keeps-the-size",
        "f = os.open('old', os.O_WRONLY); assert libc.fallocate(f, 1, c_long(0), c_long(9000)) == 0",
        [OLD],
        [OLD],
    ),
    (
        # A folder is moved whole or not at all; the sync of the moved folder itself keeps what is in it, not its name.
        "a-folder-renamed-and-itself-synced",
        "os.mkdir('e'); open('e/x', 'w').write('1'); os.sync(); os.rename('e', 'g')\n"
        "os.fsync(os.open('g', os.O_RDONLY))",
        [OLD | {"g/x": b"1"}, OLD | {"e/x": b"1"}],
        [OLD | {"g/x": b"1"}],
    ),
    (
        # A file without a name gets one: the bytes were synced before, the name is not.
        "o-tmpfile-and-linkat",
        "f = os.open('.', os.O_RDWR | os.O_TMPFILE); os.write(f, b'new!'); os.fsync(f)\n"
        "assert libc.linkat(-100, b'/proc/self/fd/%d' % f, -100, b'n', 0x400) == 0",
        [OLD | {"n": b"new!"}, OLD],
        [OLD | {"n": b"new!"}, OLD],
    ),
    (
        # A hole is left, and what is behind it is written: without the bytes the file is as it was; posix may have the
        # length alone.
        "written-behind-a-hole",
        "os.pwrite(os.open('old', os.O_WRONLY), b'far', 8192)",
        [{"old": b"old" + b"\0" * 8189 + rest} for rest in (b"far", b"\0\0\0", b"f")] + [OLD],
        [{"old": b"old" + b"\0" * 8189 + b"far"}, OLD],
    ),
    (
        # A long append crosses pages: each may be there without the other on posix, with the whole length or without;
        # the first alone on ext4.
        "an-append-over-two-pages",
        "os.write(os.open('old', os.O_WRONLY | os.O_APPEND), b'x' * 4093 + b'y' * 3)",
        [{"old": b"old" + rest} for rest in (
            b"x" * 4093 + b"yyy", b"x" * 4093, b"x" * 4093 + b"\0" * 3, b"\0" * 4093 + b"yyy", b"\0" * 4096, b""
        )],
        [{"old": b"old" + rest} for rest in (b"x" * 4093 + b"yyy", b"x" * 4093, b"")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("code", "posix", "ordered"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_states_of_real_calls(conduct, code, posix, ordered):
    log, left = record(conduct, code, setup=lambda folder: (folder / "old").write_bytes(b"old"))
    assert log.unknown == ()

    def in_order(found):
        return sorted(found, key=lambda one: sorted(one.items()))

    assert left_by(log, Posix) == in_order(posix)
    assert left_by(log, Ordered) == in_order(ordered)
    assert left in posix  # nothing is lost
