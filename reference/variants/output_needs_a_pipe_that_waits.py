"""A pipe that takes no more for the moment is a failure to write, and the rest of the document is lost [OMP#5309].

Breaks MSG-6. Whether a write waits is a setting of the pipe and not of the program: Node sets it for itself, and its
children have the same pipe.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _write(data: bytes) -> None:
    """Write all of it, or fail."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def replace(parts: Parts) -> Parts:
    """Swap how the document is written."""
    return parts.replace(write_output=_write)
