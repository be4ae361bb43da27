"""The adapter as an object: what it must have, of which type, and which capabilities make sense together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from harness.conductor.calls import Family
from harness.lab import Lab
from harness.targets.conformance.check import check, require
from harness.targets.protocol import Capability, VendorNames

# Each member, what it must be, and the sentence that says so.
_MEMBERS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda it: isinstance(it, str) and bool(it), "a string, not empty: the program's name in reports"),
    "version": (lambda it: isinstance(it, str) and bool(it), "a string, not empty: the release, for reports"),
    "argv": (lambda it: _words(it), "a tuple of strings, not empty: how the program is started, without a verb"),
    "capabilities": (
        lambda it: isinstance(it, frozenset) and all(isinstance(each, Capability) for each in it),
        "a frozenset of harness.targets.protocol.Capability",
    ),
    "patience": (
        lambda it: isinstance(it, int | float) and not isinstance(it, bool) and 0 < it < math.inf,
        "a number of seconds above 0: when a command counts as hanging",
    ),
    "needs_tls": (lambda it: isinstance(it, bool), "True or False: whether it needs the fakes' CA in site.ca_file"),
    **dict.fromkeys(
        (
            *("prepare", "command", "read", "config_file", "credentials_files", "profile", "store_credential"),
            *("tool_call", "plant_holder"),
        ),
        (callable, "a method; harness/targets/protocol.py says what of"),
    ),
}
_OPTIONAL: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "names": (lambda it: isinstance(it, VendorNames), "a VendorNames"),
    "too_many": (
        lambda it: isinstance(it, frozenset) and all(isinstance(each, Family) for each in it),
        "a frozenset of harness.conductor.calls.Family",
    ),
    "oauth_client": (lambda it: it is None or isinstance(it, str), "a string, or None"),
    "shared": (
        lambda it: isinstance(it, tuple) and all(isinstance(each, os.PathLike) for each in it),
        "a tuple of paths: folders that all runs share, without state",
    ),
    "in_memory": (lambda it: isinstance(it, bool), "True or False: whether runs may have their folders below /dev/shm"),
    "service": (callable, "a method: service(site) gives the pid of the daemon that commands leave behind, or None"),
    "limited_tool_call": (callable, "a method: limited_tool_call(command, seconds) gives a ToolCall"),
}
# A scenario that needs the first also uses the others.
_NEEDS: Mapping[Capability, tuple[Capability, ...]] = {
    Capability.AGENT_NAMES: (Capability.ADD_AGENTS,),
    Capability.DELETE_AGENTS: (Capability.ADD_AGENTS,),
    Capability.WORKTREES: (Capability.ADD_AGENTS,),
    **dict.fromkeys(
        (
            *(Capability.TIMEOUT, Capability.FAILOVER, Capability.OAUTH, Capability.TOOLS, Capability.GATEWAY),
            *(Capability.RUNS, Capability.SESSIONS, Capability.KEYS),
        ),
        (Capability.TURN,),
    ),
    Capability.SIBLINGS: (Capability.FAILOVER,),
    Capability.PROFILES: (Capability.OAUTH,),
    Capability.BACKGROUND: (Capability.TOOLS, Capability.RUNS),
    Capability.CANCEL: (Capability.RUNS,),
    Capability.GRACE: (Capability.TOOLS,),
    Capability.STEPS: (Capability.TOOLS,),
    Capability.DETACH: (Capability.GATEWAY, Capability.RUNS),
    Capability.RUN_RECORDS: (Capability.RUNS,),
    Capability.SESSION_HOLDER: (Capability.SESSIONS,),
    Capability.LOCK_FILES: (Capability.SESSIONS,),
    Capability.TRANSCRIPTS: (Capability.SESSIONS,),
    Capability.SESSION_NAMES: (Capability.SESSIONS,),
    Capability.LARGE_STATE: (Capability.ADD_AGENTS, Capability.TURN, Capability.RUNS),
}
_METHODS = {
    Capability.TRANSCRIPTS: "transcripts(site, agent)",
    Capability.RUN_RECORDS: "recycle(site, old, new)",
    Capability.LOCK_FILES: "break_lock(site, agent)",
    Capability.SUBAGENTS: "delegation(agent, message)",
    Capability.LARGE_STATE: "grow(site, *, agents, sessions)",
}


def _words(it: object) -> bool:
    return isinstance(it, tuple) and bool(it) and all(isinstance(word, str) for word in it)


@check()
async def test_members(lab: Lab) -> None:
    """Every member of the protocol is there, with its type."""
    for name, (_, must) in _MEMBERS.items():
        require(hasattr(lab.target, name), f"the adapter has no {name}", f"{name} must be {must}")
    for name, (fits, must) in {**_MEMBERS, **_OPTIONAL}.items():
        if hasattr(lab.target, name):
            value = getattr(lab.target, name)
            require(fits(value), f"{name} is {value!r}", f"{name} must be {must}")


@check()
async def test_capabilities_fit_together(lab: Lab) -> None:
    """A capability comes with those that its scenarios use as well, and with its method."""
    has = lab.target.capabilities
    for capability in sorted(has, key=lambda each: each.name):
        for other in _NEEDS.get(capability, ()):
            require(
                other in has,
                f"{capability.name} is claimed without {other.name}",
                f"claim {other.name} too, or leave {capability.name} out",
            )
        method = _METHODS.get(capability, "")
        name = method.partition("(")[0]
        require(
            not method or callable(getattr(lab.target, name, None)),
            f"{capability.name} is claimed, and the adapter has no {name}",
            f"write {method} as the end of harness/targets/protocol.py says, or leave {capability.name} out",
        )
