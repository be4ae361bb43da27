"""Programs that open thousands of files only to read them: cheap to answer, and nobody else has to wait."""

from __future__ import annotations

import asyncio
import os
import platform
import time

import pytest

from harness.conductor import notifications, paths
from harness.conductor.calls import Family

READS = frozenset({Family.READ, Family.OPEN})
RELEASE = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in platform.release().split(".")[:2])


@pytest.mark.skipif(RELEASE < (6, 6), reason="the kernel knows no such flag")
def test_the_kernel_takes_it_that_caller_and_supervisor_take_turns(conduct):
    async def body(rig):
        running = await rig.python("one", "input()", families=READS)
        return notifications.hand_over(running.process.listener)

    assert conduct(body)


def test_every_call_of_a_flood_is_seen(conduct, watcher):
    async def body(rig):
        rig.directors.append(watcher)
        (rig.folder / "a").touch()
        running = await rig.python("one", "import os\nfor _ in range(3000): os.close(os.open('a', 0))", families=READS)
        assert await running.ended() == 0

    conduct(body)
    assert sum(call.path.endswith("/a") for call in watcher.calls) == 3000


def test_the_loop_has_its_turn_in_a_flood(conduct):
    """Timers, journals and the fakes run on the loop: a program that reads for a second must not stop them for one."""
    code = "import os, time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: os.close(os.open('a', 0))"

    async def body(rig):
        (rig.folder / "a").touch()
        running = await rig.python("one", code, families=READS)
        turns, began = 0, time.monotonic()
        while not running.process.exited.done():
            await asyncio.sleep(0)
            turns += 1
        return turns / (time.monotonic() - began)

    assert conduct(body) > 10


def test_one_that_floods_does_not_keep_another_waiting(conduct):
    """The second program ends while the first still reads."""
    forever = "import os\nwhile True: os.close(os.open('a', 0))"

    async def body(rig):
        (rig.folder / "a").touch()
        flood = await rig.python("flood", forever, families=READS)
        other = await rig.python("other", "import json, os; os.close(os.open('a', 0))", families=READS)
        ended = await asyncio.wait_for(other.ended(), 30)
        return ended, flood.process.exited.done()

    assert conduct(body) == (0, False)


def test_what_a_path_of_an_installed_program_means_is_found_once(tmp_path, monkeypatch):
    """The second time, nothing is asked of the kernel; outside of installed programs it is asked every time."""
    for folder in ("installed", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "real").touch()
        (tmp_path / folder / "link").symlink_to("real")
    paths.keep_steady(tmp_path / "installed")

    def mean(name):
        return paths.absolute(os.getpid(), paths.AT_FDCWD, str(tmp_path / name), follows=True)

    assert mean("installed/link") == str(tmp_path / "installed" / "real")
    assert mean("elsewhere/link") == str(tmp_path / "elsewhere" / "real")
    for folder in ("installed", "elsewhere"):
        (tmp_path / folder / "link").unlink()
        (tmp_path / folder / "link").symlink_to("new")
    assert mean("installed/link") == str(tmp_path / "installed" / "real")
    assert mean("elsewhere/link") == str(tmp_path / "elsewhere" / "new")


def test_a_link_out_of_an_installed_program_is_followed_every_time(tmp_path):
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "link").symlink_to(tmp_path / "one")
    paths.keep_steady(tmp_path / "program")
    link = tmp_path / "program" / "link"
    assert paths.absolute(os.getpid(), paths.AT_FDCWD, str(link), follows=True) == str(tmp_path / "one")
    link.unlink()
    link.symlink_to(tmp_path / "two")
    assert paths.absolute(os.getpid(), paths.AT_FDCWD, str(link), follows=True) == str(tmp_path / "two")
    assert paths.absolute(os.getpid(), paths.AT_FDCWD, str(link), follows=False) == str(link)
