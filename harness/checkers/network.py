"""NET: what a command reaches for outside the services that it was told of."""

from __future__ import annotations

from harness.checkers.judge import CannotDecide, beyond_loopback
from harness.events import ConnectionRefusedHost, Finished, History, NetworkRefused
from harness.verdict import Finding


def no_network_beyond_loopback(history: History) -> list[Finding]:
    """NET-1: no command of the run reached for anything but this machine. One finding for each address of an actor."""
    if not any(True for _ in history.of(Finished)):
        raise CannotDecide("no command came to an end")
    seen: dict[str, tuple[int, ...]] = {}
    refused = [(seq, beyond_loopback(what)) for seq, what in history.of(NetworkRefused)]
    refused += [(seq, beyond_loopback(what)) for seq, what in history.of(ConnectionRefusedHost)]
    for seq, words in refused:
        seen[words] = (*seen.get(words, ()), seq)
    reason = "although everything that it was told of is on this machine"
    return [Finding(rule="NET-1", message=f"{words}, {reason}", evidence=seqs[:3]) for words, seqs in seen.items()]
