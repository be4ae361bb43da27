"""The lab's power switch: records what commands do to a folder, and puts it into each state that a cut may leave.

A state is written where the folder stood, because a program may keep its own paths in its files. The commands that
follow find it as after a reboot: nothing of the recorded ones runs any more, and what they had not synced may be gone.
"""

from __future__ import annotations

from collections.abc import Generator, Set
from pathlib import Path
from typing import TYPE_CHECKING

from harness.conductor.recorder import Recorder
from harness.errors import LabError
from harness.events import ChangeLost, FilesRecorded, PowerLost
from harness.powerloss.log import Log
from harness.powerloss.losses import losses
from harness.powerloss.materialise import materialise
from harness.powerloss.states import State, States, after, states, worst
from harness.processes import folders

if TYPE_CHECKING:
    from harness.lab import Lab

FAULT = "power lost between the recorded calls"
MOST_STATES = 400


class RecordedFolder:
    """What happened to one folder while `async with lab.recorded()` lasted, and what a power cut makes of it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.folder = folder
        self._lab = lab
        self._recorder = Recorder(folder, was_killed=self._was_killed)
        self._log: Log | None = None

    def begin(self) -> None:
        """Start recording, before any other director has its say."""
        self._lab.directors.insert(0, self._recorder)

    def end(self) -> None:
        """Stop recording. The recorded commands must have ended."""
        self._lab.directors.remove(self._recorder)
        self._log = self._recorder.finish()

    def cuts(self, *, at_the_end: int | None = None) -> Generator[str, None, None]:
        """Each state in turn, in the folder's place: the name of the trial, with which its commands' names begin.

        With `at_the_end` only so many of those after the last operation: first the one in which all is lost that may
        be, then those that lose least, which tell what it is that is missing. The control arm has one trial, in which
        nothing is lost. Afterwards the folder is as it was recorded. Raises LabError when a state cannot be written.
        """
        assert self._log is not None, "the recording has not ended"
        found = states(self._log, most=MOST_STATES, at_the_end=at_the_end is not None)
        self._record(self._log, found)
        chosen = found.all if at_the_end is None else _worst_first(self._log, found, at_the_end)
        tried = chosen if self._lab.faulty else found.all[:1]
        lasting = after(self._log, 0, {}).keys() | after(self._log, len(self._log.operations), {}).keys()
        kept = self.folder.with_name(f"{self.folder.name}.recorded")
        self.folder.rename(kept)
        try:
            for number, state in enumerate(tried):
                trial = f"cut{number}"
                self._put(state)
                self._lab.record(_lost(self._log, state, trial, lasting))
                if at_the_end is not None and not number:
                    self._fired(f"after {len(self._log.operations)} calls")  # one state may tell enough
                yield trial
        finally:
            folders.remove(self.folder)
            kept.rename(self.folder)
        if at_the_end is None:
            self._fired(f"{len(tried)} states after {len(self._log.operations)} calls")

    def _fired(self, detail: str) -> None:
        """Where it is not known what was written (a file that came from elsewhere), no cut of it was tried."""
        assert self._log is not None
        if not self._log.unknown:
            self._lab.fired(FAULT, detail)

    def _put(self, state: State) -> None:
        if not folders.remove(self.folder):
            raise LabError(f"{self.folder} cannot be emptied for the next state")
        try:
            materialise(state.tree, self.folder)
        except OSError as error:
            raise LabError(f"a state cannot be written: {error}") from error

    def _record(self, log: Log, found: States) -> None:
        self._lab.record(
            FilesRecorded(
                actors=tuple(dict.fromkeys(operation.actor for operation in log.operations)),
                operations=tuple(f"{operation.call} {operation.path}" for operation in log.operations),
                states=len(found.all),
                left_out=found.left_out,
                unknown=log.unknown,
            )
        )

    def _was_killed(self, name: str) -> bool:
        actor = self._lab.actors.get(name)
        return actor is not None and actor.exited and actor.process.exited.result() < 0


def _worst_first(log: Log, found: States, most: int) -> tuple[State, ...]:
    """The largest loss, then the others by their size."""
    first = worst(log, found)
    return (first, *[state for state in found.all if state.losses and state is not first][: most - 1])


def _lost(log: Log, state: State, trial: str, lasting: Set[str]) -> PowerLost:
    """What this state is without, and what stands in it besides what lasts."""
    lost = tuple(
        ChangeLost(path=loss.path, call=loss.call, what=loss.what, left=loss.torn.part.value, moved=loss.moved)
        for loss in losses(log, state)
    )
    return PowerLost(
        trial=trial, moment=state.moment, operations=len(log.operations), lost=lost, models=state.models,
        behind=tuple(path for path in state.tree if path not in lasting),
    )  # fmt: skip
