"""Tries whether a program's look-ups and connections can be led to the fakes on this machine."""

from __future__ import annotations

import asyncio
import sys
import time

from fakes.script import Script
from fakes.server import Fakes
from harness.conductor.filter import program
from harness.conductor.seal import Seal
from harness.conductor.supervisor import Supervisor
from harness.journal import Journal
from harness.lab.outside import Outside, outside
from harness.processes.client import LauncherClient, Program
from harness.targets.protocol import VendorNames

_NAME = "vendor.example"  # RFC 2606: nobody's
_ASK = f"import urllib.request as u; u.urlopen('http://{_NAME}/v1/models', timeout=20)"
_PATIENCE = 60.0  # seconds


async def leads_to_fakes(*, in_files: bool) -> bool:
    """Whether an ordinary program that asks for a vendor by name gets the fake's answer. Raises PileupError, OSError.

    By the name server alone, as most targets are run, or with the name files answered as well.
    """
    journal = Journal(time.monotonic)
    launcher = LauncherClient.start()
    launcher.attach(asyncio.get_running_loop())
    try:
        wanted = VendorNames(hosts=frozenset({_NAME}), in_files=in_files)
        fakes = Fakes(Script(()), record=journal.record, both_loopbacks=True)
        async with fakes, outside(wanted, fakes, journal) as beyond:
            return await _ask(launcher, beyond)
    finally:
        launcher.stop()


async def _ask(launcher: LauncherClient, beyond: Outside) -> bool:
    words = (sys.executable, "-S", "-E", "-c", _ASK)
    process = await launcher.spawn(Program(argv=words, env={}, cwd="/", filter=program(beyond.families)))
    if process.listener is None:
        return False
    faults: list[BaseException] = []
    supervisor = Supervisor(
        actor="doctor", listener=process.listener, root="/nowhere", directors=[],
        seal=Seal(lambda _actor, _address: None, beyond.redirect), on_fault=faults.append, lookups=beyond.lookups,
    )  # fmt: skip
    try:
        return await asyncio.wait_for(process.exited, _PATIENCE) == 0 and not faults
    except TimeoutError:
        return False
    finally:
        await launcher.sweep()
        supervisor.close()
        process.close()
