"""In which folder the runs have theirs: that of temporary files, or one in memory.

A run makes and removes a hundred files and folders, and whoever keeps data durable waits for the disk at each change.
On a disk that others keep busy this is an eighth of the suite's processor time, and tells nothing of a target: files in
memory keep every guarantee that scenarios look at (tmpfs(5): names, locks, modes; a sync is a call there too, and is
recorded as one).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil

from harness.targets.extras import in_memory
from harness.targets.protocol import Target

MEMORY = Path("/dev/shm")  # shm_overview(7)
ENOUGH_BYTES = 2 << 30  # of the folder, and of the machine's memory; in a container it is often 64 MiB
_VARIABLES = ("TMPDIR", "TEMP", "TMP")  # tempfile.gettempdir: who has set one has chosen


def for_runs(target: Target) -> Path:
    """Where folders of runs are to be made. Raises FileNotFoundError when there is no folder for temporary files."""
    chosen = any(os.environ.get(name) for name in _VARIABLES)
    return MEMORY if in_memory(target) and not chosen and _memory_does() else Path(tempfile.gettempdir())


def _memory_does() -> bool:
    """Whether files can be made and programs be started in the folder in memory, and there is enough of it."""
    try:
        seen = os.statvfs(MEMORY)
        available = psutil.virtual_memory().available
    except OSError:
        return False
    usable = os.access(MEMORY, os.W_OK | os.X_OK) and not seen.f_flag & os.ST_NOEXEC and os.path.ismount(MEMORY)
    return usable and min(seen.f_bavail * seen.f_frsize, available) >= ENOUGH_BYTES
