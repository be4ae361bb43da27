"""One turn of an agent: the user's message in, tools and other agents as the model asks, the final answer out.

The order matters: the run is recorded first, so that it can be seen and cancelled while it waits; then the
session is locked, and only then is anybody asked. A local failure therefore reaches no provider (FLO-1).
The turn refuses to rerun anything: every answer and every tool result is recorded before the next step.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import NamedTuple

from reference import sessions, stopping
from reference.config import limit
from reference.deadline import Deadline
from reference.delegation import SPEC
from reference.errors import Local, OrchestratorError, Stopped, from_oserror
from reference.messages import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from reference.delegation import Delegation
    from reference.home import Home
    from reference.messages import Attempt, Reply, ToolCall
    from reference.parts import Parts, SessionLock
    from reference.request import Request
    from reference.runs import Registry

    Emit = Callable[[dict[str, Any]], None]

MAX_STEPS = 50  # answers of the model in one turn, by default; limits.maxSteps
RECORDING_SECONDS = 1.0  # for writing down how a stopped run ended

# What a tool has started ends with it, this turn and its background work included.
_NO_BACKGROUND = "[error: this turn was asked for by another, and its background work would end with it; wait for it]"

_STATUSES = {"deadline": "timed-out", "gateway-lost": "interrupted"}


class Outcome(NamedTuple):
    """A turn that succeeded."""

    run: dict[str, Any]
    text: str
    attempts: tuple[Attempt, ...]


class Turn:
    """The work of one request, in this process."""

    def __init__(self, parts: Parts, home: Home, request: Request, deadline: Deadline, emit: Emit) -> None:
        self.parts = parts
        self.home = home
        self.request = request
        self.deadline = deadline
        self.emit = emit
        self.attempts: list[Attempt] = []
        self.started = False

    def run(self) -> Outcome:
        """Do it. Raises OrchestratorError with the run and the attempts in its context."""
        config = self.parts.config_store(self.home).read()
        entry = self.parts.agent_entry(config, self.request.agent)
        stopping.set_grace(limit(config, "graceSeconds", stopping.DEFAULT_GRACE))
        with self.parts.run_registry(self.home, self.deadline) as registry:
            return self._recorded(registry, config, entry)

    def _recorded(self, registry: Registry, config: dict[str, Any], entry: dict[str, Any]) -> Outcome:
        """Work, and record how it ended, whichever way."""
        try:
            self._start(registry)
            text = self._locked(registry, config, entry)
            run = self._succeeded(registry, text)
        except OSError as error:
            raise self._failed(registry, from_oserror(error)) from None
        except OrchestratorError as error:
            raise self._failed(registry, error) from error.__cause__
        except BaseException as error:
            stopped = stopping.in_place_of(error)
            if stopped is not None:
                raise self._failed(registry, stopped) from error
            self._failed(registry, OrchestratorError("internal", "an error that should not happen"))
            raise
        return Outcome(run=run, text=text, attempts=tuple(self.attempts))

    def _start(self, registry: Registry) -> None:
        request = self.request
        registry.start(request.run_id, request.agent, request.session, pid=os.getpid(), via=request.via)
        self.started = True
        self.emit({"event": "started", "run": request.run_id, "pid": os.getpid()})

    def _succeeded(self, registry: Registry, text: str) -> dict[str, Any]:
        """The run as recorded. The answer stands in the transcript: a busy table does not make it a failure."""
        try:
            return shown(registry.finish(self.request.run_id, "succeeded", text=text))
        except Local as lost:
            return self._unrecorded("succeeded") | {"not_recorded": lost.document()}

    def _failed(self, registry: Registry, error: OrchestratorError) -> OrchestratorError:
        """The same error, with the run as it is recorded now."""
        self.attempts += error.attempts
        status = ended_as(error)
        error.context["attempts"] = [a._asdict() for a in self.attempts]
        error.context["run"] = self._unrecorded(status)
        if not self.started:
            return error
        registry.patience(Deadline.after(RECORDING_SECONDS))
        try:
            error.context["run"] = shown(registry.finish(self.request.run_id, status, error=error.document()))
        except Local as lost:  # our row still says "running"; readers will see that our process is gone
            error.detail["not_recorded"] = lost.document()
        return error

    def _unrecorded(self, status: str) -> dict[str, Any]:
        request = self.request
        return {"id": request.run_id, "agent": request.agent, "session": request.session, "status": status}

    def _locked(self, registry: Registry, config: dict[str, Any], entry: dict[str, Any]) -> str:
        request = self.request
        workspace = checked_workspace(entry["workspace"])
        until = self.deadline.sooner(limit(config, "sessionWaitSeconds", sessions.WAIT_SECONDS))
        session = self.parts.session_lock(self.home, request.agent, request.session, request.run_id)
        owner = f"{request.agent}.{request.session}"
        place = self.parts.workspace_lock(self.home, workspace, owner, request.run_id)
        sessions.enter_run(
            self.home, request.run_id, request.chain
        )  # before the locks, which ask whose tool this run is
        with _held(session, until, self._waiting), _held(place, until, self._waiting):
            return self._converse(registry, config, workspace)

    def _waiting(self, busy: Local) -> None:
        """Say that this run waits, for whom, and what comes if that takes too long."""
        message = f"waiting: {busy.message}; limits.sessionWaitSeconds or --timeout bounds this, then comes {busy.code}"
        self.emit({"event": "waiting", "run": self.request.run_id, "message": message})

    def _converse(self, registry: Registry, config: dict[str, Any], workspace: str) -> str:
        transcript = self.parts.transcript(
            self.home.transcript(self.request.agent, self.request.session), self.request.run_id
        )
        messages = transcript.begin(Message(role="user", text=self.request.message), self.deadline)
        with self.parts.delegation(self.parts, self.home, self.request, config, registry) as delegation:
            for _ in range(int(limit(config, "maxSteps", MAX_STEPS))):
                delegation.deliver(transcript, messages, self.deadline)
                reply = self._ask(config, messages)
                answer = Message(role="assistant", text=reply.text, tool_calls=reply.tool_calls)
                transcript.append(answer, self.deadline)
                messages.append(answer)
                for call in reply.tool_calls:
                    result = self._run_tool(registry, delegation, call, workspace)
                    transcript.append(result, self.deadline)
                    messages.append(result)
                if not reply.tool_calls and not delegation.wait(messages, self.deadline):
                    return reply.text
        raise Local(
            "too-many-steps",
            "the model went on asking for tools",
            hint="raise limits.maxSteps in the config, or split the task",
        )

    def _ask(self, config: dict[str, Any], messages: list[Message]) -> Reply:
        reply, attempts = self.parts.complete(
            models=config.get("models", []),
            providers=config.get("providers", {}),
            messages=messages,
            tools=(*self.parts.tools().TOOLS, SPEC),
            deadline=self.deadline,
            cooldowns=self.parts.cooldowns(self.home),
            auth=self.parts.auth(self.home),
        )
        self.attempts += attempts
        for attempt in attempts:
            self.emit({"event": "attempt", "run": self.request.run_id, **attempt._asdict()})
        answer: Reply = reply
        return answer

    def _run_tool(self, registry: Registry, delegation: Delegation, call: ToolCall, workspace: str) -> Message:
        self.emit({"event": "tool", "run": self.request.run_id, "name": call.name, "id": call.id})
        if call.name == SPEC.name:
            return Message(role="tool", text=delegation.start(call), tool_call_id=call.id)
        if call.arguments.get("background") is True and self.request.chain and self.request.via == "local":
            return Message(role="tool", text=_NO_BACKGROUND, tool_call_id=call.id)
        text = self.parts.tools().run(
            call,
            workspace=workspace,
            deadline=self.deadline,
            run_id=self.request.run_id,
            registry=registry,
            grace=stopping.grace(),
        )
        return Message(role="tool", text=text, tool_call_id=call.id)


@contextmanager
def _held(lock: SessionLock, until: Deadline, waiting: Callable[[Local], object]) -> Iterator[None]:
    """Wait for a lock and keep it. A deadline that comes while somebody else has it is reported as who has it."""
    try:
        try:
            lock.acquire(until, waiting)
        except Stopped as stopped:
            if stopped.code != "deadline":
                raise
            raise lock.busy() from None
        yield
    finally:
        lock.release()


def ended_as(error: OrchestratorError) -> str:
    """The status of a run that ended with this error."""
    return _STATUSES.get(error.code, "cancelled") if isinstance(error, Stopped) else "failed"


def checked_workspace(path: str) -> str:
    """The agent's folder, if it is there. Raises Local(`workspace-missing`)."""
    if os.path.isabs(path) and os.path.isdir(path):
        return path
    raise Local(
        "workspace-missing",
        f"the agent's workspace {path} is not the absolute path of a folder",
        hint="create it again, or delete the agent and add it with another workspace",
        detail={"path": path},
    )


def shown(run: dict[str, Any]) -> dict[str, Any]:
    """A run as it stands in the document of `agent`."""
    names = ("id", "agent", "session", "status", "pid", "started")
    seconds = round((run["finished"] or time.time()) - run["started"], 3)
    return {name: run[name] for name in names} | {"seconds": seconds}
