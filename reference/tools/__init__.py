"""The tool for work on this machine: run a shell command in the agent's workspace.

A command owns what it starts: when it ends, is cancelled or runs out of time, all of its descendants are
ended too, whatever session they moved to and whatever signals they ignore. Work that shall go on is asked for
with `background` and is listed by `reference runs list` with a handle that ends it.
"""

from __future__ import annotations

from reference.messages import ToolCall, ToolSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from reference.deadline import Deadline

    class JobRegistry(Protocol):
        """The part of `reference.runs.Registry` that child work needs."""

        def start_job(self, run_id: str, *, pid: int, command: str, background: bool) -> str: ...

        def end_job(self, job_id: str, status: str = "ended") -> None: ...


TOOLS: tuple[ToolSpec, ...] = (
    ToolSpec(
        name="exec",
        description=(
            "Run a shell command in the workspace and wait for it. Everything it has started is ended when "
            "it ends. With background it goes on after the turn, without its output, until it is cancelled."
        ),
        parameters={
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "the command line for /bin/sh"},
                "background": {"type": "boolean", "default": False},
                "timeout": {"type": "number", "description": "seconds after which the command is ended"},
            },
            "required": ["command"],
        },
    ),
)


def run(
    call: ToolCall,
    *,
    workspace: str,
    deadline: Deadline,
    run_id: str,
    registry: JobRegistry,
    grace: float,
) -> str:
    """Do what the model asked for; the text to answer it with, which also tells of its mistakes.

    `grace` is how many seconds the command gets between SIGTERM and SIGKILL. Raises Stopped when the turn ended
    meanwhile, and Local or OSError if this machine failed; nothing of the command runs any more then.
    """
    if call.name != "exec":
        return f"[error: there is no tool {call.name!r}; use exec or delegate]"
    mistake = problem(call.arguments)
    if mistake:
        return f"[error: {mistake}]"
    from reference.tools.execute import Execution

    seconds = call.arguments.get("timeout")
    return Execution(
        command=str(call.arguments["command"]),
        background=bool(call.arguments.get("background")),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        workspace=workspace,
        grace=grace,
    ).run(deadline, run_id, registry)


def problem(arguments: dict[str, object]) -> str:
    """What is wrong with the arguments; empty if nothing is."""
    command = arguments.get("command")
    if not isinstance(command, str) or not command.strip():
        return "exec needs a command, a string that is not empty"
    if not isinstance(arguments.get("background", False), bool):
        return "background must be true or false"
    seconds = arguments.get("timeout", 1)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
        return "timeout must be a number of seconds above zero"
    return _unsendable(command)


def _unsendable(command: str) -> str:
    """execve(2) takes bytes without a zero, and at most 128 KiB in one argument (MAX_ARG_STRLEN)."""
    if "\0" in command:
        return "command must not contain a zero character"
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return "command must be valid Unicode"
    return "" if size < 128 * 1024 else "command is too long; write a script file and run that"
