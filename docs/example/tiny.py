"""The smallest orchestrator that can lose an agent: `tiny.py add NAME WORKSPACE` and `tiny.py list`.

It keeps its agents in $TINY_HOME/agents.json, prints one JSON document, and exits 0, or 1 when something is wrong.
Each of --lock, --sync and --tell mends one of its mistakes.
"""

import contextlib
import fcntl
import json
import os
import sys
from pathlib import Path

CARE = {word for word in sys.argv[1:] if word.startswith("--")}
CONFIG = (Path(os.environ["TINY_HOME"]) / "agents.json").resolve()  # one file has one lock, however it is reached


def known() -> dict[str, str]:
    """The agents and their workspaces."""
    agents = json.loads(CONFIG.read_text())
    if not isinstance(agents, dict):
        raise ValueError("not a JSON object")
    return agents


def add(name: str, workspace: str) -> dict[str, object]:
    """Read the config, change it, replace it."""
    with CONFIG.with_suffix(".lock").open("w") as lock:
        if "--lock" in CARE:
            fcntl.flock(lock, fcntl.LOCK_EX)
        agents = known()
        if name in agents:
            return {"ok": False, "code": "exists", "message": f"there is an agent {name} already"}
        replace(json.dumps({**agents, name: workspace}))
    return {"ok": True}


def replace(text: str) -> None:
    """Put a new file in the config's place, so that nobody reads half of one."""
    temporary = CONFIG.with_suffix(f".{os.getpid()}")
    try:
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            if "--sync" in CARE:
                os.fsync(file.fileno())
        temporary.replace(CONFIG)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if "--sync" in CARE:
        folder = os.open(CONFIG.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def run(words: list[str]) -> dict[str, object]:
    """Run one command; what it has to say."""
    match words:
        case ["add", name, workspace]:
            return add(name, workspace)
        case ["list"]:
            return {"ok": True, "agents": list(known())}
        case _:
            return {"ok": False, "code": "usage", "message": "tiny.py add NAME WORKSPACE, or tiny.py list"}


if __name__ == "__main__":
    try:
        answer = run([word for word in sys.argv[1:] if word not in CARE])
    except (OSError, ValueError) as error:
        if "--tell" not in CARE:
            raise
        answer = {"ok": False, "code": type(error).__name__, "message": f"{CONFIG}: {error}", "path": str(CONFIG)}
    print(json.dumps(answer))  # noqa: T201
    sys.exit(0 if answer["ok"] else 1)
