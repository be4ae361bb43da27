"""Commands whose time is taken: bare interpreters, imports, and a target's own `agents add`."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rounds import Action, BenchError
from harness.targets.protocol import UNREACHABLE, AddAgent, Command, Setup, Site, Target

PATIENCE = 300.0  # seconds
_numbers = itertools.count()


def timed(argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> float:
    """Run a command to its end; the seconds it took. Raises BenchError when it fails."""
    began = time.perf_counter()
    try:
        done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{argv[0]}: {error}") from error
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-400:]
        raise BenchError(f"{' '.join(argv[:4])} … exited {done.returncode}: {said}")
    return seconds


def python(code: str) -> Action:
    """The same interpreter that runs the reference, with one line to do."""
    return lambda: timed((sys.executable, "-c", code))


def python_without_site(code: str) -> Action:
    """An interpreter that runs no start-up hooks of its environment (-S), yet finds the packages installed there."""
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    return lambda: timed((sys.executable, "-S", "-c", code), environment)


@contextmanager
def adding(*targets: Target) -> Iterator[list[Action]]:
    """For each target an action that adds one more agent, in a home of its own."""
    with ExitStack() as stack:
        sites = [site(Path(stack.enter_context(TemporaryDirectory(prefix="pileup-bench-")))) for _ in targets]
        for target, where in zip(targets, sites, strict=True):
            target.prepare(where, Setup())
        yield [_adder(target, where) for target, where in zip(targets, sites, strict=True)]


def site(root: Path, url: str | None = None) -> Site:
    """The folders of a run; without a `url` of fakes, nobody is there to be asked."""
    for name in ("home", "workspaces", "tmp"):
        (root / name).mkdir()
    ca_file = root / "ca.pem"
    ca_file.touch()
    return Site(
        root=root,
        home=root / "home",
        workspaces=root / "workspaces",
        tmp=root / "tmp",
        url=url or UNREACHABLE,
        ca_file=ca_file,
    )


def next_add(target: Target, where: Site) -> Command:
    """The command line that adds an agent of a new name."""
    name = f"lane{next(_numbers)}"
    return target.command(where, AddAgent(name=name, workspace=str(where.workspace(name))))


def _adder(target: Target, where: Site) -> Action:
    def add() -> float:
        command = next_add(target, where)
        return timed(command.argv, command.env, command.cwd)

    return add
