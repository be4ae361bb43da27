"""Which files of a home hold tokens, and which of those others may read. Quick enough to be asked at every write."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from harness.contents import contents
from reports.redact import held

_WHOLE = 4 << 20  # bytes of a file that are searched for tokens
_STORE = 64 << 10  # the same between two writes: a store of credentials is smaller, a database's log is not
_TICK_NS = 20_000_000  # two changes within a tick of the kernel's clock, 10 ms at most, may leave the same times


class Leaks:
    """The files of one run's homes; keeps in mind which ones it found to be harmless."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._harmless: dict[str, tuple[int, ...]] = {}

    def files(self, home: Path) -> list[Path]:
        """A home's files, its links to other files of the run among them, but not those to a program elsewhere.

        Codex links to its own binary, and searching some hundred megabytes at every look would hold it up for minutes.
        """
        return sorted(map(Path, self._below(os.fspath(home))))

    def exposed(self, home: Path, secrets: Collection[str]) -> Iterator[tuple[Path, int]]:
        """The files that hold one of the secrets and that not only their owner may read, each with its permissions."""
        for name in self._below(os.fspath(home)):
            facts = _facts(name, len(secrets))
            if facts is None or self._harmless.get(name) == facts:
                continue
            there = contents(Path(name), at_most=_STORE)
            if there.mode is not None and there.mode & 0o077 and held(_text(there.data), secrets):
                yield Path(name), there.mode
            else:
                self._harmless[name] = facts

    def _below(self, folder: str) -> Iterator[str]:
        # Texts, and what reading the folder says of each entry: a Path and a call for each took more than the search.
        try:
            entries = list(os.scandir(folder))
        except OSError:  # it has gone meanwhile, or may not be read
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(entry.path)
            elif not entry.is_symlink() or self._leads_here(entry.path):
                yield entry.path

    def _leads_here(self, link: str) -> bool:
        return os.path.commonpath((self._root, os.path.realpath(link))) == self._root


def halves(keys: Collection[str]) -> dict[str, str]:
    """Each half of each key, with the key: whoever cuts a text before the keys are taken out of it may leave one.

    The few characters by which people tell their keys apart are far less.
    """
    middles = {key: (len(key) + 1) // 2 for key in keys}
    return {half: key for key, middle in middles.items() for half in (key[:middle], key[-middle:])}


def beginning(path: Path) -> str:
    """The first few MiB of a file as text; nothing of one that has gone meanwhile."""
    return _text(contents(path, at_most=_WHOLE).data)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _facts(name: str, known: int) -> tuple[int, ...] | None:
    """What differs once a file has changed, or once more secrets are known; None for what has gone.

    A file that has changed just now is like no other: it may change once more without being any newer.
    """
    try:
        facts = os.stat(name)  # noqa: PTH116 - as in `_below`
    except OSError:
        return None
    now = time.time_ns()
    recent = now if now - facts.st_ctime_ns < _TICK_NS else 0
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, known, recent
