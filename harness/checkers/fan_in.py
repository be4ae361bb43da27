"""MSG-4: what a turn has delegated comes back to its session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.messages import ANSWER
from harness.events import Finished, History, ReplySent, RequestReceived, Started
from harness.outcome import RunSeen
from harness.verdict import Finding

_NESTED = 2  # dots in the name of a task that an agent was given by one that works for another itself
STRANGER = "stranger"  # an agent for which no other works; begins the names of turns of sessions for which none works
QUIET = "quiet4"  # an agent whose model has nothing to say, and succeeds with that
CANCELLED = "ended5"  # an agent whose run is cancelled while it works for another
_NAMED = 3  # tasks of one agent in a finding


def task(parent: str, agent: str) -> str:
    """The marker of what a turn asks another agent to do; the agent's answer carries it with ANSWER before it."""
    return f"{parent}.{agent}"


def every_result_once(history: History) -> list[Finding]:
    """MSG-4: a session's last request has every result once, and what has none is told or listed as failed.

    All turns are of one session. What the last of them has delegated itself may still be on its way, and is not missed.
    A failure counts as told when the model reads a second time what it had asked for: the first time are its own words.
    """
    seq, final = _last_of_parents(history)
    told, listed = Counter(final.markers), _listed(history)
    findings = [
        Finding(
            rule="MSG-4",
            message=f"{final.marker} was told {told[ANSWER + each]} times what came of {each}",
            evidence=(asked, seq),
        )
        for each, asked in _asked(history).items()
        if told[ANSWER + each] > 1
    ]
    due = _with_answers(_due(history))
    silent = {each: asked for each, asked in due.items() if not (told[ANSWER + each] or _is_told_failed(told, each))}
    for agent in sorted({each.rpartition(".")[2] for each in silent}):
        lost = {each: asked for each, asked in silent.items() if each.endswith(f".{agent}")}
        failed = sum(run.agent == agent and run.status not in ("succeeded", "running") for run in listed)
        others = sum(each.endswith(f".{agent}") and _is_told_failed(told, each) for each in due)
        if len(lost) > max(failed - others, 0):
            findings.append(_lost(lost, agent, max(failed - others, 0), (final.marker, seq)))
    return findings or _unworkable(history)


def _is_told_failed(told: Counter[str], each: str) -> bool:
    return told[each] > 1 and not told[ANSWER + each]


def every_answer_is_told(history: History) -> list[Finding]:
    """MSG-4: where nobody was killed, an agent that was answered has an answer: it is not told of as failed."""
    seq, final = _last_of_parents(history)
    whole = {what.exchange for _, what in history.of(ReplySent) if what.status == 200 and what.outcome == "complete"}
    tasks = _with_answers(_asked(history))
    answered = {what.marker for _, what in history.of(RequestReceived) if what.exchange in whole} & tasks.keys()
    return [
        Finding(rule="MSG-4", message=f"{final.marker} was not told what {each} had answered", evidence=(asked, seq))
        for each, asked in tasks.items()
        if each in answered and ANSWER + each not in final.markers
    ]


def failure_is_no_silence(history: History) -> list[Finding]:
    """MSG-4: of an agent without an answer another thing is told than of one that had nothing to say (QUIET).

    Words in which digits stand (names, ids, times) differ anyway, and do not count.
    """
    listed = _listed(history)
    if not any(run.agent == QUIET and run.status == "succeeded" for run in listed):
        return []
    seq, final = _last_of_parents(history)
    quiet = {_in_words(text) for text in final.added if QUIET in text}
    without = {run.agent: run.status for run in listed if run.agent and run.status not in ("succeeded", "running")}
    return [
        Finding(
            rule="MSG-4",
            message=f"{final.marker} was told of {agent}, whose run is listed as {status}, what it was told of "
            f"{QUIET}, which had succeeded with nothing to say",
            evidence=(seq,),
        )
        for agent, status in sorted(without.items())
        if any(agent in text and _in_words(text) in quiet for text in final.added)
    ]


def _in_words(text: str) -> str:
    return " ".join(word for word in text.split() if not any(map(str.isdigit, word)))


def told_to_nobody_else(history: History) -> list[Finding]:
    """MSG-4: the turns of a session for which nobody works are told nothing of what others have delegated."""
    requests = [(seq, what) for seq, what in history.of(RequestReceived) if what.marker.startswith(STRANGER)]
    if not requests:
        raise CannotDecide(f"{STRANGER} asked no provider")
    tasks = _asked(history)
    wrong = {seq: [each for each in tasks if {each, ANSWER + each} & set(what.markers)] for seq, what in requests}
    told = {seq: each for seq, each in wrong.items() if each}
    if not told:
        return []
    names = ", ".join(dict.fromkeys(each for found in told.values() for each in found))
    who = ", ".join(dict.fromkeys(what.marker for seq, what in requests if seq in told))
    message = f"{who}, for which nobody works, was told what came of {names}"
    return [Finding(rule="MSG-4", message=message, evidence=tuple(told))]


def _lost(lost: Mapping[str, int], agent: str, failed: int, told: tuple[str, int]) -> Finding:
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    names, (marker, seq) = ", ".join(list(lost)[:_NAMED]) + more, told
    message = (
        f"of what was asked of {agent} as {names}, {marker} was told neither a result nor a failure, "
        f"and the list has {failed or 'no'} failed run{'' if failed == 1 else 's'} of {agent} beyond those that it was "
        "told of"
    )
    return Finding(rule="MSG-4", message=message, evidence=(*lost.values(), seq))


def told_step_by_step(history: History) -> list[Finding]:
    """MSG-4: of three agents in a row each is told by the one that it has asked, and the first not by the last."""
    inner = next((what.marker for _, what in history.of(RequestReceived) if what.marker.count(".") == _NESTED), None)
    if inner is None:
        raise CannotDecide("no agent that works for another had a third one work for it")
    middle, outermost = inner.rpartition(".")[0], inner.partition(".")[0]
    findings = []
    for asker, asked in ((middle, inner), (outermost, middle)):
        seq, last = _last_of(history, asker)
        if ANSWER + asked not in last.markers:
            message = f"{asker} was not told what {asked} had answered, for which it had to wait"
            findings.append(Finding(rule="MSG-4", message=message, evidence=(seq,)))
    seq, last = _last_of(history, outermost)
    if ANSWER + inner in last.markers:
        message = f"{outermost} was told what {inner} had answered, which {middle} had asked"
        findings.append(Finding(rule="MSG-4", message=message, evidence=(seq,)))
    return findings


def _last_of(history: History, asker: str) -> tuple[int, RequestReceived]:
    """The last request of a turn, or of an agent at a task."""
    requests = [(seq, what) for seq, what in history.of(RequestReceived) if what.marker == asker]
    if not requests:
        raise CannotDecide(f"{asker} asked no provider")
    return requests[-1]


def _unworkable(history: History) -> list[Finding]:
    """Recoverable means that the session goes on: the turn that comes after has to work."""
    return [
        Finding(rule="MSG-4", message=f"{what.actor} does not work: {ask.said(what)}", evidence=(seq,))
        for seq, what, _ in ask.turns(history)
        if what.actor.endswith("next") and not what.outcome.ok
    ]


def _parents(history: History) -> set[str]:
    return {what.actor for _, what in history.of(Started) if what.verb == "agent"}


def _last_of_parents(history: History) -> tuple[int, RequestReceived]:
    """The last request of the session whose turns delegate. Raises CannotDecide when there is none."""
    parents = _parents(history)
    requests = [(seq, what) for seq, what in history.of(RequestReceived) if parents.intersection(what.markers)]
    if not requests:
        raise CannotDecide("no turn asked any provider")
    return requests[-1]


def _asked(history: History) -> dict[str, int]:
    """Every task that another agent has begun on, with its first request to a provider."""
    parents, begun = _parents(history), dict[str, int]()
    for seq, what in history.of(RequestReceived):
        if what.marker.partition(".")[0] in parents and not parents.intersection(what.markers):
            begun.setdefault(what.marker, seq)
    return begun


def _with_answers(tasks: dict[str, int]) -> dict[str, int]:
    """Without those of the agent that has nothing to say."""
    return {each: asked for each, asked in tasks.items() if not each.endswith(f".{QUIET}")}


def _due(history: History) -> dict[str, int]:
    """The tasks on which work had come to an end before the last turn began."""
    last = max((seq for seq, what in history.of(Started) if what.verb == "agent"), default=0)
    before = history.before(last)
    ended, due = ask.replies(before), _asked(before)
    for seq, what in history.of(RequestReceived):
        if what.marker in due and (seq > last or what.exchange not in ended):
            del due[what.marker]
    if not due:
        raise CannotDecide("nothing that was delegated had come to an end before the last turn")
    return due


def _listed(history: History) -> tuple[RunSeen, ...]:
    lists = [what.outcome.runs for _, what in history.of(Finished) if what.outcome.runs is not None]
    if not lists:
        raise CannotDecide("the target did not list its runs")
    return lists[-1]
