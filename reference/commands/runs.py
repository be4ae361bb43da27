"""`runs list|show|cancel|wait`."""

from __future__ import annotations

import os
import signal

from reference import durable, identity, options, proctree, runs, stopping
from reference.commands import runs_view
from reference.config import grace
from reference.deadline import Deadline
from reference.errors import Local, Usage
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.database import Row
    from reference.home import Home
    from reference.parts import Parts
    from reference.runs import Registry

_MARGIN = 2.0  # seconds beyond the grace period before SIGKILL
_LOOK_AGAIN = 0.05  # seconds; what is killed may have begun something just before


def list_all(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """The runs that are alive, or all. Raises Local."""
    if not durable.exists(home.runs):
        return Result({"ok": True, "runs": []}, "no runs")
    with parts.run_registry(home, Deadline.after(None)) as registry:
        found = [runs.public(row) for row in registry.list_runs(everything=bool(values["all"]))]
    text = "" if values["json"] else runs_view.table(found) if found else "no runs"  # of thousands it takes its time
    return Result({"ok": True, "runs": found}, text)


def show(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """One run, with its answer and the processes that are at work for it. Raises Usage(`unknown-run`), Local."""
    with _registry(parts, home, values) as registry:
        row = registry.get(values["id"])
    alive = [what["pid"] for what in (row, *row["jobs"]) if what["status"] == "running"]
    return _shown(row, processes=proctree.below(alive))


def wait(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Wait until a run has ended, then show it. Raises Usage(`unknown-run`), Stopped, Local."""
    deadline = parts.arm_deadline(options.seconds(values, "timeout"))
    with _registry(parts, home, values) as registry:
        while True:
            row = registry.get(values["id"])
            if row["status"] != "running":
                return _shown(row)
            runs.wait_for(row, deadline)


def cancel(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """End a run or a job: SIGTERM, then SIGKILL. Raises Usage(`unknown-run`), Local(`already-finished`)."""
    patience = grace(parts.config_store(home), stopping.DEFAULT_GRACE)
    with _registry(parts, home, values) as registry:
        job = registry.find_job(values["id"])
        if job is not None:
            _end_job(job, patience)
            registry.end_job(job["id"], "cancelled")
            return _shown(registry.get(job["run"]))
        row = registry.get(values["id"])
        _cancel_run(registry, row, patience)
        return _shown(registry.get(values["id"]))


def _cancel_run(registry: Registry, row: Row, patience: float) -> None:
    alive = [job for job in row["jobs"] if job["status"] == "running"]
    if row["status"] != "running" and not alive:
        raise Local(
            "already-finished",
            f"run {row['id']} has ended already: {row['status']}",
            hint="`reference runs list` shows what is alive",
            detail={"run": row["id"], "status": row["status"]},
        )
    if row["status"] == "running":
        _end(row, patience)
        registry.finish_dead(row["id"], "cancelled")
    for job in alive:
        _end_job(job, patience)
        registry.end_job(job["id"], "cancelled")


def _end_job(job: Row, patience: float) -> None:
    """End a job's keeper, its work first: without its keeper that could never be found again.

    The keeper may have been given a longer grace period than the config has by now. Raises Local(`still-running`).
    """
    from reference.tools import tree

    keeper = identity.signal_process(job["pid"], job["start_time"], job["boot_id"], signal.SIGTERM)
    if keeper is None:
        return
    try:
        signal.pidfd_send_signal(keeper, signal.SIGCONT)
        is_gone, until = identity.wait_gone(keeper, Deadline.after(patience + _MARGIN)), Deadline.after(_MARGIN)
        while not is_gone and not until.passed():
            for process in tree.descendants(job["pid"]):
                process.send(signal.SIGKILL)
            is_gone = identity.wait_gone(keeper, until.sooner(_LOOK_AGAIN))
    except ProcessLookupError:
        return
    finally:
        os.close(keeper)
    _end(job, 0.0)


def _end(row: Row, patience: float) -> None:
    """End exactly the process of this row and wait until it is gone. Raises Local(`still-running`)."""
    until, kill_until = Deadline.after(patience + _MARGIN), Deadline.after(patience + 2 * _MARGIN)
    if identity.end_process(row["pid"], row["start_time"], row["boot_id"], until, kill_until):
        return
    raise Local(
        "still-running",
        f"process {row['pid']} does not end, not even by SIGKILL",
        hint="it hangs in the kernel, often on a dead network file system",
        detail={"pid": row["pid"]},
    )


def _registry(parts: Parts, home: Home, values: dict[str, Any]) -> Registry:
    if not durable.exists(home.runs):
        raise Usage(
            "unknown-run",
            f"there is no run {ascii(values['id'])[:80]}",
            hint="nothing has been run in this state directory yet",
        )
    return parts.run_registry(home, Deadline.after(None))


def _shown(row: Row, **more: Any) -> Result:
    run = {**runs.public(row), **more}
    text = row["text"] or ""
    return Result({"ok": True, "run": run, "text": text}, runs_view.full(run, text))
