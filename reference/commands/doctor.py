"""`doctor`: what a crash or a slip of the hand can leave behind, and its repair.

Without --fix nothing is changed but what every command does (dead runs are recorded as interrupted).
Nothing is ever thrown away: what cannot be used is put aside under a new name.
"""

from __future__ import annotations

import functools
import os
import time

from reference import auth, config, durable, identity, locks
from reference.auth.store import pending_path
from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Local, OrchestratorError, Stopped, from_oserror
from reference.gateway import protocol
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts
    from reference.worktrees.note import Note

_SECONDS = 5.0


class Problem:
    """One finding; `repair` is None where only a person can help."""

    __slots__ = ("code", "fixed", "message", "path", "repair")

    def __init__(self, code: str, path: str, message: str, repair: Callable[[], None] | None) -> None:
        self.code = code
        self.path = path
        self.message = message
        self.repair = repair
        self.fixed = False

    def try_repair(self) -> None:
        """Repair it if that can be done; otherwise its message says why not. Raises Stopped."""
        if self.repair is None:
            return
        try:
            self.repair()
            self.fixed = True
        except Stopped:
            raise
        except (OrchestratorError, OSError) as error:
            problem = from_oserror(error) if isinstance(error, OSError) else error
            self.message += f"; it could not be repaired: {problem.message} ({problem.hint})"

    def document(self) -> dict[str, Any]:
        """As it is shown."""
        return {"code": self.code, "path": self.path, "message": self.message, "fixed": self.fixed}


def run(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Look at everything. Raises Local(`problems-found`) when something is left to do."""
    if not os.path.isdir(home.path):
        return Result({"ok": True, "problems": []}, f"{home.path} does not exist yet: nothing to repair")
    problems = _repaired(parts, home) if values["fix"] else [*_unwritable(home), *_problems(parts, home)]
    lines = [f"{'repaired' if p.fixed else 'found'}: {p.message}" for p in problems]
    found = [p.document() for p in problems]
    if all(p.fixed for p in problems):
        return Result({"ok": True, "problems": found}, "\n".join(lines) or "all is well")
    can_repair = not values["fix"] and any(p.repair is not None for p in problems)
    hint = "repair it with `reference doctor --fix`" if can_repair else "what is left needs a person"
    error = Local("problems-found", "; ".join(lines), hint=hint)
    error.context["problems"] = found
    raise error


def _repaired(parts: Parts, home: Home) -> list[Problem]:
    """What was found, repaired as far as it can be: first that the lock can be made, and all the rest under it."""
    problems = []
    for problem in _unwritable(home):  # at once: each folder lies in the one before
        problem.try_repair()
        problems.append(problem)
    with _alone(home):
        found = list(_problems(parts, home))
        for problem in found:
            problem.try_repair()
    return problems + found


def _alone(home: Home) -> locks.Lock:
    """One repair at a time: a second would put aside what the first has just made."""
    what = f"the repair of {home.path}"
    return locks.Lock(home.make().lock("doctor"), code="doctor-busy", what=what).acquire(Deadline.after(_SECONDS))


def _problems(parts: Parts, home: Home) -> Iterator[Problem]:
    yield from _permissions(home)
    for path, look in (
        (home.config, _config(home)),
        (home.credentials, _credentials(home)),
        (home.path, _cooldowns(home)),
        (home.runs, _database(parts, home)),
        (home.path, _temporaries(home)),
        (home.locks, _records(home)),
        (home.worktrees, _worktrees(home)),
        (home.path, _socket(home)),
    ):
        try:
            yield from look
        except OSError as error:  # of what cannot be looked at nothing is known; the rest can be
            problem = from_oserror(error, "" if error.filename else path)
            yield Problem(problem.code, path, f"{problem.message} ({problem.hint})", None)


def _config(home: Home) -> Iterator[Problem]:
    store = config.ConfigStore(home)
    try:
        store.read()
    except Local as error:
        backup = config.newest_good_backup(store.real_path())
        repair = None if backup is None else lambda: _restore(store)
        how = f"; the newest good backup is {backup}" if backup else f" ({error.hint})"
        yield Problem(error.code, store.path, error.message + how, repair)


def _restore(store: config.ConfigStore) -> None:
    """Put the newest good backup in place, unless whoever had the lock has written a good config meanwhile."""
    path = store.real_path()
    with store.lock(path).acquire(Deadline.after(_SECONDS)):
        try:
            store.read()
            return
        except Local:
            backup = config.newest_good_backup(path)
            if backup is None:
                raise
        data, was = durable.read(backup), os.stat(backup)

        def put_aside() -> None:
            if os.path.exists(path):
                _put_aside(path)

        # Only once the new one is written: a full disk leaves the damaged one where it was.
        owner = was.st_uid, was.st_gid
        durable.replace(path, data, was.st_mode & 0o777, owner=owner, before_rename=put_aside)


def _credentials(home: Home) -> Iterator[Problem]:
    """A token that cannot be read is for a person to save, or to replace by a new sign-in."""
    try:
        found = auth.status(home)
    except Local as error:
        yield Problem(error.code, home.credentials, f"{error.message} ({error.hint})", None)
        return
    for profile in found:
        if "problem" in profile:
            message = f"profile {profile['profile']!a}: {profile['problem']} (sign in again)"
            yield Problem("credentials-damaged", home.credentials, message, None)


def _cooldowns(home: Home) -> Iterator[Problem]:
    cooldowns = Cooldowns(home)
    try:
        cooldowns.active(())
    except Local as error:
        yield Problem(error.code, cooldowns.path, error.message, lambda: _put_aside(cooldowns.path))


def _database(parts: Parts, home: Home) -> Iterator[Problem]:
    """Opening the table and reading it also records the runs that a crash left."""
    if not durable.exists(home.runs):
        return
    try:
        with parts.run_registry(home, Deadline.after(_SECONDS)) as registry:
            registry.verify()
            registry.reconcile()
    except Local as error:
        if error.code == "database-damaged":
            yield Problem(error.code, home.runs, error.message, lambda: _drop_database(home))
        else:
            yield Problem(error.code, home.runs, f"{error.message} ({error.hint})", None)


def _drop_database(home: Home) -> None:
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(home.runs + suffix):
            _put_aside(home.runs + suffix)


def _temporaries(home: Home) -> Iterator[Problem]:
    """Files that a killed writer left; its pid stands in the name."""
    linked = (config.ConfigStore(home).real_path(), durable.real_path(home.credentials), pending_path(home, ""))
    for folder in sorted({home.path, home.worktrees, *map(os.path.dirname, linked)}):
        for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            pid, path = durable.writer_of(entry), os.path.join(folder, entry)
            if pid is not None and identity.start_time(pid) is None:
                yield Problem("temporary-left", path, f"{path} was left by a killed writer", _remover(path))


def _records(home: Home) -> Iterator[Problem]:
    """Locks that nobody holds but whose record names a holder: a crash. They block nobody."""
    if not os.path.isdir(home.locks):
        return
    for entry in sorted(os.listdir(home.locks)):
        path = os.path.join(home.locks, entry)
        if os.path.isfile(path) and os.path.getsize(path) and locks.is_free(path):
            yield Problem("holder-record-left", path, f"{path} names a holder that is gone", _releaser(path))


def _releaser(path: str) -> Callable[[], None]:
    def repair() -> None:
        lock = locks.Lock(path)
        if lock.try_acquire():
            lock.release()

    return repair


def _worktrees(home: Home) -> Iterator[Problem]:
    """What adds that were killed have left in git repositories."""
    if not os.path.isdir(home.worktrees):
        return
    from reference.worktrees import note as notes

    for file in notes.files(home):
        try:
            note = notes.read(file)
        except Local as error:
            yield Problem(error.code, file, error.message, functools.partial(_put_aside, file))
            continue
        if note is not None and note.is_left:
            message = f"{note.workspace} and the branch {note.branch} were left by a killed add"
            yield Problem("worktree-left", note.workspace, message, functools.partial(_take_back, home, note))


def _take_back(home: Home, note: Note) -> None:
    from reference import agents, worktrees
    from reference.worktrees.halves import take_back_left

    store = config.ConfigStore(home)
    with worktrees.lock(home, note.repository).acquire(Deadline.after(_SECONDS)):
        take_back_left(note, lambda path: agents.works_in(store.read(), path))


def _socket(home: Home) -> Iterator[Problem]:
    path = os.path.join(home.path, protocol.SOCKET)
    if protocol.is_socket(path):
        if locks.is_free(home.lock("gateway")):
            message = f"{path} was left by a killed gateway"
            yield Problem("socket-left", path, message, lambda: _without_gateway(home, path, os.unlink))
    elif os.path.lexists(path):
        message = f"{path} is no socket, and no gateway can listen there"
        yield Problem("not-a-socket", path, message, lambda: _without_gateway(home, path, _put_aside))


def _without_gateway(home: Home, path: str, repair: Callable[[str], None]) -> None:
    """Repair it unless a gateway has begun meanwhile: then it is that one's, and has already taken its place."""
    lock = locks.Lock(home.lock("gateway"))
    if lock.try_acquire():
        with lock:
            repair(path)


def _permissions(home: Home) -> Iterator[Problem]:
    for path, mode in ((home.path, 0o700), (home.credentials, 0o600), (home.runs, 0o600)):
        if os.path.exists(path) and os.stat(path).st_mode & 0o077:
            yield Problem("permissions", path, f"{path} can be read by others", _chmod(path, mode))


def _unwritable(home: Home) -> Iterator[Problem]:
    for path in (home.path, home.locks, home.sessions):
        if os.path.isdir(path) and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Problem("not-writable", path, f"{path} cannot be written by this user", _chmod(path, 0o700))


def _chmod(path: str, mode: int) -> Callable[[], None]:
    return lambda: os.chmod(path, mode)


def _remover(path: str) -> Callable[[], None]:
    return lambda: os.unlink(path)


def _put_aside(path: str) -> None:
    os.rename(path, f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
