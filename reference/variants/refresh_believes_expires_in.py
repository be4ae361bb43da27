"""What the token endpoint says of a token's life is believed, however short.

With an `expires_in` of 0 every token is over when it arrives, and each request to the model refreshes once more. No
single thread: it is what "now + expires_in" does wherever nobody asks whether that can be.
"""

from __future__ import annotations

from reference.auth.endpoint import Grant
from reference.auth.refresh import USUAL_LIFE, Refresh
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-6",)


class _Refresh(Refresh):
    def life(self, grant: Grant) -> float:
        return USUAL_LIFE if grant.expires_in is None else grant.expires_in


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
