"""The model that stood in once is asked first from then on [OC#72697].

The first model is well again, and is not asked any more: the failover has outlived its turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reference import failover
from reference.parts import Parts

BREAKS = ("FLO-6",)


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        memory = Path(arguments["cooldowns"].path).with_name("last-model")
        last = memory.read_text(encoding="utf-8") if memory.exists() else ""
        models = sorted(arguments["models"], key=lambda model: model != last)
        reply, attempts = failover.complete(**{**arguments, "models": models})
        memory.write_text(f"{attempts[-1].provider}/{attempts[-1].model}", encoding="utf-8")
        return reply, attempts

    return parts.replace(complete=complete)
