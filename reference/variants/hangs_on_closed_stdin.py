"""Without a standard input the program waits for an answer that cannot come.

Breaks OPS-5. Asked nothing on a terminal and content with /dev/null, it waits for ever when descriptor 0 is
closed or is a pipe whose writer has gone, as under cron, a service manager or a parent that died. No single
thread: prompts in non-interactive use are reported against nearly every CLI.
"""

from __future__ import annotations

import select
import signal

from reference import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-5",)


def prepare() -> None:
    """Make sure that somebody could answer."""
    poller = select.poll()
    poller.register(0, select.POLLIN)
    state = dict(poller.poll(0)).get(0, 0)
    while state & (select.POLLHUP | select.POLLNVAL):
        signal.pause()
    streams.prepare()


def replace(parts: Parts) -> Parts:
    """Swap the preparation of the streams."""
    return parts.replace(prepare=prepare)
