"""Only the first signal is handled (`process.once`): a second one ends the command before it has ended its work.

Breaks CHD-1, and CHD-2, as there is no keeper: the command itself takes down what it has started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from typing import Any

from reference import stopping, tools
from reference.tools.kernel import become_subreaper
from reference.tools.tree import children, collect, descendants, take_down

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from reference.messages import ToolCall, ToolSpec
    from reference.parts import Parts

BREAKS = ("CHD-1", "CHD-2")

_handle = stopping._on_signal


class _Tools:
    TOOLS: tuple[ToolSpec, ...] = tools.TOOLS

    @staticmethod
    def run(call: ToolCall, *, workspace: str, grace: float, **context: Any) -> str:
        """Background work and mistakes of the model are met as they should be."""
        if call.name != "exec" or call.arguments.get("background") or tools.problem(call.arguments):
            return tools.run(call, workspace=workspace, grace=grace, **context)
        become_subreaper()
        with tempfile.TemporaryFile() as output:
            shell = subprocess.Popen(
                ["/bin/sh", "-c", str(call.arguments["command"])],
                cwd=workspace,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                with stopping.interrupting():
                    status = shell.wait()
            finally:
                take_down(lambda: descendants(os.getpid()), _reap, time.sleep, grace)
            output.seek(0)
            return f"{output.read().decode(errors='replace')}\n[exit status {status}]"


def _reap() -> bool:
    gone = [collect(pid) for pid in children(os.getpid())]
    return not all(gone)


def _once(number: int, frame: FrameType | None) -> None:
    """Handle it, and leave the next one to the kernel."""
    signal.signal(number, signal.SIG_DFL)
    _handle(number, frame)


def replace(parts: Parts) -> Parts:
    """Swap the handler of signals, and take the keeper away."""
    stopping._on_signal = _once
    return parts.replace(tools=_Tools)
