"""Names without a single file that is answered for: the machine's own resolvers ask ours, and only connects stop."""

from __future__ import annotations

import shutil
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from fakes.resolver import Resolver
from fakes.script import Script
from fakes.server import Fakes
from fakes.wire.tls import SERVED_HOSTS
from harness.checkers.network import no_network_beyond_loopback
from harness.conductor.calls import Family
from harness.conductor.names import Names
from harness.conductor.redirect import Door
from harness.events import Finished, NetworkRedirected, NetworkRefused
from harness.scenario import scenario
from harness.session.bench import Bench, Settings
from harness.targets.protocol import Raw, Setup, VendorNames
from harness.verdict import Verdict
from tests.harness.toy import Toy

NETWORK = frozenset({Family.NETWORK})
PYTHON = """
import socket, urllib.request
print(urllib.request.urlopen("http://api.openai.com/v1/models").status)
try: print(socket.getaddrinfo("elsewhere.example", 443))
except socket.gaierror as error: print(error.errno == socket.EAI_NONAME)
"""
NODE = """
fetch("http://api.openai.com/v1/models").then(reply => console.log(reply.status))
  .then(() => fetch("http://elsewhere.example/")).catch(error => console.log(error.cause.code == "ENOTFOUND"));
"""


@asynccontextmanager
async def vendors(rig):
    """The fakes behind the vendors' names, and a resolver that knows them; who asked it for what."""
    names, asked = Names(SERVED_HOSTS), []
    resolver = Resolver(names.addresses, lambda name, port: asked.append((rig.redirect.asker(port), name)))
    async with Fakes(Script(()), record=lambda _: None, both_loopbacks=True) as fakes, resolver:
        rig.name(*SERVED_HOSTS, resolver=resolver.port, p80=Door(ipv4=fakes.port, ipv6=fakes.port6 or None))
        yield asked


def programs():
    yield "python", [sys.executable, "-S", "-E", "-c", PYTHON], "200\nTrue\n"
    if node := shutil.which("node"):
        yield "node", [node, "--eval", NODE], "200\ntrue\n"


@pytest.mark.parametrize(("argv", "said"), [pytest.param(argv, said, id=name) for name, argv, said in programs()])
def test_the_c_library_takes_our_answer_for_its_name_servers(conduct, argv, said):
    async def body(rig):
        async with vendors(rig) as asked:
            running = await rig.start("one", *argv, families=NETWORK)
            assert (await running.ended(), running.said("stderr")) == (0, "")
            assert rig.refused == []
            return running.said(), {name for name in asked if not name[1].endswith(".local")}, set(rig.connected)

    asked = {("one", "api.openai.com"), ("one", "elsewhere.example")}
    assert conduct(body) == (said, asked, {"api.openai.com:80"})


class Vendor(Toy):
    """A toy that has to reach a vendor by name, and trusts the run's CA."""

    def __init__(self, *, in_files):
        self.names = VendorNames(hosts=frozenset(SERVED_HOSTS), in_files=in_files)

    def command(self, site, intent):
        command = super().command(site, intent)
        assert site.named
        return replace(command, env={**command.env, "SSL_CERT_FILE": str(site.ca_file)})


ASK = """
import socket, ssl, urllib.request
context = ssl.create_default_context()
print(urllib.request.urlopen("https://auth.openai.com/v1/models", context=context).status)
try: socket.getaddrinfo("elsewhere.example", 443)
except OSError: pass
print([line for line in open("/etc/hosts") if "auth.openai.com" in line] != [])
"""


async def ask(lab):
    """It asks a vendor, and then somebody else."""
    lab.prepare(Setup())
    await lab.run(Raw(words=(ASK,)), "one")


@pytest.mark.parametrize("in_files", [False, True])
def test_a_run_puts_the_fakes_behind_the_names_of_its_target(in_files):
    """Whichever way the target looks names up; and what it asked for beyond them stands in every result."""
    ask.__name__ = "test_ask"
    record = scenario("NET-1", fault="", judges=[no_network_beyond_loopback])(ask).scenario
    settings = Settings(target_name="toy", seed=1, schedules=1, replay=None, conductor=True)
    with Bench(Vendor(in_files=in_files), settings) as bench:
        trial = bench.run(record).telling
    [ended] = [what for _, what in trial.history.of(Finished)]
    assert (ended.stdout, ended.stderr) == (f"200\n{in_files}\n", "")
    assert [what.address for _, what in trial.history.of(NetworkRedirected)] == ["auth.openai.com:443"]
    assert {(what.actor, what.address) for _, what in trial.history.of(NetworkRefused)} == {
        ("one", "the name elsewhere.example")
    }
    assert trial.judgement.verdict is Verdict.VIOLATED
    [found] = trial.judgement.findings
    assert found.message.startswith("one reached for the name elsewhere.example")
