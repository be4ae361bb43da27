"""That a model was passed over is told on standard output, before the document.

Breaks OPS-2. As long as the first model answers, nobody sees it; the first overload breaks every script. No single
thread: a print that was left in, as in most reports of this kind [OC#128516].
"""

from __future__ import annotations

from typing import Any

from reference import failover, streams
from reference.parts import Parts

BREAKS = ("OPS-2",)


def _complete(**arguments: Any) -> Any:
    reply, attempts = failover.complete(**arguments)
    for attempt in attempts[:-1]:
        streams.write_output(f"{attempt.provider}: {attempt.kind}, trying the next model\n".encode())
    return reply, attempts


def replace(parts: Parts) -> Parts:
    return parts.replace(complete=_complete)
