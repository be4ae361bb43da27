"""A repair takes every temporary for one that a crash has left, also that of a command which is about to use it.

Breaks OPS-6. The add that is at work beside the repair fails, or loses what it has written.
"""

from __future__ import annotations

import os

from reference import config, durable
from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)


def _temporaries(home: Home) -> Iterator[doctor.Problem]:
    """All that are there, whoever may be writing them."""
    folder = os.path.dirname(config.ConfigStore(home).real_path())
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        if durable.writer_of(entry) is not None:
            yield doctor.Problem("temporary-left", path, f"{path} was left by a killed writer", doctor._remover(path))


def replace(parts: Parts) -> Parts:
    """Swap what `doctor` takes for left over."""
    doctor._temporaries = _temporaries
    return parts
