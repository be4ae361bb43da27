"""The adapter of tiny.py: `--target docs/example/tiny_target.py:as_shipped`, and `:repaired`, with every care taken."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from harness.outcome import Outcome
from harness.targets.output import documents, shows_traceback
from harness.targets.protocol import (
    AddAgent,
    Capability,
    Command,
    Ended,
    Intent,
    ListAgents,
    Raw,
    Setup,
    Site,
    VendorNames,
)


class Tiny:
    """Only translates. Starting, waiting and judging is the harness's work."""

    name = "tiny"
    version = "1"
    capabilities = frozenset({Capability.ADD_AGENTS})  # scenarios that need more are UNSUPPORTED
    patience = 20.0  # seconds
    needs_tls = False
    names = VendorNames()  # hosts that no setting of the program points elsewhere

    def __init__(self, *options: str) -> None:
        self.argv = (sys.executable, str(Path(__file__).with_name("tiny.py").resolve()), *options)

    def prepare(self, site: Site, setup: Setup) -> None:
        """Write what the program finds at its first command."""
        agents = {name: str(site.workspace(name)) for name in setup.agents}
        self.config_file(site).write_text(json.dumps(agents | dict(setup.extra)))

    def command(self, site: Site, intent: Intent) -> Command:
        """Turn an intent into a command line with its whole environment: nothing is inherited."""
        match intent:
            case AddAgent(name=name, workspace=workspace):
                words: tuple[str, ...] = ("add", name, workspace)
            case ListAgents():
                words = ("list",)
            case Raw(words=words):
                pass
            case _:
                raise AssertionError(f"no scenario asks for {intent.verb} without the capability")
        return Command(argv=(*self.argv, *words), env={"TINY_HOME": str(site.home)}, cwd=site.home)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        """Turn what the program printed into words that checkers compare. What it does not say stays out."""
        found = documents(ended.stdout)
        said = found.last_object
        agents = said.get("agents")
        return Outcome(
            ok=said.get("ok") is True,
            kind="ok" if said.get("ok") is True else "local" if "code" in said else "unclear",
            exit_status=ended.code if ended.code >= 0 else None,  # negative: ended by that signal
            code=str(said.get("code", "")),
            message=str(said.get("message", "")),
            subject=str(said["path"]) if "path" in said else None,
            documents=len(found.found),
            stray_output=found.stray,
            traceback=shows_traceback(ended.stderr),
            agents=tuple(map(str, agents)) if isinstance(agents, list) else None,  # None: no list stands there
        )

    def config_file(self, site: Site) -> Path:
        """The file that concurrent adds change."""
        return site.home / "agents.json"

    # Without OAUTH, TOOLS and SESSION_HOLDER among the capabilities nobody asks for the following.

    def credentials_files(self, site: Site) -> Sequence[Path]:
        return []

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        return None

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        raise NotImplementedError("tiny keeps no credentials")

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        raise NotImplementedError("tiny runs no tools")

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        return False


as_shipped = Tiny()
locked = Tiny("--lock")
durable = Tiny("--lock", "--sync")
repaired = Tiny("--lock", "--sync", "--tell")
