"""A repair waits for whoever writes the config, and then restores what it had found before, whatever was written.

Breaks OPS-6. By then the config may be whole again, with an agent in it that the backup does not know.
"""

from __future__ import annotations

from reference import config, durable
from reference.commands import doctor
from reference.deadline import Deadline
from reference.parts import Parts

BREAKS = ("OPS-6",)


def _restore(store: config.ConfigStore) -> None:
    path = store.real_path()
    backup = config.newest_good_backup(path)
    data = b"" if backup is None else durable.read(backup)
    with store.lock(path).acquire(Deadline.after(doctor._SECONDS)):
        durable.replace(path, data, before_rename=lambda: doctor._put_aside(path))


def replace(parts: Parts) -> Parts:
    """Swap how the config is restored."""
    doctor._restore = _restore
    return parts
