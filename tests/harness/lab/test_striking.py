"""Sweeps: which pairs are drawn, and that each strikes what was seen before."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.events import FaultFired, Finished, Scheduled
from harness.lab.striking import Pair, Spot, candidates, sweep
from harness.plan import Arm, Plan
from harness.runner import Ground, run
from harness.scenario import WATCH_CHANGES, scenario
from harness.schedules.decisions import Decisions, Fault
from harness.schedules.replay import Recording
from harness.schedules.trace import Trace
from harness.targets.protocol import Raw, Setup
from harness.verdict import Verdict
from tests.harness.toy import toy

PAIRS = [
    Pair(spot=Spot(actor=actor, index=index, kind="writes *", faults={"EIO": index, "kill": index}), fault=fault)
    for actor in ("unstruck", "unstruck/1")
    for index in range(5)
    for fault in ("EIO", "kill")
]
WORK = """
import os, sys
if sys.argv[2]:
    try: os.mkdir(sys.argv[2])
    except FileExistsError: pass
if os.path.exists("old"):
    os.unlink("old")
f = os.open("new", os.O_CREAT | os.O_WRONLY)
os.write(f, b"12345678")
if not os.fork():
    os.mkdir("child")
    os._exit(0)
os.wait()
os.rename("new", sys.argv[1])
"""


@pytest.mark.parametrize("seed", range(20))
def test_crucial_points_come_first_and_short_writes_last(seed: int) -> None:
    spots = [Spot(actor="unstruck", index=n, kind="", faults={}, crucial=n in (4, 7)) for n in range(10)]
    pairs = [Pair(spot=spot, fault=fault) for spot in spots for fault in ("short", "EIO")]
    drawn = candidates(pairs, random.Random(seed), 4)[:4]
    assert [(pair.spot.index, pair.fault) for pair in drawn] == [(n, "EIO") for n in (0, 4, 7, 9)]


@given(st.integers(1, 25), st.integers(0, 10**6))
def test_a_draw_is_bounded_and_has_both_ends(most: int, seed: int) -> None:
    drawn = candidates(PAIRS, random.Random(seed), most)
    assert drawn == candidates(PAIRS, random.Random(seed), most)
    wanted, spare = drawn[:most], drawn[most:]
    assert len(wanted) == min(most, len(PAIRS))
    assert len(spare) == min(most, len(PAIRS) - len(wanted))
    assert len({PAIRS.index(pair) for pair in drawn}) == len(drawn)
    assert wanted == sorted(wanted, key=PAIRS.index)
    points = [(pair.spot.actor, pair.spot.index) for pair in wanted]
    if most != 1:
        assert points[0] == ("unstruck", 0)
        assert points[-1] == ("unstruck/1", 4)
    if len(wanted) <= 10:
        assert len(set(points)) == len(points)  # no point twice while another has not been drawn


def test_a_pair_is_named_after_whom_it_strikes() -> None:
    assert [str(pair.of("struck3").fault) for pair in (PAIRS[0], PAIRS[-1])] == ["struck3.0!EIO", "struck3/1.4!kill"]


def as_scenario(body):
    return scenario("CFG-1", fault="f", judges=[lambda _: []], watch=WATCH_CHANGES)(body).scenario


def ran(loop_runner, launcher, folder, toys, *, arm=Arm.FAULT, **more):
    plan = Plan(scenario="toy", target="toy", seed=3, arm=arm, **more)
    return loop_runner.run(run(toys, toy, plan, Ground(launcher=launcher, conducted=True, folder=folder)))


FILES = """
import os, sys
name, count, noise = sys.argv[1:]
for number in range(int(noise)):
    os.mkdir(f"noise-{number}")
for number in range(int(count)):
    open(f"{name}-{'abcdefgh'[number]}", "w").close()
"""


def making(most: int, count: int, noise: int, *, unstruck: int = 4):
    """Work that makes this many files, and so many folders before: four files and no folder when nothing strikes it."""

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())

        async def work(name, strike):
            counts = (unstruck, 0) if name == "unstruck" else (count, noise)
            async with strike():
                await lab.run(Raw(words=(FILES, name, *map(str, counts))), name)
            for left in lab.site.home.glob("noise-*"):
                left.rmdir()

        await sweep(lab, work, what="swept", faults=("ENOSPC",), most=most)

    return as_scenario(test_toy)


def made(loop_runner, launcher, folder, *counts, **more):
    return ran(loop_runner, launcher, folder, making(*counts, **more))


def swept(most: int, faults: tuple[str, ...], grows: bool = False, vain: bool = False):
    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())

        async def work(name, strike):
            if grows and name != "unstruck":
                (lab.site.home / "old").touch()
            async with strike():
                await lab.run(Raw(words=(WORK, name, str(lab.site.root) if vain else "")), name)
            for left in ("child", "new"):
                path = lab.site.home / left
                if path.exists():
                    path.rmdir() if path.is_dir() else path.unlink()

        await sweep(lab, work, what="swept", faults=faults, most=most)

    return as_scenario(test_toy)


def trial(
    loop_runner, launcher, folder, *, points=None, arm=Arm.FAULT, most=100, faults=("ENOSPC", "kill", "torn"), **work
):
    return ran(loop_runner, launcher, folder, swept(most, faults, **work), points=points, arm=arm)


def test_every_pair_strikes_where_it_was_seen(loop_runner, launcher, tmp_path):
    found = trial(loop_runner, launcher, tmp_path)
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    fired = [what for _, what in found.history.of(FaultFired)]
    assert [what.fault for what in fired] == [
        "struck0.0!ENOSPC", "struck1.0!kill", "struck2.1!ENOSPC", "struck3.1!torn", "struck4.1!kill",
        "struck5.2!ENOSPC", "struck6.2!kill", "struck7/1.0!ENOSPC", "struck8/1.0!kill", "swept",
    ]  # fmt: skip
    assert fired[0].detail == "ENOSPC at struck0.0: openat home/new"
    assert fired[8].detail == "kill at struck8/1.0: mkdir home/child"
    ends = {what.actor: what.outcome.exit_status for _, what in found.history.of(Finished)}
    assert [ends[f"struck{n}"] for n in range(9)] == [1, None, 1, None, None, 1, None, 0, None]
    assert found.untried == ()


def test_where_the_work_has_grown_a_fault_strikes_what_was_meant(loop_runner, launcher, tmp_path):
    """Every struck round begins with an operation more than the unstruck one."""
    found = trial(loop_runner, launcher, tmp_path, faults=("ENOSPC", "torn"), grows=True)
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    assert [what.detail for _, what in found.history.of(FaultFired)][:-1] == [
        "ENOSPC at struck0.1: openat home/new", "ENOSPC at struck1.2: write home/new",
        "torn at struck2.2: write home/new", "ENOSPC at struck3.3: rename home/new home/struck3",
        "ENOSPC at struck4/1.0: mkdir home/child",
    ]  # fmt: skip


def test_other_operations_between_do_not_lead_astray(loop_runner, launcher, tmp_path):
    found = made(loop_runner, launcher, tmp_path, 4, 4, 9)
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    fired = [what.detail.partition(": ")[2] for _, what in found.history.of(FaultFired)]
    assert fired[:-1] == [f"openat home/struck{n}-{letter}" for n, letter in enumerate("abcd")]
    assert found.untried == ()


def test_killed_between_a_name_and_what_makes_it_fit_for_use(loop_runner, launcher, tmp_path):
    """Renamed and still open to others; bound and not yet listening."""
    work = """
import os, socket
f = os.open("new", os.O_CREAT | os.O_WRONLY, 0o644)
os.rename("new", "secret")
os.chmod("secret", 0o600)
s = socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen(); os.mkdir("done")
"""
    left = []

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())
        secret, sock, done = (lab.site.home / name for name in ("secret", "sock", "done"))

        async def round_of(name, strike):
            async with strike():
                await lab.run(Raw(words=(work,)), name)
            found = secret.exists() and secret.stat().st_mode & 0o777
            left.append((oct(found), sock.exists(), done.exists()))
            for path in (path for path in (secret, sock) if path.exists()):
                path.unlink()
            if done.exists():
                done.rmdir()

        where = {secret, sock}
        await sweep(lab, round_of, what="swept", faults=("kill",), most=9, where=lambda c: Path(c.path) in where)

    found = ran(loop_runner, launcher, tmp_path, as_scenario(test_toy))
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    fired = [what.detail.partition(": ")[2] for _, what in found.history.of(FaultFired)]
    assert fired[1:-1] == ["chmod home/secret", "bind home/sock", "listen home/sock"]
    assert left[2:] == [("0o644", False, False), ("0o600", False, False), ("0o600", True, False)]


def test_names_drawn_by_chance_are_found_again(loop_runner, launcher, tmp_path):
    """mkstemp's letters may form any word, as "sedFWmqmE" in one round and "sedBonjou" in the other."""
    work = """
import os, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
os.write(f, b"1")
os.rename(sys.argv[1], "config")
"""

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())

        async def round_of(name, strike):
            async with strike():
                await lab.run(Raw(words=(work, "sedFWmqmE" if name == "unstruck" else "sedBonjou")), name)
            (lab.site.home / "sedBonjou").unlink(missing_ok=True)

        await sweep(lab, round_of, what="swept", faults=("ENOSPC",), most=9)

    found = ran(loop_runner, launcher, tmp_path, as_scenario(test_toy))
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    fired = [what.detail.partition(": ")[2] for _, what in found.history.of(FaultFired)]
    made = "home/sedBonjou"
    assert fired[:-1] == [f"openat {made}", f"write {made}", f"rename {made} home/config"]
    assert found.untried == ()


def test_what_finds_nothing_is_replaced_and_told(loop_runner, launcher, tmp_path):
    """The last of four is always drawn, and now there are three."""
    found = made(loop_runner, launcher, tmp_path, 2, 3, 0)
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    fired = [what.detail for _, what in found.history.of(FaultFired)]
    assert fired[0] == "ENOSPC at struck0.0: openat home/struck0-a"
    assert fired[1].startswith("ENOSPC at struck2.")
    assert found.untried == (
        "swept: 2 of 4 pairs of a point and a fault were tried, "
        "1 found no such operation when the work was done again; --points 0 tries all",
    )
    found = made(loop_runner, launcher, tmp_path, 9, 3, 0)
    assert found.untried == (
        "swept: 3 of 4 pairs of a point and a fault were tried, 1 found no such operation when the work was done again",
    )


def test_what_never_finds_anything_shows_nothing(loop_runner, launcher, tmp_path):
    found = made(loop_runner, launcher, tmp_path, 2, 0, 3)
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert found.judgement.notes == ("the fault never fired: swept",)


def test_brothers_may_change_places(loop_runner, launcher, tmp_path):
    """Which of two processes comes first is luck: the file says what was meant."""
    work = """
import os, sys
for name in sys.argv[1:]:
    if not (child := os.fork()):
        os.mkdir(name)
        os._exit(0)
    os.waitpid(child, 0)
"""

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())

        async def work_on(name, strike):
            names = ("left", "right") if name == "unstruck" else ("right", "left")
            async with strike():
                await lab.run(Raw(words=(work, *names)), name)
            for left in ("left", "right"):
                path = lab.site.home / left
                if path.exists():
                    path.rmdir()

        await sweep(lab, work_on, what="swept", faults=("ENOSPC",), most=9)

    found = ran(loop_runner, launcher, tmp_path, as_scenario(test_toy))
    fired = [what.detail.partition(": ")[2] for _, what in found.history.of(FaultFired)]
    assert fired[:-1] == ["mkdir home/left", "mkdir home/right"]


def test_a_program_with_threads_is_not_put_in_order(loop_runner, launcher, tmp_path):
    """Each of its threads would be waited for at every call: here at twenty for each of three strikes."""
    work = """
import os, sys, threading
done = threading.Event()
threading.Thread(target=done.wait, daemon=True).start()
for number in range(20):
    os.mkdir(f"{sys.argv[1]}-{number}")
done.set()
"""
    ordered = []

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())

        async def work_on(name, strike):
            async with strike():
                await lab.run(Raw(words=(work, name)), name)
                ordered.append(len(lab._scheduler.trace.steps) if lab._scheduler else 0)

        await sweep(lab, work_on, what="swept", faults=("ENOSPC",), most=3)

    found = ran(loop_runner, launcher, tmp_path, as_scenario(test_toy))
    fired = [what.detail.partition(": ")[2] for _, what in found.history.of(FaultFired)]
    assert fired[0] == "mkdir home/struck0-0"
    assert fired[2] == "mkdir home/struck2-19"
    assert len(fired) == 4
    assert len(ordered) == 4
    assert max(ordered) < 5  # its start, and what it did before it had a thread


@pytest.mark.parametrize("fault", ["ENOSPC", "kill"])
def test_a_call_in_vain_is_not_struck_for_one_that_was_meant(loop_runner, launcher, tmp_path, fault):
    """Making a folder that is there is a point too, so that nobody starves, but none that was asked for."""
    work = 'import os\ntry: os.mkdir("there")\nexcept FileExistsError: open("new", "w")'

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())
        (lab.site.home / "there").mkdir()
        async with lab.struck(Fault("lane", 0, fault), where=lambda call: call.path.endswith("/new")):
            await lab.run(Raw(words=(work,)), "lane")

    found = ran(loop_runner, launcher, tmp_path, as_scenario(test_toy))
    assert [what.detail for _, what in found.history.of(FaultFired)] == [f"{fault} at lane.1: openat home/new"]


def test_points_are_numbered_as_the_scheduler_numbers_them(loop_runner, launcher, tmp_path):
    """Also where the work begins with a call in vain, outside of what may be struck."""
    found = trial(loop_runner, launcher, tmp_path, faults=("ENOSPC",), vain=True)
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    assert [what.detail for _, what in found.history.of(FaultFired)][:-1] == [
        "ENOSPC at struck0.1: openat home/new", "ENOSPC at struck1.2: write home/new",
        "ENOSPC at struck2.3: rename home/new home/struck2", "ENOSPC at struck3/1.0: mkdir home/child",
    ]  # fmt: skip


def test_what_a_command_prints_is_read_back_whole(loop_runner, launcher, tmp_path):
    """A document behind a megabyte of warnings is no less a document."""
    work = 'print("warn\\n" * 250_000 + "the document")'

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())
        await lab.run(Raw(words=(work,)), "loud")

    toys = scenario("CFG-1", fault="", judges=[lambda _: []])(test_toy).scenario
    found = ran(loop_runner, launcher, tmp_path, toys)
    [end] = [what for _, what in found.history.of(Finished)]
    assert len(end.stdout) > 1_250_000
    assert end.stdout.endswith("the document\n")


def test_a_bound_is_kept_and_said(loop_runner, launcher, tmp_path):
    found = trial(loop_runner, launcher, tmp_path, most=3)
    again = trial(loop_runner, launcher, tmp_path, most=3)
    faults = [what.fault for _, what in found.history.of(FaultFired)]
    assert len(faults) == 4
    assert faults == [what.fault for _, what in again.history.of(FaultFired)]
    assert found.untried == ("swept: 3 of 9 pairs of a point and a fault were tried; --points 0 tries all",)
    assert len([*trial(loop_runner, launcher, tmp_path, most=3, points=0).history.of(FaultFired)]) == 10


def test_the_control_arm_is_one_round_unstruck(loop_runner, launcher, tmp_path):
    found = trial(loop_runner, launcher, tmp_path, arm=Arm.CONTROL)
    assert [what.actor for _, what in found.history.of(Finished)] == ["unstruck"]
    assert [*found.history.of(FaultFired)] == []


@pytest.mark.parametrize("faults", [(), ("EINTR",)])
def test_without_a_pair_nothing_was_shown(loop_runner, launcher, tmp_path, faults):
    assert trial(loop_runner, launcher, tmp_path, faults=faults).judgement.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("lane0.0!ENOSPC", Verdict.CONFORMS),
        ("lane0.9!ENOSPC", Verdict.INCONCLUSIVE),  # there is no such point
        ("lane0.0!short", Verdict.INCONCLUSIVE),  # an opening cannot be divided
    ],
)
def test_a_replays_fault_that_does_not_happen_shows_nothing(loop_runner, launcher, tmp_path, fault, verdict):
    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())
        work = 'try: open("new", "w")\nexcept OSError: pass'
        async with lab.scheduled("ordered", parties=2):
            lanes = [await lab.start(Raw(words=(work,)), name) for name in ("lane0", "lane1")]
            for lane in lanes:
                await lane.finished()

    toys = as_scenario(test_toy)
    plan = Plan(scenario="toy", target="toy", seed=3, arm=Arm.FAULT)
    ground = Ground(launcher=launcher, conducted=True, folder=tmp_path)
    seen = loop_runner.run(run(toys, toy, plan, ground))
    in_turn = sorted(seen.trace.steps, key=lambda step: str(step.chosen))  # as without decisions
    recording = Recording.of(Trace(tuple(in_turn)))
    again = replace(plan, schedule=replace(recording, decisions=Decisions.parse(fault)))
    found = loop_runner.run(run(toys, toy, again, ground))
    assert found.judgement.verdict is verdict, found.judgement.notes
    assert [what.fault for _, what in found.history.of(Scheduled) if what.fault] == ["ENOSPC"] * (
        verdict is Verdict.CONFORMS
    )
