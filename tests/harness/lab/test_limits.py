"""A process whose limit of descriptors is lowered while it goes on."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.lab.limits import few_descriptors

# It has a gap in its numbers; for each line it opens as many files as it can, and says how many.
PROGRAM = """
import os, sys
first = os.open(os.devnull, os.O_RDONLY)
os.dup2(first, first + 5)
for line in sys.stdin:
    held = []
    try:
        while len(held) < 20:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for one in held:
        os.close(one)
    print(len(held), flush=True)
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def opened(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


@pytest.mark.parametrize("free", [0, 3])
def test_few_are_left_until_the_end_of_the_block(process: subprocess.Popen[str], free: int) -> None:
    assert opened(process) == 20
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    with few_descriptors(process.pid, free=free) as limited:
        assert limited
        assert opened(process) == free
    assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == before
    assert opened(process) == 20


def test_a_process_that_has_gone_is_not_limited(process: subprocess.Popen[str]) -> None:
    process.communicate()
    with few_descriptors(process.pid, free=0) as limited:
        assert not limited


def test_a_process_that_ends_meanwhile_is_no_error(process: subprocess.Popen[str]) -> None:
    with few_descriptors(process.pid, free=0) as limited:
        assert limited
        process.communicate()
