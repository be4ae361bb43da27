"""CFG-10: a replacement of a file that survives power loss: write, sync, rename, sync the folder.

A kernel may write a new name to disk before the data that it names, and may keep the name itself in memory for as long
as it likes: only the two syncs, in this order, make the old or the new file the only possible ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.checkers.judge import CannotDecide
from harness.verdict import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOperation:
    """One operation that took effect. `target` is a rename's new path; "sync-dir" has the folder as its path.

    `seq` is the `Event.seq` that shows it, where there is one.
    """

    actor: str
    kind: Literal["write", "sync", "rename", "sync-dir"]
    path: str
    target: str = ""
    seq: int | None = None


def durable_replace(operations: Sequence[FileOperation]) -> list[Finding]:
    """CFG-10: whatever was renamed was synced after its last write, and then its folder was, by the same actor.

    A file that nobody wrote here, such as an old version that becomes a backup, needs no sync of its own.
    """
    renames = [(place, operation) for place, operation in enumerate(operations) if operation.kind == "rename"]
    if not renames:
        raise CannotDecide("no file was renamed")
    findings = []
    for place, rename in renames:
        if (write := _unsynced(operations[:place], rename.path)) is not None:
            message = (
                f"{rename.actor} renamed {rename.path} to {rename.target} without a sync of {rename.path} after "
                f"{write.actor} had written it: power loss may leave {rename.target} empty or torn"
            )
            findings.append(_finding(message, write, rename))
        if not _folder_synced(operations[place + 1 :], rename):
            message = (
                f"{rename.actor} renamed {rename.path} to {rename.target} without a sync of {folder(rename.target)} "
                f"afterwards: power loss may bring back what {rename.target} was before"
            )
            findings.append(_finding(message, rename))
    return findings


def folder(path: str) -> str:
    return path.rpartition("/")[0] or ("/" if path.startswith("/") else ".")


def _unsynced(before: Sequence[FileOperation], path: str) -> FileOperation | None:
    """The last write that made what stands at the path, if no sync came after it."""
    write = None
    for operation in reversed(before):
        if operation.kind == "rename" and operation.target == path:
            path = operation.path  # what is here now was written there
        elif operation.kind == "rename" and operation.path == path:
            break  # what had been written here before is somewhere else now
        elif operation.kind in ("write", "sync") and operation.path == path:
            write = operation
            break
    return write if write is not None and write.kind == "write" else None


def _folder_synced(after: Sequence[FileOperation], rename: FileOperation) -> bool:
    wanted = (rename.actor, "sync-dir", folder(rename.target))
    return any((o.actor, o.kind, o.path) == wanted for o in after)


def _finding(message: str, *shown: FileOperation) -> Finding:
    evidence = tuple(operation.seq for operation in shown if operation.seq is not None)
    return Finding(rule="CFG-10", message=message, evidence=evidence)
