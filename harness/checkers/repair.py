"""OPS-6: what a check-up says of the state, and what its repair leaves alone.

Of a round with damage the actors are named after it: `…-look`, `…-repair`, and `…-turn`, `…-list` and `…-runs` for what
is tried afterwards. Beside a repair, actors play roles: "held", "routed" and "add" are at work, "second" wants what
"held" has.
"""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.operator import config_unchanged
from harness.events import FileSeen, Finished, History, ReplySent, Started
from harness.verdict import Finding

SOUND = "sound-look"  # the check-up of a state that nobody has damaged, beside a turn
LOOK, REPAIR, TURN, LIST, RUNS = "-look", "-repair", "-turn", "-list", "-runs"  # end the names of a round's actors
TRIED = (TURN, LIST, RUNS)
FIRST = "first"  # the turn of which every later one is to be told
AT_WORK = ("held", "routed", "add")
LATE = "late"  # the turn that the gateway is to accept after the repair
BESIDE = "list-beside"  # the list of runs after a repair beside them


def check_up_is_right(history: History) -> list[Finding]:
    """OPS-6: where all is said to be well, or repaired, it is.

    The next commands work, what was acknowledged is there, and no credential can be read by others.
    """
    findings, judged = list[Finding](), 0
    configured = _configured(history)
    for seq, said in history.of(Finished):
        if said.verb != "doctor":
            continue
        judged += 1
        role = REPAIR if said.actor.endswith(REPAIR) else LOOK
        if not said.outcome.ok:
            findings += _is_typed(seq, said) or _cries_wolf(seq, said)
            continue
        for at, what in _tried(history, seq, said.actor.removesuffix(role)):
            if wrong := _wrong(history, what, configured):
                message = f"{said.actor} said that all is well, and then {what.actor} {wrong}"
                findings.append(Finding(rule="OPS-6", message=message, evidence=(seq, at)))
        for at, seen in _credentials(history, seq)[:1]:
            file = f"{seen.path.rpartition('/')[2]}: mode {seen.mode:04o}"
            message = f"{said.actor} said that all is well, and others can read {file}"
            findings.append(Finding(rule="OPS-6", message=message, evidence=(seq, at)))
    if not judged:
        raise CannotDecide("no check-up came to an end")
    return findings


def _configured(history: History) -> frozenset[str]:
    """The agents that a list has shown before anything was damaged."""
    lists = [what.outcome.agents for _, what in history.of(Finished) if what.actor == LIST.removeprefix("-")]
    return frozenset(lists[0] or ()) if lists else frozenset()


def _until_the_next(history: History, seq: int) -> History:
    """What came after a check-up and before the next."""
    later = history.after(seq)
    end = min((at for at, what in later.of(Started) if what.verb == "doctor"), default=None)
    return later if end is None else later.before(end)


def _tried(history: History, seq: int, name: str) -> list[tuple[int, Finished]]:
    """What was tried after a check-up of this round."""
    part = _until_the_next(history, seq)
    return [(at, what) for at, what in part.of(Finished) if what.actor in {f"{name}{each}" for each in TRIED}]


def _credentials(history: History, seq: int) -> list[tuple[int, FileSeen]]:
    """The files of credentials that others could read after a check-up."""
    looks = _until_the_next(history, seq).of(FileSeen)
    return [(at, seen) for at, seen in looks if seen.role == "credentials" and ask.is_for_others(seen)]


def _wrong(history: History, what: Finished, configured: frozenset[str]) -> str:
    """What is wrong with a command after the check-up, in words; empty if nothing is."""
    if not what.outcome.ok:
        return f"failed: {ask.said(what)}"
    if what.outcome.agents is not None and (gone := configured - set(what.outcome.agents)):
        return f"did not show {', '.join(sorted(gone))} any more"
    told = [request.markers for _, request in ask.requests(history, what.actor)[:1]]
    remembers = any(start.actor == FIRST for _, start in history.of(Started))
    return f"was not told of {FIRST}, whose records are whole" if remembers and told and FIRST not in told[0] else ""


def _is_typed(seq: int, said: Finished) -> list[Finding]:
    outcome = said.outcome
    if outcome.typed and outcome.exit_status and not outcome.traceback:
        return []
    message = f"{said.actor} does not say what it has found: {ask.said(said)}"
    return [Finding(rule="OPS-6", message=message, evidence=(seq,))]


def _cries_wolf(seq: int, said: Finished) -> list[Finding]:
    if said.actor != SOUND:
        return []
    message = f"{said.actor} finds fault with a state that nobody has damaged: {ask.said(said)}"
    return [Finding(rule="OPS-6", message=message, evidence=(seq,))]


def repair_harms_nobody(history: History) -> list[Finding]:
    """OPS-6: a repair leaves a sound config as it is, and who is at work goes on, keeps its session and is listed."""
    repairs = [seq for seq, what in history.of(Started) if what.verb == "doctor" and what.params.get("repair")]
    if not repairs:
        raise CannotDecide("no repair was begun")
    begun = {what.actor: what for seq, what in history.of(Started) if seq < repairs[0]}
    ends = {what.actor: (seq, what) for seq, what in history.of(Finished)}
    working = [actor for actor in AT_WORK if actor in begun]
    findings = [
        Finding(rule="OPS-6", message=f"{actor} failed beside a repair: {ask.said(what)}", evidence=(repairs[0], seq))
        for actor, (seq, what) in ends.items()
        if actor in working and not what.outcome.ok
    ]
    if LATE in ends and not ends[LATE][1].outcome.ok:
        seq, what = ends[LATE]
        message = f"after a repair the gateway that was at work takes no turn: {ask.said(what)}"
        findings.append(Finding(rule="OPS-6", message=message, evidence=(repairs[0], seq)))
    findings += _robbed(history) + _left_out(
        history, {str(begun[a].params.get("agent")) for a in working if a != "add"}
    )
    if not findings and (open_ := [actor for actor in working if actor not in ends]):
        raise CannotDecide(f"{', '.join(open_)} never came to an end")
    return findings + config_unchanged(history, "OPS-6")


def _robbed(history: History) -> list[Finding]:
    """Whether somebody got the session that was in use."""
    asked = {what.exchange for _, what in ask.requests(history, "held")}
    answered = min((seq for seq, what in history.of(ReplySent) if what.exchange in asked), default=None)
    early = [seq for seq, _ in ask.requests(history, "second") if answered is not None and seq < answered]
    message = "after a repair another run got the session of held, which was still at work in it"
    return [Finding(rule="OPS-6", message=message, evidence=(early[0],))] if early else []


def _left_out(history: History, agents: set[str]) -> list[Finding]:
    """The runs at work that the list after the repair does not show as running."""
    for seq, what in history.of(Finished):
        if what.actor == BESIDE and what.outcome.runs is not None:
            shown = {run.agent for run in what.outcome.runs if run.status in ask.UNFINISHED}
            gone = ", ".join(sorted(agents - shown))
            message = f"after a repair {BESIDE} does not show the runs of {gone}, which go on"
            return [Finding(rule="OPS-6", message=message, evidence=(seq,))] if gone else []
    return []
