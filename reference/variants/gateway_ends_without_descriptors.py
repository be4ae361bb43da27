"""A gateway that has no descriptor for one more client ends, with all the turns that it has.

Breaks RES-3. Whoever writes a loop over accept(2) thinks of clients that went away, not of EMFILE: one client too many
takes down all the others. Seen in zerogw (#11) and opeka (#39).
"""

from __future__ import annotations

from reference.gateway.door import Door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("RES-3",)


def _accept(door: Door, mask: int) -> None:
    try:
        connection, _ = door._listener.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return
    door._take(connection)


def replace(parts: Parts) -> Parts:
    """Swap how clients come in."""
    Door._accept = _accept  # type: ignore[method-assign,assignment]
    return parts
