"""Odd paths and bad pointers: what is seen is right, and the program gets the kernel's own answer."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import pytest

from harness.conductor.calls import Family

REPLACE = frozenset({Family.REPLACE})
CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return ctypes.get_errno() if result < 0 else 0
"""


def relative(path, folder):
    return os.path.relpath(path, folder)


def seen_paths(conduct, watcher, code, *, families=REPLACE, setup=lambda folder: None):
    """Run a program that must succeed; the paths of its stopped calls, below its folder."""

    async def body(rig):
        rig.directors.append(watcher)
        setup(rig.folder)
        running = await rig.python("one", code, families=families)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return [tuple(relative(path, rig.folder) for path in call.paths) for call in watcher.calls]

    return conduct(body)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("os.rename('a', 'b')", ("a", "b")),
        ("os.rename('./sub/../a', './/b')", ("a", "b")),
        ("os.rename(os.path.abspath('a'), os.path.abspath('b'))", ("a", "b")),
        ("os.chdir('sub'); os.rename('../a', 'b')", ("a", "sub/b")),
        ("d = os.open('sub', os.O_RDONLY); os.rename('a', 'b', dst_dir_fd=d)", ("a", "sub/b")),
        ("os.rename('link/in', 'link/out')", ("sub/in", "sub/out")),
        ("os.rename('link', 'b')", ("link", "b")),
        ("os.rename('a', 'with space')", ("a", "with space")),
        ("os.rename('a', 'new\\nline')", ("a", "new\nline")),
        ("os.rename(b'a', b'caf\\xe9\\xff')", ("a", "caf\udce9\udcff")),
        ("os.rename('/proc/self/cwd/a', 'b')", ("a", "b")),
        ("os.rename('a', 'x' * 255)", ("a", "x" * 255)),
    ],
)
def test_paths_are_told_as_the_caller_means_them(conduct, watcher, code, expected):
    def setup(folder):
        (folder / "sub").mkdir()
        (folder / "a").touch()
        (folder / "sub" / "in").touch()
        (folder / "link").symlink_to("sub")

    assert seen_paths(conduct, watcher, f"import os; {code}", setup=setup) == [expected]


def test_an_open_is_told_by_the_file_behind_its_links(conduct, watcher):
    def setup(folder):
        (folder / "real").touch()
        (folder / "link").symlink_to("real")

    code = "import os; os.open('link', os.O_RDWR); os.write(os.open('link', os.O_WRONLY), b'x')"
    families = frozenset({Family.OPEN, Family.WRITE})
    assert seen_paths(conduct, watcher, code, families=families, setup=setup) == [("real",)] * 3


@pytest.mark.parametrize(("path", "resolve"), [("/in", 0x10), ("//./in", 0x10), ("in", 0x08)])
def test_a_path_begins_at_the_root_that_its_caller_gives_it(conduct, watcher, path, resolve):
    """openat2(2) with RESOLVE_IN_ROOT, or RESOLVE_BENEATH, as programs open files of a tree that they do not trust."""

    def setup(folder):
        (folder / "sub").mkdir()
        (folder / "sub" / "in").touch()

    code = f"""
import ctypes, os, struct
how = ctypes.create_string_buffer(struct.pack("=QQQ", os.O_RDWR, 0, {resolve}), 24)
assert ctypes.CDLL(None).syscall(437, os.open("sub", os.O_RDONLY), {path.encode()!r}, how, 24) > 0
"""
    assert seen_paths(conduct, watcher, code, families={Family.OPEN}, setup=setup)[-1:] == [("sub/in",)]


def test_a_path_outside_is_not_watched(conduct, watcher, tmp_path):
    outside = tmp_path / "site-of-another"  # begins like the watched folder's name
    outside.mkdir()
    (outside / "a").touch()
    assert seen_paths(conduct, watcher, f"import os; os.chdir({str(outside)!r}); os.rename('a', 'b')") == []
    assert (outside / "b").exists()


def test_a_directory_that_has_no_name_is_not_watched(conduct, watcher):
    """The kernel can tell a working directory's path only up to 4096 bytes; the calls in it still work."""
    code = """
import os
for _ in range(30):
    os.mkdir('d' * 200); os.chdir('d' * 200)
open('a', 'w').close(); os.rename('a', 'b'); assert os.listdir() == ['b']
"""
    assert seen_paths(conduct, watcher, code) == []


@pytest.mark.parametrize("release", ["go", "perform"])
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("call(82, b'missing', b'b')", errno.ENOENT),
        ("call(82, b'', b'b')", errno.ENOENT),
        ("call(82, b'a', b'')", errno.ENOENT),
        ("call(82, b'a/x', b'b')", errno.ENOTDIR),
        ("call(82, b'sub', b'a')", errno.ENOTDIR),
        ("call(82, b'a', b'sub')", errno.EISDIR),
        ("call(82, b'sub', b'full')", errno.ENOTEMPTY),
        ("call(82, b'full', b'full/below')", errno.EINVAL),
        ("call(82, b'.', b'b')", errno.EBUSY),
        ("call(82, b'a', b'/dev/shm/pileup-b')", errno.EXDEV),
        ("call(82, b'a', b'y' * 256)", errno.ENAMETOOLONG),
        ("call(82, b'a', b'y/' * 3000)", errno.ENAMETOOLONG),
        ("call(82, b'loop/a', b'b')", errno.ELOOP),
        ("call(82, 0, b'b')", errno.EFAULT),
        ("call(82, b'a', 1)", errno.EFAULT),
        ("call(82, -1, b'b')", errno.EFAULT),
        ("call(82, b'a', -4096)", errno.EFAULT),
        ("call(264, 99, b'a', -100, b'b')", errno.EBADF),
        ("call(264, -100, b'a', os.open('a', 0), b'b')", errno.ENOTDIR),
        ("call(316, -100, b'a', -100, b'b', 64)", errno.EINVAL),
        ("call(316, -100, b'a', -100, b'full', 1)", errno.EEXIST),
        ("call(316, -100, b'a', -100, b'none', 2)", errno.ENOENT),
        ("call(316, -100, b'a', -100, b'full', 2)", 0),
        ("call(82, b'a', b'a')", 0),
        ("os.umask(0o777) and 0 or call(82, b'a', b'b')", 0),
        ("os.mkdir('gone') or os.chdir('gone') or os.rmdir('../gone') or call(82, b'a', b'b')", errno.ENOENT),
        ("os.mkdir('moved') or os.chdir('moved') or os.rename('../moved', '../on') or call(82, b'../a', b'b')", 0),
    ],
)
def test_the_answer_is_the_kernels_own(conduct, tmp_path, code, expected, release):
    def prepare(folder):
        folder.mkdir(exist_ok=True)
        (folder / "a").touch()
        (folder / "sub").mkdir()
        (folder / "full" / "below").mkdir(parents=True)
        (folder / "loop").symlink_to("loop")
        return folder

    class Release:
        def take(self, call):
            getattr(call, release)()
            return True

    async def body(rig):
        rig.directors.append(Release())
        watched = await rig.python("stopped", f"{CALL}\nprint({code})", cwd=str(prepare(rig.folder)), families=REPLACE)
        free = await rig.python(
            "free", f"{CALL}\nprint({code})", cwd=str(prepare(tmp_path / "free")), families=frozenset()
        )
        assert (await watched.ended(), await free.ended()) == (0, 0), watched.said("stderr")
        return watched.said(), free.said(), tree_of(rig.folder), tree_of(tmp_path / "free")

    stopped, free, folder, free_folder = conduct(body)
    assert stopped == free == f"{expected}\n"
    assert folder == free_folder


def tree_of(folder):
    return sorted((str(path.relative_to(folder)), path.is_dir()) for path in folder.rglob("*"))


@pytest.mark.parametrize("number", [2, 76, 83, 84, 85, 87, 133])
def test_bad_pointers_to_any_path(conduct, number):
    """Also at the last byte before memory that is not there."""

    async def body(rig):
        code = f"""{CALL}
import mmap
def tail(text):
    area = mmap.mmap(-1, 2 * 4096); address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    libc.mprotect(ctypes.c_void_p(address + 4096), 4096, 0); libc.munmap(ctypes.c_void_p(address + 4096), 4096)
    area[4096 - len(text):4096] = text
    return address + 4096 - len(text), area
unended, _keep = tail(b'xyz')
ended, _keep2 = tail(b'xyz\\0')
bad = [call({number}, pointer, 1, 0) for pointer in (0, 1, -1, 1 << 62, unended)]
print(bad, call({number}, ended, 1, 0) != 14, flush=True)
os._exit(0)  # without giving back what is unmapped already
"""
        running = await rig.python("one", code)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        return running.said()

    assert conduct(body) == f"{[errno.EFAULT] * 5} True\n"


@pytest.mark.parametrize("wrapper", ["uid", "chroot", "mounts"])
def test_a_rename_that_is_not_ours_to_do_is_left_to_its_caller(conduct, wrapper, tmp_path):
    """With other rights, or another view of the files, our own rename could end otherwise."""
    if os.geteuid() != 0:
        pytest.skip("needs root to give a program other rights")
    if shutil.which("gcc") is None:
        pytest.skip("needs a C compiler")
    binary = tmp_path / "renamer"
    source = r"""
        #define _GNU_SOURCE
        #include <errno.h>
        #include <sched.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/mount.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            if (!strcmp(argv[1], "uid") && setuid(65534)) return 2;
            if (!strcmp(argv[1], "chroot") && (chroot(argv[2]) || chdir("/"))) return 2;
            if (!strcmp(argv[1], "mounts")) {
                if (unshare(CLONE_NEWNS) || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0)) return 2;
                if (mount("tmpfs", argv[2], "tmpfs", 0, 0)) return 2;
            }
            printf("%d\n", rename(argv[3], argv[4]) ? errno : 0);
            return 0;
        }"""
    subprocess.run(["gcc", "-x", "c", "-static", "-o", str(binary), "-"], input=source.encode(), check=True)

    class Perform:
        def take(self, call):
            call.perform()
            return True

    async def body(rig):
        rig.directors.append(Perform())
        (rig.folder / "inner").mkdir()
        (rig.folder / "inner" / "a").touch()
        names = {"chroot": ("/a", "/b")}.get(wrapper, (f"{rig.folder}/inner/a", f"{rig.folder}/inner/b"))
        running = await rig.start(wrapper, str(binary), wrapper, str(rig.folder / "inner"), *names, families=REPLACE)
        if (code := await running.ended()) == 2:
            pytest.skip("this sandbox does not let root do that")
        assert (code, running.said("stderr")) == (0, "")
        return int(running.said()), sorted(path.name for path in (rig.folder / "inner").iterdir())

    code, left = conduct(body)
    expected = {"uid": (errno.EACCES, ["a"]), "chroot": (0, ["b"]), "mounts": (errno.ENOENT, ["a"])}
    assert (code, left) == expected[wrapper]
