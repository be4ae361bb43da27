"""Whether loopback carries anything: in a network namespace that has just been made (`unshare -n`) it is down."""

from __future__ import annotations

import socket

ADVICE = "where it is down, bring it up: ip link set lo up"
_SECONDS = 5.0  # for a connection that no network is in the way of


def trouble() -> str:
    """Why no program can reach a fake here, "" when it can. Tried, as some let one listen where nobody can connect."""
    does = "listened on"
    try:
        with socket.socket() as listener, socket.socket() as client:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            does = "connected to"
            client.settimeout(_SECONDS)
            client.connect(listener.getsockname())
    except OSError as error:
        return f"127.0.0.1 cannot be {does}: {error.strerror or error}"
    return ""
