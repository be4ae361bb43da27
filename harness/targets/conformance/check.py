"""What a check of an adapter is, and how it complains: what is wrong, and how to mend it.

A check is a body that acts in a lab, as a scenario's does, and stops at the first thing that is not as the protocol
(harness/targets/protocol.py) says. It judges the adapter, never what the program guarantees: scenarios are for that.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from harness.errors import NotConforming
from harness.events import Exited, Finished, NetworkRefused
from harness.targets.protocol import Capability

if TYPE_CHECKING:
    from harness.lab import Lab

Body = Callable[["Lab"], Awaitable[None]]
_TAIL = 300  # characters of a stream that a complaint quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that the harness assumes of an adapter; `needs` are the capabilities without which it is skipped."""

    name: str
    title: str
    needs: frozenset[Capability]
    body: Body


def check(*needs: Capability) -> Callable[[Body], Callable[..., None]]:
    """Make a pytest test of an `async def test_…(lab)`, whose first line of docstring is what an adapter must keep."""

    def decorate(body: Body) -> Callable[..., None]:
        name = getattr(body, "__name__", "")
        title = (inspect.getdoc(body) or "").partition("\n")[0].rstrip(".")
        record = Check(name=name.removeprefix("test_"), title=title, needs=frozenset(needs), body=body)

        def test(pileup_adapter: Any) -> None:
            pileup_adapter.examine(record)

        test.__name__, test.__doc__, test.__module__ = name, body.__doc__, body.__module__
        test.check = record  # type: ignore[attr-defined]
        return test

    return decorate


def require(good: object, wrong: str, mend: str) -> None:
    """Raises NotConforming unless `good` is true."""
    if not good:
        complain(wrong, mend)


def complain(wrong: str, mend: str) -> NoReturn:
    """Raises NotConforming."""
    raise NotConforming(wrong, hint=f"mend: {mend}")


def ended(lab: Lab, actor: str) -> str:
    """How a command ended and what it printed last, for a complaint."""
    history = lab.history()
    how = [
        f"exit status {what.status}" if what.status is not None else f"ended by signal {what.signal}"
        for _, what in history.of(Exited)
        if what.actor == actor
    ]
    printed = [(what.stdout, what.stderr) for _, what in history.of(Finished) if what.actor == actor]
    stdout, stderr = printed[-1] if printed else ("", "")
    return f"{' '.join(how) or 'it has not ended'}; stdout {_tail(stdout)}; stderr {_tail(stderr)}"


def beyond(lab: Lab) -> str:
    """Whom the program reached for outside loopback, for a complaint about requests that did not come."""
    reached = dict.fromkeys(what.address for _, what in lab.history().of(NetworkRefused))
    return f"; beyond loopback it reached for {', '.join(reached)}" if reached else ""


def _tail(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _TAIL else f"…{text[-_TAIL:]}") if text else "empty"
