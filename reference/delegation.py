"""Runs that a turn gives to other agents, and how it is told what came of them.

A delegated run is child work of its turn (`reference.tools`): it goes on beside the turn and does not outlive it.
Its row in the table of runs says whose it is, what was asked and, however it ends, how. It never writes into the
session of its parent, so that nothing is lost when that is busy: the parent takes the results itself, between two
questions to its model, and does not end before it has all of them. A later turn takes what a killed one has left.

Each result becomes a record of the parent's transcript that names the run. No other mark says that a result was
delivered, so that no crash can come between the mark and the delivery. It refuses to run anything twice: what has
no result is told as such, with what was asked, and whether to ask again is the model's decision.
"""

from __future__ import annotations

import json
import sys

from reference import runs, stopping
from reference.config import limit
from reference.errors import Usage
from reference.messages import Message, ToolSpec
from reference.request import Request
from reference.sessions import run_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.database import Row
    from reference.deadline import Deadline
    from reference.home import Home
    from reference.messages import ToolCall
    from reference.parts import Parts
    from reference.runs import Registry
    from reference.tools.job import Job
    from reference.transcript import Transcript

MAX_DEPTH = 3  # runs above a delegated one, by default; limits.maxDepth

SPEC = ToolSpec(
    name="delegate",
    description=(
        "Ask another agent to do something. This returns at once, so that several agents can work at the same "
        "time; what each of them answers, or why it could not, is told to you as soon as you are asked again after "
        "its end. You need not wait for it: a turn does not end before everything that it has delegated."
    ),
    parameters={
        "type": "object",
        "properties": {
            "agent": {"type": "string", "description": "the agent's name"},
            "message": {"type": "string", "description": "what it is to do"},
            "session": {"type": "string", "description": "the agent's session that is to go on; main if left out"},
        },
        "required": ["agent", "message"],
    },
)


class Delegation:
    """What one turn delegates, and what its session is still to be told of."""

    def __init__(self, parts: Parts, home: Home, request: Request, config: dict[str, Any], registry: Registry) -> None:
        self.parts = parts
        self.home = home
        self.request = request
        self.registry = registry
        self.depth = int(limit(config, "maxDepth", MAX_DEPTH))
        self._jobs: list[Job] = []
        self._expecting = True  # whether anything can be owed; at first that may be what an earlier turn has left

    def __enter__(self) -> Delegation:
        return self

    def __exit__(self, *reason: object) -> None:
        """Whatever still runs is not wanted any more. A signal must not cut this short; a second one may."""
        try:
            self._end()
        except BaseException:
            self._end()
            raise

    def start(self, call: ToolCall) -> str:
        """Begin a run as the model asks; the text to answer it with. Raises Local or OSError if this machine failed."""
        from reference.tools.job import Job

        try:
            request = self._requested(call)
            command = self._command(request)
        except Usage as mistake:
            return f"[error: {mistake.code}: {mistake.message}; {mistake.hint}]"
        job = Job(command, workspace=".", background=False, grace=stopping.grace())
        self._jobs.append(job)
        self._expecting = True
        run, agent, session = request.run_id, request.agent, request.session
        self.registry.delegate(run, agent, session, pid=job.keeper, parent=self.request.run_id, message=request.message)
        what = f"delegate {run} to agent {agent}, session {session}"
        self.registry.start_job(self.request.run_id, pid=job.keeper, command=what, background=False)
        job.start()
        return f"[run {run} of agent {agent}, session {session}, has begun; you will be told of its result]"

    def deliver(self, transcript: Transcript, messages: list[Message], deadline: Deadline) -> None:
        """Tell the model of every run that has ended and that it was not told of. Raises what `append` raises."""
        for row in self.owed(messages):
            if row["status"] != "running":
                message = news(row)
                transcript.append(message, deadline)
                messages.append(message)

    def wait(self, messages: list[Message], deadline: Deadline) -> bool:
        """Wait until no delegated run is left running; whether the model is to be told of any. Raises Stopped."""
        while True:
            owed = self.owed(messages)
            running = [row for row in owed if row["status"] == "running"]
            if not running:
                return bool(owed)
            for row in running:
                runs.wait_for(row, deadline)

    def owed(self, messages: list[Message]) -> list[Row]:
        """The session's delegated runs of which this conversation does not tell, those that still run included."""
        if not self._expecting:
            return []
        owed = self.registry.delegated(self.request.agent, self.request.session, without=self.delivered(messages))
        self._expecting = bool(owed)
        return owed

    def delivered(self, messages: list[Message]) -> set[str]:
        """The runs whose results the conversation has."""
        return {message.delivers for message in messages if message.delivers}

    def _requested(self, call: ToolCall) -> Request:
        agent, message, session = (call.arguments.get(name) for name in ("agent", "message", "session"))
        if not isinstance(agent, str) or not isinstance(message, str) or not isinstance(session, str | None):
            raise Usage("bad-request", "delegate needs an agent and a message, both strings", hint="give them")
        chain = run_chain()
        if len(chain) > self.depth:
            raise Usage(
                "delegation-too-deep",
                f"{len(chain)} runs stand one above the other already, at most {self.depth} may delegate",
                hint="do it yourself, or raise limits.maxDepth in the config",
            )
        return Request.checked(
            agent=agent, message=message, session=session, timeout=None, run_id=runs.new_id("r"), chain=" ".join(chain)
        )

    def _command(self, request: Request) -> str:
        """This same program with another request. Its keeper's shell becomes it; what it prints is in its row."""
        import shlex

        from reference.tools import problem

        document = json.dumps(request.fields(), ensure_ascii=False)
        words = shlex.join([sys.executable, *self.parts.program, "delegated", document, "--json"])
        command = f"exec {words} >/dev/null 2>&1"
        if problem({"command": command}):
            raise Usage(
                "message-too-large",
                "the message cannot be handed to another program",
                hint="put the material into a file and name it in the message",
            )
        return command

    def _end(self) -> None:
        from reference.tools.output import Output

        for job in self._jobs:
            job.dismiss()  # all before the first is waited for: their grace periods run at the same time
        for job in self._jobs:
            job.end(Output())


def news(row: Row) -> Message:
    """What the model is told of a delegated run that has ended, marked as not said by the user."""
    return Message(role="user", text=f"<system-reminder>\n{_text(row)}\n</system-reminder>", delivers=row["id"])


def _text(row: Row) -> str:
    run = f"The run {row['id']} that was delegated to agent {row['agent']}, session {row['session']},"
    if row["status"] == "succeeded":
        return f"{run} has succeeded. Its answer:\n{row['text']}"
    error = row["error"] or {"code": row["status"], "message": "", "hint": ""}
    return (
        f"{run} has no result. It {_ENDS[row['status']]}: {error['code']}: {error['message']}\n"
        f"try: {error['hint'] or 'delegate it again'}\n"
        f"It is not run again by itself. What was asked of it:\n{row['message']}"
    )


_ENDS = {
    "failed": "failed",
    "timed-out": "ran out of time",
    "cancelled": "was cancelled",
    "interrupted": "was interrupted",
}
