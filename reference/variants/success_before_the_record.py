"""A run is a success in the table of runs before its answer stands in the session.

Breaks MSG-3. Killed between the two, it is listed as succeeded, and whoever goes on with its session is told nothing of
what came of it.
"""

from __future__ import annotations

from typing import Any

from reference.messages import Message
from reference.parts import Parts
from reference.runs import Registry
from reference.transcript import Transcript
from reference.turn import Turn

BREAKS = ("MSG-3",)

_converse = Turn._converse


def _recorded_first(self: Turn, registry: Registry, config: dict[str, Any], workspace: str) -> str:
    append, run = Transcript.append, self.request.run_id

    def told(transcript: Transcript, message: Message, *rest: Any) -> None:
        if message.role == "assistant" and not message.tool_calls:
            registry.finish(run, "succeeded", text=message.text)
        append(transcript, message, *rest)

    Transcript.append = told  # type: ignore[assignment, method-assign]
    return _converse(self, registry, config, workspace)


def replace(parts: Parts) -> Parts:
    """Swap when a success is recorded."""
    Turn._converse = _recorded_first  # type: ignore[method-assign]
    return parts
