"""A run in which a signal reached a stopped call before the harness did: what counts then."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from harness import undisturbed
from harness.events import Finished, History
from harness.plan import Plan
from harness.runner import Ground, Trial, run
from harness.scenario import WATCH_WRITES, scenario
from harness.schedules.strategy import Profile
from harness.targets.protocol import Raw, Setup
from harness.undisturbed import run_undisturbed
from harness.verdict import Finding, Judgement, Verdict
from tests.asleep import MKDIR, RMDIR, wait_in
from tests.harness.toy import Toy

V, U, INC, C = Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.INCONCLUSIVE, Verdict.CONFORMS
PLAN = Plan(scenario="meets", target="toy", seed=1)
MEETS_A_SIGNAL = """
import contextlib, os, signal, sys
signal.signal(signal.SIGUSR2, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.write(1, b"ready")
signal.sigwait({signal.SIGUSR1})
status = int(sys.argv[1])
try:
    os.mkdir("made")
except InterruptedError:
    status = 4
with contextlib.suppress(OSError):
    os.rmdir("made")
sys.exit(status)
"""


def meet(pid: int) -> None:
    """Let it go on to its mkdir, and send a signal there, before anybody has taken that call."""
    os.kill(pid, signal.SIGUSR1)
    wait_in(pid, MKDIR)
    os.kill(pid, signal.SIGUSR2)
    wait_in(pid, RMDIR)


def fails(history: History) -> list[Finding]:
    return [Finding(rule="CFG-1", message="failed") for _, end in history.of(Finished) if not end.outcome.ok]


class Meeting:
    """A scenario whose first runs are disturbed, of a program that fails by itself or not."""

    def __init__(self, disturbed: int, status: int = 0) -> None:
        self.runs = 0

        async def test_meets(lab: Any) -> None:
            """One makes a folder."""
            lab.prepare(Setup())
            lab.plan("met")
            lab.fired("met")
            actor = await lab.start(Raw(words=(MEETS_A_SIGNAL, str(status))), "one")
            assert await lab.speaks(actor)
            self.runs += 1
            meet(actor.process.pid) if self.runs <= disturbed else os.kill(actor.process.pid, signal.SIGUSR1)
            await actor.finished()

        self.scenario = scenario("CFG-1", fault="met", judges=[fails], watch=WATCH_WRITES)(test_meets).scenario


def test_one_run_says_that_it_was_disturbed(loop_runner, launcher, tmp_path) -> None:
    ground = Ground(launcher=launcher, conducted=True, folder=tmp_path)
    trial = loop_runner.run(run(Meeting(1).scenario, Toy(), PLAN, ground))
    assert (trial.judgement.verdict, trial.withdrawn, trial.disturbed) == (V, 1, True)
    trial = loop_runner.run(run(Meeting(0).scenario, Toy(), PLAN, ground))
    assert (trial.judgement.verdict, trial.withdrawn, trial.disturbed) == (C, 0, False)


@pytest.mark.parametrize(
    ("disturbed", "status", "runs", "verdict", "told"),
    [
        (0, 0, 1, C, ""),
        (0, 1, 1, V, ""),  # found undisturbed: it counts at once
        (1, 0, 4, C, "VIOLATED, does not count: run again 3 times"),
        (1, 1, 2, V, "VIOLATED, does not count: run again once"),
        (3, 0, 4, C, "VIOLATED, does not count: run again 3 times"),
        (4, 0, 4, V, "each time that the plan was run (4 times): what was found may come from that"),
    ],
)
def test_the_plan_is_run_again(loop_runner, launcher, tmp_path, disturbed, status, runs, verdict, told) -> None:
    meeting = Meeting(disturbed, status)
    ground = Ground(launcher=launcher, conducted=True, folder=tmp_path)
    trial = loop_runner.run(run_undisturbed(meeting.scenario, Toy(), PLAN, ground, Profile()))
    assert (meeting.runs, trial.judgement.verdict) == (runs, verdict), trial.judgement
    assert [note for note in trial.untried if told and note.endswith(told)] == list(trial.untried)
    assert bool(trial.untried) == bool(told)


@pytest.mark.parametrize(
    ("came", "counts"),
    [
        ([(C, 3)], 0),  # what held, held
        ([(V, 1), (C, 0), (V, 0)], 2),  # by luck, and found
        ([(V, 1), (C, 0), (V, 1), (C, 0)], 1),
        ([(V, 1), (C, 0), (U, 0), (C, 1)], 2),  # a crash of ours is not passed over
        ([(INC, 1), (INC, 0), (C, 0), (C, 0)], 1),
        ([(U, 1), (V, 1), (U, 1), (V, 1)], 3),
    ],
)
def test_which_run_counts(monkeypatch: pytest.MonkeyPatch, came: list[tuple[Verdict, int]], counts: int) -> None:
    trials = [
        Trial(
            plan=PLAN, judgement=Judgement(verdict=verdict), history=History(()), seconds=float(number), conducted=True,
            withdrawn=withdrawn,
        )
        for number, (verdict, withdrawn) in enumerate(came)
    ]  # fmt: skip
    left = iter(trials)

    async def ran(*_: Any) -> Trial:
        return next(left)

    monkeypatch.setattr(undisturbed, "run", ran)
    ground = Ground(launcher=None, conducted=True, folder=Path("/nowhere"))  # type: ignore[arg-type]
    trial = asyncio.run(run_undisturbed(Meeting(0).scenario, Toy(), PLAN, ground, Profile()))
    assert trial.seconds == counts
    assert next(left, None) is None
