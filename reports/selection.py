"""Which events of a history a timeline shows when there are too many: the evidence, and what is nearest to it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from reports.history import Entry

ACTORS = 12  # that are shown if there are findings: a scenario of many rounds has dozens

# When a history is too long, what goes first has the highest number. Evidence never goes before the rest.
_RANK = {
    "ChildBeat": 4,
    "FileSeen": 4,
    "WorkspaceSeen": 4,
    "RepositorySeen": 4,
    "LockSeen": 4,
    "PortSeen": 4,
    "CallHeld": 3,
    "CallReleased": 3,
    "CallSeen": 3,
    "Scheduled": 3,
    "RequestReceived": 2,
    "ReplyHeld": 2,
    "ReplySent": 2,
    "TokenRequested": 2,
}


def around_the_evidence(entries: Sequence[Entry], evidence: Sequence[int], actors: int = ACTORS) -> list[Entry]:
    """What the actors nearest to the evidence did, and everything else in that time; all of it without evidence."""
    if not evidence:
        return list(entries)
    distances: dict[str, int] = {}
    for entry in entries:
        if actor := entry.text("actor"):
            distance = _distance(evidence, entry.seq)
            distances[actor] = min(distance, distances.get(actor, distance))
    if len(distances) <= actors:
        return list(entries)
    involved = sum(distance == 0 for distance in distances.values())
    near = set(sorted(distances, key=lambda actor: distances[actor])[: max(actors, involved)])
    places = [*evidence, *(entry.seq for entry in entries if entry.text("actor") in near)]
    first, last = min(places), max(places)
    return [entry for entry in entries if first <= entry.seq <= last and entry.text("actor") in {*near, ""}]


def choose(entries: Sequence[Entry], evidence: Iterable[int], limit: int) -> list[Entry]:
    """The `limit` most telling events: evidence, then by kind, then what is nearest to the evidence."""
    places = sorted(evidence)
    known = set(places)

    def weight(entry: Entry) -> tuple[int, int, int]:
        rank = 0 if entry.seq in known else 1 if entry.kind == "Started" else 1 + _RANK.get(entry.kind, 1)
        return (rank, _distance(places, entry.seq), entry.seq)

    return sorted(sorted(entries, key=weight)[:limit], key=lambda entry: entry.seq)


def _distance(places: Sequence[int], seq: int) -> int:
    index = bisect_left(places, seq)
    return min((abs(place - seq) for place in places[max(0, index - 1) : index + 1]), default=0)
