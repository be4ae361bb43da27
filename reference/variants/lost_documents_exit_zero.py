"""A result that cannot be written is told of on standard error, and the exit status is that of the work that was done.

Breaks OPS-2: whoever redirects the document to a file on a full disk finds it empty, and the command a success. Seen in
zstd (#42) and uutils (#9782).
"""

from __future__ import annotations

from reference import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-2",)


def _as_far_as_it_goes(data: bytes) -> None:
    try:
        streams.write_output(data)
    except OSError as error:
        streams.write_diagnostics(f"reference: the result could not be written: {error.strerror}")


def replace(parts: Parts) -> Parts:
    """Swap how standard output is written."""
    return parts.replace(write_output=_as_far_as_it_goes)
