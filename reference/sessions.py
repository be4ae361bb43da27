"""Who may write a session: one run at a time.

A second run on the same session queues for `limits.sessionWaitSeconds` (5 by default; less when --timeout
is sooner) and is then refused with `session-busy`, which names the holder (OPS-4). Runs of other sessions
and other agents never meet here. A run that is started by a tool of the holder itself is refused at once:
waiting would be waiting for itself.
"""

from __future__ import annotations

import os

from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Busy, Local
    from reference.home import Home

WAIT_SECONDS = 5.0
RUN_CHAIN = "REFERENCE_RUN"  # in a tool's environment: the run that started it, and the runs above that one


class SessionLock:
    """The lock of one session for one run."""

    __slots__ = ("_lock",)

    def __init__(self, home: Home, agent: str, session: str, run_id: str) -> None:
        what = f"session {session} of agent {agent}"
        self._lock = Lock(home.session_lock(agent, session), code="session-busy", what=what, run_id=run_id)

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the session until the deadline; before that `waiting` is told who has it (OPS-4).

        Raises Busy(`session-busy`) or OSError.
        """
        if self._lock.try_acquire():
            return
        if self._lock.holder().get("run_id") in run_chain():
            raise self._lock.busy()
        waiting(self._lock.busy())
        self._lock.acquire(deadline)

    def busy(self) -> Busy:
        """The refusal, naming the holder."""
        return self._lock.busy()

    def release(self) -> None:
        """Let the next run have it."""
        self._lock.release()


def run_chain() -> list[str]:
    """The runs that this process is a tool of, outermost first."""
    return os.environ.get(RUN_CHAIN, "").split()


def enter_run(home: Home, run_id: str, chain: str) -> None:
    """Tell the tools that this process will start which run they belong to, and which runs are above it.

    Where that stands too: they are in another folder, from which a relative REFERENCE_HOME would lead elsewhere.
    """
    os.environ["REFERENCE_HOME"] = home.path
    os.environ[RUN_CHAIN] = f"{chain} {run_id}".lstrip()
