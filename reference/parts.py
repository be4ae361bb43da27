"""The seam: every policy that can be replaced, in one record.

`python -m reference` runs with `Parts.default()`; a variant replaces one field and nothing else. Each field
is a callable that imports what it needs when it is called, because `agents add` must not pay for the HTTP
client. A plain class and not a dataclass for the same reason: that module alone costs 12 ms at start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from reference.config import ConfigStore
    from reference.deadline import Deadline
    from reference.delegation import Delegation
    from reference.errors import Local, OrchestratorError
    from reference.gateway.server import Server
    from reference.home import Home
    from reference.request import Request
    from reference.runs import Registry
    from reference.transcript import Transcript

    Complete = Callable[..., Any]

    class SessionLock(Protocol):
        """The lock of one session, or of one workspace, for one run."""

        def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
            """Wait for it, telling `waiting` before who has it. Raises `busy()`."""

        def busy(self) -> Local:
            """The refusal, naming the holder."""

        def release(self) -> None:
            """Give it up; harmless when it is not held."""


class Parts:
    """The policies of one program; immutable.

    program         arguments for the interpreter that start this same program again (the gateway's workers)
    config_store    how the config file is read and changed
    session_lock    who may write a session now: (home, agent, session, run id)
    workspace_lock  who may work in a directory now: (home, path, agent and session, run id)
    run_registry    the table of runs
    transcript      a session's records: (path, run id)
    complete        `reference.failover.complete`
    cooldowns       which provider rests after a failure: (home)
    auth            `reference.auth.Credentials`: (home)
    tools           `reference.tools`: TOOLS and run
    delegation      `reference.delegation.Delegation`: (parts, home, request, config, registry)
    gateway_client  the client's end of the gateway: `reference.gateway.client`
    gateway_server  the gateway itself: (parts, home, grace period)
    agent_entry     the config's entry of an agent: (config, name), or Usage
    arm_deadline    makes --timeout interrupt whatever hangs
    prepare         the standard streams, before anything is read or written
    worktrees       `reference.worktrees`: add
    write_output    bytes to standard output
    exit_status     the exit status of a failure
    """

    __slots__ = (
        "agent_entry",
        "arm_deadline",
        "auth",
        "complete",
        "config_store",
        "cooldowns",
        "delegation",
        "exit_status",
        "gateway_client",
        "gateway_server",
        "prepare",
        "program",
        "run_registry",
        "session_lock",
        "tools",
        "transcript",
        "workspace_lock",
        "worktrees",
        "write_output",
    )

    program: tuple[str, ...]
    config_store: Callable[[Home], ConfigStore]
    session_lock: Callable[[Home, str, str, str], SessionLock]
    workspace_lock: Callable[[Home, str, str, str], SessionLock]
    worktrees: Callable[[], Any]
    run_registry: Callable[[Home, Deadline], Registry]
    complete: Complete
    cooldowns: Callable[[Home], Any]
    auth: Callable[[Home], Any]
    tools: Callable[[], Any]
    delegation: Callable[[Parts, Home, Request, dict[str, Any], Registry], Delegation]
    transcript: Callable[[str, str], Transcript]
    gateway_client: Callable[[], Any]
    gateway_server: Callable[[Parts, Home, float], Server]
    agent_entry: Callable[[dict[str, Any], str], dict[str, Any]]
    arm_deadline: Callable[[float | None], Deadline]
    prepare: Callable[[], None]
    write_output: Callable[[bytes], None]
    exit_status: Callable[[OrchestratorError], int]

    def __init__(self, **fields: Any) -> None:
        if fields.keys() != set(self.__slots__):
            raise TypeError(f"parts do not match: {sorted(fields.keys() ^ set(self.__slots__))}")
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Parts are immutable: use replace()")

    def replace(self, **changes: Any) -> Parts:
        """The same parts but for these. Raises TypeError for a name that is no part."""
        return Parts(**({name: getattr(self, name) for name in self.__slots__} | changes))

    @classmethod
    def default(cls) -> Parts:
        """The parts that keep every rule."""
        return cls(
            program=("-m", "reference"),
            config_store=_config_store,
            session_lock=_session_lock,
            workspace_lock=_workspace_lock,
            worktrees=_worktrees,
            run_registry=_run_registry,
            complete=_complete,
            cooldowns=_cooldowns,
            auth=_auth,
            tools=_tools,
            delegation=_delegation,
            transcript=_transcript,
            gateway_client=_gateway_client,
            gateway_server=_gateway_server,
            agent_entry=_agent_entry,
            arm_deadline=_arm_deadline,
            prepare=_prepare,
            write_output=_write_output,
            exit_status=_exit_status,
        )


def _config_store(home: Home) -> ConfigStore:
    from reference.config import ConfigStore

    return ConfigStore(home)


def _session_lock(home: Home, agent: str, session: str, run_id: str) -> SessionLock:
    from reference.sessions import SessionLock

    return SessionLock(home, agent, session, run_id)


def _workspace_lock(home: Home, path: str, owner: str, run_id: str) -> SessionLock:
    from reference.workspaces import WorkspaceLock

    return WorkspaceLock(home, path, owner, run_id)


def _worktrees() -> Any:
    from reference import worktrees

    return worktrees


def _run_registry(home: Home, deadline: Deadline) -> Registry:
    from reference.runs import Registry

    return Registry.open(home, deadline)


def _complete(**arguments: Any) -> Any:
    from reference import failover

    return failover.complete(**arguments)


def _cooldowns(home: Home) -> Any:
    from reference import failover

    return failover.Cooldowns(home)


def _auth(home: Home) -> Any:
    from reference import auth

    return auth.Credentials(home)


def _tools() -> Any:
    from reference import tools

    return tools


def _delegation(parts: Parts, home: Home, request: Request, config: dict[str, Any], registry: Registry) -> Delegation:
    from reference.delegation import Delegation

    return Delegation(parts, home, request, config, registry)


def _transcript(path: str, run_id: str) -> Transcript:
    from reference.transcript import Transcript

    return Transcript(path, run_id)


def _gateway_client() -> Any:
    from reference.gateway import client

    return client


def _gateway_server(parts: Parts, home: Home, grace: float) -> Server:
    from reference.gateway.server import Server

    return Server(parts, home, grace)


def _agent_entry(config: dict[str, Any], name: str) -> dict[str, Any]:
    from reference.agents import agent_entry

    return agent_entry(config, name)


def _arm_deadline(seconds: float | None) -> Deadline:
    from reference import stopping

    return stopping.arm(seconds)


def _prepare() -> None:
    from reference import streams

    streams.prepare()


def _write_output(data: bytes) -> None:
    from reference import streams

    streams.write_output(data)


def _exit_status(error: OrchestratorError) -> int:
    return error.exit_status
