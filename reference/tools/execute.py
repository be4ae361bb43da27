"""One run of the tool: keeper, registry and text around a `Job`."""

from __future__ import annotations

import signal

from reference.tools.job import Job
from reference.tools.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.deadline import Deadline
    from reference.tools import JobRegistry


class Execution:
    """A command with everything that its run needs; `seconds` is its own time limit."""

    def __init__(self, *, command: str, background: bool, seconds: float | None, workspace: str, grace: float) -> None:
        self.command = command
        self.background = background
        self.seconds = seconds
        self.workspace = workspace
        self.grace = grace
        self.output = Output()

    def run(self, deadline: Deadline, run_id: str, registry: JobRegistry) -> str:
        """See `reference.tools.run`. A job is on record before its first instruction: none goes unlisted."""
        job = Job(self.command, workspace=self.workspace, background=self.background, grace=self.grace)
        try:
            handle = registry.start_job(run_id, pid=job.keeper, command=self.command, background=self.background)
            job.start()
            if self.background:
                return f"[runs in the background as {handle}; `reference runs cancel {handle}` ends it]"
            in_time = self._follow(job, deadline)
        finally:
            self._end(job)
        outcome = job.outcome or {}
        registry.end_job(handle, "ended" if in_time and outcome.get("why") == "ended" else "cancelled")
        return self.output.text() + self._ending(outcome, in_time)

    def _follow(self, job: Job, deadline: Deadline) -> bool:
        """Read until the command is over, or its own time is. Raises Stopped when the turn's is."""
        limit = deadline if self.seconds is None else deadline.sooner(self.seconds)
        in_time = job.pump(self.output, limit)
        if not in_time:
            deadline.check()
        return in_time

    def _end(self, job: Job) -> None:
        """A signal that arrives during the clean-up must not cut it short; a second one may."""
        try:
            job.end(self.output)
        except BaseException:
            job.end(self.output)
            raise

    def _ending(self, outcome: dict[str, Any], in_time: bool) -> str:
        lines = [_how(outcome, None if in_time else self.seconds)]
        if outcome.get("left"):
            lines.append("ended with it: " + ", ".join(outcome["left"]))
        if outcome.get("survivors"):
            lines.append(f"could not be ended: processes {outcome['survivors']}")
        return "".join(f"\n[{line}]" for line in lines)


def _how(outcome: dict[str, Any], expired: float | None) -> str:
    status = outcome.get("status")
    if expired is not None:
        return f"ended: it took longer than its timeout of {expired:g} s"
    if outcome.get("why") != "ended" or status is None:
        return "cancelled before it had ended"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
