"""Background work is started and forgotten: no list shows it and no handle ends it [OC#102172]."""

from __future__ import annotations

from typing import Any

from reference import tools
from reference.messages import ToolCall, ToolSpec
from reference.parts import Parts
from reference.runs import new_id

BREAKS = ("CHD-4",)


class _Forgetful:
    """A registry that notes what the turn waits for, and nothing else."""

    def __init__(self, registry: tools.JobRegistry) -> None:
        self._registry = registry

    def start_job(self, run_id: str, *, pid: int, command: str, background: bool) -> str:
        if background:
            return new_id("j")
        return self._registry.start_job(run_id, pid=pid, command=command, background=False)

    def end_job(self, job_id: str, status: str = "ended") -> None:
        self._registry.end_job(job_id, status)


class _Tools:
    TOOLS: tuple[ToolSpec, ...] = tools.TOOLS

    @staticmethod
    def run(call: ToolCall, *, registry: tools.JobRegistry, **context: Any) -> str:
        return tools.run(call, registry=_Forgetful(registry), **context)


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=_Tools)
