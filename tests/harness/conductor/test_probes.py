"""Whether a process is there, as those ask who steal the locks of the dead: a question that has its turn."""

from __future__ import annotations

import pytest

from harness.conductor.calls import Family
from harness.schedules.points import PROCESS, racing
from harness.schedules.replay import Recording, Replay
from tests.harness.conductor.ordered import CHANGES, ORDERED, First, Replayed, python, schedule

FAMILIES = ORDERED | {Family.START, Family.PROBE, Family.LOOK}
OPTIONS = {"families": FAMILIES, "where": lambda call: call.kind.family is not Family.LOOK}  # as scenarios have it
QUESTIONS = {
    "kill": "def lives(pid):\n    try: os.kill(pid, 0)\n    except ProcessLookupError: return False\n    return True\n",
    "pidfd": "def lives(pid):\n    try: os.close(os.pidfd_open(pid))\n    except ProcessLookupError: return False\n"
    "    return True\n",
    "folder": "def lives(pid): return os.path.exists(f'/proc/{pid}')\n",
    "file": "def lives(pid):\n    try: return bool(open(f'/proc/{pid}/stat').close() is None)\n"
    "    except FileNotFoundError: return False\n",
}
HOLDER = """
import os
os.symlink(str(os.getpid()), "lock")
open("work", "w").close()
os.unlink("lock")
"""
THIEF = """
import os, sys
{lives}
try: os.symlink(str(os.getpid()), "lock")
except FileExistsError: print(lives(int(os.readlink("lock"))))
"""


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_holder_of_a_lock_can_end_between_the_look_at_its_pid_and_the_question(conduct, question):
    """And the end is told as something behind its last point, so that both orders are known to differ."""

    async def run(rig, *order):
        actors = {"a": python(HOLDER), "b": python(THIEF.format(lives=QUESTIONS[question]))}
        scheduler = await schedule(rig, Replayed(*order, First()), actors, **OPTIONS)
        return scheduler.trace.points, rig.running["b"].said()

    points, said = conduct(lambda rig: run(rig, *"aa", *"bb", *"aa"))  # b has read a's pid, and a ends
    assert said == "False\n"
    end, asked = points[-2:]
    assert (end.actor, asked.actor, [touch.object for touch in asked.touches]) == ("a", "b", [f"{PROCESS}a"])
    assert racing(end, asked)


def test_who_is_asked_for_while_it_lives_is_found(conduct):
    async def body(rig):
        actors = {"a": python(HOLDER), "b": python(THIEF.format(lives=QUESTIONS["kill"]))}
        scheduler = await schedule(rig, Replayed(*"aa", *"bbb", First()), actors, **OPTIONS)
        return scheduler.trace.points, rig.running["b"].said()

    points, said = conduct(body)
    assert said == "True\n"
    assert racing(points[4], points[-1])


def test_who_asks_again_while_it_waits_has_asked_once(conduct):
    """How often it asks is a matter of the clock."""
    waiting = """
import os, time
while True:
    try: os.symlink("b", "lock"); break
    except FileExistsError: pass
    os.kill(int(open("pid").read()), 0); time.sleep(0.001)
"""
    holder = """
import os
open("pid", "w").write(str(os.getpid()))
os.symlink("a", "lock")
os.mkdir("c")
os.unlink("lock")
"""

    async def body(rig):
        actors = {"a": python(holder), "b": python(waiting)}
        families = CHANGES | {Family.START, Family.PROBE}
        scheduler = await schedule(rig, Replayed(*"aaa", First()), actors, families=families, decisions="a.2!SIGSTOP")
        return [str(point) for point in scheduler.trace.points if point.actor == "b"]

    assert conduct(body) == ["b.0: start", "b.1: symlink lock", "b.2: kill process:a", "b.3: symlink lock"]


def test_questions_about_ones_own_family_have_no_turns(conduct):
    family = """
import os
child = os.fork()
if child == 0: os.kill(os.getppid(), 0); os.mkdir("child"); os._exit(0)
os.kill(child, 0); os.kill(os.getpid(), 0); os.kill(0, 0)
os.waitpid(child, 0)
"""

    async def body(rig):
        scheduler = await schedule(rig, First(), {"a": python(family)}, families=CHANGES | {Family.PROBE})
        return [point.call for point in scheduler.trace.points]

    assert "kill" not in conduct(body)


def test_an_end_is_one_for_whoever_asks_afterwards(conduct):
    """A process that has ended is there until somebody has waited for it: in a replay for a longer time, perhaps."""
    asks = 'import os, time\nwhile not os.path.exists("pid"): time.sleep(0.001)\n' + THIEF.format(
        lives=QUESTIONS["kill"]
    ).replace('int(os.readlink("lock"))', 'int(open("pid").read())')

    async def body(rig):
        said = set()
        for number in range(20):
            (rig.folder / "lock").unlink(missing_ok=True)
            (rig.folder / "lock").symlink_to("1")
            holder = 'import os\nopen("pid", "w").write(str(os.getpid()))\n'
            actors = {f"a{number}": python(holder), f"b{number}": python(asks)}
            await schedule(rig, First(), actors, families=ORDERED)
            said.add(rig.running[f"b{number}"].said())
        return said

    assert conduct(body) == {"False\n"}


def test_a_run_with_questions_replays(conduct):
    async def body(rig):
        actors = {"a": python(HOLDER), "b": python(THIEF.format(lives=QUESTIONS["kill"]))}
        first = await schedule(rig, Replayed(*"aabbaab", First()), actors, **OPTIONS)
        replay = Replay(Recording.of(first.trace))
        await schedule(rig, replay, actors, **OPTIONS)
        replay.finish()
        return True

    assert conduct(body)
