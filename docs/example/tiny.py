"""The smallest orchestrator that can lose an agent: `tiny.py [--lock] add NAME WORKSPACE` and `tiny.py list`.

It keeps its agents in $TINY_HOME/agents.json, prints one JSON document, and exits 0, or 1 when the name is taken.
"""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

CONFIG = Path(os.environ["TINY_HOME"]) / "agents.json"


@contextlib.contextmanager
def alone(wanted: bool) -> Iterator[None]:
    """Keep other adds out until the block ends, if that is wanted."""
    with CONFIG.with_suffix(".lock").open("w") as file:
        if wanted:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add(name: str, workspace: str) -> dict[str, object]:
    """Read the config, change it, replace it."""
    agents = json.loads(CONFIG.read_text())
    if name in agents:
        return {"ok": False, "code": "exists", "message": f"there is an agent {name} already"}
    agents[name] = workspace
    temporary = CONFIG.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(agents))
    temporary.replace(CONFIG)
    return {"ok": True}


def main(words: list[str]) -> int:
    """Run one command."""
    lock = words[:1] == ["--lock"]
    match words[lock:]:
        case ["add", name, workspace]:
            with alone(lock):
                answer = add(name, workspace)
        case ["list"]:
            answer = {"ok": True, "agents": list(json.loads(CONFIG.read_text()))}
        case _:
            answer = {"ok": False, "code": "usage", "message": "tiny.py [--lock] add NAME WORKSPACE, or tiny.py list"}
    print(json.dumps(answer))  # noqa: T201
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
