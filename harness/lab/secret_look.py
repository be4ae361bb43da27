"""Where tokens and API keys stand that should not: files, their names, and command lines. Looking records, no more."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fakes.events import fingerprint
from harness.events import FileSeen, SecretSeen
from harness.lab.leaks import Leaks, beginning, halves
from harness.processes import tree
from reports.redact import held, hide

if TYPE_CHECKING:
    from harness.lab import Lab
    from harness.lab.elsewhere import Elsewhere


class SecretLook:
    """The part of the lab's eyes that knows the secrets. Values never leave it: records have fingerprints."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._leaks = Leaks(lab.site.root)
        self._known: frozenset[str] = frozenset()  # API keys
        self._open: set[Path] = set()  # files that hold one
        self._kept: dict[Path, Counter[str]] = {}  # how often they stand in a file, if they do

    def exposed(self) -> None:
        """Each file of the home that holds a token and that not only its owner may read, temporaries included."""
        for path, mode in self._leaks.exposed(self._lab.site.home, self._lab.secrets()):
            self._lab.record(_exposed(path, mode))

    def keys_open(self) -> None:
        """Keep in mind which files hold API keys that are known by now, and are open to others."""
        self._known = self._lab.api_keys()
        self._open = {path for path, _ in self._leaks.exposed(self._lab.site.home, self._known)}

    def keys_opened(self) -> None:
        """Each other file of the home that holds one of these keys and that not only its owner may read."""
        for path, mode in self._leaks.exposed(self._lab.site.home, self._known):
            if path not in self._open:
                self._lab.record(_exposed(path, mode))

    def secrets(self) -> None:
        """Search every file of the home and its name, but for those that hold credentials, for the fakes' tokens."""
        allowed = {os.path.realpath(path) for path in self._lab.target.credentials_files(self._lab.site)}
        for path in self._leaks.files(self._lab.site.home):
            if os.path.realpath(path) not in allowed:
                name = str(path.relative_to(self._lab.site.root))
                for found in held(f"{name}\0{beginning(path)}", self._lab.secrets()):
                    where = hide(name, self._lab.secrets())
                    self._lab.record(SecretSeen(where=where, fingerprint=fingerprint(found)))

    def keys_kept(self) -> None:
        """Keep in mind how often the API keys that are known by now stand in each file: there the target keeps them."""
        self._known = self._lab.api_keys()
        sought = {*self._known, *halves(self._known)}  # a database may break one at the end of a page
        found = {path: _times(beginning(path), sought) for path in self._written()}
        self._kept = {path: times for path, times in found.items() if times}

    def keys(self) -> None:
        """Search for these keys once more: they stand elsewhere, or more often than before.

        What is named after a file that keeps them is its journal or its backup, and credentials are theirs. Half a key
        counts as well, but for files that keep some.
        """
        parts = halves(self._known)
        stores = {*map(os.fspath, self._kept), *map(os.fspath, self._lab.target.credentials_files(self._lab.site))}
        for path in self._written():
            before = self._kept.get(path)
            if before is None and any(os.fspath(path).startswith(store) for store in stores):
                continue
            text, where = beginning(path), str(path.relative_to(self._lab.site.root))
            whole = _times(text, self._known)
            for key in whole - (before or Counter()):
                self._lab.record(SecretSeen(where=where, fingerprint=fingerprint(key)))
            cut = {parts[half] for half in held(text, parts)} - whole.keys() if before is None else set[str]()
            for key in sorted(cut):
                self._lab.record(SecretSeen(where=f"{where}, cut in half", fingerprint=fingerprint(key)))

    def _written(self) -> Iterator[Path]:
        """All that the target may have written."""
        site = self._lab.site
        for folder in (site.home, site.workspaces, site.tmp):
            yield from self._leaks.files(folder)

    def keys_astray(self) -> None:
        """Each API key of one provider that another one was shown, which was shown a key of its own as well."""
        shown = self._lab.fakes.shown_keys
        for provider, keys in shown.items():
            others = {key: other for other, found in shown.items() for key in found if other != provider}
            for key in sorted(keys & others.keys()) if len(keys) > 1 else ():
                where = f"a request to {provider}, and in one to {others[key]}"
                self._lab.record(SecretSeen(where=where, fingerprint=fingerprint(key)))

    def keys_elsewhere(self, other: Elsewhere, led_by: str) -> None:
        """Each API key, or token, that a server was shown to which nothing but a provider's answer leads."""
        secrets = self._lab.secrets() | self._lab.api_keys()
        shown = {key for keys in other.fakes.shown_keys.values() for key in keys}
        where = f"a request to another server than {led_by}'s, to which its answer had led (a redirect)"
        for key in sorted(secrets):
            if key in shown or fingerprint(key) in other.redeemed:
                self._lab.record(SecretSeen(where=where, fingerprint=fingerprint(key)))

    def command_lines(self) -> None:
        """Search the command lines of all that runs, which everybody on the machine can read, for tokens and keys."""
        secrets = self._lab.secrets() | self._lab.api_keys()
        for seen in tree.below(self._lab.launcher.pid):
            words = beginning(Path(f"/proc/{seen.pid}/cmdline"))
            for found in held(words, secrets):
                where = f"the command line of a process of {seen.actor or 'the run'}"
                self._lab.record(SecretSeen(where=where, fingerprint=fingerprint(found)))


def _exposed(path: Path, mode: int) -> FileSeen:
    return FileSeen(role="exposed", path=str(path), exists=True, size=0, digest="", parses=None, mode=mode)


def _times(text: str, keys: Collection[str]) -> Counter[str]:
    """How often each of the keys stands in a text, once at least if it does so in another form only."""
    return Counter({key: max(text.count(key), 1) for key in held(text, keys)})
