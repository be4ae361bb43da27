"""What a pipe does not take at once is lost: the program ends while the rest waits to be written.

Breaks MSG-6. Writing to a pipe does not block in Node, and process.exit() ends what is under way.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _at_once(data: bytes) -> None:
    """What is taken now."""
    blocks = os.get_blocking(1)
    os.set_blocking(1, False)
    try:
        os.write(1, data)
    finally:
        os.set_blocking(1, blocks)


def replace(parts: Parts) -> Parts:
    """Swap how standard output is written."""
    return parts.replace(write_output=_at_once)
