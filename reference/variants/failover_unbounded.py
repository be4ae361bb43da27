"""Every model is asked again and again, at once, whatever the provider asked for: a retry storm [OC#153417].

Twenty-five requests stand for "without end", so that a test of this variant has one.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.parts import Parts

BREAKS = ("FLO-5",)

TRIES = 25


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        policy = failover.Policy(tries=TRIES, honours_rest=False)
        return failover.complete(**arguments, policy=policy)

    return parts.replace(complete=complete)
