"""Real programs of several kinds under the whole filter, and the end of whole trees."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys

import pytest

from harness.conductor.calls import Family
from harness.processes import tree

REPLACE = frozenset({Family.REPLACE})


def renames(watcher):
    return [call.path.rpartition("/")[2] for call in watcher.calls if call.kind.name.startswith("rename")]


def run(conduct, watcher, *argv):
    async def body(rig):
        rig.directors.append(watcher)
        running = await rig.start("one", *argv)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        await running.supervisor.ended.wait()

    conduct(body)
    return renames(watcher)


def test_a_shell_and_its_children(conduct, watcher):
    script = "echo x > a; mv a b; (mv b c); mv c d & wait; rm d; test ! -e d"
    assert run(conduct, watcher, shutil.which("sh"), "-c", script) == ["b", "c", "d"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_node_with_its_thread_pool(conduct, watcher):
    script = """
        const fs = require('fs');
        const all = [...Array(16).keys()].map(async (n) => {
            await fs.promises.writeFile(`a${n}`, 'x');
            await fs.promises.rename(`a${n}`, `b${n}`);
            await fs.promises.unlink(`b${n}`);
        });
        Promise.all(all).then(() => { fs.writeFileSync('end', 'x'); fs.renameSync('end', 'done'); });
    """
    assert sorted(run(conduct, watcher, shutil.which("node"), "-e", script)) == sorted(
        [*(f"b{n}" for n in range(16)), "done"]
    )


def test_many_threads(conduct, watcher):
    code = """
import os, threading
def work(thread):
    for n in range(20):
        with open(f"{thread}-{n}", "w") as file: file.write("x")
        os.rename(f"{thread}-{n}", f"{thread}-{n}-done")
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    expected = sorted(f"{thread}-{n}-done" for thread in range(8) for n in range(20))
    assert sorted(run(conduct, watcher, sys.executable, "-S", "-E", "-c", code)) == expected


def test_posix_spawn_and_vfork(conduct, watcher):
    code = """
import os, subprocess
for n in range(10):
    open(f"a{n}", "w").close()
    pid = os.posix_spawnp("mv", ["mv", f"a{n}", f"b{n}"], os.environ)
    assert os.waitpid(pid, 0)[1] == 0
    subprocess.run(["mv", f"b{n}", f"c{n}"], check=True)
"""
    expected = [f"{letter}{n}" for n in range(10) for letter in "bc"]
    assert run(conduct, watcher, sys.executable, "-S", "-E", "-c", code) == expected


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
def test_a_static_program(conduct, watcher, tmp_path):
    source = '#include <stdio.h>\nint main(void) { fclose(fopen("a", "w")); return rename("a", "b"); }'
    subprocess.run(["gcc", "-x", "c", "-static", "-o", str(tmp_path / "p"), "-"], input=source.encode(), check=True)
    assert run(conduct, watcher, str(tmp_path / "p")) == ["b"]


DETACHED = {
    "child": "pid = os.fork()\nif pid == 0: os.read(0, 1)",
    "session": "pid = os.fork()\nif pid == 0: os.setsid(); os.read(0, 1)",
    "double fork": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.read(0, 1)",
}


@pytest.mark.parametrize("way", DETACHED)
def test_the_end_of_the_tree_is_known_however_it_detached(conduct, way, tmp_path):
    async def body(rig):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        holding = os.open(fifo, os.O_RDWR)
        running = await rig.python("one", f"import os\n{DETACHED[way]}\nos._exit(0)", stdin=str(fifo), families=REPLACE)
        assert await running.ended() == 0
        assert not running.supervisor.ended.is_set()
        survivors = await until_one_below(rig)
        assert [seen.actor for seen in survivors] == ["one"]
        assert not running.supervisor.ended.is_set()
        os.write(holding, b"x")
        await running.supervisor.ended.wait()
        os.close(holding)
        return running.supervisor.closed

    assert conduct(body)


async def until_one_below(rig):
    while len(seen := tree.below(rig.launcher.pid)) != 1:  # noqa: ASYNC110 - /proc tells nobody
        await asyncio.sleep(0.005)
    return seen


def test_a_stopped_call_dies_with_a_sweep(conduct, holder):
    async def body(rig):
        keeper = holder("rename")
        rig.directors.append(keeper)
        running = await rig.python("one", 'import os; open("a", "w").close(); os.rename("a", "b")', families=REPLACE)
        [call] = await keeper.until(1)
        assert await rig.launcher.sweep() == 1
        assert await running.ended() == -signal.SIGKILL
        await running.supervisor.ended.wait()
        assert not call.go()
        assert not call.perform()
        assert not call.kill()
        return [path.name for path in rig.folder.iterdir()]

    assert conduct(body) == ["a"]
