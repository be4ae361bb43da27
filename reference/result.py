"""What a command gives back: a document for programs, a text for people, an exit status."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Result:
    """A finished command. `document` has "ok"; `text` is what a person reads instead.

    `then` goes on after the document is printed and gives the exit status; it prints no other (the gateway).
    """

    __slots__ = ("document", "exit_status", "text", "then")

    def __init__(
        self,
        document: dict[str, Any],
        text: str,
        *,
        exit_status: int = 0,
        then: Callable[[], int] | None = None,
    ) -> None:
        self.then = then
        self.document = document
        self.text = text
        self.exit_status = exit_status

    def json(self) -> bytes:
        """The document as one line."""
        import json

        return json.dumps(self.document, default=str).encode() + b"\n"
