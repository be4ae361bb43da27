"""Ctrl-C twice at once is Ctrl-C once, and what the first began is done to its end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator

import pytest

from harness.session import patience
from harness.session.patience import Patient, patient, patiently


@pytest.fixture(autouse=True)
def python_s_own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_only_the_first_of_a_second_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    moments = iter([10.0, 10.1, 10.9, 11.0, 11.2, 15.0])
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now = next(moments)
        return now

    monkeypatch.setattr(patience.time, "monotonic", monotonic)
    handler = Patient(lambda _number, _frame: heard.append(now))
    for _ in range(6):
        handler(signal.SIGINT, None)
    assert heard == [10.0, 11.0, 15.0]


def test_the_handler_is_as_before_afterwards() -> None:
    with patient():
        assert isinstance(signal.getsignal(signal.SIGINT), Patient)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_it_goes_on_doing_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with patient():
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_no_other_thread_changes_anything() -> None:
    seen: list[object] = []

    def look() -> None:
        with patient():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_what_ends_a_run_is_not_broken_off() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
            done.append("cleared away")

    with pytest.raises(KeyboardInterrupt), asyncio.Runner() as runner:
        runner.run(patiently(work()))
    assert done == ["cleared away"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
