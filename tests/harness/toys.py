"""Scenarios for a toy target, one for each verdict; copied into a folder of its own by tests/harness/plugin."""

from harness.events import Finished, NetworkRefused
from harness.scenario import WATCH_REPLACEMENTS, scenario
from harness.targets.protocol import Capability, Raw, Setup
from harness.verdict import Finding

RENAME = "import os, sys; open(sys.argv[1], 'w').close(); os.rename(sys.argv[1], 'config.json')"
LEAVE = "import socket\ntry: socket.create_connection(('192.0.2.1', 443))\nexcept OSError: pass"


def all_succeed(history):
    return [Finding(rule="CFG-1", message=f"{e.actor} failed") for _, e in history.of(Finished) if not e.outcome.ok]


@scenario("CFG-1", fault="held", judges=[all_succeed], watch=WATCH_REPLACEMENTS)
async def test_conforms(lab):
    """Both succeed."""
    lab.prepare(Setup())
    async with lab.barrier("held", parties=2, where=lab.is_config):
        await lab.run_all((name, Raw(words=(RENAME, name))) for name in ("one", "two"))
    if lab.conducted:
        await lab.run(Raw(words=(LEAVE,)), "leaving")
        assert [what.address for _, what in lab.history().of(NetworkRefused)] == ["192.0.2.1:443"]


@scenario("CFG-2", fault="told to fail", judges=[all_succeed])
async def test_violates(lab):
    """One fails."""
    lab.prepare(Setup())
    lab.plan("told")
    lab.fired("told")
    await lab.run(Raw(words=(f"import sys; sys.exit({int(lab.faulty)})",)), "one")


async def test_breaks(lab):
    raise ZeroDivisionError("caf\udce9 \x1b]0;title\x07")


test_breaks.__doc__ = (
    "The scenario itself is wrong: caf\udce9 \x1b]0;title\x07."  # Python 3.13 compiles no such docstring
)
test_breaks = scenario("CFG-3", fault="none", judges=[all_succeed])(test_breaks)


@scenario("CFG-5", fault="never", judges=[all_succeed])
async def test_misses(lab):
    """The fault never fires."""
    lab.prepare(Setup())
    lab.plan("never")
    await lab.run(Raw(words=("",)), "one")


@scenario("CFG-6", fault="none", judges=[all_succeed], needs=[Capability.GATEWAY])
async def test_needs(lab):
    """It needs what the toy has not."""
