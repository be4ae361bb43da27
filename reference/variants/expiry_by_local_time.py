"""When a token is over is worked out in UTC and read as local time: east of Greenwich every new one is over already.

Breaks AUT-6. `datetime.utcnow().timestamp()` is the usual way to it, as is a date written without its zone.
"""

from __future__ import annotations

import time

from reference.auth.endpoint import Grant
from reference.auth.refresh import Refresh
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-6",)


class _Refresh(Refresh):
    def life(self, grant: Grant) -> float:
        """As it looks from a clock that shows UTC and is taken for one on the wall."""
        return super().life(grant) - time.localtime().tm_gmtoff


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
