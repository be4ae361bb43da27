"""Names that a program has drawn by chance: they differ from run to run, and their text alone does not always show it.

mkstemp(3) and mkdtemp(3) put six letters or digits into a name, as `sed -i`, mktemp(1), perl, Python's tempfile and
Node's mkdtemp do. A third of them have no digit, so a reader of the name cannot tell "sedFWmqmE" from a word. How they
are made does: for the owner alone, and only if the name is free. git makes its objects so, and nobody may write them.
`ln -f` makes a link beside the one that it replaces: "Cu" and six of these (force-link.c of the GNU coreutils).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace

from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.schedules.points import Touch

_MODES = {  # argument, values
    "open": (2, (0o600, 0o444)), "openat": (3, (0o600, 0o444)), "mkdir": (1, (0o700,)), "mkdirat": (2, (0o700,)),
}  # fmt: skip
_LINKS = frozenset({"symlink", "symlinkat", "link", "linkat"})
_FORCED_LINK = re.compile("Cu[A-Za-z0-9]{6}")
_LIKE_CHANCE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9_]{6,}(?![A-Za-z0-9])")
# A folder for its owner alone is common, and mostly has a word for a name; 1 drawn name in 200 looks like one.
_NO_WORD = re.compile(r"(?<![A-Za-z0-9])(?![a-z_]+(?![A-Za-z0-9_]))[A-Za-z0-9_]{6,}(?![A-Za-z0-9])")


class Drawn:
    """Those of one run."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # by name in its folder: the same with a "*" for what may be chance

    def see(self, call: StoppedCall) -> None:
        """Take note of a call that waits, if it makes such a name."""
        if _draws(call):
            name = os.path.basename(call.path)  # noqa: PTH119
            chance = _NO_WORD if call.kind.family is Family.MAKE else _LIKE_CHANCE
            if (alike := chance.sub("*", name)) != name:
                self._names[name] = alike

    def marked(self, touches: Iterable[Touch]) -> tuple[Touch, ...]:
        """The touches, saying what of their objects' names is chance."""
        return tuple([self._marked(touch) for touch in touches]) if self._names else tuple(touches)

    def alike(self, path: str) -> str:
        """The path, or the name of another object that is named after one, with a "*" for what may be chance."""
        for name, other in self._names.items():
            if name in path:  # also of what lies below a folder
                path = path.replace(name, other)
        return path

    def _marked(self, touch: Touch) -> Touch:
        alike = self.alike(touch.object)
        return touch if alike == touch.object else replace(touch, alike=alike)


def _draws(call: StoppedCall) -> bool:
    if call.kind.name in _LINKS:
        return bool(_FORCED_LINK.fullmatch(os.path.basename(call.path)))  # noqa: PTH119
    argument, modes = _MODES.get(call.kind.name, (0, ()))
    if call.args[argument] not in modes or not locks.makes_only(call) or locks.in_vain(call):
        return False
    return call.kind.family is Family.MAKE or bool(call.open_flags & os.O_RDWR)
