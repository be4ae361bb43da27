"""What can go wrong in the orchestrator, as types.

Every failure that a user can meet is one of five kinds, because the kind decides what may happen next, and
nothing here is ever told apart by searching the text of a message:

    OrchestratorError
    ├── Usage      the command or its input is wrong; nothing was changed        exit 2
    ├── Local      this machine: locks, disk, permissions, database, config      exit 1, or 75 when busy
    ├── Retryable  a provider that another model may stand in for                exit 1
    ├── Auth       credentials of one profile cannot be used                     exit 1
    ├── Fatal      the request itself was refused; no other provider is tried    exit 1
    ├── Ambiguous  the work may or may not have been done; it is never rerun     exit 1
    └── Stopped    deadline or signal ended the run                              exit 124, 130 or 143

Only `Retryable` moves a turn on to the next model. What is reported is always the first cause (FLO-2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75  # EX_TEMPFAIL of sysexits.h: the same command may work later
EXIT_TIMEOUT = 124  # as timeout(1)
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_TERMINATED = 143  # 128 + SIGTERM


class OrchestratorError(Exception):
    """A failure with a name.

    `code` is stable and meant for programs; `message` is one sentence for people; `hint` proposes the fix;
    `detail` holds JSON-able facts (a path, a holder, a status), never a secret.
    """

    kind: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = EXIT_FAILED

    def __init__(
        self, code: str, message: str, *, hint: str = "", detail: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.detail = dict(detail or {})

    def document(self) -> dict[str, object]:
        """The error as it stands in the JSON document on stdout."""
        return {
            "kind": self.kind,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "detail": self.detail,
        }


class Usage(OrchestratorError):
    """Bad arguments, names, paths or messages: `unknown-agent`, `bad-name`, `agent-exists`, …"""

    kind = "usage"
    exit_status = EXIT_USAGE


class Local(OrchestratorError):
    """This machine failed: `config-damaged`, `disk-full`, `permission-denied`, `database-busy`, …"""

    kind = "local"


class Busy(Local):
    """Somebody else holds what is needed, beyond the deadline: `session-busy`, `config-busy`."""

    exit_status = EXIT_BUSY


class Retryable(OrchestratorError):
    """The provider failed in a way that another model may not: 429, 5xx, 529, refused, reset, stalled, cut."""

    kind = "retryable"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        hint: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint, detail=detail)
        self.status = status
        self.retry_after = retry_after  # seconds, as the provider asked


class Auth(OrchestratorError):
    """One profile's credentials: `reauthentication-needed`, `no-credentials`, `unauthorized`."""

    kind = "auth"


class Fatal(OrchestratorError):
    """The request was understood and refused: `bad-request`, `context-overflow`, `content-refused`."""

    kind = "fatal"


class Ambiguous(OrchestratorError):
    """Nobody can tell whether a side effect happened: `lost-after-tool`, `gateway-lost`."""

    kind = "ambiguous"


class Stopped(OrchestratorError):
    """The run was ended from outside: `deadline`, `interrupted`, `terminated`, `cancelled`."""

    kind = "stopped"

    def __init__(self, code: str, message: str, *, exit_status: int, hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.status = exit_status
