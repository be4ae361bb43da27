"""npm and the interpreter: the two programs that an installation runs.

npm is the user's own, with the user's own configuration; no registry is named here. It runs in a process
group of its own with scripts off, and that group is gone when `npm_install` returns or raises, whatever the
reason. Failures are told apart by the error code of npm's JSON document, never by searching what it printed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness.errors import ProvisionError

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})
_OPTIONS = (
    "--no-audit",
    "--no-fund",
    "--omit=dev",
    "--omit=peer",
    "--ignore-scripts",
    "--no-engine-strict",  # engines are checked against the interpreter that runs npm, not the one installed
    "--no-update-notifier",
    "--loglevel=error",
    "--json",
)
_OFFLINE = "the package registry cannot be reached: check the network, the proxy and `npm config get registry`"
_NO_ROOM = "free some space, or point PILEUP_CACHE at a folder on a larger disk"
_HINTS = {
    "E404": "your registry does not have that package or version: check both, and `npm config get registry`",
    "ETARGET": "your registry lacks that version, or one that it depends on: choose another version",
    "ENOVERSIONS": "the registry lists no version of the package: choose another target",
    "E401": "your registry asks for a login: `npm login`, or look at `npm config list`",
    "E403": "your registry refuses the package: look at `npm config list`",
    "ENOSPC": _NO_ROOM,
    "EDQUOT": _NO_ROOM,
    "EACCES": "a folder cannot be written: check the owner of the npm cache (`npm config get cache`)",
    "EPERM": "a folder cannot be written: check the owner of the npm cache (`npm config get cache`)",
    "EROFS": "a folder is read-only: point PILEUP_CACHE or npm's cache at one that can be written",
    "EINTEGRITY": "a download does not match its checksum: `npm cache verify`, then the same command again",
    **dict.fromkeys(
        ("ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT"), _OFFLINE
    ),
    **dict.fromkeys(("ENETUNREACH", "EHOSTUNREACH", "ENOTCACHED", "E502", "E503", "E504"), _OFFLINE),
}
_AGAIN = "run the same command again: what was downloaded is kept in npm's cache"
_STOP_GRACE = 1.0  # seconds between TERM and KILL; npm renames into its cache, so KILL harms nothing there
_TAIL_LINES = 12


class ToolMissing(ProvisionError):
    """npm is not installed, or this machine cannot run what would be installed."""


class InstallFailed(ProvisionError):
    """npm ran and failed, or ran out of time; `code` is npm's own error code where it gave one."""

    def __init__(self, message: str, *, hint: str, code: str) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class BrokenInstall(ProvisionError):
    """Everything was installed, and a program of it does not start or is not the one asked for."""


def find_npm(env: Mapping[str, str]) -> str:
    """The npm on PATH; `ToolMissing` when there is none."""
    npm = shutil.which("npm", path=env.get("PATH", os.defpath))
    if npm is None:
        raise ToolMissing(
            "npm was not found on PATH",
            hint="install Node.js with npm (on Debian: apt install nodejs npm); it is needed only to install",
        )
    return npm


def npm_install(folder: Path, *, env: Mapping[str, str], timeout: float, held: int) -> None:
    """Install what `folder/package.json` names into `folder/node_modules`.

    `timeout` is in seconds. npm inherits the descriptor `held`, so that a lock taken on it outlives this
    process for as long as npm does. Raises `ToolMissing` or `InstallFailed`.
    """
    argv = [find_npm(env), "install", *_OPTIONS]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # A signal that came while npm is started would lose it, running and unknown: it waits until we can stop it.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        process = None
        try:
            process = _start_npm(argv, folder, env, out, err, held, usual)
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            message = f"npm did not finish within {timeout:.0f} s{_tail(err)}"
            raise InstallFailed(message, hint=f"{_OFFLINE}; {_AGAIN}", code="ETIMEDOUT") from None
        finally:
            if process is not None:
                _stop_group(process)
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        if status != 0:
            raise _npm_failure(status, out, err)


def check_starts(argv: Sequence[str], *, expect: str, timeout: float) -> None:
    """Run `argv` in an empty home and require exit 0 and `expect` as one word of the first line that it prints.

    That may be on either stream: some programs keep their standard output for answers. Raises `BrokenInstall`.
    """
    with tempfile.TemporaryDirectory(prefix="pileup-check-") as home:
        done = _run_in(home, argv, timeout)
    first_line = (done.stdout.strip() or done.stderr.strip()).decode(errors="replace").partition("\n")[0]
    if done.returncode != 0 or expect not in first_line.split():
        raise _unfitting(argv, done, f", expected {expect!r}")


def warm_up(argv: Sequence[str], home: Path, *, timeout: float) -> None:
    """Run `argv` in this new home, which stays, and require exit 0. Raises `BrokenInstall` and OSError."""
    home.mkdir()
    done = _run_in(str(home), argv, timeout)
    if done.returncode != 0:
        raise _unfitting(argv, done, "")


def _run_in(home: str, argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": os.defpath, "HOME": home, "TMPDIR": home, "TERM": "dumb"}
    try:
        return subprocess.run(argv, env=env, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise BrokenInstall(f"{_shown(argv)} did not end within {timeout:.0f} s", hint=_AGAIN) from None
    except OSError as error:
        hint = "the program needs Linux on x86-64 with the GNU C library"
        raise BrokenInstall(f"{_shown(argv)} cannot be run: {error.strerror}", hint=hint) from error


def _unfitting(argv: Sequence[str], done: subprocess.CompletedProcess[bytes], expected: str) -> BrokenInstall:
    said = _last_lines(done.stdout + done.stderr) or "it printed nothing"
    message = f"{_shown(argv)} gave exit status {done.returncode}{expected}: {said}"
    return BrokenInstall(message, hint="the recipe does not fit this release or this machine")


def _start_npm(
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
    held: int,
    mask: Iterable[int],
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=(held,),
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),  # ours would outlive the exec
            start_new_session=True,  # the terminal's Ctrl-C reaches us alone, and we stop the whole group
        )
    except OSError as error:
        message = f"{argv[0]} cannot be run: {error.strerror}"
        raise ToolMissing(message, hint="reinstall Node.js with npm; it is needed only to install") from error


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """End npm and whatever it started; nothing to do once npm has ended by itself."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also when a second Ctrl-C arrives while waiting
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _npm_failure(status: int, out: IO[bytes], err: IO[bytes]) -> InstallFailed:
    code, summary = _npm_error(_read(out))
    what = summary or f"npm ended with status {status}"
    hint = _HINTS.get(code, _AGAIN)
    return InstallFailed(f"npm install failed{f' ({code})' if code else ''}: {what}{_tail(err)}", hint=hint, code=code)


def _npm_error(document: bytes) -> tuple[str, str]:
    """Code and summary of npm's JSON document; both empty when it left none."""
    try:
        error = json.loads(document)["error"]
        return str(error.get("code") or ""), str(error.get("summary") or "").strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def _read(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()


def _tail(stream: IO[bytes]) -> str:
    lines = _last_lines(_read(stream))
    return f"\nlast lines of npm's output:\n{lines}" if lines else ""


def _last_lines(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])


def _shown(argv: Sequence[str]) -> str:
    return " ".join((Path(argv[0]).name, *(Path(word).name for word in argv[1:])))
