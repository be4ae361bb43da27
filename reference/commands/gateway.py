"""`gateway run|status|stop`, and the worker that the gateway starts for each run."""

from __future__ import annotations

import os

from reference import identity, stopping, streams
from reference.config import grace
from reference.deadline import Deadline
from reference.errors import Local, Usage
from reference.gateway import client, protocol
from reference.locks import Lock, is_free
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts

_UNRESPONSIVE = "`reference gateway stop` ends it"
_MARGIN = 5.0  # seconds beyond the grace period in which a draining gateway must have ended


def run(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Serve until stopped; the document is printed once the gateway listens.

    Raises Busy(`gateway-running`).
    """
    home.make()
    patience = grace(parts.config_store(home), stopping.DEFAULT_GRACE)  # a damaged config is the runs' problem
    stopping.set_grace(patience + _MARGIN)
    server = parts.gateway_server(parts, home, patience)
    server.listen()
    path = os.path.join(home.path, protocol.SOCKET)
    return Result(
        {"ok": True, "gateway": {"pid": os.getpid(), "socket": path}},
        f"gateway {os.getpid()} is listening at {path}",
        then=server.serve,
    )


def status(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Ask the gateway. Raises Local(`gateway-unresponsive`)."""
    deadline = Deadline.after(client.GREETING_SECONDS)
    connection = client.connect(home, deadline)
    if connection is None:
        return Result({"ok": True, "gateway": None}, "no gateway is listening")
    with connection:
        connection.send({"op": "status"}, deadline)
        answer = connection.receive(deadline)
    try:
        gateway = (answer or {})["gateway"]
        text = f"gateway {gateway['pid']} is listening; runs: {' '.join(gateway['runs']) or 'none'}"
    except (LookupError, TypeError):
        raise Local("gateway-unresponsive", "the gateway does not answer", hint=_UNRESPONSIVE) from None
    return Result({"ok": True, "gateway": gateway}, text)


def stop(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """End the gateway, with SIGKILL if it does not end by itself. Raises Local(`no-gateway`)."""
    lock = Lock(home.lock("gateway"))
    holder = lock.holder()
    pid, started = holder.get("pid"), holder.get("start_time")
    boot = str(holder.get("boot_id"))
    if not isinstance(pid, int) or not isinstance(started, int) or not identity.is_alive(pid, started, boot):
        if not is_free(lock.path):  # raises OSError where it cannot be seen, which does not mean that there is none
            raise Local(
                "gateway-unknown",
                f"a gateway is running here, but {lock.path} does not say which process it is",
                hint=f"find it with `fuser {lock.path}` and send it SIGTERM",
                detail={"lock": lock.path},
            )
        raise Local("no-gateway", "no gateway is running here", hint="start one with `reference gateway run`")
    patience = grace(parts.config_store(home), stopping.DEFAULT_GRACE) + _MARGIN
    ended = identity.end_process(pid, started, boot, Deadline.after(patience), Deadline.after(patience + _MARGIN))
    if not ended:
        raise Local("still-running", f"gateway {pid} does not end, not even by SIGKILL", detail={"pid": pid})
    return Result({"ok": True, "gateway": {"pid": pid, "status": "stopped"}}, f"gateway {pid} has ended")


def worker(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Run one turn for the gateway: request on standard input, events and the document on standard output."""
    from reference.commands.agent import run_here
    from reference.gateway.workers import read_request
    from reference.request import Request

    if not values["lifeline"].isdecimal():
        raise Usage("bad-usage", "--lifeline is not a descriptor", hint="`reference gateway run` starts its workers")
    lifeline = int(values["lifeline"])
    os.set_inheritable(lifeline, False)
    request = Request.from_fields(read_request())
    deadline = parts.arm_deadline(request.timeout)
    stopping.watch(lifeline)
    return run_here(parts, home, request, deadline, _tell)


def _tell(event: dict[str, Any]) -> None:
    """Pass an event on to the gateway. That it has gone is not said here: the lifeline ends the run."""
    try:
        streams.write_output(protocol.encode(event))
    except BrokenPipeError:
        return
