"""OPS-6: a check-up of the program's own state, which is damaged, and its repair, beside which others are at work."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from hypothesis import strategies as st

from fakes.script import Match, Rule, Status, Text
from harness.checkers.config import adds_survive_a_repair
from harness.checkers.repair import (
    BESIDE,
    FIRST,
    LATE,
    LIST,
    LOOK,
    REPAIR,
    RUNS,
    SOUND,
    TURN,
    check_up_is_right,
    repair_harms_nobody,
)
from harness.conductor.stopped import Where
from harness.conductor.troubles import FULL_DISK
from harness.lab import Lab
from harness.lab.striking import Strike, sweep
from harness.scenario import WATCH_CHANGES, WATCH_CONTENTION, scenario
from harness.targets.extras import transcripts
from harness.targets.protocol import Capability, CheckUp, ListAgents, ListRuns, Setup
from scenarios.gateway import routed, serving
from scenarios.work import Rounds

NEEDS = (Capability.ADD_AGENTS, Capability.TURN, Capability.SESSIONS, Capability.CHECK_UP)
Damage = Callable[[Path], object]
DAMAGES: dict[str, Damage] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(b"\x00\xff\xfe{" * (path.stat().st_size // 4 + 1)),
}
JOURNALED = "-journaled"  # ends the name of a round with journals
KILLED = "killed"  # the turn that leaves journals behind
LONG = "done " * 2000  # no page of a database holds it
RESTING = Status(529, headers=(("retry-after", "3600"),))


@scenario(
    "OPS-6",
    fault="one file of the state after the other, but for conversations, is cut short or overwritten, beside journals "
    "of it that a killed turn has left; the config is removed, and the credentials are opened to others; then the "
    "state is looked at, and repaired where something was found; before all that it is looked at beside a turn",
    needs=[*NEEDS, Capability.OAUTH],
    judges=[check_up_is_right],
    not_verified=["what the list of runs says after its records were damaged"],
)
async def test_check_up_of_damaged_state(lab: Lab) -> None:
    """A check-up finds nothing where nothing is wrong; if it does not, or has repaired everything, the state works."""
    resting = ("anthropic",) if Capability.FAILOVER in lab.target.capabilities else ()  # of which a record is kept
    models = (*resting, "codex")
    lab.prepare(Setup(agents=("lane0", "lane1"), models=models, credential=lab.credential("codex")))
    rests = [Rule("rests", Match(provider=name), (RESTING,)) for name in resting]
    await lab.add("lane2")
    await lab.run(ListAgents(), LIST.removeprefix("-"))
    await lab.add("last")  # a backup has what was there before the last change
    lab.script(*rests, Rule(FIRST, Match(marker=FIRST), (Text(LONG, gate=FIRST),)))
    lab.hold(FIRST)
    first = await lab.turn("lane0", actor=FIRST)
    if await lab.reached(FIRST, by=[first]):
        await lab.run(CheckUp(), SOUND)
    lab.release(FIRST)
    await first.finished()
    journaled = await _left_by_a_killed_turn(lab) if lab.faulty else {}
    lab.plan("damaged state")
    files = [(path, path.read_bytes(), path.stat().st_mode) for path in _files(lab)]
    damages = _damages(lab, [path for path, *_ in files], journaled)
    for name in lab.rounds(damages):
        if lab.faulty:
            path, damage = damages[name]
            damage(path)
            lab.fired("damaged state", name)
        said = await lab.run(CheckUp(), f"{name}{LOOK}")
        if not said.ok:
            said = await lab.run(CheckUp(repair=True), f"{name}{REPAIR}")
        if said.ok:  # else it is said that a person is needed
            await (await lab.turn("lane0", actor=f"{name}{TURN}")).finished()
            await lab.run(ListAgents(), f"{name}{LIST}")
            if name.endswith(JOURNALED) and Capability.RUNS in lab.target.capabilities:
                await lab.run(ListRuns(everything=True), f"{name}{RUNS}")
            lab.look.credentials(name)
        for left in {left for journals in journaled.values() for left in journals}:
            left.unlink(missing_ok=True)
        for path, whole, mode in files:  # each round begins with the same state
            path.write_bytes(whole)
            path.chmod(mode)


async def _left_by_a_killed_turn(lab: Lab) -> dict[Path, dict[Path, bytes]]:
    """Each file that a killed turn has left with journals beside it, of what it and they consist; then it is repaired.

    A journal has its file's name with more behind it, as those of SQLite do.
    """
    lab.script(Rule(KILLED, Match(marker=KILLED), (Text("done", gate=KILLED),)))
    lab.hold(KILLED)
    killed = await lab.turn("lane0", actor=KILLED)
    await lab.reached(KILLED, by=[killed])
    lab.signal(killed, signal.SIGKILL)
    await killed.finished()
    contents = {path: path.read_bytes() for path in _files(lab)}
    await lab.run(CheckUp(repair=True), f"{KILLED}{REPAIR}")
    found = {path: [each for each in contents if str(each).startswith(f"{path}-")] for path in contents}
    return {path: {each: contents[each] for each in (path, *more)} for path, more in found.items() if more}


def _damages(lab: Lab, files: list[Path], journaled: dict[Path, dict[Path, bytes]]) -> dict[str, tuple[Path, Damage]]:
    """What is done to which file, by the name of the round: of the two ways of losing its content one, by the seed.

    One that a killed turn has left with journals is overwritten beside them as well, and in place of overwritten alone.
    """
    ways = lab.draw("damages", st.lists(st.sampled_from(tuple(DAMAGES)), min_size=len(files), max_size=len(files)))
    found = {f"{path.name}-{way}": (path, DAMAGES[way]) for path, way in zip(files, ways, strict=True)}
    for path, contents in journaled.items():
        found.pop(f"{path.name}-garbage", None)
        found[f"{path.name}{JOURNALED}"] = (path, partial(_garbage_beside, contents))
    config, credentials = lab.target.config_file(lab.site), lab.target.credentials_files(lab.site)
    found |= {f"{path.name}-gone": (path, Path.unlink) for path in files if path == config}
    return found | {f"{path.name}-opened": (path, _opened) for path in files if path in credentials}


def _garbage_beside(contents: dict[Path, bytes], path: Path) -> None:
    for left, content in contents.items():
        left.write_bytes(content)
    DAMAGES["garbage"](path)


def _opened(path: Path) -> None:
    path.chmod(0o640)  # to their group alone


def _files(lab: Lab) -> list[Path]:
    """What the state consists of, but for empty files and the conversation: its damage costs a record (MSG-2)."""
    has = lab.target.capabilities
    spared = set(transcripts(lab.target, lab.site, "lane0")) if Capability.TRANSCRIPTS in has else set()
    found = (path for path in sorted(lab.site.home.rglob("*")) if path.is_file() and path.stat().st_size)
    return [path for path in found if path not in spared]


@scenario(
    "OPS-6",
    fault="one operation of the repair of a damaged config fails, or writes less than it should, as on a full disk",
    needs=[Capability.ADD_AGENTS, Capability.CHECK_UP],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[check_up_is_right],
)
async def test_repair_on_a_full_disk(lab: Lab) -> None:
    """A repair that meets a full disk at any operation says so, or has done its work."""
    lab.prepare(Setup(agents=("bystander",)))
    await lab.run(ListAgents(), LIST.removeprefix("-"))

    async def repaired_and_listed(name: str, strike: Strike) -> None:
        await Rounds(lab).repair(name, strike)
        await lab.run(ListAgents(), f"{name}{LIST}")

    what = "a repair on a full disk"
    await sweep(lab, repaired_and_listed, what=what, faults=FULL_DISK, most=6, crucial=lab.is_config)


@scenario(
    "OPS-6",
    fault="the state is repaired beside a run that waits for its model, one of a gateway, and an add that is kept at "
    "its write of the config; a fourth run was killed with SIGKILL, and a fifth comes to the gateway afterwards",
    needs=NEEDS,
    watch=WATCH_CONTENTION,
    exact=True,
    judges=[repair_harms_nobody],
)
async def test_repair_beside_others(lab: Lab) -> None:
    """A repair leaves alone what is at work, and a config with which nothing is wrong."""
    has = lab.target.capabilities
    extra = {"x-own": [1, {"kept": True}]}
    agents = ("held", "routed", "killed", LATE)
    lab.prepare(Setup(agents=agents, models=("anthropic",), grace_seconds=0.5, session_wait_seconds=1.0, extra=extra))
    works = [await serving(lab)] if Capability.GATEWAY in has else []
    turns = [lab.turning("held"), lab.turning("killed"), *([routed(lab, "routed", "routed")] if works else [])]
    lab.script(*(Rule(turn.agent, Match(marker=turn.agent), (Text("done", gate=turn.agent),)) for turn in turns))
    runs = {}
    for turn in turns:
        lab.hold(turn.agent)
        runs[turn.agent] = await lab.start(turn, turn.agent)
        await lab.reached(turn.agent, by=[runs[turn.agent], *works])
    lab.signal(runs.pop("killed"), signal.SIGKILL)
    async with lab.kept("an add kept at the write of the config", where=lab.is_config) as until_kept:
        runs["add"] = await lab.start(lab.adding("added"), "add")
        await until_kept(runs["add"])
        if lab.faulty:
            lab.look.config()
            await lab.stuck(await lab.start(CheckUp(repair=True), "repair"))
            lab.look.config()
    if lab.faulty:
        if Capability.RUNS in has:
            await lab.list_runs(BESIDE)
        await lab.settled(await lab.turn("held", actor="second"))
        if Capability.DETACH in has:
            runs[LATE] = await lab.start(replace(routed(lab, LATE, LATE), detached=True), LATE)
            await lab.settled(runs[LATE])  # it is accepted, or waits for its turn
    else:
        await lab.run(CheckUp(repair=True), "repair")
    for turn in turns:
        lab.release(turn.agent)
    for run in runs.values():
        await run.finished()
    for gateway in works:
        gateway.signal(signal.SIGTERM)
        await gateway.finished()


@scenario(
    "OPS-6",
    fault="the config is damaged while an add is kept at its write of it; a repair that comes as far is kept there "
    "too, until the add has ended",
    needs=[Capability.ADD_AGENTS, Capability.CHECK_UP],
    watch=WATCH_CONTENTION,
    exact=True,
    judges=[adds_survive_a_repair],
)
async def test_repair_beside_an_add(lab: Lab) -> None:
    """What an add writes while the config is repaired is not lost to what was there before."""
    lab.prepare(Setup(agents=("bystander",)))
    await lab.run(lab.adding("first"), "first")  # a backup has what was there before the last change
    fault, config = "an add kept at its write of the config", lab.target.config_file(lab.site)

    def writes(actor: str) -> Where:
        return lambda call: call.actor == actor and lab.is_config(call)

    async with lab.kept(fault, where=writes("repair")):
        async with lab.kept(fault, where=writes("add")) as until_kept:
            add = await lab.start(lab.adding("beside"), "add")
            await until_kept(add)
            if lab.faulty:
                DAMAGES["cut"](config)
                repair = await lab.start(CheckUp(repair=True), "repair")
                await lab.stuck(repair)
        await add.finished()
    if lab.faulty:
        await repair.finished()
    else:
        await lab.run(CheckUp(repair=True), "repair")
    await lab.list_agents()
