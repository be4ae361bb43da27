"""GIT-3: one directory, and the runs that work in it.

Actors play roles that their names tell: "first" has the directory, "second" wants the same one.
"""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import History, ReplySent
from harness.verdict import Finding

SHARED = "one directory is the workspace of two agents"  # the fault of GIT-3


def directory_is_used_alone(history: History) -> list[Finding]:
    """GIT-3: the second run asks no model before the first has its last answer, or is refused with a reason."""
    if not ask.fired(history, SHARED):
        return []
    first, second = ask.requests(history, "first"), ask.requests(history, "second")
    seq, refused = ask.finished(history, "second")
    exchanges = {request.exchange for _, request in first}
    answers = [at for at, what in history.of(ReplySent) if what.exchange in exchanges]
    if not answers:
        raise CannotDecide("the first run asked nobody, or was never answered")
    meanwhile = [asked for asked, _ in second if first[0][0] < asked < answers[-1]]
    if meanwhile:
        message = "two runs worked in one directory at the same time: the second began before the first had its answer"
        return [Finding(rule="GIT-3", message=message, evidence=(first[0][0], meanwhile[0], answers[-1]))]
    if refused.outcome.ok:
        return []
    outcome = refused.outcome
    if outcome.kind in ("busy", "local", "usage") and outcome.code and outcome.exit_status not in (0, None):
        return []
    message = f"the second run of a directory was refused without saying why: {ask.said(refused)}"
    return [Finding(rule="GIT-3", message=message, evidence=(seq,))]
