"""What can go wrong in the orchestrator, as types.

Every failure that a user can meet is one of seven kinds, because the kind decides what may happen next, and
nothing here is ever told apart by searching the text of a message:

    OrchestratorError
    ├── Usage      the command or its input is wrong; nothing was changed        exit 2
    ├── Local      this machine: locks, disk, permissions, database, config      exit 1, or 75 when busy
    ├── Retryable  a provider that another model may stand in for                exit 1
    ├── Auth       credentials of one profile cannot be used                     exit 1
    ├── Fatal      the request itself was refused; no other provider is tried    exit 1
    ├── Ambiguous  the work may or may not have been done; it is never rerun     exit 1
    └── Stopped    deadline or signal ended the run                              exit 124, 129, 130 or 143

Only `Retryable` moves a turn on to the next model, and `Auth` to one that needs another credential; it is
`reference.failover` that decides. What is reported is always the first cause (FLO-2).
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False  # `typing` costs 5 ms at start; type checkers take this name for True
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from reference.messages import Attempt

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75  # EX_TEMPFAIL of sysexits.h: the same command may work later
EXIT_TIMEOUT = 124  # as timeout(1)
EXIT_HUNG_UP = 129  # 128 + SIGHUP
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_TERMINATED = 143  # 128 + SIGTERM


class OrchestratorError(Exception):
    """A failure with a name.

    `code` is stable and meant for programs; `message` is one sentence for people; `hint` proposes the fix;
    `detail` holds JSON-able facts (a path, a holder, a status), never a secret. `attempts` are the tries at
    models that led here (FLO-2); `context` is what else stands in the failed command's document: its run.
    """

    kind: ClassVar[str] = "internal"
    usual_hint: ClassVar[str] = ""  # for those of a kind that name no fix of their own
    exit_status: int = EXIT_FAILED

    def __init__(self, code: str, message: str, *, hint: str = "", detail: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or self.usual_hint
        self.detail = dict(detail or {})
        self.attempts: tuple[Attempt, ...] = ()
        self.context: dict[str, object] = {}

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
    """The provider failed in a way that another may not: 429, 5xx, 529, refused, reset, stalled, cut."""

    kind = "retryable"
    usual_hint = "run it again later, or add another model to `models` in config.json"

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
    usual_hint = "change what was refused: the message, or the model in config.json"


class Ambiguous(OrchestratorError):
    """Nobody can tell whether a side effect happened: `gateway-lost`, `worker-lost`."""

    kind = "ambiguous"


class Stopped(OrchestratorError):
    """The run was ended from outside: `deadline`, `interrupted`, `terminated`, `hung-up`, `gateway-lost`."""

    kind = "stopped"

    def __init__(self, code: str, message: str, *, exit_status: int, hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.exit_status = exit_status


# errno -> (code, what to do about it). Everything else is `io-error`.
_OS_CODES: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("disk-full", "free some space on that file system, then run the command again"),
    errno.EDQUOT: ("disk-full", "your quota is used up: free some space, then run the command again"),
    errno.EFBIG: ("file-too-large", "raise the limit with `ulimit -f`"),
    errno.EROFS: (
        "read-only",
        "the file system is mounted read-only; set REFERENCE_HOME to a writable folder",
    ),
    errno.EACCES: ("permission-denied", "give yourself read and write permission there"),
    errno.EPERM: ("permission-denied", "give yourself read and write permission there"),
    errno.EMFILE: ("out-of-descriptors", "raise the limit with `ulimit -n`"),
    errno.ENFILE: ("out-of-descriptors", "the system's file table is full: close some programs"),
    errno.EAGAIN: ("out-of-processes", "end some programs, or raise the limit with `ulimit -u`"),  # of fork(2)
    errno.ENOMEM: ("out-of-memory", "end some programs, or raise the limit with `ulimit -v`"),
    errno.ENOENT: ("path-missing", "create it, or name another one"),
    errno.ENOTDIR: ("not-a-directory", "a part of that path is a file: move it away, or name another path"),
    errno.EISDIR: ("is-a-directory", "a directory stands where a file should be: move it away"),
    errno.ENXIO: ("not-a-file", "a pipe, a socket or a device stands where a file should be: move it away"),
    errno.ELOOP: ("symlink-loop", "follow the symbolic links with `namei -l` and break the loop"),
    errno.EADDRINUSE: ("address-taken", "something else than a gateway's socket stands there: move it away"),
    errno.ENAMETOOLONG: ("path-too-long", "use a shorter path"),
}


# What ran out where no path says so.
_LIMITS: Mapping[int, str] = {
    errno.EMFILE: "open files of one process (ulimit -n)",
    errno.ENFILE: "open files of the system (fs.file-max)",
    errno.EAGAIN: "processes of one user (ulimit -u)",
    errno.ENOMEM: "memory (ulimit -v)",
    errno.EFBIG: "size of a file (ulimit -f)",
}


def from_oserror(error: OSError, path: str = "") -> Local:
    """The typed failure for a system call's error, told apart by errno, naming the path or the limit in question."""
    if not path and error.filename is not None:
        path = str(error.filename)
    code, hint = _OS_CODES.get(error.errno or 0, ("io-error", "look at the system's log for that device"))
    reason = (error.strerror or type(error).__name__).lower()
    where = f" for {path}" if path else ""
    detail: dict[str, object] = {"errno": errno.errorcode.get(error.errno or 0, ""), "path": path}
    if limit := _LIMITS.get(error.errno or 0):
        detail["limit"] = limit
    return Local(code, f"the system refused{where}: {reason}", hint=hint, detail=detail)
