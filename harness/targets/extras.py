"""What an adapter may have beside the protocol, and how it is asked for. Most need none of it.

`names`, `too_many`, `oauth_client`, `shared` and `in_memory` are attributes, and `service` and `limited_tool_call` are
methods, that are taken as empty where an adapter has none. The other methods are what single scenarios ask for; only an
adapter that claims the capability has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fakes.script import ToolCall
from harness.conductor.calls import Family
from harness.targets.protocol import Site, Target, VendorNames


def unstopped(target: Target) -> frozenset[Family]:
    """The families of calls that a target makes by the ten thousand, so that stopping them would cost minutes.

    A scheduled run leaves them out: the target's reads, or its shared locks, then belong to the turn before them.
    """
    return getattr(target, "too_many", frozenset())


def oauth_client(target: Target) -> str | None:
    """The id of the OAuth client that the target is registered as, if the adapter says so: `oauth_client`."""
    return getattr(target, "oauth_client", None)


def shared_folders(target: Target) -> Sequence[Path]:
    """Folders outside the site that all runs share, for an adapter with `shared`: they save time and hold no state."""
    return getattr(target, "shared", ())


def in_memory(target: Target) -> bool:
    """Whether the target's runs may have their folders below /dev/shm, as an adapter says with `in_memory`.

    Not for a program that gives its tools a /dev of their own, as sandboxes do: they would not see their folder.
    """
    return getattr(target, "in_memory", False)


def vendor_names(target: Target) -> VendorNames:
    """The host names that are to lead to the fakes: the adapter's `names`, if it has any."""
    return getattr(target, "names", VendorNames())


def service(target: Target, site: Site) -> int | None:
    """The process that the target's commands start by themselves and leave behind for the commands after them.

    For an adapter with `service(site)`, which gives its pid: from a file that the program keeps, say. None as long as
    there is none in this home, or for a program that starts none. It has to end by SIGTERM.
    """
    named = getattr(target, "service", None)
    pid: int | None = None if named is None else named(site)
    return pid


def transcripts(target: Target, site: Site, agent: str) -> Sequence[Path]:
    """The files that hold an agent's sessions, for an adapter that claims TRANSCRIPTS: its `transcripts(site, agent)`.

    None before the agent's first turn.
    """
    found: Sequence[Path] = getattr(target, "transcripts")(site, agent)  # noqa: B009 - only such adapters have it
    return found


def delegation(target: Target, agent: str, message: str) -> ToolCall:
    """How a model asks this target to have another agent do something, and does not wait for it.

    For an adapter that claims SUBAGENTS: its `delegation(agent, message)`.
    """
    call: ToolCall = getattr(target, "delegation")(agent, message)  # noqa: B009 - only such adapters have it
    return call


def limited_tool_call(target: Target, command: str, seconds: int) -> ToolCall | None:
    """How a model gives a shell command only so many seconds; None where the program's tool takes no limit.

    For an adapter with `limited_tool_call(command, seconds)`.
    """
    limited = getattr(target, "limited_tool_call", None)
    call: ToolCall | None = None if limited is None else limited(command, seconds)
    return call


def recycle(target: Target, site: Site, old: int, new: int) -> bool:
    """Have every record of a run that names the process `old` name `new`, as if the kernel had reused the number.

    Nothing else of the records changes, as nothing else does when a number is given out again. For an adapter that
    claims RUN_RECORDS: its `recycle(site, old, new)`. False: no record names it.
    """
    return bool(getattr(target, "recycle")(site, old, new))  # noqa: B009 - only such adapters have it


def break_lock(target: Target, site: Site, agent: str) -> bool:
    """Delete the file of a session's lock, as people do who find one in their way.

    For an adapter that claims LOCK_FILES: its `break_lock(site, agent)`. False: there is none.
    """
    return bool(getattr(target, "break_lock")(site, agent))  # noqa: B009 - only such adapters have it


def grow(target: Target, site: Site, *, agents: int, sessions: int) -> None:
    """Multiply the one agent, session and run that are there, until there are so many, of agents "agent0" and on.

    For an adapter that claims LARGE_STATE: its `grow(site, agents=…, sessions=…)`. It multiplies what the program has
    written itself, so that every file and row is a real one. Raises LabError when there is not exactly one.
    """
    getattr(target, "grow")(site, agents=agents, sessions=sessions)  # noqa: B009 - only such adapters have it
