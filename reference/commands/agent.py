"""`agent`: one turn, in the gateway when one is listening, otherwise in this process; turns that others delegate."""

from __future__ import annotations

import os

from reference import options, stopping, streams
from reference.config import limit
from reference.deadline import Deadline
from reference.errors import Local, OrchestratorError, Usage, from_oserror
from reference.request import Request
from reference.result import Result
from reference.runs import new_id
from reference.sessions import run_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts
    from reference.turn import Emit


def run(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Run one turn. Raises OrchestratorError."""
    if values["local"] and values["detach"]:
        raise Usage("bad-usage", "--local and --detach exclude each other", hint="a detached run needs the gateway")
    request = Request.checked(
        agent=values["agent"],
        message=values["message"],
        session=values["session"],
        timeout=options.seconds(values, "timeout"),
        run_id=new_id("r"),
        chain=" ".join(run_chain()),
    )
    deadline = parts.arm_deadline(request.timeout)
    config = parts.config_store(home).read()
    parts.agent_entry(config, request.agent)
    stopping.set_grace(limit(config, "graceSeconds", stopping.DEFAULT_GRACE))
    if not values["local"]:
        client = parts.gateway_client()
        connection = client.connect(home, deadline)
        if connection is not None:
            with connection:
                result: Result = client.run(connection, request, deadline, detach=bool(values["detach"]))
                return result
        if values["detach"]:
            raise Local("no-gateway", "no gateway is listening here", hint="start one with `reference gateway run`")
    return run_here(parts, home, request, deadline, _tell)


def run_delegated(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Run the turn that another run has put on record. However it fails, the record says how. Raises as `run` does."""
    from reference.gateway import protocol
    from reference.turn import RECORDING_SECONDS, ended_as

    request = Request.from_fields(protocol.decode(os.fsencode(values["request"])) or {})
    deadline = parts.arm_deadline(request.timeout)
    try:
        return run_here(parts, home, request, deadline, _tell)
    except (OrchestratorError, OSError) as problem:  # perhaps before the turn had begun
        error = from_oserror(problem) if isinstance(problem, OSError) else problem
        with parts.run_registry(home, Deadline.after(RECORDING_SECONDS)) as registry:
            registry.finish(request.run_id, ended_as(error), error=error.document())
        raise


def _tell(event: dict[str, Any]) -> None:
    """Of what happens meanwhile, people are told that their run waits for another (OPS-4)."""
    if event["event"] == "waiting":
        streams.write_diagnostics(f"reference: {event['message']}")


def run_here(parts: Parts, home: Home, request: Request, deadline: Deadline, emit: Emit) -> Result:
    """Run the turn in this process. Raises OrchestratorError."""
    from reference.turn import Turn

    outcome = Turn(parts, home, request, deadline, emit).run()
    document = {
        "ok": True,
        "run": outcome.run,
        "text": outcome.text,
        "attempts": [a._asdict() for a in outcome.attempts],
        "via": request.via,
    }
    return Result(document, outcome.text)
