"""From a history to a verdict. Pure: no clock, no socket, no randomness, so a stored history can be judged again."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from harness.events import ConnectionRefusedHost, FaultFired, FaultPlanned, History, Hung, NetworkRefused
from harness.verdict import Finding, Judgement, Verdict

VOID = "this run shows nothing: "  # begins a failure after which nothing that was found counts
_NEVERTHELESS = "found in it nevertheless: "
_NONE_PLANNED = "no fault was planned, although the scenario says: "
_NEVER_FIRED = "the fault never fired: "
_BEYOND = "beyond loopback, and refused: "


class CannotDecide(Exception):
    """A checker needs something that the history does not hold."""


def judge(
    checkers: Collection[Callable[[History], Collection[Finding]]],
    history: History,
    failures: Sequence[str] = (),
    *,
    fault: str = "",
    control: bool = False,
) -> Judgement:
    """Ask every checker.

    A failure of ours that makes the run worthless (`VOID`) outranks everything, since whatever was found may come from
    it. Then come findings; other failures of the run, a crashed checker, a command that hung; a fault that never fired,
    because it explains why a checker cannot decide; and a checker that cannot. `failures` are the run's own, in words;
    `fault` is what the scenario says it does. In the control arm no fault is due, and a checker that finds nothing to
    decide about is content: the fault is what it looks for.
    """
    findings: list[Finding] = []
    broken = list(failures)
    undecided: list[str] = []
    if not checkers:
        broken.append("no checker was asked")
    for checker in checkers:
        try:
            found = checker(history)
            if found is None:  # a return is missing, which would look as if nothing were wrong
                raise TypeError(f"{name_of(checker)} returned None; give a list of findings, empty if nothing is wrong")
            findings += found
        except CannotDecide as reason:
            if not control:
                undecided.append(f"{name_of(checker)}: {reason}")
        except Exception:  # noqa: BLE001 - a checker that crashed has not decided anything
            broken.append(f"{name_of(checker)} crashed:\n{traceback.format_exc()}")
    broken += _hung(history)
    missed = () if control else _missed(history, fault)
    if any(failure.startswith(VOID) for failure in failures):
        nevertheless = [f"{_NEVERTHELESS}{finding.message}" for finding in findings]
        return Judgement(verdict=Verdict.UNKNOWN, notes=(*broken, *nevertheless))
    if findings:
        verdict = Verdict.VIOLATED
    elif broken:
        verdict = Verdict.UNKNOWN
    elif missed:
        verdict = Verdict.INCONCLUSIVE
    elif undecided:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.CONFORMS
    notes = (*broken, *missed, *undecided, *_left(history, findings))
    return Judgement(verdict=verdict, findings=tuple(findings), notes=notes)


def name_of(checker: Callable[[History], Collection[Finding]]) -> str:
    """How notes call a checker: by its function's name, if it has one."""
    return str(getattr(checker, "__name__", type(checker).__name__))


def beyond_loopback(what: NetworkRefused | ConnectionRefusedHost) -> str:
    """An attempt to leave this machine, in words. A proxy does not know whose connection it was."""
    if isinstance(what, NetworkRefused):
        return f"{what.actor} reached for {what.address}"
    return f"somebody asked the proxy for {what.host}:{what.port}"


def _left(history: History, findings: Collection[Finding]) -> list[str]:
    """For every result: who tried to leave this machine, unless a finding says so.

    It concerns NET-1 alone, and no other rule's verdict.
    """
    refused = [beyond_loopback(what) for _, what in history.of(NetworkRefused)]
    times = Counter([*refused, *(beyond_loopback(what) for _, what in history.of(ConnectionRefusedHost))])
    return [
        f"{_BEYOND}{words}{f' ({count} times)' if count > 1 else ''}"
        for words, count in times.items()
        if not any(words in finding.message for finding in findings)
    ]


def _hung(history: History) -> list[str]:
    return [f"{hung.actor} did not end within {hung.seconds:g} s and was killed" for _, hung in history.of(Hung)]


def failures_in(
    notes: Iterable[str], checkers: Iterable[Callable[[History], Collection[Finding]]], history: History
) -> list[str]:
    """Of a judgement's notes, those that `judge` cannot write again because they were the run's own failures."""
    ours = tuple(f"{name_of(checker)}{mark}" for checker in checkers for mark in (": ", " crashed:\n"))
    known = (*ours, *_hung(history), _NONE_PLANNED, _NEVER_FIRED, _BEYOND, _NEVERTHELESS)
    return [note for note in notes if not note.startswith(known)]


def _missed(history: History, fault: str) -> tuple[str, ...]:
    """The faults that were to fire and did not."""
    planned = dict.fromkeys(planned.fault for _, planned in history.of(FaultPlanned))
    fired = {fired.fault for _, fired in history.of(FaultFired)}
    if fault and not planned:
        return (f"{_NONE_PLANNED}{fault}",)
    return tuple(f"{_NEVER_FIRED}{name}" for name in planned if name not in fired)
