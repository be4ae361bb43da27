"""A signal that comes between a token's answer and its storing ends the turn at once, without the new token.

Breaks AUT-4. The server has spent the old one by then: whoever retires an idle session costs a sign-in [CC#93537].
"""

from __future__ import annotations

from reference.auth import refresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("AUT-4",)


def _at_once(self: refresh._SignalsHeld) -> None:
    """Hold nothing back."""


def replace(parts: Parts) -> Parts:
    """Swap when signals are acted on."""
    refresh._SignalsHeld.hold = _at_once  # type: ignore[method-assign]
    return parts
