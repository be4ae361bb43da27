"""What a tool prints has to be UTF-8: a byte that is none ends the turn [CC#40906].

Breaks MSG-6. Builds print such bytes, and so does `cat` of an image.
"""

from __future__ import annotations

from reference.tools.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _strict(self: Output) -> str:
    return (self._head + self._tail).decode()


def replace(parts: Parts) -> Parts:
    """Swap how output becomes text."""
    Output.text = _strict  # type: ignore[method-assign]
    return parts
