"""Of a message that is too long the beginning is taken, without a word.

Breaks RES-5. The model works on a task whose end, where people put what they want, it has never seen.
"""

from __future__ import annotations

from reference import request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("RES-5",)

_checked = request.checked_message


def _shortened(text: str) -> str:
    """As much of it as is taken, in characters of up to four bytes."""
    is_too_long = len(text.encode("utf-8", "replace")) > request.MESSAGE_LIMIT
    return _checked(text[: request.MESSAGE_LIMIT // 4] if is_too_long else text)


def replace(parts: Parts) -> Parts:
    """Swap how a message is checked."""
    request.checked_message = _shortened
    return parts
