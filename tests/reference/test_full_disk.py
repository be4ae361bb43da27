"""A disk that is full: old state intact, a typed error naming the path, and it works again after relief (RES-1)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
mount -t tmpfs -o size=256k tmpfs "$1" || exit 99
export REFERENCE_HOME="$1/home"
run() { "$PYTHON" -m reference "$@" --json 2>/dev/null || true; }
run agents add lane0 --workspace "$2"
run agent --local --agent lane0 --message one
dd if=/dev/zero of="$1/fill" bs=1k count=1000 2>/dev/null
run agents add lane1 --workspace "$2"
run agents add lane1 --workspace "$2"
run agent --local --agent lane0 --message two
run agents list
stat -c %h "$REFERENCE_HOME/config.json"
rm "$1/fill"
run agents add lane1 --workspace "$2"
run agent --local --agent lane0 --message three
run agents list
printf '"damaged"' > "$REFERENCE_HOME/config.json"
dd if=/dev/zero of="$1/fill" bs=1k count=1000 2>/dev/null
run doctor --fix
cat "$REFERENCE_HOME/config.json"; echo
rm "$1/fill"
run doctor --fix
"""


@pytest.fixture
def lines(program: Any, tmp_path: Path) -> list[Any]:
    """What the commands printed, run with a tiny file system that only they can see."""
    mount = tmp_path / "small"
    mount.mkdir()
    argv = ["unshare", "-rm", "sh", "-c", SCRIPT, "sh", str(mount), str(program.work)]
    ran = subprocess.run(argv, env=program.env(PYTHON=sys.executable), capture_output=True, check=False, timeout=120)
    if ran.returncode == 99 or b"unshare failed" in ran.stderr:
        pytest.skip("this machine allows no private mounts")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_full_disk(lines: list[Any]) -> None:
    added, first, refused, again, second, listed, links, relieved, third, last, *repairs = lines
    assert added["ok"] is True
    assert first["error"]["code"] == "no-models"
    for failed in (refused, again, second):
        assert failed["error"]["code"] == "disk-full"
        assert "/home/" in failed["error"]["detail"]["path"]
    assert [a["name"] for a in listed["agents"]] == ["lane0"]
    assert links == 1  # no backup shares the file that is in use
    assert relieved["ok"] is True
    assert third["error"]["code"] == "no-models"
    assert [a["name"] for a in last["agents"]] == ["lane0", "lane1"]
    unrepaired, kept, repaired = repairs
    assert unrepaired["error"]["code"] == "problems-found"
    assert kept == "damaged"  # what cannot be replaced is not put aside either
    assert repaired["ok"] is True
