"""Processes and threads of one actor: who is who in every run, and in which order they take turns."""

from __future__ import annotations

from tests.harness.conductor.ordered import CHANGES, First, Rotating, python, schedule


def test_brothers_have_the_same_names_in_every_run(conduct):
    """Which of two processes that were started at once stops first is a matter of luck, and names are not."""
    code = """
import os
children = []
for number in range(3):
    if not (child := os.fork()):
        open(f"brother-{number}", "w").close()
        os.mkdir(f"done-{number}")
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
"""

    async def body(rig):
        traces = set()
        for _ in range(20):
            scheduler = await schedule(rig, Rotating(), {name: python(code) for name in "ab"})
            traces.add(tuple(str(point) for point in scheduler.trace.points))
            for path in rig.folder.iterdir():
                path.rmdir() if path.is_dir() else path.unlink()
            rig.running.clear()
            rig.directors.clear()
        return traces

    [trace] = conduct(body)
    assert [words for words in trace if words.startswith("a") and "brother" in words] == [
        "a.0: openat brother-0",
        "a/1.0: openat brother-1",
        "a/2.0: openat brother-2",
    ]


def test_threads_that_ask_at_once_go_by_what_they_ask_for(conduct):
    """They wait for one another, so that both are there when somebody is let go."""
    code = """
import threading
both = threading.Barrier(2)
def make(name):
    both.wait()
    open(name, "w").close()
threads = [threading.Thread(target=make, args=(name,)) for name in ("z", "y")]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

    async def body(rig):
        traces = set()
        for _ in range(10):
            scheduler = await schedule(rig, First(), {"a": python(code)}, families=CHANGES)
            traces.add(tuple(str(point) for point in scheduler.trace.points))
            rig.running.clear()
            rig.directors.clear()
            for path in rig.folder.iterdir():
                path.unlink()
        return traces

    assert conduct(body) == {("a.0: openat y", "a.1: openat z")}


def test_a_shell_and_its_children_are_one_actor(conduct):
    script = "old=$(cat count); (sleep 0.01; echo $((old + 1)) > new.$1); mv new.$1 count"

    async def body(rig):
        counts = []
        for strategy in (Rotating(), First()):
            (rig.folder / "count").write_text("0")
            actors = {name: ("/bin/sh", "-c", script, "sh", name) for name in "ab"}
            scheduler = await schedule(rig, strategy, actors)
            counts.append((rig.folder / "count").read_text().strip())
        return counts, {point.actor.partition("/")[0] for point in scheduler.trace.points}

    assert conduct(body) == (["1", "2"], {"a", "b"})


def test_threads_take_turns(conduct):
    code = """
import os, threading
def work(n):
    open(f"made.{n}", "w").close(); os.rename(f"made.{n}", f"done.{n}")
threads = [threading.Thread(target=work, args=(f"{os.environ['PILEUP_ACTOR']}{n}",)) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

    async def body(rig):
        scheduler = await schedule(rig, Rotating(), {name: python(code) for name in "ab"}, families=CHANGES)
        return len(scheduler.trace.steps), len(list(rig.folder.glob("done.*")))

    assert conduct(body) == (12, 6)


def test_a_sibling_that_sleeps_a_little_is_waited_for(conduct):
    """Else its timer would decide when it comes, and under which name: `(sleep 0.01; mv a b) &`, twice."""
    family = """
import os, time
if os.fork() == 0: time.sleep(0.05); os.mkdir("x"); os._exit(0)
os.mkdir("y"); os.wait()
"""

    async def body(rig):
        scheduler = await schedule(rig, First(), {"a": python(family)})
        return scheduler.trace.steps

    steps = conduct(body)
    made = next(step for step in steps if step.chosen.call == "mkdir")
    assert [str(point) for point in made.enabled] == ["a.0: mkdir y", "a/1.0: mkdir x"]
