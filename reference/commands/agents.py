"""`agents add`, `agents list`, `agents delete`."""

from __future__ import annotations

import os

from reference import agents, stopping
from reference.deadline import Deadline
from reference.errors import OrchestratorError, Usage
from reference.home import absolute, checked_name, make_folder, missing
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.config import ConfigStore
    from reference.home import Home
    from reference.parts import Parts
    from reference.worktrees import Worktree


def add(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Add an agent, making its workspace. Raises Usage, Busy(`config-busy`), Local."""
    name = checked_name(values["name"], "an agent")
    if values["branch"] is not None and values["worktree-of"] is None:
        raise Usage(
            "bad-usage", "--branch is a worktree's, and none is made", hint="name its repository: --worktree-of REPO"
        )
    workspace = checked_workspace(values["workspace"], home)
    home.make()
    with stopping.held():  # so that whatever is made is in the config, or taken back
        _add(parts, home, values, name, workspace)
    entry = {"name": name, "workspace": workspace}
    return Result({"ok": True, "agent": entry}, f"added {name}, working in {workspace}")


def _add(parts: Parts, home: Home, values: dict[str, Any], name: str, workspace: str) -> None:
    store = parts.config_store(home)
    made = _worktree(parts, home, values, name, workspace) if values["worktree-of"] else None

    def edit(config: dict[str, Any]) -> None:
        agents.add(config, name, workspace)
        for folder in missing(workspace):
            make_folder(folder)

    try:
        with stopping.deliver():
            store.change(edit, Deadline.after(None))
    except BaseException:
        if made is not None and not _is_listed(store, name):
            made.take_back()
        raise
    if made is not None:
        made.keep()


def _is_listed(store: ConfigStore, name: str) -> bool:
    """Whether the change took place although it failed: when only the folder could not be synced."""
    try:
        return name in store.read().get("agents", {})
    except (OrchestratorError, OSError):
        return False


def _worktree(parts: Parts, home: Home, values: dict[str, Any], name: str, workspace: str) -> Worktree:
    """Make the agent's worktree. Raises what `reference.worktrees.add` raises, and Usage."""
    store = parts.config_store(home)
    agents.check_free(store.read(), name)  # a name that is taken makes no worktree

    def is_used(path: str) -> bool:
        return agents.works_in(store.read(), path)

    branch = values["branch"] or f"agent/{name}"
    made: Worktree = parts.worktrees().add(
        home, values["worktree-of"], workspace, branch, Deadline.after(None), is_used
    )
    return made


def list_all(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Every agent in the config. Raises Local."""
    found = agents.listed(parts.config_store(home).read())
    text = "\n".join(f"{agent['name']}  {agent['workspace']}" for agent in found)
    return Result({"ok": True, "agents": found}, text or "no agents yet: `reference agents add --help`")


def delete(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Remove an agent from the config and nothing else. Raises Usage(`unknown-agent`), Busy, Local."""
    name = checked_name(values["name"], "an agent")
    store = parts.config_store(home)
    entry = agents.agent_entry(store.read(), name)  # a name that is not there makes no state directory
    home.make()
    if os.path.isdir(home.worktrees):
        from reference.worktrees import note

        note.forget(home, entry["workspace"])

    def edit(config: dict[str, Any]) -> None:
        agents.delete(config, name)

    store.change(edit, Deadline.after(None))
    return Result({"ok": True, "deleted": name}, f"removed {name}; its workspace and transcripts stay")


def checked_workspace(path: str, home: Home) -> str:
    """The absolute path, if an agent may work there. Raises Usage(`bad-workspace`)."""
    detail = {"workspace": ascii(path)[:500]}
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise Usage("bad-workspace", "the path is not UTF-8", hint="rename the folder", detail=detail) from None
    if not path:
        raise Usage("bad-workspace", "the workspace is empty", hint="name a folder: --workspace DIR", detail=detail)
    whole = absolute(os.path.expanduser(path))
    real, state = os.path.realpath(whole), os.path.realpath(home.path)
    if real == state or real.startswith(state + os.sep):
        raise Usage(
            "bad-workspace",
            f"{whole} lies in the state directory, where an agent could change its own config",
            hint="choose a folder elsewhere",
            detail=detail,
        )
    if os.path.exists(whole) and not os.path.isdir(whole):
        raise Usage("bad-workspace", f"{whole} is not a folder", hint="choose a folder", detail=detail)
    return whole
