"""The fakes as a program of their own, to have turns with, and what a provider's answer takes without any client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from bench.rounds import BenchError

_MESSAGE = {"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]}


@contextmanager
def serving() -> Iterator[str]:
    """`python -m fakes` without a script: every model answers "ok". Gives its URL."""
    with subprocess.Popen([sys.executable, "-m", "fakes"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def answered(url: str) -> float:
    """Seconds that the provider itself takes for one message, its connection included."""
    began = time.perf_counter()
    with httpx.Client(trust_env=False) as client:
        made = time.perf_counter()  # a client's own making is no provider's time
        answer = client.post(f"{url}/v1/messages", json=_MESSAGE)
        seconds = time.perf_counter() - made
    if answer.status_code != 200:
        raise BenchError(f"the fakes answered {answer.status_code} after {time.perf_counter() - began:.1f} s")
    return seconds
