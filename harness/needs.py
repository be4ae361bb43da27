"""What no run can do without, on any machine: a loopback that carries something, and the /proc of its own processes.

Loopback is down in a network namespace that has just been made. Without these each target would be blamed for what it
cannot reach, and for processes that nobody can see.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 5.0  # for a connection that no network is in the way of
_BRING_UP = "where it is down, bring it up: ip link set lo up"
_MOUNT = "mount it there, as `unshare --mount-proc` does"


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is not as it has to be, and what helps."""

    finding: str
    advice: str


def lacking() -> Lack | None:
    """The first thing that is lacking here."""
    return loopback() or proc()


def loopback() -> Lack | None:
    """Whether a program can reach a fake. Tried, as some let one listen where nobody can connect."""
    does = "listened on"
    try:
        with socket.socket() as listener, socket.socket() as client:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            does = "connected to"
            client.settimeout(_SECONDS)
            client.connect(listener.getsockname())
    except OSError as error:
        return Lack(f"127.0.0.1 cannot be {does}: {error.strerror or error}", _BRING_UP)
    return None


def proc() -> Lack | None:
    """Whether /proc is that of our own pid namespace: of another, it shows strangers under our pids (proc(5))."""
    try:
        shown = Path("/proc/self").readlink().name
    except OSError as error:
        return Lack(f"/proc cannot be read: {error.strerror}", _MOUNT)
    if shown != str(os.getpid()):
        return Lack(f"/proc is that of another pid namespace: it says that we are {shown}, not {os.getpid()}", _MOUNT)
    return None
