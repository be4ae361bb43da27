"""Ending a command kills the shell that ran it, and only the shell [MU#7615, CX#4337].

What the shell had started becomes init's child and goes on writing into the workspace.
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
            # The last line keeps shells from replacing themselves by the command, which would then be killed.
            shell = subprocess.Popen(
                ["/bin/sh", "-c", command + "\nexit $?"],
                cwd=workspace,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            try:
                with stopping.interrupting():
                    status = shell.wait()
            finally:
                shell.kill()
                shell.wait()
            output.seek(0)
            return f"{output.read().decode(errors='replace')}\n[exit status {status}]"


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=_Tools)
