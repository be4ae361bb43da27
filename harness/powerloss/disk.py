"""A folder in memory, to which changes are applied one by one; and its shape, by which states are compared.

What no name leads to is not part of the shape: after a power cut nobody could find it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.powerloss.log import (
    Bytes,
    Change,
    Entries,
    File,
    Folder,
    Length,
    Marked,
    Marks,
    Node,
    Shift,
    Snapshot,
    SymbolicLink,
    Sync,
)

_DEEPEST = 40  # folders in each other: more than any program makes, and an end to a loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What a name leads to; two names of one file have one inode. A folder's entries are the names below its own."""

    inode: int
    node: Node


Tree = Mapping[str, Placed]  # by path below the root, parents before children


class Disk:
    """The present state of a recorded folder."""

    def __init__(self, start: Snapshot) -> None:
        self.root = start.root
        self.nodes: dict[int, Node] = dict(start.nodes)

    def apply(self, change: Change, at: int = 0) -> None:
        """Carry out one change, made at that time (`FileOperation.at`).

        What it says of an inode that is not known is let pass: nothing leads there.
        """
        match change:
            case Bytes(inode=inode, offset=offset, data=data):
                self._write(inode, offset, data, at)
            case Length(inode=inode, size=size):
                self._resize(inode, size, at)
            case Shift(inode=inode, offset=offset, size=size):
                self._shift(inode, offset, size, at)
            case Marks():
                self._mark(change)
            case Entries(edits=edits, made=made):
                if made is not None:
                    self._make(edits[0].inode, made, at)
                for edit in edits:
                    self._edit(edit.folder, edit.name, edit.inode, at)
            case Sync():
                pass

    def data(self, inode: int) -> bytes | None:
        """A file's content; None for what is no file of this folder."""
        node = self.nodes.get(inode)
        return node.data if isinstance(node, File) else None

    def find(self, folder: int, name: str) -> int | None:
        """Which inode a name leads to."""
        node = self.nodes.get(folder)
        return node.entries.get(name) if isinstance(node, Folder) else None

    def path(self, inode: int) -> str:
        """A name of an inode below the root, the first in alphabetical order; "" for the root and for the nameless."""
        return next((path for path, found in self._walk(self.root, "", 0) if found == inode), "")

    def tree(self) -> Tree:
        """Everything that a name leads to, in alphabetical order."""
        return {path: Placed(inode=i, node=_bare(self.nodes[i])) for path, i in self._walk(self.root, "", 0)}

    def _make(self, inode: int | None, node: Node, at: int) -> None:
        if inode is not None:
            self.nodes.setdefault(inode, node if isinstance(node, SymbolicLink) else replace(node, modified=at))

    def _write(self, inode: int, offset: int, data: bytes, at: int) -> None:
        node = self.nodes.get(inode)
        if isinstance(node, File):
            before = node.data[:offset].ljust(offset, b"\0")  # a gap reads as zeroes
            whole = before + data + node.data[offset + len(data) :]
            self.nodes[inode] = replace(node, data=whole, modified=at, dated=False)

    def _resize(self, inode: int, size: int, at: int) -> None:
        node = self.nodes.get(inode)
        if isinstance(node, File):
            whole = node.data[:size].ljust(size, b"\0")
            self.nodes[inode] = replace(node, data=whole, modified=at, dated=False)

    def _shift(self, inode: int, offset: int, size: int, at: int) -> None:
        node = self.nodes.get(inode)
        if isinstance(node, File):
            whole = node.data[:offset] + bytes(max(0, size)) + node.data[offset + max(0, -size) :]
            self.nodes[inode] = replace(node, data=whole, modified=at, dated=False)

    def _mark(self, marks: Marks) -> None:
        node = self.nodes.get(marks.inode)
        if isinstance(node, Marked):
            said = replace(node, mode=marks.mode, attributes=marks.attributes)
            at = marks.modified
            self.nodes[marks.inode] = said if at is None else replace(said, modified=at, dated=True)

    def _edit(self, folder: int, name: str, inode: int | None, at: int) -> None:
        node = self.nodes.get(folder)
        if isinstance(node, Folder):
            entries = {key: value for key, value in node.entries.items() if key != name}
            entries = entries if inode is None else {**entries, name: inode}
            self.nodes[folder] = replace(node, entries=entries, modified=at, dated=False)

    def _walk(self, folder: int, above: str, depth: int) -> Iterator[tuple[str, int]]:
        node = self.nodes.get(folder)
        if not isinstance(node, Folder) or depth > _DEEPEST:
            return
        for name, inode in sorted(node.entries.items()):
            if inode in self.nodes:
                yield f"{above}{name}", inode
                yield from self._walk(inode, f"{above}{name}/", depth + 1)


def shape(tree: Tree, *, dated: bool = True) -> str:
    """A digest that is equal for two trees in which no reader could find a difference.

    Of times only those count that the program has set itself, and they only if `dated`.
    """
    summary = hashlib.sha256()
    for path, placed in tree.items():
        content = _content(placed.node)
        head = f"{path}\0{type(placed.node).__name__}\0{_said(placed.node, dated=dated)}\0{len(content)}\0"
        summary.update(head.encode("utf-8", "surrogateescape") + content)
    return summary.hexdigest()


def _said(node: Node, *, dated: bool) -> str:
    if isinstance(node, SymbolicLink):
        return ""
    return f"{node.mode:o}\0{sorted(node.attributes.items())}\0{node.modified if dated and node.dated else ''}"


def _content(node: Node) -> bytes:
    if isinstance(node, SymbolicLink):
        return node.target.encode("utf-8", "surrogateescape")
    return node.data if isinstance(node, File) else b""


def _bare(node: Node) -> Node:
    return replace(node, entries={}) if isinstance(node, Folder) else node
