"""The three standard streams, which may be closed, full, slow or gone.

One JSON document goes to standard output, everything else to standard error. A closed descriptor 0, 1 or 2
is opened on /dev/null first: otherwise the next file opened would get its number, and output would be
written into the database.
"""

from __future__ import annotations

import os

from reference import stopping


def prepare() -> None:
    """Make sure that descriptors 0, 1 and 2 exist."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # open(2) gives the lowest free number, which is this one: the lower ones are open already.
            os.open(os.devnull, os.O_RDWR)


def write_output(data: bytes) -> None:
    """Write all of it to standard output, waiting for a slow reader.

    Raises OSError when the reader is gone.
    """
    _write(1, data)


def write_diagnostics(text: str) -> None:
    """Write to standard error, for people; a lost diagnostic is no failure of the command."""
    try:
        _write(2, (text + "\n").encode("utf-8", "backslashreplace"))
    except OSError:
        return


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            with stopping.interrupting():
                view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # a parent gave us a non-blocking pipe, as Node does
            _wait_writable(descriptor)


def _wait_writable(descriptor: int) -> None:
    import select

    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    poller.poll()
