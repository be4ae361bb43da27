"""MSG: what a session remembers of its turns."""

from __future__ import annotations

from collections import Counter

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import Finished, History, ReplySent, Started
from harness.verdict import Finding

ASIDE = "aside-"  # the marker of what a model says beside its tool call is the asking turn's with this before it
CALL = "call-"  # the marker in the arguments of a tool call is the asking turn's with this before it
TOOL = "tool-"  # the marker of what a turn's tool said is the turn's own with this before it
ANSWER = "re-"  # the marker that a model's answer carries is the asking turn's with this before it
DETACHED = "detached"  # the turn whose command does not wait for it


def crash_costs_one_record(history: History) -> list[Finding]:
    """MSG-1: whatever struck a turn, the next one works, and is told of every turn that was acknowledged before."""
    if not any(True for _ in ask.turns(history)):
        raise CannotDecide("no turn came to an end")
    struck = {strike.actor: strike for strike in ask.strikes(history)}
    findings, acknowledged, last = list[Finding](), list[tuple[int, str]](), ""
    for seq, what, _ in ask.turns(history):
        requests = ask.requests(history, what.actor)
        for asked, request in requests[:1]:
            missing = [(s, actor) for s, actor in acknowledged if not _holds(request.markers, actor)]
            if missing:
                cause = f" after {struck[last]}" if last else ""
                message = (
                    f"{what.actor} was not told of {len(missing)} of {len(acknowledged)} acknowledged turns{cause}: "
                    f"{', '.join(actor for _, actor in missing)}"
                )
                return [*findings, Finding(rule="MSG-1", message=message, evidence=(missing[0][0], asked))]
        if what.actor in struck:
            last = what.actor
        elif not what.outcome.ok:
            cause = f" after {struck[last]}" if last else ""
            message = f"{what.actor} does not work{cause}: {ask.said(what)}"
            findings.append(Finding(rule="MSG-1", message=message, evidence=(seq,)))
        if what.outcome.ok:
            acknowledged.append((seq, what.actor))
    return findings


def bad_record_costs_itself(history: History) -> list[Finding]:
    """MSG-2: every turn works, and is told of every acknowledged turn of its agent but those named "lost…"."""
    findings, acknowledged = list[Finding](), dict[str, list[tuple[int, str]]]()
    for seq, what, begun in ask.turns(history):
        earlier = acknowledged.setdefault(begun.params["agent"], [])
        if not what.outcome.ok:
            message = f"{what.actor} does not work: {ask.said(what)}"
            findings.append(Finding(rule="MSG-2", message=message, evidence=(seq,)))
        for asked, request in ask.requests(history, what.actor)[:1]:
            if missing := [(s, actor) for s, actor in earlier if not _holds(request.markers, actor)]:
                names = ", ".join(actor for _, actor in missing)
                message = f"{what.actor} was not told of {names}, whose records are whole"
                findings.append(Finding(rule="MSG-2", message=message, evidence=(missing[0][0], asked)))
        if what.outcome.ok and not what.actor.startswith("lost"):
            earlier.append((seq, what.actor))
    if not findings:
        ask.all_ended(history, "next")
        if silent := [what.actor for _, what, _ in ask.turns(history) if not ask.requests(history, what.actor)]:
            raise CannotDecide(f"{', '.join(silent)} succeeded without asking any provider")
    return findings


def exactly_once_visible(history: History) -> list[Finding]:
    """MSG-3: what a turn is told of those before it has each acknowledged part once, in order, and nothing twice.

    A turn's parts are its message, what its model says beside its tool call, what the tool is called with and said, and
    the answer, each with a marker of its own. One that was not struck itself works: a session that nobody can go on
    with shows nothing.
    """
    findings, acknowledged, resumed = list[Finding](), list[tuple[int, str]](), 0
    struck = {strike.actor for strike in ask.strikes(history)}
    for seq, what, _ in ask.turns(history):
        for asked, request in ask.requests(history, what.actor)[:1]:
            resumed += bool(acknowledged)
            if wrong := _wrong(of_turns(history, request.markers), [actor for _, actor in acknowledged]):
                last = acknowledged[-1][0] if acknowledged else seq
                message = f"{what.actor} was told {wrong}{_after_strike(history, asked)}"
                findings.append(Finding(rule="MSG-3", message=message, evidence=(last, asked)))
        if what.outcome.ok:
            acknowledged.append((seq, what.actor))
        elif what.actor not in struck:
            message = f"{what.actor} does not work{_after_strike(history, seq)}: {ask.said(what)}"
            findings.append(Finding(rule="MSG-3", message=message, evidence=(seq,)))
    if not resumed:
        raise CannotDecide("no turn came after one that was acknowledged")
    return findings[:1]  # what is wrong once is wrong in every later turn


def listed_success_is_visible(history: History) -> list[Finding]:
    """MSG-3: a turn that was killed, and that a list of runs shows as succeeded, has its answer in the session."""
    findings, judged = list[Finding](), 0
    for strike in ask.strikes(history):
        _, killed = ask.started(history, strike.actor)
        listed, runs = ask.runs_listed(history, f"{strike.actor}-list")
        later = ask.requests(history, f"{strike.actor}-next")
        judged += bool(later) and any(run.pid is not None for run in runs)
        shown = any(run.pid == killed.pid and run.status == "succeeded" for run in runs)
        if shown and later and f"{ANSWER}{strike.actor}" not in later[0][1].markers:
            message = (
                f"{strike.actor}, killed at {strike.call}, is listed as succeeded; the session has no answer of it"
            )
            findings.append(Finding(rule="MSG-3", message=message, evidence=(strike.seq, listed, later[0][0])))
    if not judged:
        raise CannotDecide("no session was gone on with after a kill, or runs are listed without their processes")
    return findings


def sessions_are_apart(history: History) -> list[Finding]:
    """MSG-3: a turn is told of every acknowledged turn of its own session, and of none of another session."""
    findings, acknowledged = list[Finding](), dict[tuple[object, object], list[tuple[int, str]]]()
    sessions = {what.actor: _session(what) for _, what in history.of(Started) if what.verb == "agent"}
    for seq, what, begun in ask.turns(history):
        earlier = acknowledged.setdefault(_session(begun), [])
        for asked, request in ask.requests(history, what.actor)[:1]:
            told = {marker.removeprefix(ANSWER) for marker in of_turns(history, request.markers)}
            strange = sorted(actor for actor in told if sessions[actor] != _session(begun))
            missing = [actor for _, actor in earlier if actor not in told]
            if strange or missing:
                wrong = (
                    f"of {', '.join(strange)}, of another session" if strange else f"nothing of {', '.join(missing)}"
                )
                findings.append(Finding(rule="MSG-3", message=f"{what.actor} was told {wrong}", evidence=(asked, seq)))
        if what.outcome.ok:
            earlier.append((seq, what.actor))
    if not findings and not any(len(turns) > 1 for turns in acknowledged.values()):
        raise CannotDecide("no session had two turns that were acknowledged")
    return findings


def _session(turn: Started) -> tuple[object, object]:
    return turn.params.get("agent"), turn.params.get("session")


def of_turns(history: History, markers: tuple[str, ...]) -> tuple[str, ...]:
    """The markers that stand for parts of this run's turns: programs have [[words]] of their own in their prompts."""
    actors = {what.actor for _, what in history.of(Started)}
    return tuple(each for each in markers if _turn_of(each) in actors)


def _turn_of(marker: str) -> str:
    """The turn of which the marker stands for a part."""
    return next((rest for part in (ANSWER, TOOL, ASIDE, CALL) if (rest := marker.removeprefix(part)) != marker), marker)


def _wrong(markers: tuple[str, ...], acknowledged: list[str]) -> str:
    """What a conversation has too often, not at all, or in another order than it happened; empty if all is well.

    What a tool was called with a program may repeat, in the tool's result for example.
    """
    calls = [marker for marker in markers if marker.startswith(CALL)]
    markers = tuple(marker for marker in markers if marker not in calls)
    if empty := [actor for actor in acknowledged if f"{CALL}{actor}" not in calls]:
        return f"nothing of what the tools of {', '.join(empty)} had been called with"
    twice = [marker for marker, times in Counter(markers).items() if times > 1]
    if twice:
        return f"the same thing twice: {', '.join(twice)}"
    expected = [part for actor in acknowledged for part in _parts(actor)]
    if missing := [part for part in expected if part not in markers]:
        return f"nothing of what had been acknowledged as {', '.join(missing)}"
    shown = [marker for marker in markers if marker in expected]
    return "" if shown == expected else f"what had happened in another order: {', '.join(shown)}"


def _parts(actor: str) -> tuple[str, ...]:
    return (actor, f"{ASIDE}{actor}", f"{TOOL}{actor}", f"{ANSWER}{actor}")


def _after_strike(history: History, seq: int) -> str:
    last = [strike for strike in ask.strikes(history) if strike.seq < seq][-1:]
    return "".join(f" after {strike}" for strike in last)


def return_implies_terminal(history: History) -> list[Finding]:
    """MSG-5: when a turn's command has returned, its last answer was given and nothing of it is going on.

    Unless it was asked to detach: then the turn goes on to its last answer.
    """
    findings = _given_up(history)
    for end, what, begun in ask.turns(history):
        if what.actor == DETACHED:
            continue
        returned = ask.exited(history, what.actor)
        seq = returned[0] if returned else end
        # Whoever was ended, by a signal or its time-out, waits for no answer, but ends its turn.
        timed_out = begun.params.get("timeout") is not None and not what.outcome.ok
        ended = timed_out or bool(ask.signalled(history, what.actor))
        if not ended and (open_ := _exchanges_after(history, what.actor, seq)):
            message = f"{what.actor} returned ({ask.said(what)}) while its turn went on: {open_[1]}"
            findings.append(Finding(rule="MSG-5", message=message, evidence=(seq, open_[0])))
        elif listed := _listed_after(history, begun.params["agent"], seq):
            message = f"{what.actor} had returned ({ask.said(what)}), and its run is still listed as running"
            findings.append(Finding(rule="MSG-5", message=message, evidence=(seq, listed)))
    if not findings:
        ask.all_ended(history)
        if not any(ask.requests(history, what.actor) for _, what, _ in ask.turns(history)):
            raise CannotDecide("no turn asked any provider")
    return findings


def _given_up(history: History) -> list[Finding]:
    """A turn that was accepted from a command that does not wait for it, and never had its last answer."""
    whole = {what.exchange for _, what in history.of(ReplySent) if what.outcome == "complete"}
    for seq, what, _ in ask.turns(history):
        asked = ask.requests(history, what.actor)
        if what.actor == DETACHED and what.outcome.ok and not (asked and asked[-1][1].exchange in whole):
            message = f"{what.actor}, a turn for which nobody waits, was accepted, and ended before its answer came"
            return [Finding(rule="MSG-5", message=message, evidence=(seq, *(at for at, _ in asked)))]
    return []


def _exchanges_after(history: History, actor: str, returned: int) -> tuple[int, str] | None:
    """The first request of an actor that began, or was answered, after its command had returned."""
    replies = {what.exchange: seq for seq, what in history.of(ReplySent)}
    for seq, request in ask.requests(history, actor):
        if seq > returned:
            return seq, "a provider was asked afterwards"
        if (answered := replies.get(request.exchange, 0)) > returned:
            return answered, "a provider had not answered yet"
    return None


def _listed_after(history: History, agent: str, returned: int) -> int | None:
    """The first list of runs begun after the command had returned that shows a run of this agent as running."""
    begun = {what.actor: seq for seq, what in history.of(Started) if what.verb == "runs list"}
    for seq, what in history.of(Finished):
        shown = [run.status for run in what.outcome.runs or () if run.agent == agent]
        if begun.get(what.actor, 0) > returned and "running" in shown:
            return seq
    return None


def _holds(markers: tuple[str, ...], actor: str) -> bool:
    """Whether a conversation has both the question and its answer."""
    return actor in markers and f"{ANSWER}{actor}" in markers
