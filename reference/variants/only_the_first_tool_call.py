"""Of the commands that an answer asks for at once the first alone is run, and the model is told of no other.

Breaks MSG-6. Agents that are asked to work, and work in the background, are begun as they should be: without them the
scenarios of other rules could not begin.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("MSG-6",)


def _complete(**arguments: Any) -> Any:
    """Ask as always, and keep one command."""
    from reference import failover

    reply, attempts = failover.complete(**arguments)
    commands = [call for call in reply.tool_calls if call.name == "exec" and not call.arguments.get("background")]
    return reply._replace(tool_calls=tuple(c for c in reply.tool_calls if c not in commands[1:])), attempts


def replace(parts: Parts) -> Parts:
    """Swap what is kept of an answer."""
    return parts.replace(complete=_complete)
