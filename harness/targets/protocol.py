"""What a target is: a translator, and nothing else.

An adapter turns intents into commands and what was left behind into outcomes. It never starts a process, never waits,
never judges. Whatever it cannot express it leaves out of `capabilities`, and scenarios that need it are UNSUPPORTED.
What only some adapters have stands in `extras`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import ClassVar, Protocol

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from harness.outcome import Outcome

UNREACHABLE = "http://127.0.0.1:1"  # tcpmux: needs privileges to listen on, so that a connection is refused


class Capability(Enum):
    """What a scenario may need of a target."""

    ADD_AGENTS = "adds named entries to a config file: agents, or what stands for them"
    AGENT_NAMES = "knows its agents by name, and takes a name once"
    DELETE_AGENTS = "deletes agents again"
    TURN = "runs a turn of an agent"
    TIMEOUT = "bounds a turn by --timeout"
    FAILOVER = "goes through a list of models"
    SIBLINGS = "goes through several models of one provider"
    KEYS = "shows providers API keys that stand in its config, and not in its environment"
    OAUTH = "keeps refreshable OAuth credentials"
    PROFILES = "keeps several credential profiles in one store, and a model can be asked with either"
    TOOLS = "runs shell commands as child work"
    GRACE = "can be told how long child work may take to end"
    STEPS = "can be told how many answers of its model a turn may take"
    BACKGROUND = "leaves wanted background work behind under a handle"
    RUNS = "lists its runs"
    CANCEL = "cancels a run or a background job by its handle"
    GATEWAY = "has a gateway that owns runs"
    DETACH = "lets a gateway go on with a turn for which nobody waits"
    SESSION_HOLDER = "records who holds a session"
    LOCK_FILES = "keeps the lock of a session in a file that can be deleted"
    RUN_RECORDS = "records which process does a run"
    WORKTREES = "adds an agent in a new worktree of a git repository"
    SESSIONS = "goes on with a session from one run to the next"
    SESSION_NAMES = "takes any name for a session, and begins one that it does not know"
    TRANSCRIPTS = "keeps a session's turns in a file, a record on each line"
    LARGE_STATE = "can be given the state of a large team after a year"
    CHECK_UP = "finds what crashes leave in its state, and repairs it on request"
    SUBAGENTS = "lets a turn have other agents work at the same time, and tells it what came of that"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAgent:
    """`worktree_of` is a git repository of which the workspace is to be a new worktree, on a branch of its own."""

    verb: ClassVar[str] = "agents add"
    name: str
    workspace: str
    worktree_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAgent:
    verb: ClassVar[str] = "agents delete"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAgents:
    verb: ClassVar[str] = "agents list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message to one agent. `timeout` in seconds; `gateway` sends it through the gateway.

    With `detached` as well the command ends once the gateway has accepted the turn.
    """

    verb: ClassVar[str] = "agent"
    agent: str
    message: str
    session: str | None = None
    timeout: float | None = None
    gateway: bool = False
    detached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuns:
    """The runs that are alive, or with `everything` also those that have ended."""

    verb: ClassVar[str] = "runs list"
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    verb: ClassVar[str] = "runs cancel"
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUp:
    """Look at the program's own state; with `repair` also put right what can be."""

    verb: ClassVar[str] = "doctor"
    repair: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGateway:
    verb: ClassVar[str] = "gateway run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Words given to the target as they are, for bad input that no intent can express."""

    verb: ClassVar[str] = "raw"
    words: tuple[str, ...]


Intent = AddAgent | DeleteAgent | ListAgents | Turn | ListRuns | CancelRun | CheckUp | RunGateway | Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorNames:
    """Vendors' host names that no setting of the program points elsewhere: where calls stop, they lead to the fakes.

    Most programs let the C library look names up, and then nothing else is needed. `in_files` answers the program's
    openings of /etc/hosts and its like as well, for one with a resolver of its own (static, musl, c-ares): every
    opening of a file then stops, which can double the time of a program that opens thousands.
    """

    hosts: frozenset[str] = frozenset()
    in_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a run takes place: everything that a target may touch."""

    root: Path
    home: Path
    workspaces: Path
    tmp: Path
    url: str  # the fakes, all of them on one port
    ca_file: Path  # the test CA of the fakes' TLS side, in PEM; written for targets that need it
    named: bool = False  # whether the target's names lead to the fakes in this run: they do where calls stop
    layout: Mapping[str, str] = field(default_factory=dict)  # where an agent's workspace is, if not in one of its name

    def workspace(self, agent: str) -> Path:
        return self.workspaces / self.layout.get(agent, agent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the config is to say before the first command.

    Providers: anthropic, gemini, codex; and with PROFILES other, which is codex again with the other credential.
    """

    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ("anthropic", "gemini", "codex")  # in failover order
    siblings: tuple[str, ...] = ()  # providers of which another model comes right after the first, with SIBLINGS
    credential: SeededCredential | None = None  # of the codex provider
    other_credential: SeededCredential | None = None  # a second profile in the same store, the provider other's
    extra: Mapping[str, object] = field(default_factory=dict)  # keys that the target does not know
    entry_extra: Mapping[str, object] = field(
        default_factory=dict
    )  # the same within an agent's entry, where one has room
    unreachable: tuple[str, ...] = ()  # providers whose port refuses connections
    idle_seconds: float | None = None  # how long a provider may be silent, where the target can be told
    grace_seconds: float | None = None  # how long child work may take to end, where the target can be told
    session_wait_seconds: float | None = None  # how long a run waits for a held session, where the target can be told
    max_steps: int | None = None  # how many answers of its model a turn may take, where the target can be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line with its whole environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command left: its status (negative: the signal), and both streams as text."""

    code: int
    stdout: str
    stderr: str


class Target(Protocol):
    """One program under test."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def argv(self) -> tuple[str, ...]:
        """How the program is started, without a verb."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def patience(self) -> float:
        """Seconds that one command may take on an idle machine before it counts as hanging."""
        ...

    @property
    def needs_tls(self) -> bool:
        """Whether the fakes' CA is to stand in `site.ca_file`, for a program that insists on HTTPS."""
        ...

    def prepare(self, site: Site, setup: Setup) -> None:
        """Write the target's files into the site. Nothing outside it is touched."""
        ...

    def command(self, site: Site, intent: Intent) -> Command:
        """The command line for an intent that the capabilities promise; another may raise ValueError."""
        ...

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        """What a command said. Never raises, whatever it printed, and claims nothing that does not stand there."""
        ...

    def config_file(self, site: Site) -> Path:
        """The file that an add changes, JSON or TOML, below the site's home. Without ADD_AGENTS nobody reads it."""
        ...

    def credentials_files(self, site: Site) -> Sequence[Path]:
        """Every file that holds credentials, present or not."""
        ...

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        """What the store holds for "main" or "other" now, without interpretation; None when it is not there."""
        ...

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        """Put a newer credential into the store, as another program (or an older version) would: without a lock."""
        ...

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        """How a model asks this target to run a shell command."""
        ...

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        """Leave the session-holder record that a crashed run with this pid would have left. False: it keeps none."""
        ...
