"""One model's cooldown is everybody's [OC#87538].

A provider that asks for a minute's rest takes the others with it: they have not failed, and are not asked either.
"""

from __future__ import annotations

from reference import failover
from reference.cooldowns import Rest
from reference.home import Home
from reference.parts import Parts

BREAKS = ("FLO-6",)
MAY_BREAK = ("FLO-5",)  # its fault needs all providers to be asked once, and after the first none is


class _Cooldowns(failover.Cooldowns):
    __slots__ = ()

    def active(self, keys: tuple[str, ...]) -> Rest | None:
        """The longest cooldown there is, whoever is asked about."""
        return super().active((*keys, *self._read()))


def replace(parts: Parts) -> Parts:
    def cooldowns(home: Home) -> failover.Cooldowns:
        return _Cooldowns(home)

    return parts.replace(cooldowns=cooldowns)
