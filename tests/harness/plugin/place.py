"""A folder outside the project, as a user has one, and sessions of pytest in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
PROJECT = HERE.parents[1]
TARGET = ("--target", "toy.py:toy")
LIMIT = 120  # seconds, on a machine that is busy with something else
EXPECTED = {
    "conforms": "CONFORMS",
    "violates": "VIOLATED",
    "breaks": "UNKNOWN",
    "misses": "INCONCLUSIVE",
    "needs": "UNSUPPORTED",
}


class Place:
    """A folder with scenarios and a target, and nothing of the project but the installed plug-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(HERE / "toy.py", folder / "toy.py")
        shutil.copy(HERE / "toys.py", folder / "test_toys.py")

    def run(self, *words, env=None):
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
        return subprocess.run(
            argv, cwd=self.folder, env={**os.environ, "COLUMNS": "250", **(env or {})}, capture_output=True,
            timeout=LIMIT, text=True,
        )  # fmt: skip

    def record(self, folder="reports/out/latest"):
        return json.loads((self.folder / folder / "record.json").read_text())

    def verdicts(self, folder="reports/out/latest"):
        return {result["scenario"]: result["verdict"] for result in self.record(folder)["results"]}
