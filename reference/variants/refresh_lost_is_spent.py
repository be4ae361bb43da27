"""A refresh whose answer is lost is given up: the token may be spent, so a sign-in is asked for [CC#93014].

Servers that keep the successor for whoever asks again are never asked.
"""

from __future__ import annotations

from reference.auth.refresh import Refresh
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-5",)


class _Refresh(Refresh):
    sends = 1


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
