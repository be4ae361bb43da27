"""The config file: JSON that people edit by hand and programs change, often at the same time.

A change takes the lock, reads what is there now, changes it, rotates the backups and replaces the file.
Reading takes no lock, as the file is only ever replaced whole. It refuses to guess: a file that cannot be
read as a config is an error that names the newest good backup, never a reason to start from defaults. Keys
that this program does not know are kept, in their order.
"""

from __future__ import annotations

import os

from reference import durable
from reference.deadline import Deadline
from reference.errors import Local
from reference.home import Home, make_private
from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Config = dict[str, Any]

BACKUPS = 3
LOCK_SECONDS = 10.0
LIMITS = ("graceSeconds", "maxDepth", "maxSteps", "sessionWaitSeconds")


class ConfigStore:
    """Reads and changes one config file."""

    __slots__ = ("home", "path")

    def __init__(self, home: Home) -> None:
        self.home = home
        self.path = home.config

    def read(self) -> Config:
        """The config now; empty before first use.

        Raises Local(`config-damaged`, `config-missing`) or OSError.
        """
        path = self.real_path()
        data = self.contents(path)
        return {} if data is None else self.parse(data, path)

    def change(self, edit: Callable[[Config], None], deadline: Deadline) -> Config:
        """Apply `edit` to the config under its lock, durably; the config afterwards.

        Whatever `edit` raises leaves the file as it was. Raises Busy(`config-busy`), Local or OSError.
        """
        path = self.real_path()
        self.contents(path)  # a link into nowhere is an error before a lock is made there
        with self.lock(path).acquire(deadline.sooner(LOCK_SECONDS)):
            before = self.contents(path)
            config = {} if before is None else self.parse(before, path)
            edit(config)
            self.write(path, config, before)
        return config

    def lock(self, path: str) -> Lock:
        """The lock of the real file, beside it: two homes whose configs are links to one file share it."""
        folder, name = os.path.split(path)
        locks = os.path.join(folder, "locks")
        make_private(locks)
        stem = name.removesuffix(".json")
        return Lock(os.path.join(locks, f"{stem}.lock"), code="config-busy", what=path)

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Put the config in place, keeping the old one as a backup, its permissions and its owner."""
        data = encode(config)
        if before is None:
            durable.replace(path, data)
        else:
            durable.replace(path, data, os.stat(path).st_mode & 0o777, before_rename=lambda: rotate(path))

    def real_path(self) -> str:
        """Where the file really lies."""
        return durable.real_path(self.path)

    def parse(self, data: bytes, path: str) -> Config:
        """Raises Local(`config-damaged`) naming the file, the place and the newest good backup."""
        from reference import jsonfile

        try:
            return check_shape(jsonfile.parse_object(data))
        except jsonfile.Damaged as error:
            raise damaged(path, error.reason, error.line, error.column) from None

    def contents(self, path: str) -> bytes | None:
        """The file's bytes, None before first use. Raises Local(`config-missing`) or OSError."""
        data = _bytes(path)
        if data is None and (path != self.path or newest_good_backup(path) is not None):
            # The first writers may have made the file and its backup between two looks of ours: look once more. That is
            # enough, because a file that is only ever replaced is never absent again.
            data = _bytes(path)
            if data is None:
                raise _missing(path)
        return data


def _bytes(path: str) -> bytes | None:
    try:
        return durable.read(path)
    except FileNotFoundError:
        return None


def check_shape(config: Config) -> Config:
    """The parts that this program relies on have the right types. Raises jsonfile.Damaged."""
    from reference import jsonfile

    for key, kind, name in (
        ("agents", dict, "an object"),
        ("models", list, "a list"),
        ("providers", dict, "an object"),
        ("limits", dict, "an object"),
    ):
        if not isinstance(config.get(key, kind()), kind):
            raise jsonfile.Damaged(f'"{key}" must be {name}')
    for name, agent in config.get("agents", {}).items():
        if not isinstance(agent, dict) or not isinstance(agent.get("workspace"), str):
            raise jsonfile.Damaged(f'agent "{name}" must be an object with a "workspace"')
    if not all(isinstance(model, str) and "/" in model for model in config.get("models", [])):
        raise jsonfile.Damaged('"models" must list names like "anthropic/claude-sonnet-4-6"')
    for name, provider in config.get("providers", {}).items():
        if not isinstance(provider, dict):
            raise jsonfile.Damaged(f'provider "{name}" must be an object')
    for name in LIMITS:
        value = config.get("limits", {}).get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e6:
            raise jsonfile.Damaged(f'limit "{name}" must be a number from 0 to 1000000')
    return config


def encode(config: Config) -> bytes:
    """Text for people: indented, and in their own alphabet where the file's encoding allows it."""
    import json

    try:
        return json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, written as an escape
        return json.dumps(config, indent=2, allow_nan=False).encode() + b"\n"


def limit(config: Config, name: str, default: float) -> float:
    """One number of the config's `limits`."""
    return float(config.get("limits", {}).get(name, default))


def grace(store: ConfigStore, default: float) -> float:
    """`limits.graceSeconds` for whoever ends something, which a config that cannot be read must not prevent."""
    try:
        return limit(store.read(), "graceSeconds", default)
    except (Local, OSError):
        return default


def backup_path(path: str, number: int) -> str:
    """Backup 1 is the newest."""
    return f"{path}.bak.{number}"


def newest_good_backup(path: str) -> str | None:
    """The newest backup that is a config, if there is one."""
    from reference import jsonfile

    for number in range(1, BACKUPS + 1):
        backup = backup_path(path, number)
        try:
            check_shape(jsonfile.parse_object(durable.read(backup)))
        except (FileNotFoundError, jsonfile.Damaged):
            continue
        return backup
    return None


def damaged(path: str, reason: str, line: int = 0, column: int = 0) -> Local:
    """The error for a config that cannot be used; the file is left exactly as it is."""
    backup = newest_good_backup(path)
    place = f", line {line} column {column}" if line else ""
    hint = "repair the file by hand; there is no good backup"
    if backup:
        hint = f"repair the file, or restore {backup} with `reference doctor --fix`"
    return Local(
        "config-damaged",
        f"{path}{place}: {reason}",
        hint=hint,
        detail={"path": path, "line": line, "column": column, "backup": backup},
    )


def _missing(path: str) -> Local:
    backup = newest_good_backup(path)
    hint = "a link points there: mount or create what it points to, or remove the link"
    if backup:
        hint = f"restore {backup} with `reference doctor --fix`, or remove the backups to start afresh"
    return Local(
        "config-missing",
        f"{path} is gone, but it was there before",
        hint=hint,
        detail={"path": path, "backup": backup},
    )


def rotate(path: str) -> None:
    """Move the backups up by one; the newest becomes a second name of the file as it is now."""
    for number in range(BACKUPS - 1, 0, -1):
        try:
            os.rename(backup_path(path, number), backup_path(path, number + 1))
        except FileNotFoundError:
            continue
    folder, name = os.path.split(path)
    temporary = durable.temporary_name(folder, name)
    try:
        os.link(path, temporary)
        os.rename(temporary, backup_path(path, 1))
    except PermissionError:  # a file system without hard links (link(2): EPERM)
        durable.discard(temporary)
        durable.replace(backup_path(path, 1), durable.read(path))
    except BaseException:
        durable.discard(temporary)
        raise
