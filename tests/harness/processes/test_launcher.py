"""The launcher: what cannot be started, what is left behind, who is signalled, and how it ends."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from harness.errors import LabError
from harness.processes import stat, tree
from harness.processes.client import LauncherClient, Program
from harness.processes.folders import remove

FREE = frozenset()
SLEEPER = "import os; os.read(0, 1)"


def until(condition):
    """Wait until the condition holds; the test's own limit bounds it."""

    async def wait():
        while not (found := condition()):  # noqa: ASYNC110 - /proc tells nobody
            await asyncio.sleep(0.005)
        return found

    return wait()


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"argv": ("/nonexistent/program",)}, "No such file"),
        ({"argv": ("not-executable",)}, "Permission denied"),
        ({"argv": ("/",)}, "Permission denied"),
        ({"argv": ("bad-interpreter",)}, "No such file"),
        ({"argv": ("no-format",)}, "Exec format error"),
        ({"argv": ("nul\0",)}, "null"),
        ({"argv": (sys.executable, "x" * 200_000)}, "Argument list too long"),
        ({"argv": (sys.executable, "\ud800")}, "surrogates"),
        ({"cwd": "/nonexistent"}, "No such file"),
        ({"cwd": "/etc/hostname"}, "Not a directory"),
        ({"stdin": "/nonexistent"}, "No such file"),
        ({"stdout": "/nonexistent/out"}, "No such file"),
        ({"stderr": "/"}, "Is a directory"),
        ({"limits": {"NOFILE": -7}}, "limit"),
        ({"limits": {"NO_SUCH_LIMIT": 1}}, "NO_SUCH_LIMIT"),
        ({"env": {"A=B": "x"}}, "environment"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.replace(" ", "-"),
)
def test_what_cannot_be_started_says_why(conduct, change, word, filtered):
    async def body(rig):
        for name, content, mode in (
            ("not-executable", b"#!/bin/sh\n", 0o644),
            ("bad-interpreter", b"#!/nonexistent/interpreter\n", 0o755),
            ("no-format", b"\x00\x01\x02", 0o755),
        ):
            (rig.folder / name).write_bytes(content)
            (rig.folder / name).chmod(mode)
        program = {"argv": (sys.executable, "-c", ""), "env": {}, "cwd": str(rig.folder), **change}
        process = await rig.launcher.spawn(Program(**program))
        assert await process.exited == 127
        assert not process.signal(signal.SIGTERM)
        assert not process.signal_group(signal.SIGTERM)
        process.close()
        return process.not_started

    assert word in conduct(body)
    del filtered


def test_a_program_may_itself_end_with_127(conduct):
    async def body(rig):
        running = await rig.python(
            "one", "import os; os.write(2, b'not started: really'); os._exit(127)", families=FREE
        )
        assert await running.ended() == 127
        return running.process.not_started

    assert conduct(body) == ""


def test_an_empty_command_and_one_too_long_for_a_message(conduct):
    async def body(rig):
        with pytest.raises(LabError, match="empty"):
            await rig.launcher.spawn(Program(argv=(), env={}, cwd="/"))
        with pytest.raises(LabError, match="too long to start"):
            await rig.launcher.spawn(Program(argv=("/bin/true", "x" * 3_000_000), env={}, cwd="/"))
        with pytest.raises(LabError, match="too long to start"):
            await rig.launcher.spawn(
                Program(argv=("/bin/true",), env={str(n): "x" * 9999 for n in range(200)}, cwd="/")
            )
        running = await rig.python("one", "print(1)")  # and it goes on
        assert await running.ended() == 0

    conduct(body)


def test_streams(conduct):
    async def body(rig):
        code = (
            "import os\nfor n in range(4):\n try: os.fstat(n); print(n, file=open('open', 'a'))\n except OSError: pass"
        )
        for number, stream in enumerate(("stdin", "stdout", "stderr")):
            running = await rig.python(stream, code, families=FREE, **{stream: "closed"})
            assert await running.ended() == 0
            left = [n for n in range(3) if n != number]
            lines = (rig.folder / "open").read_text().split()
            (rig.folder / "open").unlink()
            # The file that the program itself opens takes the lowest free number, which is the closed one.
            assert [int(line) for line in lines if int(line) != number] == left

    conduct(body)


def test_a_pipe_that_nobody_holds_does_not_block_the_launcher(conduct):
    async def body(rig):
        os.mkfifo(rig.folder / "fifo")
        reader = await rig.python("reader", "import sys; print(repr(sys.stdin.read()))", stdin=str(rig.folder / "fifo"))
        assert await reader.ended() == 0
        writer = await rig.launcher.spawn(
            Program(argv=(sys.executable, "-c", ""), env={}, cwd="/", stdout=str(rig.folder / "fifo"))
        )
        assert await writer.exited == 127
        return reader.said(), writer.not_started

    said, why = conduct(body)
    assert said == "''\n"
    assert "No such device" in why


def test_a_pipe_for_output_makes_nobody_wait(conduct):
    async def body(rig):
        os.mkfifo(rig.folder / "fifo")
        reading = os.open(rig.folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        code = "import os; os.write(1, b'%d' % os.get_blocking(1)); os.write(2, b'%d' % os.get_blocking(2))"
        process = await rig.launcher.spawn(
            Program(
                argv=(sys.executable, "-c", code), env={}, cwd="/", stdout=str(rig.folder / "fifo"),
                stderr=str(rig.folder / "stderr"),
            )
        )  # fmt: skip
        assert await process.exited == 0
        said = os.read(reading, 64)
        os.close(reading)
        return said, (rig.folder / "stderr").read_bytes()

    assert conduct(body) == (b"0", b"1")


LIBC = 1 << 31 | 1 << 32  # signals 32 and 33 belong to the C library, which lets nobody change what it inherited


def test_signals_masks_and_limits_are_as_a_shell_would_give_them(conduct):
    code = (
        f"OURS = {1 << 12 | 1 << 24 | LIBC}  # Python ignores PIPE and XFSZ"
        + """
import os, resource
lines = dict(line.split(":") for line in open("/proc/self/status").read().splitlines() if line.startswith("Sig"))
print(int(lines["SigBlk"], 16), int(lines["SigIgn"], 16) & ~OURS)
print(sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
print(os.getsid(0) == os.getpid(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    )

    async def body(rig):
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            running = await rig.python("one", code, limits={"NOFILE": 77}, families=FREE)
            assert (await running.ended(), running.said("stderr")) == (0, "")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return running.said()

    assert conduct(body) == "0 0\n['0', '1', '2'] 4\nTrue 77\n"


def test_the_shell_sees_no_signal_ignored(conduct):
    async def body(rig):
        running = await rig.start("sh", "/bin/sh", "-c", "grep SigIgn /proc/self/status", families=FREE)
        assert await running.ended() == 0
        return running.said().split()[1]

    assert int(conduct(body), 16) & ~LIBC == 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - iterdir holds a descriptor of its own


@pytest.mark.parametrize("filtered", [False, True])
def test_two_hundred_programs_leave_no_descriptor_and_no_zombie(conduct, filtered):
    async def body(rig):
        families = frozenset() if not filtered else None
        first = await rig.start("first", "/bin/true", families=FREE)  # now the launcher is up
        await first.ended()
        first.process.close()
        ours, theirs = descriptors("self"), descriptors(rig.launcher.pid)
        for batch in range(10):
            options = {} if filtered else {"families": families}
            started = [await rig.start(f"{batch}-{n}", "/bin/true", **options) for n in range(20)]
            assert [await running.ended() for running in started] == [0] * 20
            for running in started:
                if running.supervisor:
                    await running.supervisor.ended.wait()
                running.process.close()
        missing = await rig.launcher.spawn(Program(argv=("/nonexistent",), env={}, cwd="/"))
        assert await missing.exited == 127
        missing.close()
        assert stat.below(rig.launcher.pid) == {}
        return descriptors("self") - ours, descriptors(rig.launcher.pid) - theirs

    assert conduct(body) == (0, 0)


def test_orphans_are_adopted_seen_and_reaped(conduct, tmp_path):
    async def body(rig):
        os.mkfifo(tmp_path / "fifo")
        holding = os.open(tmp_path / "fifo", os.O_RDWR)
        code = "import os\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: os.read(0, 1)\nos._exit(0)"
        running = await rig.python("daemon", code, stdin=str(tmp_path / "fifo"))
        assert await running.ended() == 0
        [orphan] = await until(lambda: len(seen := tree.below(rig.launcher.pid)) == 1 and seen)
        await until(lambda: stat.fields(orphan.pid)[1] == str(rig.launcher.pid))
        assert orphan.actor == "daemon"
        os.write(holding, b"x")
        await until(lambda: stat.below(rig.launcher.pid) == {})
        os.close(holding)

    conduct(body)


def test_a_chain_whose_links_outlive_each_other_is_never_out_of_sight(conduct):
    """Each process starts the next and ends: whoever looks while one hands over to another finds one of them."""
    code = "import os, signal\nfor n in range(2000):\n if os.fork(): os._exit(0)\nprint(flush=True); signal.pause()"

    async def body(rig):
        running = await rig.python("chain", code, families=FREE)
        looks = 0
        while not running.said():
            assert stat.below(rig.launcher.pid)
            looks += 1
            await asyncio.sleep(0)
        await rig.launcher.sweep()
        return looks, stat.below(rig.launcher.pid)

    looks, left = conduct(body)
    assert looks > 10
    assert left == {}


@pytest.mark.parametrize(
    "code",
    [
        "import signal\nfor n in range(1, 32):\n if n not in (9, 19): signal.signal(n, signal.SIG_IGN)\n"
        "print(flush=True)\nsignal.pause()",
        "import os, signal; print(flush=True); os.kill(os.getpid(), signal.SIGSTOP)",
        "import os; open('a', 'w').close(); print(flush=True); os.rename('a', 'b')",
        "import os, signal\nfor n in range(5): os.fork()\nprint(flush=True); signal.pause()",
        "import os\nprint(flush=True)\nfor n in range(200):\n if os.fork(): os._exit(0)\n os.setsid()",
        "import os, signal\nprint(flush=True)\nfor n in range(200):\n if os.fork() == 0: os.setsid(); signal.pause()",
    ],
    ids=["ignores-signals", "stopped", "parked", "forks", "chain", "many"],
)
def test_a_sweep_leaves_nothing(conduct, code, holder):
    async def body(rig):
        rig.directors.append(holder("rename"))
        running = await rig.python("one", code)
        await until(lambda: running.said() or running.process.exited.done())
        assert await rig.launcher.sweep() >= (0 if running.process.exited.done() else 1)
        await running.ended()
        return stat.below(rig.launcher.pid)

    assert conduct(body) == {}


def test_a_bounded_fork_bomb(conduct):
    """Every process forks on until there have been 200; all ignore SIGTERM."""
    code = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
count = os.open("count", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
def add():
    os.write(count, b".")
    return os.fstat(count).st_size
print(flush=True)
while add() <= 200: os.fork()
signal.pause()
"""

    async def body(rig):
        running = await rig.python("bomb", code, families=FREE)
        await until(running.said)
        await until(lambda: len(stat.below(rig.launcher.pid)) >= 100 or running.process.exited.done())
        await rig.launcher.sweep()
        await running.ended()
        return stat.below(rig.launcher.pid)

    assert conduct(body) == {}


def test_a_signal_never_reaches_another_process(conduct, monkeypatch):
    async def body(rig):
        running = await rig.python("one", "pass", families=FREE)
        await running.ended()
        monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("a group of that number may be somebody else's"))
        assert not running.process.signal(signal.SIGKILL)
        assert not running.process.signal_group(signal.SIGKILL)
        running.process.close()
        running.process.close()
        assert not running.process.signal(signal.SIGKILL)

    conduct(body)


def test_a_cancelled_start_leaves_nothing(conduct):
    async def body(rig):
        before = descriptors("self")
        for _ in range(5):
            starting = asyncio.create_task(rig.python("one", SLEEPER, stdin="/dev/zero"))
            await asyncio.sleep(0)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
        await until(lambda: not rig.launcher._spawning)
        await until(lambda: stat.below(rig.launcher.pid) == {})
        return descriptors("self") - before

    assert conduct(body) == 0


def test_without_descriptors_the_message_says_so(conduct):
    async def body(rig):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - as above
        taken = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, limit[1]))
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.dup(2))
            with pytest.raises(LabError, match="out of descriptors"):
                await rig.launcher.spawn(Program(argv=("/bin/true",), env={}, cwd="/"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            for descriptor in taken:
                os.close(descriptor)
        running = await rig.python("one", "pass")
        assert await running.ended() == 0

    conduct(body)


def test_the_launchers_own_limits_do_not_end_it(conduct):
    async def body(rig):
        limit = resource.prlimit(rig.launcher.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(rig.launcher.pid, resource.RLIMIT_NOFILE, (9, limit[1]))
        try:
            with pytest.raises(LabError, match="Too many open files"):
                await rig.launcher.spawn(Program(argv=("/bin/true",), env={}, cwd="/"))
        finally:
            resource.prlimit(rig.launcher.pid, resource.RLIMIT_NOFILE, limit)
        running = await rig.python("one", "pass")
        assert await running.ended() == 0

    conduct(body)


def alone(body, folder):
    """Run with a launcher of its own, which the test may kill."""

    async def whole():
        client = LauncherClient.start()
        client.attach(asyncio.get_running_loop())
        client.guard([folder])
        async with asyncio.timeout(60):
            try:
                await body(client)
            finally:
                client.stop()

    asyncio.run(whole())


def test_a_killed_launcher_is_reported_and_leaves_nothing(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    daemon = "import os\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: os.read(0, 1)\n os._exit(0)\n"
    daemon += "os.wait(); os.read(0, 1)"

    async def body(client):
        os.mkfifo(tmp_path / "fifo")
        holding = os.open(tmp_path / "fifo", os.O_RDWR)
        process = await client.spawn(
            Program(
                argv=(sys.executable, "-c", daemon), env={tree.ACTOR_VARIABLE: "one"}, cwd="/",
                stdin=str(tmp_path / "fifo"),
            )
        )  # fmt: skip
        await until(lambda: len(stat.below(client.pid)) == 2)
        left = stat.below(client.pid)
        os.kill(client.pid, signal.SIGKILL)
        with pytest.raises(LabError, match="launcher is gone"):
            await process.exited
        with pytest.raises(LabError, match="launcher is gone"):
            await client.sweep()
        with pytest.raises(LabError, match="launcher is gone"):
            await client.spawn(Program(argv=("/bin/true",), env={}, cwd="/"))
        assert client.dead
        await until(lambda: all(stat.start_time(pid) != started for pid, started in left.items()))
        os.close(holding)

    alone(body, folder)


@pytest.mark.parametrize("pending", ["spawn", "sweep"])
def test_a_launcher_that_dies_while_asked(tmp_path, pending):
    async def body(client):
        os.kill(client.pid, signal.SIGSTOP)
        request = client.sweep() if pending == "sweep" else client.spawn(Program(argv=("/bin/true",), env={}, cwd="/"))
        task = asyncio.create_task(request)
        await asyncio.sleep(0)
        os.kill(client.pid, signal.SIGKILL)
        with pytest.raises(LabError, match="launcher is gone"):
            await task

    alone(body, tmp_path / "folder")


@pytest.mark.parametrize("early", [True, False])
def test_the_end_of_the_harness_clears_processes_and_folders(tmp_path, early):
    folder = tmp_path / "folder"
    (folder / "locked" / "below").mkdir(parents=True)
    (folder / "locked" / "below" / "file").touch()
    (folder / "locked").chmod(0)

    async def body(client):
        if not early:  # else it is still starting, and reads all this before the end
            await client.spawn(Program(argv=(sys.executable, "-c", "import time; time.sleep(999)"), env={}, cwd="/"))

    alone(body, folder)
    assert not folder.exists()


def test_terminal_signals_do_not_end_the_launcher(conduct):
    async def body(rig):
        first = await rig.python(
            "first", "pass"
        )  # now it is up, and ignores them; its session is its own from the start
        assert await first.ended() == 0
        assert os.getsid(rig.launcher.pid) == rig.launcher.pid
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(rig.launcher.pid, number)
        running = await rig.python("one", "pass")
        assert await running.ended() == 0

    conduct(body)


def test_remove_follows_no_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "link").symlink_to(outside)
    (folder / "a").chmod(0o500)
    assert remove(folder)
    assert remove(folder)
    assert (outside / "kept").exists()


def script(rig, code):
    path = rig.folder / f"script-{abs(hash(code))}.py"
    path.write_text(code)
    return str(path)


@pytest.mark.parametrize(
    ("code", "status", "out", "err"),
    [
        ("import sys; print(sys.argv[1:], __name__)", 0, "['a', 'b'] __main__\n", ""),
        ("import os; print(sorted(os.environ) == ['PATH', 'PILEUP_ACTOR', 'PILEUP_LAUNCHER'])", 0, "True\n", ""),
        ("import sys; sys.exit(7)", 7, "", ""),
        ("import sys; sys.exit('gone wrong')", 1, "", "gone wrong\n"),
        ("raise SystemExit", 0, "", ""),
        ("def f(): return x\nx = 3\nprint(f())", 0, "3\n", ""),
        ("import os; os.kill(os.getpid(), 9)", -9, "", ""),
    ],
)
def test_a_script_is_a_program_of_its_own(conduct, code, status, out, err):
    async def body(rig):
        running = await rig.start("one", script(rig, code), "a", "b", script=True, families=FREE)
        return await running.ended(), running.said(), running.said("stderr")

    assert conduct(body) == (status, out, err)


def test_a_scripts_failure_shows_its_traceback(conduct):
    async def body(rig):
        running = await rig.start("one", script(rig, "def f():\n    1 / 0\nf()\n"), script=True)
        return await running.ended(), running.said("stderr")

    status, err = conduct(body)
    assert status == 1
    assert "ZeroDivisionError" in err
    assert "line 2, in f" in err


def test_a_script_holds_nothing_of_the_launcher(conduct):
    """Its only open files are its streams: neither the launcher's sockets nor its pipes are left to it."""
    code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))"

    async def body(rig):
        running = await rig.start("one", script(rig, code), script=True, families=FREE)
        return await running.ended(), running.said()

    assert conduct(body) == (0, "[0, 1, 2] 4\n")  # and the listing's own


@pytest.mark.parametrize("broken", ["def", "\0"])
def test_a_script_that_is_no_program_says_why(conduct, broken):
    async def body(rig):
        with pytest.raises(LabError, match="no process can be had"):
            await rig.start("one", script(rig, broken), script=True)

    conduct(body)


def test_an_exit_tells_the_processor_time_of_a_program_and_its_children(conduct):
    """A child's time is its parent's once that has waited for it (wait4(2))."""
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    waits = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-E', '-c', {busy!r}])"

    async def body(rig):
        codes = {"idle": "", "busy": busy, "waits": waits}
        running = {name: await rig.python(name, code, families=FREE) for name, code in codes.items()}
        for each in running.values():
            assert await each.ended() == 0
        return {name: each.process.cpu for name, each in running.items()}

    used = conduct(body)
    assert used["busy"] >= 0.2
    assert used["waits"] >= 0.2
    assert 0 < used["idle"] < used["busy"]


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel does not count it (CONFIG_SCHED_INFO)"
)
def test_an_exit_tells_how_long_others_had_the_processor(conduct):
    """Three that are busy share one processor; a fourth sleeps, and has waited for nothing but its timer."""
    alone = "import os, time\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    busy = f"{alone}while time.process_time() < 0.2: pass"

    async def body(rig):
        running = [await rig.python(f"busy{number}", busy, families=FREE) for number in range(3)]
        running.append(await rig.python("sleeper", "import time; time.sleep(0.5)", families=FREE))
        for each in running:
            assert await each.ended() == 0
        return [each.process.queued for each in running]

    *starved, slept = conduct(body)
    assert max(starved) > 0.3
    assert slept < max(starved)


def test_a_program_is_let_go_before_anybody_is_told_of_it():
    """Else it could be taken for one that sleeps: whoever is told finds it at work, or at its end."""
    code = """
import select, sys
from harness.processes.launcher import Launcher
class Asked(Launcher):
    def tell(self, message, descriptors=()):
        print(message["op"], select.select(descriptors[:1], [], [], 10.0)[0] == [*descriptors])
Asked(None).spawn({
    "op": "spawn", "id": 1, "argv": ["/bin/true"], "cwd": "/", "limits": {}, "env": {}, "streams": ["closed"] * 3,
    "filter": None, "interruptible": False, "script": False,
})
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "spawned True\n"
