"""Says each event in one sentence, for readers who know neither the harness nor its field names.

The sentences are plain text in which a target's own words may stand: whoever shows them escapes them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from signal import Signals
from typing import Any

from reports.history import Entry


def describe(entry: Entry) -> str:
    """One sentence about an event, without its number and time."""
    return _SENTENCES.get(entry.kind, _unknown)(entry)


def signal_name(number: Any) -> str:
    """SIGTERM for 15; the number for one that this system does not name."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def pairs(values: Mapping[str, Any]) -> str:
    """key=value, key=value; nothing for what is null."""
    return ", ".join(f"{key}={value}" for key, value in values.items() if value not in (None, "", (), [], {}))


def _unknown(entry: Entry) -> str:
    return f"{entry.kind or 'event'}: " + pairs(
        {key: value for key, value in entry.fields.items() if key not in ("seq", "at", "kind")}
    )


def _started(entry: Entry) -> str:
    argv = shlex.join(str(part) for part in entry.list("argv"))
    facts = pairs(entry.mapping("params"))
    what = f"{entry.text('verb')} ({facts})" if facts else entry.text("verb")
    return f"{entry.text('actor')} starts {what}, pid {entry.text('pid')}: {argv}"


def _exited(entry: Entry) -> str:
    signal = entry.number("signal")
    how = f"is ended by {signal_name(signal)}" if signal is not None else f"exits {entry.text('status')}"
    return f"{entry.text('actor')} {how}"


def _hung(entry: Entry) -> str:
    return f"{entry.text('actor')} has not ended after {entry.text('seconds')} s and is killed by the harness"


def _tree_ended(entry: Entry) -> str:
    but = " but what serves other commands" if entry.number("services") else ""
    return f"nothing is left of {entry.text('actor')}'s process tree{but}"


def _finished(entry: Entry) -> str:
    outcome = entry.mapping("outcome")
    said = "success" if outcome.get("ok") else f"failure ({outcome.get('kind', 'unclear')})"
    detail = pairs(
        {
            "code": outcome.get("code"),
            "message": outcome.get("message"),
            "text": outcome.get("text"),
            "agents": _names(outcome.get("agents")),
            "runs": _names(outcome.get("runs")),
        }
    )
    return f"{entry.text('actor')} reports {said} for {entry.text('verb')}" + (f": {detail}" if detail else "")


def _names(listed: Any) -> str:
    """What a list command listed, "none" if it was empty; nothing for a command that lists nothing."""
    if not isinstance(listed, list | tuple):
        return ""
    return " ".join(_named(item) for item in listed) or "none"


def _named(item: Any) -> str:
    return f"{item.get('id')} ({item.get('status')})" if isinstance(item, Mapping) else str(item)


def _signalled(entry: Entry) -> str:
    return f"{signal_name(entry.fields.get('signal'))} is sent to {entry.text('actor')} ({entry.text('to')})"


def _held(entry: Entry) -> str:
    return f"{entry.text('actor')} is held at {_call(entry)}"


def _released(entry: Entry) -> str:
    return f"{entry.text('actor')} goes on with {_call(entry)}, because: {entry.text('why')}"


def _seen(entry: Entry) -> str:
    return f"{entry.text('actor')} calls {entry.text('call')} on {', '.join(map(str, entry.list('paths')))}"


def _repository(entry: Entry) -> str:
    facts = ((name, ", ".join(map(str, entry.list(name))) or "none") for name in ("branches", "worktrees", "broken"))
    return f"the repository {entry.text('when')}: " + "; ".join(f"{name}: {what}" for name, what in facts)


def _scheduled(entry: Entry) -> str:
    objects = ", ".join(map(str, [*entry.list("reads"), *entry.list("writes")]))
    instead = f"; instead of it: {entry.text('fault')}" if entry.text("fault") else ""
    others = ", ".join(map(str, entry.list("others")))
    waiting = f"; {others} could have gone too" if others else ""
    return f"turn {entry.text('index')} of {entry.text('actor')}: {entry.text('call')}({objects}){instead}{waiting}"


def _call(entry: Entry) -> str:
    return f"{entry.text('call')}({entry.text('path')}), watched call {entry.text('index')}"


def _planned(entry: Entry) -> str:
    return f"planned fault: {entry.text('fault')}"


def _fired(entry: Entry) -> str:
    detail = entry.text("detail")
    return f"the fault fires: {entry.text('fault')}" + (f", {detail}" if detail else "")


def _file(entry: Entry) -> str:
    if not entry.fields.get("exists"):
        return f"the {entry.text('role')} file {entry.text('path')} does not exist"
    mode, digest = entry.number("mode"), entry.text("digest")[:12]
    known = (
        f"{entry.text('size')} bytes",
        _parsed(entry.fields.get("parses")),
        "" if mode is None else f"mode {mode:04o}",
        pairs(entry.mapping("facts")),
        f"digest {digest}" if digest else "",
    )
    return f"the {entry.text('role')} file {entry.text('path')} is seen: {', '.join(filter(None, known))}"


def _recorded(entry: Entry) -> str:
    actors = ", ".join(map(str, entry.list("actors"))) or "nobody"
    count, tried = len(entry.list("operations")), entry.text("states")
    doubts = "".join(f"; not known: {reason}" for reason in entry.list("unknown"))
    return f"{actors} changed files by {count} calls, which give {tried} states after a power cut{doubts}"


def _power(entry: Entry) -> str:
    lost = "; ".join(map(_lost, entry.list("lost"))) or "nothing"
    models = " and ".join(map(str, entry.list("models")))
    moment = f"after {entry.text('moment')} of {entry.text('operations')} calls"
    behind = ", ".join(map(str, entry.list("behind")))
    left = f"; left behind: {behind}" if behind else ""
    return f"{entry.text('trial')}: the power fails {moment}; lost: {lost}{left} (allowed by {models})"


def _lost(change: Any) -> str:
    if not isinstance(change, Mapping):
        return str(change)
    left = change.get("left")
    kept = "" if left == "nothing" else f", of which there is {left}"
    return f"{change.get('what')} by {change.get('call')} of {change.get('path')}{kept}"


def _parsed(parses: Any) -> str:
    return "" if parses is None else "parses" if parses else "DOES NOT PARSE"


def _tree(entry: Entry) -> str:
    count = len(entry.list("processes"))
    return f"process tree {entry.text('when')}: {count} process{'' if count == 1 else 'es'}"


def _survivor(entry: Entry) -> str:
    listed = entry.text("listed")
    owned = f"listed by the target as {listed}" if listed else "not listed by the target"
    return f"pid {entry.text('pid')} of {entry.text('actor')} survived ({owned}): {entry.text('command')}"


def _service(entry: Entry) -> str:
    ended = "ended" if entry.fields.get("ended") else "did not end"
    return f"pid {entry.text('pid')}, a service of the target, {ended} by SIGTERM: {entry.text('command')}"


def _beat(entry: Entry) -> str:
    state = "is alive" if entry.fields.get("advanced") else "is still"
    return f"child work {entry.text('child')} {state} at beat {entry.text('beats')}"


def _workspace(entry: Entry) -> str:
    fingerprint = entry.text("fingerprint")[:12]
    return f"workspace {entry.text('workspace')} {entry.text('when')}: fingerprint {fingerprint}"


def _lock(entry: Entry) -> str:
    holder = entry.number("holder")
    return f"the lock on {entry.text('path')} is {f'held by pid {holder}' if holder else 'free'}"


def _port(entry: Entry) -> str:
    port = entry.number("port")
    return f"{entry.text('process')} listens on port {port}" if port else "no process of the run listens on a port"


def _secret(entry: Entry) -> str:
    return f"the secret #{entry.text('fingerprint')} stands in the open: {entry.text('where')}"


def _network(entry: Entry) -> str:
    return f"{entry.text('actor')} tried to reach {entry.text('address')} and was refused"


def _host(entry: Entry) -> str:
    asked = f"{entry.text('host')}:{entry.text('port')}"
    return f"a client asked for {asked}, which is off this machine, and was refused"


def _noted(entry: Entry) -> str:
    return entry.text("text")


def _request(entry: Entry) -> str:
    marker = entry.text("marker")
    who = f" from {marker}" if marker else f" from port {entry.text('peer_port')}"
    model = f", model {entry.text('model')}" if entry.text("model") else ""
    return (
        f"exchange {entry.text('exchange')}: {entry.text('provider')} receives "
        f"{entry.text('method') or 'something that is not HTTP'} {entry.text('path')}{who}{model}"
    )


def _reply_held(entry: Entry) -> str:
    return f"exchange {entry.text('exchange')}: the reply waits at gate {entry.text('gate')}"


def _reply(entry: Entry) -> str:
    status, frames = entry.number("status"), entry.number("frames")
    said = f"status {status}" if status else "no status line"
    answer = f" {entry.text('reply')}" if entry.text("reply") else ""
    return (
        f"exchange {entry.text('exchange')}: {entry.text('provider')} answers{answer} with {said} "
        f"and {frames} frame{'' if frames == 1 else 's'}: {entry.text('outcome')}"
    )


def _token_request(entry: Entry) -> str:
    asked = f"{entry.text('grant_type')} grant asked with token #{entry.text('token')}"
    return f"exchange {entry.text('exchange')}: {asked}"


def _token_answer(entry: Entry) -> str:
    status = entry.number("status")
    generation = entry.number("generation")
    about = pairs({"family": entry.text("family"), "generation": generation})
    sent = f"status {status}" if status else "no answer is sent"
    facts = ", ".join(part for part in (sent, about) if part)
    return f"exchange {entry.text('exchange')}: grant decided: {entry.text('decision')} ({facts})"


def _redirected(entry: Entry) -> str:
    return f"{entry.text('actor')} connects to {entry.text('address')} and is led to the fakes"


_SENTENCES: dict[str, Callable[[Entry], str]] = {
    "Started": _started,
    "Exited": _exited,
    "Hung": _hung,
    "TreeEnded": _tree_ended,
    "Finished": _finished,
    "Signalled": _signalled,
    "CallHeld": _held,
    "CallReleased": _released,
    "CallSeen": _seen,
    "Scheduled": _scheduled,
    "FaultPlanned": _planned,
    "FaultFired": _fired,
    "FileSeen": _file,
    "FilesRecorded": _recorded,
    "PowerLost": _power,
    "TreeSeen": _tree,
    "SurvivorSeen": _survivor,
    "ServiceSeen": _service,
    "ChildBeat": _beat,
    "WorkspaceSeen": _workspace,
    "RepositorySeen": _repository,
    "LockSeen": _lock,
    "PortSeen": _port,
    "SecretSeen": _secret,
    "NetworkRedirected": _redirected,
    "NetworkRefused": _network,
    "ConnectionRefusedHost": _host,
    "Noted": _noted,
    "RequestReceived": _request,
    "ReplyHeld": _reply_held,
    "ReplySent": _reply,
    "TokenRequested": _token_request,
    "TokenAnswered": _token_answer,
}
