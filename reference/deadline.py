"""A point in time that a whole chain of calls must respect.

A deadline is passed down, never a timeout: timeouts add up along a chain, a deadline cannot. It refuses to
know what to do when it has passed; `check` hands that to `reference.stopping`.
"""

from __future__ import annotations

from time import monotonic

_LONGEST_POLL = 2**31 - 1  # milliseconds: poll(2) takes a C int


class Deadline:
    """A monotonic point in time, or none at all."""

    __slots__ = ("_at",)

    def __init__(self, at: float | None) -> None:
        self._at = at

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The deadline that many seconds from now; None means never."""
        return cls(None if seconds is None else monotonic() + seconds)

    def sooner(self, seconds: float) -> Deadline:
        """This deadline, or the one that many seconds from now, whichever comes first."""
        at = monotonic() + seconds
        return Deadline(at if self._at is None else min(at, self._at))

    def later(self, seconds: float) -> Deadline:
        """This deadline, or the one that many seconds from now, whichever comes last."""
        return self if self._at is None else Deadline(max(self._at, monotonic() + seconds))

    def remaining(self) -> float | None:
        """Seconds left, never negative; None when there is no end."""
        return None if self._at is None else max(0.0, self._at - monotonic())

    def milliseconds(self) -> float | None:
        """What is left for one poll(2), which may therefore end before the deadline; None when there is no end."""
        left = self.remaining()
        return None if left is None else min(left * 1000, _LONGEST_POLL)

    def passed(self) -> bool:
        """Whether no time is left."""
        return self._at is not None and monotonic() >= self._at

    def check(self) -> None:
        """Raise Stopped(`deadline`) when no time is left."""
        if self.passed():
            from reference import stopping

            raise stopping.stop("deadline")
