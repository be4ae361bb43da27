"""A pipe on standard output: read late it is read whole, and left by its reader it cannot be written to."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.lab.pipes import Pipe

MUCH = 300_000  # bytes: far more than a pipe holds
PRINTS = f"import sys; sys.stdout.write('x' * {MUCH}); sys.stdout.flush()"


def written_to(pipe: Pipe, program: str) -> subprocess.Popen[bytes]:
    descriptor = os.open(pipe.path, os.O_WRONLY)
    try:
        return subprocess.Popen([sys.executable, "-c", program], stdout=descriptor, stderr=subprocess.PIPE)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("when", ["before-its-end", "after-its-end"])
def test_what_is_read_late_is_read_whole(tmp_path: Path, when: str) -> None:
    kept = tmp_path / "stdout"

    async def read() -> None:
        pipe = Pipe(kept)
        with written_to(pipe, PRINTS if when == "before-its-end" else "print('few')") as process:
            if when == "before-its-end":
                pipe.read_on()
            await asyncio.to_thread(process.wait)
        pipe.read_rest()
        pipe.read_on()  # too late, and harmless
        pipe.leave()

    asyncio.run(read())
    assert kept.read_bytes() == (b"x" * MUCH if when == "before-its-end" else b"few\n")


def test_who_writes_to_nobody_is_told(tmp_path: Path) -> None:
    async def leave() -> bytes:
        pipe = Pipe(tmp_path / "stdout")
        with written_to(pipe, PRINTS) as process:  # more than the pipe holds, however early it is printed
            pipe.leave()
            _, said = await asyncio.to_thread(process.communicate)
        return said

    assert b"BrokenPipeError" in asyncio.run(leave())
