"""The config's agents: adding, finding and deleting them. Knows nothing of files and locks."""

from __future__ import annotations

from reference.errors import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def add(config: dict[str, Any], name: str, workspace: str) -> None:
    """Raises Usage(`agent-exists`)."""
    check_free(config, name)
    config.setdefault("agents", {})[name] = {"workspace": workspace}


def check_free(config: dict[str, Any], name: str) -> None:
    """Raises Usage(`agent-exists`)."""
    agents = config.get("agents", {})
    if name in agents:
        raise Usage(
            "agent-exists",
            f"there is an agent {name} already",
            hint=f"choose another name, or remove it with `reference agents delete {name}`",
            detail={"agent": name, "workspace": agents[name]["workspace"]},
        )


def delete(config: dict[str, Any], name: str) -> None:
    """Raises Usage(`unknown-agent`)."""
    agent_entry(config, name)
    del config["agents"][name]


def agent_entry(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The agent's part of the config. Raises Usage(`unknown-agent`)."""
    agents: dict[str, dict[str, Any]] = config.get("agents", {})
    if name not in agents:
        raise Usage(
            "unknown-agent",
            f"there is no agent {name}",
            hint=_hint(name, list(agents)),
            detail={"agent": name},
        )
    return agents[name]


def works_in(config: dict[str, Any], workspace: str) -> bool:
    """Whether an agent has this workspace."""
    return any(agent["workspace"] == workspace for agent in listed(config))


def listed(config: dict[str, Any]) -> list[dict[str, str]]:
    """Every agent, in the order of the config."""
    return [{"name": n, "workspace": a["workspace"]} for n, a in config.get("agents", {}).items()]


def _hint(name: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"add it with `reference agents add {name} --workspace DIR`, or see `reference agents list`"
