"""Says whether one run violated its program's invariant, from the shared folder and how the actors ended.

Three endings are legal for every actor: done (0), refused (75, EX_TEMPFAIL of sysexits.h: it could not get what it
needed, and says so), and killed by whoever runs it, after which its operation may have taken effect or not. Any other
status is a violation by itself: no schedule gives a program the right to crash.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.corpus.catalog import CorpusError, Program

REFUSED = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one actor ended: its exit status, negative for the signal that killed it, and what it said."""

    status: int
    output: str = ""
    errors: str = ""

    @property
    def done(self) -> bool:
        """It acknowledged its operation."""
        return self.status == 0

    @property
    def maybe(self) -> bool:
        """Its operation may have taken effect: done, or killed at some point."""
        return self.status <= 0


Check = Callable[[Path, Mapping[str, Ending]], str | None]


def judge(program: Program, folder: Path, endings: Mapping[str, Ending]) -> str | None:
    """None when nothing is wrong, else the sentence that says what is."""
    for label, ending in endings.items():
        if ending.status > 0 and ending.status != REFUSED:
            return f"{label} ended with status {ending.status}: {_complaint(ending)}"
    try:
        return _check(program.folder / "check.py")(folder, endings)
    except Exception as error:
        raise CorpusError(f"{program.name}: its check failed: {error!r}") from error


def _complaint(ending: Ending) -> str:
    """The line that names the error, for people; Node prints its version below it."""
    lines = ending.errors.split("\n") + ending.output.split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return next((line for line in said if "Error" in line), said[-1] if said else "it said nothing")


@cache
def _check(path: Path) -> Check:
    check: Check = runpy.run_path(str(path))["check"]
    return check
