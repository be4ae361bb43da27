"""Real child work for scenarios: an `npm install` and a compilation by `make`, made here, carried out by the target.

Nothing is fetched: the package to install is packed here, and npm is offline, with a cache and a config in the run's
folder. Where a tool is missing or does not work, the shipped fake build (`fakes.builds`) stands in, and the result
says so under "What was not verified": the rule still stands, and a machine without npm still tests it.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor

AT_WORK = 3  # lines of a heartbeat: who works, and two pieces of work that are done
SHORT, LASTING = 10, 6000  # pieces of work, of 20 ms each and more: two minutes outlive every grace period
PROBE_SECONDS = 30.0  # for a tool to say its version

# The install script of a package with a native part: npm starts a shell, the shell starts this, and this writes into
# node_modules until it is done.
INSTALL_JS = """\
const fs = require('fs');
const [heartbeat, pieces] = process.argv.slice(2);
fs.mkdirSync('build', { recursive: true });
fs.writeFileSync(heartbeat, `pid ${process.pid}\\n`);
let piece = 0;
setInterval(() => {
  if (piece === Number(pieces)) { fs.appendFileSync(heartbeat, 'done\\n'); process.exit(0); }
  piece += 1;
  fs.appendFileSync('build/addon.o', `piece ${piece}\\n`);
  fs.appendFileSync(heartbeat, `${piece}\\n`);
}, 20);
"""

# Two compilers at a time, and a shell for each: processes come and go all the while, faster than anybody can list them.
MAKEFILE = """\
objects = $(patsubst %,build/%.o,$(shell seq $(PIECES)))
$(shell mkdir -p build; echo pid $$PPID > "$$HEARTBEAT")
all: $(objects)
\t@echo done >> "$$HEARTBEAT"
$(objects): build/%.o: unit.c
\tcc -DPIECE=$* -c -o $@ $<
\t@echo $* >> "$$HEARTBEAT"
"""
UNIT_C = "int piece(int number) { return number * PIECE; }\n"

# The last line is for npm 12, which runs no package's install script unless told so; others pass it over. Tried with
# npm 6, 8, 10, 11 and 12.
NPMRC = """\
offline = true
audit = false
fund = false
update-notifier = false
ignore-scripts = false
dangerously-allow-all-scripts = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Child work that a tool call can start: `command` for the shell, `child` as its heartbeat is called."""

    child: str
    command: str
    log: Path  # what the tools print; not on the command's own streams, whose end would end the work as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Programs that work have a version each, in words; else `lacking` says which does not, and why."""

    versions: str = ""
    lacking: str = ""


def installing(lab: Lab, agent: str, *, lasting: bool) -> Work:
    """`npm install` in the agent's workspace, of one package whose install script is short, or outlives the run."""
    tools = working("npm", "node")
    if tools.lacking:
        return _stand_in(lab, agent, "npm install", tools, lasting=lasting)
    folder = _folder(lab, agent, "npm install", tools)
    script = shlex.join(["node", "install.js", str(lab.heartbeat(agent)), str(LASTING if lasting else SHORT)])
    package = {"name": "slow-addon", "version": "1.0.0", "scripts": {"install": script}}
    pack(folder / "slow-addon.tgz", {"package.json": json.dumps(package), "install.js": INSTALL_JS})
    (folder / "npmrc").write_text(NPMRC, encoding="utf-8")
    application = {"name": "app", "private": True, "dependencies": {"slow-addon": f"file:{folder / 'slow-addon.tgz'}"}}
    (lab.site.workspace(agent) / "package.json").write_text(json.dumps(application), encoding="utf-8")
    settings = {
        "npm_config_userconfig": str(folder / "npmrc"),
        "npm_config_globalconfig": str(folder / "no-such-file"),
        "npm_config_cache": str(folder / "cache"),
    }
    return _script(lab, agent, folder, "npm install", settings)


def compiling(lab: Lab, agent: str, *, lasting: bool) -> Work:
    """`make` in the agent's workspace: some objects, or more than there is time for."""
    tools = working("make", "cc")
    if tools.lacking:
        return _stand_in(lab, agent, "make", tools, lasting=lasting)
    folder = _folder(lab, agent, "make", tools)
    (lab.site.workspace(agent) / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    (lab.site.workspace(agent) / "unit.c").write_text(UNIT_C, encoding="utf-8")
    settings = {"HEARTBEAT": str(lab.heartbeat(agent)), "PIECES": str(LASTING if lasting else SHORT)}
    return _script(lab, agent, folder, "make -j2", settings)


async def until_at_work(lab: Lab, work: Work, run: Actor) -> None:
    """Wait until the work has done something and will go on. Raises TargetFailed when that does not come."""
    if not await lab.look.beat(work.child, more=AT_WORK, within=lab.target.patience, by=run):
        raise TargetFailed(f"{work.child} never began to work: {_last_words(work)}")


def check_done(lab: Lab, work: Work) -> None:
    """Short work has come to its own end. Raises TargetFailed when it has not: then this run shows nothing."""
    heartbeat = lab.heartbeat(work.child)
    if not heartbeat.exists() or not heartbeat.read_text(encoding="ascii").endswith("done\n"):
        raise TargetFailed(f"{work.child} did not come to its end although nothing disturbed it: {_last_words(work)}")


@cache
def working(*programs: str) -> Tools:
    """Whether all of these work here, outside their user's home (a version manager's stand-in may not)."""
    versions = []
    with tempfile.TemporaryDirectory(prefix="pileup-probe-") as home:
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "TMPDIR": home}
        for program in programs:
            try:
                done = subprocess.run(
                    [program, "--version"], env=env, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                    timeout=PROBE_SECONDS, check=True,
                )  # fmt: skip
            except FileNotFoundError:
                return Tools(lacking=f"there is no {program} on PATH")
            except (OSError, subprocess.SubprocessError) as error:
                return Tools(lacking=f"{program} does not work here ({type(error).__name__})")
            versions.append(f"{program} ({done.stdout.partition(chr(10))[0]})")
    return Tools(versions=", ".join(versions))


def pack(path: Path, files: Mapping[str, str]) -> None:
    """A package as npm wants it: a tarball with everything below `package/`."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data := text.encode())
            archive.addfile(entry, io.BytesIO(data))


def _folder(lab: Lab, agent: str, what: str, tools: Tools) -> Path:
    """Where the work's own files are: in the run's folder, outside every workspace."""
    lab.note(f"the child work of {agent} is a real {what}, by {tools.versions}")
    folder = lab.site.root / f"work-{agent}"
    folder.mkdir()
    return folder


def _script(lab: Lab, agent: str, folder: Path, command: str, settings: Mapping[str, str]) -> Work:
    """A shell script, so that no target has to carry settings and quotes, and lists of processes can be read."""
    path, log = folder / "work.sh", folder / "work.log"
    exported = {"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": str(lab.site.tmp), **settings}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    enter = f"cd {shlex.quote(str(lab.site.workspace(agent)))} || exit"
    path.write_text(
        "\n".join([*lines, enter, f"{command} > {shlex.quote(str(log))} 2>&1", "exit $?\n"]), encoding="utf-8"
    )
    return Work(child=agent, command=shlex.join(["sh", str(path)]), log=log)


def _stand_in(lab: Lab, agent: str, what: str, tools: Tools, *, lasting: bool) -> Work:
    """The shipped fake build, twice: one counts, one writes into the workspace."""
    missing = f"a real {what}: {tools.lacking}, so the shipped fake build stood in"
    lab.note(missing)
    lab.untried.append(missing)
    seconds = 120.0 if lasting else 0.2
    counts = lab.build(agent, seconds=seconds)
    writes = lab.build(agent, seconds=seconds, beats_in=lab.site.workspace(agent) / "build.log")
    return Work(child=agent, command=f"{writes} & {counts} & wait", log=lab.site.root / "no-log")


def _last_words(work: Work) -> str:
    """The end of what the tools printed."""
    said = work.log.read_text(encoding="utf-8", errors="replace").strip() if work.log.exists() else ""
    return said[-300:] or "the tool call was not carried out"
