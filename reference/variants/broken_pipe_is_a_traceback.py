"""A reader that has seen enough (`| head -1`) is met with a traceback of BrokenPipeError.

Breaks OPS-5. Python ignores SIGPIPE, so that whoever writes to standard output has to expect EPIPE.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-5",)


def _print(data: bytes) -> None:
    """As print() does."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        import traceback

        traceback.print_exc()
        raise


def replace(parts: Parts) -> Parts:
    """Swap how standard output is written."""
    return parts.replace(write_output=_print)
