"""Each family stops what it should and nothing else; what the filter decides from registers it decides alone."""

from __future__ import annotations

import errno
import shutil
import subprocess

import pytest

from harness.conductor.calls import KINDS, Family
from harness.conductor.filter import program

PREPARE = """
import ctypes, errno, os, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return -ctypes.get_errno() if result < 0 else result
FD = -100
out, src = os.open("out", os.O_RDWR), os.open("b", os.O_RDWR)
"""
# For each family: what a program does, and the calls that must be seen for it, in order.
ACTIONS = {
    Family.REPLACE: (
        """
os.rename("a", "c"); os.rename("c", "a", src_dir_fd=os.open(".", os.O_RDONLY))
call(316, FD, b"a", FD, b"d", 1)
os.link("d", "e"); call(265, FD, b"d", FD, b"f", 0); os.symlink("d", "g"); call(266, b"d", FD, b"h")
""",
        ["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"],
    ),
    Family.REMOVE: (
        """
os.unlink("a"); open("x", "w").close(); call(263, FD, b"x", 0); os.mkdir("y"); os.rmdir("y")
""",
        ["unlink", "unlinkat", "rmdir"],
    ),
    Family.OPEN: (
        """
os.open("a", os.O_RDONLY); open("a").read(); call(2, b"a", os.O_WRONLY, 0); call(85, b"n", 0o600)
os.open("a", os.O_RDONLY | os.O_CREAT); os.open("a", os.O_APPEND | os.O_WRONLY)
call(437, FD, b"a", ctypes.create_string_buffer(struct.pack("=QQQ", os.O_RDWR, 0, 0), 24), 24)
call(437, FD, b"a", ctypes.create_string_buffer(struct.pack("=QQQ", 0, 0, 0), 24), 24)
os.truncate("a", 0)
""",
        ["open", "creat", "openat", "openat", "openat2", "truncate"],
    ),
    Family.MAKE: (
        """
import socket
os.mkdir("m"); call(258, FD, b"n", 0o700); os.mkfifo("p"); call(133, b"q", 0o010600, 0)
name = socket.socket(socket.AF_UNIX); name.bind("name"); socket.socket(socket.AF_UNIX).bind("")
""",
        ["mkdir", "mkdirat", "mknodat", "mknod", "bind"],
    ),
    Family.WRITE: (
        """
os.write(1, b"free"); os.write(2, b""); os.write(out, b"x"); os.pwrite(out, b"x", 0); os.writev(out, [b"x"])
os.pwritev(out, [b"x"], 0)
data = ctypes.create_string_buffer(b"x"); vector = struct.pack("=QQ", ctypes.addressof(data), 1)
assert call(296, out, ctypes.create_string_buffer(vector, 16), 1, 0, 0) == 1
os.ftruncate(out, 1)
os.posix_fallocate(out, 0, 5); os.copy_file_range(src, out, 2, 0); os.sendfile(out, src, 0, 2)
r, w = os.pipe(); os.write(w, b"ab"); os.splice(r, out, 2); os.dup2(out, 0); os.write(0, b"x")
""",
        ["write", "pwrite64", "writev", "pwritev2", "pwritev", "ftruncate", "fallocate", "copy_file_range", "sendfile",
         "splice", "write"],
    ),
    Family.READ: (
        """
os.open("a", os.O_RDONLY); call(2, b"a", os.O_RDONLY, 0)
call(437, FD, b"a", ctypes.create_string_buffer(struct.pack("=QQQ", 0, 0, 0), 24), 24)
""",
        ["openat", "open", "openat2"],
    ),
    Family.LOOK: (
        """
os.path.exists("a"); os.access("a", os.R_OK); buffer = ctypes.create_string_buffer(256)
call(4, b"a", buffer); call(6, b"a", buffer); call(332, FD, b"a", 0, 0xFFF, buffer); os.fstat(out)
call(262, FD, b"a", buffer, 0); call(262, out, b"", buffer, 0x1000); call(332, out, b"", 0x1000, 0xFFF, buffer)
call(21, b"a", os.R_OK); call(269, FD, b"a", os.R_OK); call(439, FD, b"a", os.R_OK, 0)
call(89, b"a", buffer, 9); call(267, FD, b"a", buffer, 9)
""",
        ["newfstatat", "access", "stat", "lstat", "statx", "newfstatat", "access", "faccessat", "faccessat2",
         "readlink", "readlinkat"],
    ),
    Family.LIST: (
        'os.listdir(os.open(".", os.O_RDONLY)); call(254, libc.inotify_init(), b".", 0x80)',
        ["getdents64", "getdents64", "inotify_add_watch"],
    ),
    Family.SYNC: (
        "os.fsync(out); os.fdatasync(out); call(306, out); os.sync()", ["fsync", "fdatasync", "syncfs", "sync"]
    ),
    Family.MAP: (
        """
import mmap
os.ftruncate(out, 1); mmap.mmap(-1, 1); mmap.mmap(out, 1, mmap.MAP_PRIVATE); m = mmap.mmap(out, 1); m.flush()
assert call(26, ctypes.addressof((ctypes.c_char * 1).from_buffer(m)), 1, 1) == 0  # MS_ASYNC
""",
        ["mmap", "msync"],
    ),
    Family.MARK: ("""
call(188, b"a", b"user.n", b"1", 1, 0); call(189, b"a", b"user.n", b"1", 1, 0); call(190, out, b"user.n", b"1", 1, 0)
call(197, b"a", b"user.n"); call(198, b"a", b"user.n"); call(199, out, b"user.n")
call(463, FD, b"a", 0, b"user.n", None, 0); call(466, FD, b"a", 0, b"user.n")
os.chmod("a", 0o600); os.chmod(out, 0o600); call(268, FD, b"a", 0o600); call(452, FD, b"a", 0o600, 0)
os.chown("a", -1, -1); os.chown(out, -1, -1); os.lchown("a", -1, -1); call(260, FD, b"a", -1, -1, 0)
call(132, b"a", None); call(235, b"a", None); call(261, FD, b"a", None); os.utime("a"); os.utime(out)
""", ["setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "setxattrat",
      "removexattrat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime",
      "utimes", "futimesat", "utimensat", "utimensat"]),
    Family.INSPECT: ("""
call(191, b"a", b"user.n", None, 0); call(192, b"a", b"user.n", None, 0); call(193, out, b"user.n", None, 0)
call(194, b"a", None, 0); call(195, b"a", None, 0); call(196, out, None, 0)
call(464, FD, b"a", 0, b"user.n", None, 0); call(465, FD, b"a", 0, None, 0)
""", ["getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "getxattrat", "listxattrat"]),
    Family.SERVE: ("""
import socket
served = socket.socket(socket.AF_UNIX); served.bind("served"); served.listen()
nameless = socket.socket(socket.AF_UNIX); nameless.bind(""); nameless.listen()
port = socket.socket(); port.bind(("127.0.0.1", 0)); port.listen()
""", ["listen"]),
    Family.LOCK: ("""
import fcntl; fcntl.flock(out, fcntl.LOCK_EX); fcntl.flock(out, fcntl.LOCK_UN); fcntl.fcntl(out, fcntl.F_GETFD)
fcntl.lockf(out, fcntl.LOCK_EX | fcntl.LOCK_NB); fcntl.lockf(out, fcntl.LOCK_UN)
""", ["flock", "flock", "fcntl", "fcntl"]),
}  # fmt: skip
SEEN_WITH = {Family.READ: {Family.OPEN}}  # whoever wants reads is shown every opening


def prepare(folder):
    folder.mkdir(exist_ok=True)
    for name, content in (("a", ""), ("b", "0123456789"), ("out", "")):
        (folder / name).write_text(content)
    return str(folder)


@pytest.mark.parametrize("family", ACTIONS, ids=lambda family: family.value)
def test_a_family_stops_its_calls(conduct, watcher, family):
    action, expected = ACTIONS[family]

    async def body(rig):
        rig.directors.append(watcher)
        running = await rig.python("one", PREPARE + action, families=frozenset({family}), cwd=prepare(rig.folder))
        assert (await running.ended(), running.said("stderr")) == (0, "")

    conduct(body)
    opened = ["openat", "openat"] if family in (Family.OPEN, Family.READ) else []  # what PREPARE does
    names = watcher.names
    if family in (Family.READ, Family.LOOK, Family.LIST):  # Python looks around before it begins
        names = names[-len(opened + expected) :]
    assert names == opened + expected


@pytest.mark.parametrize("family", ACTIONS, ids=lambda family: family.value)
def test_a_family_stops_nothing_else(conduct, watcher, family):
    async def body(rig):
        rig.directors.append(watcher)
        for other, (action, _) in ACTIONS.items():
            folder = prepare(rig.folder / other.value)
            running = await rig.python(other.value, PREPARE + action, families=frozenset({family}), cwd=folder)
            assert (await running.ended(), running.said("stderr")) == (0, "")

    conduct(body)
    assert {call.kind.family for call in watcher.calls} == SEEN_WITH.get(family, {family})


def test_every_kind_has_a_test():
    tested = {name for _, expected in ACTIONS.values() for name in expected}
    others = (Family.NETWORK, Family.LIMIT, Family.PROBE, Family.FORK, Family.START, Family.END)
    elsewhere = {kind.name for kind in KINDS if kind.family in others}
    assert {kind.name for kind in KINDS} - elsewhere == tested


@pytest.mark.parametrize(("setup", "refusal"), [(425, "EPERM"), (206, "ENOSYS")], ids=["io_uring", "io_submit"])
def test_what_carries_file_operations_past_the_filter_is_refused(conduct, setup, refusal):
    async def body(rig):
        code = PREPARE + f"print(-call({setup}, 8, ctypes.create_string_buffer(120)) == errno.{refusal})"
        running = await rig.python("one", code, cwd=prepare(rig.folder), families=frozenset({Family.NETWORK}))
        assert await running.ended() == 0
        return running.said()

    assert conduct(body) == "True\n"


def told(rig):
    """The one thing that was said of a run that cannot be judged."""
    [fault] = rig.faults
    rig.faults.clear()
    return fault.message


def test_the_second_number_range_is_refused(conduct):
    async def body(rig):
        code = PREPARE + "print(-call(0x40000000 + 82, b'a', b'z') == errno.ENOSYS, os.path.exists('a'))"
        running = await rig.python("one", code, cwd=prepare(rig.folder))
        assert await running.ended() == 0
        return running.said(), told(rig)

    assert conduct(body) == ("True True\n", "one makes 32-bit system calls, which cannot be followed")


def test_a_call_that_is_none_is_no_32_bit_call(conduct):
    async def body(rig):
        code = PREPARE + "print(-call(-1) == errno.ENOSYS)"
        running = await rig.python("one", code, cwd=prepare(rig.folder))
        assert await running.ended() == 0
        return running.said()

    assert conduct(body) == "True\n"


def test_the_32_bit_entry_is_refused(conduct, tmp_path):
    """`int 0x80` reaches the kernel with other numbers: 38 is rename there, setuid's neighbour here."""
    if shutil.which("gcc") is None:
        pytest.skip("needs a C compiler")
    source = r"""
        #include <stdio.h>
        int main(void) {
            long result = 38;  /* rename, with nonsense as names: EFAULT if it is let through */
            __asm__ volatile("int $0x80" : "+a"(result) : "b"(1), "c"(1) : "memory");
            printf("%ld\n", result);
            __asm__ volatile("int $0x80" : "+a"(result) : "b"(1), "c"(1) : "memory");  /* told of once */
            return 0;
        }"""
    binary = tmp_path / "entry"
    subprocess.run(["gcc", "-x", "c", "-static", "-o", str(binary), "-"], input=source.encode(), check=True)

    async def body(rig):
        running = await rig.start("static", str(binary))
        assert await running.ended() == 0
        return running.said(), told(rig)

    assert conduct(body) == (f"{-errno.ENOSYS}\n", "static makes 32-bit system calls, which cannot be followed")


def test_what_a_shell_redirects_stops(conduct, watcher):
    """It puts the file on a standard descriptor."""

    async def body(rig):
        rig.directors.append(watcher)
        running = await rig.start("one", "/bin/sh", "-c", "echo x > f; echo y >> f; (echo e >&2) 2> g; echo z")
        assert await running.ended() == 0
        return running.said()

    assert conduct(body) == "z\n"
    assert [(call.kind.name, call.path[-1]) for call in watcher.calls if call.kind.family is Family.WRITE] == [
        ("write", "f"), ("write", "f"), ("write", "g"),
    ]  # fmt: skip


def test_reads_and_standard_streams_are_nobodys(conduct, watcher):
    async def body(rig):
        rig.directors.append(watcher)
        (rig.folder / "f").write_text("x" * 100_000)
        code = "import os\nfor _ in range(300):\n open('f').read(); os.write(1, b'.'); os.stat('f'); os.listdir('.')"
        running = await rig.python("one", code)
        assert await running.ended() == 0
        return running.said()

    assert conduct(body) == "." * 300
    assert watcher.calls == []


def test_the_program_is_small_and_well_formed():
    assert len(program(Family)) % 8 == 0
    assert len(program(Family)) // 8 < 4096  # BPF_MAXINSNS
    assert program({Family.SYNC}) != program({Family.LOCK})
