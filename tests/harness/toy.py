"""A target outside the project, as `--target toy.py:toy` takes it: it runs whatever Python it is given as an intent."""

from __future__ import annotations

import os
import sys

from harness.outcome import Outcome
from harness.targets.protocol import Capability, Command

POLLS_FLOCK = """
import fcntl, time
lock = open("lock", "w")
while True:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        end = time.process_time() + 0.02  # more than a tick of processor time for each attempt: it is never still
        while time.process_time() < end: pass
"""


class Toy:
    name, version, argv = "toy", "1", (sys.executable, "-S", "-E", "-P", "-c")
    patience, needs_tls, capabilities = 60.0, False, frozenset({Capability.ADD_AGENTS})

    def prepare(self, site, setup):
        self.config_file(site).write_text("{}")

    def command(self, site, intent):
        return Command(argv=(*self.argv, *intent.words), env={"PATH": os.defpath}, cwd=site.home)

    def read(self, site, intent, ended):
        ok = ended.code == 0
        return Outcome(ok=ok, kind="ok" if ok else "internal", exit_status=ended.code if ended.code >= 0 else None)

    def config_file(self, site):
        return site.home / "config.json"

    def credentials_files(self, site):
        return ()

    def profile(self, site, which):
        return None

    def store_credential(self, site, credential, which="main"):
        raise NotImplementedError

    def tool_call(self, command, *, background=False):
        raise NotImplementedError

    def plant_holder(self, site, agent, pid):
        return False


toy = Toy()
