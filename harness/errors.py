"""Everything Pileup itself can raise.

    PileupError                what the user sees: a sentence, and the fix
    ├── UsageError             impossible options, unknown targets, unreadable records      exit 2
    ├── ProvisionError         a real CLI could not be installed                           exit 3
    ├── LabError               the lab could not be built or cleared                       exit 1
    ├── Diverged               a replay left the recorded run (harness/schedules/replay.py)
    ├── TargetFailed           a program did not do what the scenario's *setup* needs      verdict UNKNOWN
    ├── HeldTooLong            a client gave up on a reply that was to wait for the others  verdict UNKNOWN
    └── NotConforming          an adapter is not what the protocol says (harness/targets/conformance)

What a target does wrong under test is never an exception: it is a finding in the verdict.
"""

from __future__ import annotations


class PileupError(Exception):
    """A failure of Pileup or of its surroundings; `hint` proposes the fix."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(PileupError):
    """The command line or an input file asks for something that cannot be."""

    exit_status = 2


class ProvisionError(PileupError):
    """Installing a real CLI failed; nothing half-installed is ever used."""

    exit_status = 3


class LabError(PileupError):
    """A folder, port or process of the lab could not be had, or would not go away."""


class TargetFailed(PileupError):
    """The target failed where the scenario did not test it, so there is nothing to judge."""


class HeldTooLong(PileupError):
    """A client did not wait as long as its reply was held: what it does then is not what the scenario asks about."""


class NotConforming(PileupError):
    """An adapter does not do what its protocol says; `hint` says how to mend it."""
