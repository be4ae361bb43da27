"""Commands run in a session of their own, and nobody ends them: no keeper, no kill [OC#43367, CX#4337].

The turn waits for the shell and no longer. What the shell leaves behind goes on, and so does everything
when the turn is stopped or killed.
"""

from __future__ import annotations

import subprocess
import tempfile
from typing import Any

from reference import stopping, tools
from reference.deadline import Deadline
from reference.messages import ToolCall, ToolSpec
from reference.parts import Parts

BREAKS = ("CHD-1", "CHD-2", "CHD-3")


class _Tools:
    TOOLS: tuple[ToolSpec, ...] = tools.TOOLS

    @staticmethod
    def run(call: ToolCall, *, workspace: str, deadline: Deadline, **context: Any) -> str:
        """Background work and mistakes of the model are met as they should be."""
        if call.name != "exec" or call.arguments.get("background") or tools.problem(call.arguments):
            return tools.run(call, workspace=workspace, deadline=deadline, **context)
        command = str(call.arguments["command"])
        with tempfile.TemporaryFile() as output:
            shell = subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=workspace,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            with stopping.interrupting():
                status = shell.wait()
            output.seek(0)
            return f"{output.read().decode(errors='replace')}\n[exit status {status}]"


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=_Tools)
