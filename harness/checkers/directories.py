"""GIT-3: one directory, and the runs that work in it.

Actors play roles that their names tell: "first" has the directory, "second" wants the same one. BOTH are runs for which
a turn in another directory has asked, and which have one directory too.
"""

from __future__ import annotations

from itertools import pairwise

from harness.checkers import ask
from harness.checkers.fan_in import task
from harness.checkers.judge import CannotDecide
from harness.events import History, ReplySent
from harness.verdict import Finding

BOTH = (task("both", "lane0"), task("both", "lane1"))
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


def directory_is_shared_by_none(history: History) -> list[Finding]:
    """GIT-3: of two runs that one turn has asked for neither asks a model while the other waits for its answer."""
    if not ask.fired(history, SHARED):
        return []
    answers = {what.exchange: at for at, what in history.of(ReplySent)}
    spans = [
        (asked, answers.get(request.exchange, asked), which)
        for which in BOTH
        for asked, request in ask.requests(history, which)
    ]
    for (begun, until, one), (asked, _, other) in pairwise(sorted(spans)):
        if one != other and begun < asked < until:
            message = f"two runs for one turn worked in one directory: {other} while {one} was not answered yet"
            return [Finding(rule="GIT-3", message=message, evidence=(begun, asked, until))]
    return []
