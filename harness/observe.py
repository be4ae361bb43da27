"""Readers of what a target leaves on disk: whole documents, credentials, workspaces. They change nothing."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.events import FileSeen, WorkspaceSeen
from harness.targets.protocol import Site, Target


def look_at_document(role: str, path: Path) -> FileSeen:
    """Read a JSON file as any other program would: at once, without a lock."""
    try:
        data = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return FileSeen(role=role, path=str(path), exists=False, size=0, digest="", parses=None)
    facts: dict[str, object] = {}
    try:
        document = json.loads(data)
        parses = isinstance(document, dict)
        facts = {"keys": sorted(document)} if parses else {}
    except ValueError:
        parses = False
    return FileSeen(
        role=role, path=str(path), exists=True, size=len(data), digest=digest(data), parses=parses, mode=mode,
        facts=facts,
    )  # fmt: skip


def look_at_credentials(target: Target, site: Site, when: str) -> Iterator[FileSeen]:
    """Each file of credentials, and each profile in them by fingerprint: values never leave the file."""
    for path in target.credentials_files(site):
        yield look_at_document("credentials", path)
    for which in ("main", "other"):
        profile = target.profile(site, which)
        data = json.dumps(profile, sort_keys=True).encode() if profile is not None else b""
        yield FileSeen(
            role=f"profile {which}", path=which, exists=profile is not None, size=len(data), digest=digest(data),
            parses=None, facts={"when": when},
        )  # fmt: skip


def look_at_workspace(folder: Path, when: str) -> WorkspaceSeen:
    """Fingerprint names, sizes, times and contents of all files below a folder."""
    summary = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        try:
            facts = path.lstat()
            summary.update(f"{path.relative_to(folder)}\0{facts.st_mode}\0{facts.st_size}\0".encode(errors="replace"))
            if stat.S_ISREG(facts.st_mode):
                summary.update(f"{facts.st_mtime_ns}\0".encode())
                summary.update(path.read_bytes())
        except FileNotFoundError:  # it went away while we looked: that shows in the next fingerprint
            continue
    return WorkspaceSeen(workspace=folder.name, when=when, fingerprint=summary.hexdigest()[:16])


def digest(data: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]
