"""What the main job costs beside the least that it could cost, and what the reference's start costs beside others'.

The least is to start as many bare interpreters (`python -c pass`) as the suite starts commands, in the same order and
with the same ones side by side: whatever started before another had ended does so here too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.commands import adding, python, python_without_site
from bench.results import OURS, Results, Row
from bench.rounds import Action, BenchError, Sample, Say, interleave, ratios
from bench.starts import VARIABLE
from harness.errors import PileupError
from harness.targets import registry

OTHER = "openclaw@2026.3.8"
BARE = "bare interpreter"
BARE_S = "bare interpreter -S"
_ROOT = Path(__file__).resolve().parents[1]
_SUITE_SECONDS = 1800.0
_TARGET_RATIO = 2.0  # what we want to stay below
_RAN = (0, 1)  # pytest: all green, or some not

Steps = list[tuple[str, int, str]]


def run(*, rounds: int, say: Say, rules: tuple[str, ...] = ()) -> Results:
    """Measure the suite (only these rules, when any are named), `agents add`, and imports. Raises BenchError."""
    chosen = tuple(word for rule in rules for word in ("--rule", rule))
    with TemporaryDirectory(prefix="pileup-bench-") as folder:
        say("the suite: learning which commands it starts, and when")
        steps, verdicts = _learn(Path(folder), chosen)
        bare = f"{sum(step[0] == 'start' for step in steps)} bare interpreters"
        arms = {OURS: lambda: _suite(Path(folder), chosen), bare: lambda: _replay(steps)}
        suite = interleave("pytest scenarios/", arms, rounds, say)
    adds, notes = _adds(rounds, say)
    locks = interleave("a file lock's import", _imports({OURS: "fcntl", "filelock": "filelock"}), rounds, say)
    clients = interleave(
        "an HTTP client's import",
        _imports({OURS: "httptools", "h11": "h11", "httpcore": "httpcore", "httpx": "httpx"}),
        rounds,
        say,
    )
    against = [ratios(suite, OURS, bare), *_against(adds, BARE)]
    against += [*_against(locks, BARE_S), *_against(clients, BARE_S)]
    return Results(
        name="suite",
        times=(*suite, *adds, *locks, *clients),
        ratios=tuple(against),
        versions={name: version(name) for name in ("pytest", "filelock", "httptools", "h11", "httpcore", "httpx")},
        notes=(*_plainly(against[0], verdicts), *notes),
        counts=(Row(measure="commands started by the suite", arm=OURS, value=_starts(steps), unit="count"),),
    )


def _starts(steps: Steps) -> int:
    return sum(kind == "start" for kind, _, _ in steps)


def _learn(folder: Path, chosen: tuple[str, ...]) -> tuple[Steps, dict[str, int]]:
    seen = folder / "starts.json"
    _pytest(folder, ("-p", "bench.starts", *chosen), {VARIABLE: str(seen)})
    record = json.loads((folder / "report" / "record.json").read_text(encoding="utf-8"))
    verdicts: dict[str, int] = {}
    for result in record["results"]:
        verdicts[result["verdict"]] = verdicts.get(result["verdict"], 0) + 1
    return [(kind, number, actor) for kind, number, actor in json.loads(seen.read_text(encoding="utf-8"))], verdicts


def _suite(folder: Path, chosen: tuple[str, ...]) -> float:
    began = time.perf_counter()
    _pytest(folder, chosen, {})
    return time.perf_counter() - began


def _pytest(folder: Path, words: tuple[str, ...], extra: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "pytest", "scenarios/", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        [*argv, "--report", str(folder / "report")],
        cwd=_ROOT, env={**os.environ, **extra}, capture_output=True, timeout=_SUITE_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode not in _RAN:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()[-600:]
        raise BenchError(f"pytest scenarios/ exited {done.returncode}: {said}")


def _replay(steps: Steps) -> float:
    """Start a bare interpreter where the suite started a command, and wait for it where that command had ended."""
    running: dict[tuple[int, str], subprocess.Popen[bytes]] = {}
    began = time.perf_counter()
    for kind, number, actor in steps:
        if kind == "start":
            running[number, actor] = subprocess.Popen([sys.executable, "-c", "pass"])
        elif (number, actor) in running:
            running.pop((number, actor)).wait()
    for left in running.values():
        left.wait()
    return time.perf_counter() - began


def _adds(rounds: int, say: Say) -> tuple[list[Sample], tuple[str, ...]]:
    targets = {OURS: registry.find("reference")}
    notes: tuple[str, ...] = ()
    try:
        targets[OTHER] = registry.find(OTHER)
    except PileupError as error:
        notes = (f"skipped, agents add of {OTHER}: {error.message}; to have it measured: {error.hint}",)
        say(notes[0])
    with adding(*targets.values()) as actions:
        arms = {**dict(zip(targets, actions, strict=True)), BARE: python("pass")}
        return interleave("agents add", arms, rounds, say), notes


def _imports(modules: dict[str, str]) -> dict[str, Action]:
    """What a module costs by itself: an environment's start-up hooks may have imported half of it already."""
    arms = {arm: python_without_site(f"import {module}") for arm, module in modules.items()}
    return {**arms, BARE_S: python_without_site("pass")}


def _against(samples: list[Sample], base: str) -> list[Sample]:
    """Every arm as a multiple of a bare interpreter's start."""
    return [ratios(samples, sample.arm, base) for sample in samples if sample.arm != base]


def _plainly(suite: Sample, verdicts: dict[str, int]) -> tuple[str, ...]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    word = "met" if suite.median <= _TARGET_RATIO else "MISSED"
    return (
        f"the suite that was measured: {counts}",
        f"aim for pytest scenarios/: at most {_TARGET_RATIO:g}x of bare interpreters; {word} at {suite.median:.2f}x",
    )
