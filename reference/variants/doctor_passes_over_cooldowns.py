"""A check-up looks at the config, the credentials and the runs, and not at what is kept of providers that rest.

Breaks OPS-6. Every turn fails for a file that a crash has cut short, and all is said to be well. No single thread: each
file that a program begins to keep is one more that its check-up has to know of.
"""

from __future__ import annotations

from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)


def _cooldowns(home: Home) -> Iterator[doctor.Problem]:
    return iter(())


def replace(parts: Parts) -> Parts:
    """Swap what `doctor` finds in the cooldowns."""
    doctor._cooldowns = _cooldowns
    return parts
