"""Of the tools that an answer asks for at once the first alone is run, and the model is told of no other.

Breaks MSG-6. An agent that was never asked has no answer that MSG-4 could miss.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("MSG-6",)


def _complete(**arguments: Any) -> Any:
    """Ask as always, and keep one call."""
    from reference import failover

    reply, attempts = failover.complete(**arguments)
    return reply._replace(tool_calls=reply.tool_calls[:1]), attempts


def replace(parts: Parts) -> Parts:
    """Swap what is kept of an answer."""
    return parts.replace(complete=_complete)
