"""What this machine lacks: the first connection over a network that needs it fails, and nothing else does."""

from __future__ import annotations

import ast
import errno
from urllib.parse import urlsplit

import pytest

from harness.conductor.calls import Family
from harness.events import FaultFired, Finished
from harness.lab.ports import Lack
from harness.plan import Arm
from harness.scenario import scenario
from harness.targets.protocol import Raw, Setup
from tests.harness.toy import Toy

# Sockets that are no connection over a network: of the machine itself, for datagrams, and one that is not connected.
CONNECTS = """
import socket, sys
def attempt(make, connect=True):
    try:
        with make() as it:
            return it.connect(("127.0.0.1", int(sys.argv[1]))) if connect else None
    except OSError as error:
        return error.errno
local, datagrams, stream = (lambda kind=kind: socket.socket(*kind) for kind in (
    (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM),
    (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)))
print([attempt(local, False), attempt(datagrams, False), attempt(stream), attempt(stream)])
"""
ERRORS = {"port": errno.EADDRNOTAVAIL, "descriptor": errno.EMFILE}


def lacking(of, *, watch=(Family.SOCKET,), code=CONNECTS):
    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())
        with lab.lacking(Lack(fault="it lacks", of=of)):
            await lab.run(Raw(words=(code, str(urlsplit(lab.site.url).port))), "one")
        await lab.run(Raw(words=(code, str(urlsplit(lab.site.url).port))), "afterwards")

    return scenario("FLO-1", fault="it lacks", judges=[lambda _: []], watch=set(watch))(test_toy)


def said(found):
    return {what.actor: ast.literal_eval(what.stdout) for _, what in found.history.of(Finished)}


@pytest.mark.parametrize("of", ERRORS)
def test_the_first_connection_alone_fails(trial, of):
    found = trial(lacking(of), Toy())
    assert said(found) == {"one": [None, None, ERRORS[of], None], "afterwards": [None] * 4}
    assert [what.fault for _, what in found.history.of(FaultFired)] == ["it lacks"]


@pytest.mark.parametrize("of", ERRORS)
def test_the_control_arm_lacks_nothing(trial, of):
    found = trial(lacking(of), Toy(), Arm.CONTROL)
    assert said(found) == {"one": [None] * 4, "afterwards": [None] * 4}


def test_a_lack_that_nobody_meets_ends_with_its_block(trial):
    found = trial(lacking("descriptor", code="print([])"), Toy())
    assert [what.fault for _, what in found.history.of(FaultFired)] == []


def test_sockets_stop_only_where_a_scenario_watches_them(trial):
    found = trial(lacking("descriptor", watch=()), Toy())
    assert said(found)["one"] == [None] * 4
