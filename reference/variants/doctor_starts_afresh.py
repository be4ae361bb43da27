"""A repair puts an empty config in the place of one that does not parse [OC#10688, OC#109362].

Breaks OPS-6. All is said to be well, and the agents are gone, although a good backup lies beside the file.
"""

from __future__ import annotations

from reference import config, durable
from reference.commands import doctor
from reference.errors import Local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)


def _config(home: Home) -> Iterator[doctor.Problem]:
    """What is wrong with the config, and the simplest thing to do about it."""
    store = config.ConfigStore(home)
    try:
        store.read()
    except Local as error:
        yield doctor.Problem(error.code, store.path, error.message, lambda: durable.replace(store.real_path(), b"{}\n"))


def replace(parts: Parts) -> Parts:
    """Swap how `doctor` repairs the config."""
    doctor._config = _config
    return parts
