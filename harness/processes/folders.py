"""Removes a run's folder, whatever the target did to its permissions. Refuses to follow links out of it."""

from __future__ import annotations

import os
import shutil


def remove(folder: str | os.PathLike[str]) -> bool:
    """Remove a folder with everything in it. False when something is still there."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        _open_up(os.fspath(folder))
        shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)


def _open_up(folder: str) -> None:
    """Give ourselves the right to change this folder and all below it."""
    try:
        os.chmod(folder, 0o700)  # noqa: PTH101 - pathlib costs start-up time in the launcher
        with os.scandir(folder) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # it is gone, or it is not ours
        return
    for path in below:
        _open_up(path)
