"""What the reference costs: its start, many adds at once, a turn beside the provider's own time, a large state.

Growth is measured at 4, 16, 64 and 256 agents and drawn in bench/out/reference.svg. Every command must succeed, and
every add must be listed afterwards: a fast answer that lost an agent is no figure.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import chart, results
from bench.commands import PATIENCE, adding, python, site, timed
from bench.results import OURS, Results
from bench.rounds import Action, BenchError, Sample, Say, interleave, ratios
from bench.serving import answered, serving
from bench.stopping import ended_together
from harness.checkers.large_state import AGENTS, SESSIONS
from harness.targets.protocol import AddAgent, Command, Intent, ListAgents, ListRuns, Raw, Setup, Site, Turn
from harness.targets.reference import ReferenceTarget

BARE = "bare interpreter"
ONE_BY_ONE = "one by one, over the cores"
EMPTY = "empty state"
PROVIDER = "the provider's own time"
CROWD = 64
GROWTH = (4, 16, 64, 256)
_AIMS = {"start": 2.5, "crowd": 1.5, "large": 3.0}
_READERS: dict[str, Intent] = {
    "runs list": ListRuns(),
    "runs list --all": Raw(words=("runs", "list", "--all", "--json")),
    "agents list": ListAgents(),
    "agent": Turn(agent="agent0", message="hello"),
}
_TITLE = "milliseconds for each add, by how many adds there are"
_LARGE = f"{SESSIONS} sessions, {AGENTS} agents"


def run(*, rounds: int, say: Say, growth: tuple[int, ...] = GROWTH, crowd: int = CROWD) -> Results:
    """Measure the reference. Raises BenchError when a command fails or an acknowledged add is missing."""
    target = ReferenceTarget()
    with adding(target) as actions:
        start = interleave("agents add", {OURS: actions[0], BARE: python("pass")}, rounds, say)
    crowds = interleave(f"{crowd} adds at once", _crowd(target, crowd), rounds, say)
    turns = _turns(target, rounds, say)
    large = _large(target, rounds, say)
    grown = [interleave(f"{count} adds", _crowd(target, count), 1, say) for count in growth]
    against = [ratios(start, OURS, BARE), ratios(crowds, OURS, ONE_BY_ONE), *(ratios(s, OURS, EMPTY) for s in large)]
    aims = (_AIMS["start"], _AIMS["crowd"], *(_AIMS["large"] for _ in large))
    drawn = chart.draw(results.OUT / "reference.svg", _curves(growth, grown), title=_TITLE)
    return Results(
        name="reference",
        times=(*start, *crowds, *turns, *(s for samples in large for s in samples), *(s for g in grown for s in g)),
        ratios=(*against, ratios(turns, OURS, BARE)),
        versions={},
        notes=(*map(_plainly, against, aims), _overhead(turns), f"growth, drawn: {drawn}"),
    )


def _plainly(factor: Sample, aim: float) -> str:
    word = "met" if factor.median <= aim else "MISSED"
    return f"aim for {factor.measure}: at most {aim:g}x; {word} at {factor.median:.2f}x"


def _overhead(turns: list[Sample]) -> str:
    ours, provider = (next(s for s in turns if s.arm == arm).median for arm in (OURS, PROVIDER))
    return f"a turn takes {1000 * (ours - provider):.0f} ms beyond the provider's own {1000 * provider:.1f} ms"


def _curves(growth: tuple[int, ...], grown: list[list[Sample]]) -> dict[str, list[tuple[int, float]]]:
    """Milliseconds for each add, by how many there were."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for count, samples in zip(growth, grown, strict=True):
        for sample in samples:
            label = "at once" if sample.arm == OURS else sample.arm
            curves.setdefault(label, []).append((count, 1000 * sample.median / count))
    return curves


# -- many adds ----------------------------------------------------------------------------------------------------


def _crowd(target: ReferenceTarget, count: int) -> dict[str, Action]:
    cores = len(os.sched_getaffinity(0))
    return {OURS: lambda: _adds(target, count, count), ONE_BY_ONE: lambda: _adds(target, count, 1) / cores}


def _adds(target: ReferenceTarget, count: int, at_once: int) -> float:
    """Seconds for so many adds to a new home, each batch started before any of it is waited for."""
    with _home(target, Setup()) as where:
        commands = [_add(target, where, number) for number in range(count)]
        began = time.perf_counter()
        for first in range(0, count, at_once):
            _all_end(commands[first : first + at_once])
        seconds = time.perf_counter() - began
        listed = json.loads(_output(target.command(where, ListAgents())))["agents"]
    if len(listed) != count:
        raise BenchError(f"{count} adds exited 0, and {len(listed)} agents are listed")
    return seconds


def _add(target: ReferenceTarget, where: Site, number: int) -> Command:
    return target.command(where, AddAgent(name=f"lane{number}", workspace=str(where.workspace(f"lane{number}"))))


def _all_end(commands: list[Command]) -> None:
    quietly = partial(subprocess.Popen[bytes], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ended_together():
        started = [quietly(each.argv, env=each.env, cwd=each.cwd) for each in commands]
        statuses = [process.wait(PATIENCE) for process in started]
    if any(statuses):
        raise BenchError(f"{sum(map(bool, statuses))} of {len(statuses)} adds failed")


def _output(command: Command) -> bytes:
    done = subprocess.run(command.argv, env=command.env, cwd=command.cwd, capture_output=True, timeout=PATIENCE)
    if done.returncode:
        raise BenchError(f"{' '.join(command.argv)} exited {done.returncode}: {done.stderr.decode()[-400:]}")
    return done.stdout


# -- turns, and a large state -------------------------------------------------------------------------------------


def _turns(target: ReferenceTarget, rounds: int, say: Say) -> list[Sample]:
    with serving() as url, _home(target, Setup(agents=("lane0",), models=("anthropic",)), url) as where:
        turn = _timed(target, where, Turn(agent="lane0", message="hello"))
        arms = {OURS: turn, PROVIDER: lambda: answered(url), BARE: python("pass")}
        return interleave("a turn", arms, rounds, say)


def _large(target: ReferenceTarget, rounds: int, say: Say) -> list[list[Sample]]:
    """The commands that read or extend the state, each with a large one beside one with a single agent and run."""
    measured = []
    one = Setup(agents=("agent0",), models=("anthropic",))
    with serving() as url, _home(target, one, url) as empty, _home(target, one, url) as large:
        say(f"{_LARGE}: making them")
        for where in (empty, large):
            _output(target.command(where, Turn(agent="agent0", message="hello")))
        target.grow(large, agents=AGENTS, sessions=SESSIONS)
        for name, intent in _READERS.items():
            arms = {OURS: _timed(target, large, intent), EMPTY: _timed(target, empty, intent)}
            measured.append(interleave(f"{name}, {_LARGE}", arms, rounds, say))
    return measured


def _timed(target: ReferenceTarget, where: Site, intent: Intent) -> Action:
    command = target.command(where, intent)
    return lambda: timed(command.argv, command.env, command.cwd)


@contextmanager
def _home(target: ReferenceTarget, setup: Setup, url: str | None = None) -> Iterator[Site]:
    with TemporaryDirectory(prefix="pileup-bench-") as folder:
        where = site(Path(folder), url)
        for agent in setup.agents:
            where.workspace(agent).mkdir()
        target.prepare(where, setup)
        yield where
