"""Runs a Python program in a fork of the launcher: without exec, without an interpreter's start, without its imports.

Only for programs that are small and ours to choose (a corpus, an example): they find the launcher's modules loaded, and
are known to the kernel by the launcher's name. The code is compiled once, before the first fork, and shared by all.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import CodeType
from typing import NoReturn

_CODE: dict[str, CodeType] = {}


def prepare(path: str) -> CodeType:
    """Compile a program, or find it compiled. Raises OSError, SyntaxError or ValueError."""
    if path not in _CODE:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs start-up time in the launcher
            _CODE[path] = compile(file.read(), path, "exec")
        gc.collect()
        gc.freeze()  # so that a collection in a child does not copy every page of ours
    return _CODE[path]


def run(code: CodeType, argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Be the program, as `python PATH ARGUMENTS` would be, and end with its exit status.

    A schedule may order the starts of programs, which it knows by their first exec; so one is tried that must fail.
    """
    with suppress(OSError):
        os.execve("", ["start"], {})
    sys.argv = list(argv)
    for name in list(os.environ):  # of the launcher, which keeps none; `clear` would cost a fork pages even so
        del os.environ[name]
    for name, value in env.items():
        os.environ[name] = value
    status = 1
    try:
        exec(code, {"__name__": "__main__", "__builtins__": __builtins__, "__file__": argv[0]})
        status = 0
    except SystemExit as end:
        status = _status(end)
    except BaseException:  # noqa: BLE001 - as the interpreter does with whatever a program lets through
        traceback.print_exc()
    finally:
        _end(status)


def _status(end: SystemExit) -> int:
    """sys.exit's argument as an exit status; a text is an error message (library reference, `sys.exit`)."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)  # noqa: T201 - this is the program's own standard error
    return 1


def _end(status: int) -> NoReturn:
    """As the interpreter ends (Py_FinalizeEx): first its threads, then what atexit was told, then the buffers."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        status = status or 120  # as the interpreter does where it cannot flush
    os._exit(status)
