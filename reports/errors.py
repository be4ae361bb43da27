"""What reports can raise: one error, with the fix beside it. What a target did wrong is no exception."""

from __future__ import annotations


class ReportError(Exception):
    """A report could not be written, read or combined; `hint` proposes the fix."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message
