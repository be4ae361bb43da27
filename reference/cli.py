"""From arguments to exactly one document on standard output and one exit status.

This is the only place that prints results and chooses exit statuses. Commands return a Result or raise;
they never print. Whatever happens, with --json standard output gets one JSON document.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import time

from reference import commands, stopping, streams
from reference.errors import EXIT_FAILED, Local, OrchestratorError, from_oserror
from reference.home import Home
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from reference.parts import Parts


# New objects between two looks of the collector. A command makes some 30,000 that live until its end, most by its
# imports: with the default of 700 it looks through them dozens of times, a tenth of a turn, for nothing.
YOUNG_OBJECTS = 100_000


def main(parts: Parts, argv: list[str]) -> int:
    """Run one command; the exit status."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        status = _main(parts, argv)
        stopping.disarm()
        return status
    finally:
        gc.freeze()  # or the interpreter looks through everything twice more before it ends


def _main(parts: Parts, argv: list[str]) -> int:
    parts.prepare()
    os.umask(os.umask(0o077) & 0o077)  # whatever the user's says, what we make we must be able to open again
    output = Output(parts, "--json" in argv)
    sys.excepthook = output.uncaught
    stopping.install()
    try:
        result = _run(parts, argv, output)
    except OrchestratorError as error:
        result = failed(parts, error)
    except OSError as error:
        result = failed(parts, from_oserror(error))
    except Exception as error:
        stopped = stopping.in_place_of(error)
        if stopped is None:
            raise
        result = failed(parts, stopped)
    if result.then is not None:
        return output.follow(result, result.then)
    stopping.finish()
    return output.write(result)


def failed(parts: Parts, error: OrchestratorError) -> Result:
    """The result of a failed command, with what its run had done until then."""
    text = f"reference: {error.message}"
    if error.hint:
        text += f"\n  try: {error.hint}"
    document = {"ok": False, "error": error.document(), **error.context}
    return Result(document, text, exit_status=parts.exit_status(error))


def _run(parts: Parts, argv: list[str], output: Output) -> Result:
    found, words = commands.find(argv)
    if isinstance(found, str):
        return Result({"ok": True, "text": found}, found)
    values = found.parse(words)
    output.as_json = bool(values["json"])
    result: Result = found.load()(parts, Home.from_environment(), values)
    return result


class Output:
    """Where the one document goes, also when nobody foresaw the error."""

    __slots__ = ("as_json", "parts", "written")

    def __init__(self, parts: Parts, as_json: bool) -> None:
        self.parts = parts
        self.as_json = as_json
        self.written = False

    def write(self, result: Result) -> int:
        """Print the result; its exit status. A success that nobody could be told of is no success."""
        if self.written:
            return result.exit_status
        self.written = True
        succeeded = bool(result.document["ok"])
        if not succeeded:
            streams.write_diagnostics(result.text)
        try:
            if self.as_json:
                self.parts.write_output(result.json())
            elif succeeded:
                self.parts.write_output((result.text + "\n").encode("utf-8", "backslashreplace"))
        except OSError as error:
            problem = from_oserror(error, "standard output")
            streams.write_diagnostics(f"reference: the result could not be written: {problem.message}")
            return result.exit_status or EXIT_FAILED
        return result.exit_status

    def follow(self, result: Result, then: Callable[[], int]) -> int:
        """Print the result, then go on; what goes wrong from here on is a diagnostic."""
        self.write(result)
        try:
            return then()
        except OrchestratorError as error:
            result = failed(self.parts, error)
        except OSError as error:
            result = failed(self.parts, from_oserror(error))
        streams.write_diagnostics(result.text)
        return result.exit_status

    def uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """The interpreter's last resort: a bug of ours ends as a document too, its traceback in a file."""
        if isinstance(error, SystemExit):  # under PYTHONINSPECT our own end comes here too, and a prompt would follow
            os._exit(error.code if isinstance(error.code, int) else EXIT_FAILED)
        known = error if isinstance(error, OrchestratorError) else _of_the_machine(error)
        result = failed(self.parts, known or _internal(error))
        os._exit(self.write(result))


def _of_the_machine(error: BaseException) -> OrchestratorError | None:
    """The typed failure where the interpreter itself cannot go on: to write a traceback would take memory too."""
    if isinstance(error, MemoryError):
        return from_oserror(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
    if isinstance(error, ImportError) and error.path and not str(error.name).startswith("reference"):
        hint = "raise the limits (`ulimit -v`, `ulimit -n`) if some are set, or install Python again"
        return Local("library-unusable", f"a library cannot be loaded: {error.msg}", hint=hint)
    return None


def _internal(error: BaseException) -> OrchestratorError:
    path = _write_traceback(error)
    where = f"; the traceback is in {path}" if path else ""
    return OrchestratorError(
        "internal",
        f"an error that should not happen: {type(error).__name__}{where}",
        hint="report it, with that file",
        detail={"type": type(error).__name__, "traceback": path},
    )


def _write_traceback(error: BaseException) -> str:
    """Put the traceback into the state directory; its path, or the empty string where that failed too."""
    import traceback

    path = os.path.join(Home.from_environment().path, f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt")
    text = "".join(traceback.format_exception(error))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return ""
    with os.fdopen(descriptor, "w", errors="backslashreplace") as file:
        file.write(text)
    return path
