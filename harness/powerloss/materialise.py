"""Writes a state into a folder, so that a program can be started on it; reads a folder as the start of a recording."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from harness.powerloss.disk import Tree
from harness.powerloss.log import File, Folder, Marked, Node, Snapshot, SymbolicLink


def materialise(tree: Tree, folder: Path) -> None:
    """Make the folder, which must not be there yet, and all that is in the tree. Raises OSError.

    Two names of one file become hard links again. Permissions are set last, as a folder may forbid writing, and times
    with them, as what is made in a folder changes its own.
    """
    folder.mkdir(mode=0o700)
    first: dict[int, Path] = {}
    for name, placed in tree.items():
        path = folder / name
        if isinstance(placed.node, File) and placed.inode in first:
            path.hardlink_to(first[placed.inode])
        else:
            _make(path, placed.node)
            first[placed.inode] = path
    for name, placed in reversed(list(tree.items())):
        if not isinstance(placed.node, SymbolicLink):
            _mark(folder / name, placed.node)


def snapshot(folder: Path, *, most: int) -> tuple[Snapshot, tuple[str, ...]]:
    """What stands in a folder now, and in words what was left out. Raises OSError.

    At most so many bytes of files are read; sockets, pipes and devices are not part of any state.
    """
    nodes: dict[int, Node] = {}
    skipped: list[str] = []
    left = most
    for above, _, _ in os.walk(folder):
        entries: dict[str, int] = {}
        for entry in sorted(os.scandir(above), key=lambda entry: entry.name):
            facts = entry.stat(follow_symlinks=False)
            is_new_file = stat.S_ISREG(facts.st_mode) and facts.st_ino not in nodes
            if is_new_file and facts.st_size > left:
                skipped.append(f"{os.path.relpath(entry.path, folder)} is too large to be copied")
            elif node := nodes.get(facts.st_ino) or _read(Path(entry.path), facts):
                left -= facts.st_size if is_new_file else 0
                nodes[facts.st_ino] = node
                entries[entry.name] = facts.st_ino
        here = Path(above).stat()
        nodes[here.st_ino] = Folder(
            entries=entries, mode=stat.S_IMODE(here.st_mode), attributes=attributes(Path(above)),
            modified=here.st_mtime_ns,
        )  # fmt: skip
    return Snapshot(root=folder.stat().st_ino, nodes=nodes), tuple(skipped)


def attributes(path: Path) -> Mapping[str, bytes]:
    """The extended attributes of users, links followed; none where the filesystem has none. Raises OSError."""
    try:
        names = [name for name in os.listxattr(path) if name.startswith("user.")]
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}
    return {name: os.getxattr(path, name) for name in sorted(names)}


def _make(path: Path, node: Node) -> None:
    match node:
        case File(data=data):
            path.write_bytes(data)
        case Folder():
            path.mkdir(mode=0o700)
        case SymbolicLink(target=target):
            path.symlink_to(target)


def _mark(path: Path, node: Marked) -> None:
    for name, value in node.attributes.items():
        os.setxattr(path, name, value)
    path.chmod(node.mode)
    if node.modified:
        os.utime(path, ns=(node.modified, node.modified))


def _read(path: Path, facts: os.stat_result) -> Node | None:
    if stat.S_ISREG(facts.st_mode):
        said = attributes(path)
        return File(
            data=path.read_bytes(), mode=stat.S_IMODE(facts.st_mode), attributes=said, modified=facts.st_mtime_ns
        )
    if stat.S_ISDIR(facts.st_mode):
        return Folder(mode=stat.S_IMODE(facts.st_mode))
    return SymbolicLink(target=str(path.readlink())) if stat.S_ISLNK(facts.st_mode) else None
