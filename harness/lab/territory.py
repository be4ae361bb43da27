"""Which stopped calls concern what: the target's state, its config, its credentials. For scenarios to choose by."""

from __future__ import annotations

from pathlib import Path

from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.targets.extras import unstopped
from harness.targets.protocol import Site, Target


class Territory:
    """What a target owns in a run."""

    def __init__(self, target: Target, site: Site) -> None:
        self.target = target
        self.site = site

    def is_credentials(self, call: StoppedCall) -> bool:
        """Whether a stopped call concerns a file of credentials, or another beside it that has its name in its own."""
        files = [str(path.resolve().with_suffix("")) for path in self.target.credentials_files(self.site)]
        return any(path.startswith(file) for path in call.paths for file in files)

    def is_state(self, call: StoppedCall) -> bool:
        """Whether a stopped call concerns what other commands can see: the target's home, or a workspace."""
        folders = (self.site.home, self.site.workspaces)
        return any(Path(path).is_relative_to(folder) for path in call.paths for folder in folders)

    def is_turn(self, call: StoppedCall) -> bool:
        """Whether a stopped call is worth a decision: `is_state`, but for looks and what the target does too often."""
        if call.kind.family is Family.LOOK:
            return False
        if Family.SHARE in unstopped(self.target) and locks.shares(call):
            return False
        return self.is_state(call)

    def is_config(self, call: StoppedCall) -> bool:
        """Whether a stopped call changes the config file itself, by whichever path the target reaches it."""
        return call.path == str(self.target.config_file(self.site).resolve())

    def is_beside_config(self, call: StoppedCall) -> bool:
        """Whether a stopped call names a file in the config's folder, the config itself included."""
        folder = str(self.target.config_file(self.site).resolve().parent)
        return any(path.rpartition("/")[0] == folder for path in call.paths)

    def may_become_config(self, call: StoppedCall) -> bool:
        """Whether a stopped call names a file beside the config, or one in the folder for temporary files."""
        return self.is_beside_config(call) or any(Path(path).is_relative_to(self.site.tmp) for path in call.paths)

    def is_store(self, call: StoppedCall) -> bool:
        """Whether a stopped call concerns a file of credentials, or a temporary that is named after one."""
        names = [path.name for path in self.target.credentials_files(self.site)]
        return any(name in Path(path).name for path in call.paths for name in names)
