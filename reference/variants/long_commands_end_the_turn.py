"""A command is handed to the shell as one argument, whatever its length: beyond 128 KiB there is no shell, and no turn.

Breaks MSG-6. A model that writes a file by a here-document gets there; execve(2) says E2BIG.
"""

from __future__ import annotations

from reference import tools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _unsendable(command: str) -> str:
    return "command must not contain a zero character" if "\0" in command else ""


def replace(parts: Parts) -> Parts:
    """Swap what is asked of a command."""
    tools._unsendable = _unsendable
    return parts
