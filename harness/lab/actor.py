"""One command of a run: started under the conductor, followed to the end of its whole tree."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fakes.events import fingerprint
from harness.conductor.filter import program
from harness.conductor.seal import Seal
from harness.conductor.supervisor import Supervisor
from harness.errors import LabError
from harness.events import (
    Exited,
    Finished,
    Hung,
    NetworkRefused,
    Noted,
    SecretSeen,
    Signalled,
    Started,
    TreeEnded,
)
from harness.lab.leaks import halves
from harness.lab.pipes import Pipe
from harness.lab.ports import Ports
from harness.outcome import Outcome, unsound
from harness.processes import stat, tree
from harness.processes.client import Process, Program
from harness.targets.protocol import Command, Ended, Intent
from reports.redact import held, hide

if TYPE_CHECKING:
    from harness.lab import Lab

_OUTPUT_LIMIT = 8 * 1024 * 1024  # bytes of a stream that are read back
_POLL = 0.02
_SLICE = 5.0  # seconds between two looks at what a command that takes long has waited for a processor
_MOST_STRETCHED = 20  # however busy the machine is: what spins for ever has to be called hung some day


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Where a command's streams go: "file" keeps them, "closed" starts it without, else a path.

    With "pipe" standard output is kept as well, once it is read (`read_on`); until then the command may have to wait.
    No write does so for it (O_NONBLOCK), as where a parent has left its own pipe so.
    """

    stdin: str = "/dev/null"
    stdout: str = "file"
    stderr: str = "file"


class Actor:
    """A running or ended command. Its name is stable over runs; its pid is not."""

    def __init__(self, lab: Lab, name: str, intent: Intent, command: Command, process: Process) -> None:
        self.name = name
        self.intent = intent
        self.command = command
        self.process = process
        self.supervisor: Supervisor | None = None
        self.seconds = 0.0  # from start to end, once it has ended
        self._lab = lab
        self._began = time.monotonic()
        self._outcome: asyncio.Task[Outcome] | None = None
        self._awaited = False
        self._tree_recorded = False
        self._pipe: Pipe | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exited(self) -> bool:
        return self.process.exited.done()

    @classmethod
    async def start(cls, lab: Lab, name: str, intent: Intent, streams: Streams) -> Actor:
        """Start the command. Raises LabError when the program is not there or cannot be supervised."""
        with _no_exit("command"):
            command = lab.target.command(lab.site, intent)
        environment = {**command.env, **lab.environment, tree.ACTOR_VARIABLE: name}
        if strange := [word for word in (*command.argv, *environment, *environment.values()) if type(word) is not str]:
            raise LabError(
                f"no command for {name}: {strange[0]!r} is no text", hint="argv and env of Command are of str"
            )
        pipe = Pipe(_output(lab, name, "stdout")) if streams.stdout == "pipe" else None
        process = await lab.launcher.spawn(
            Program(
                argv=command.argv,
                env=environment,
                cwd=str(command.cwd),
                stdin=streams.stdin,
                stdout=str(pipe.path) if pipe else cls._stream(lab, name, "stdout", streams.stdout),
                stderr=cls._stream(lab, name, "stderr", streams.stderr),
                filter=program(lab.families) if lab.conducted else None,
            )
        )
        actor = cls(lab, name, intent, command, process)
        actor._pipe = pipe
        params = {key: getattr(intent, key) for key in intent.__slots__}
        lab.record(Started(actor=name, verb=intent.verb, params=params, argv=command.argv, pid=process.pid))
        if process.listener is not None:
            actor._supervise(process.listener)
        elif process.refusal and lab.site.named:
            process.signal(9)  # it would look for the vendors themselves
            raise LabError(f"no seal, so the target was not let run: {process.refusal}", hint="pileup doctor")
        elif process.refusal:
            lab.conducted = False
            lab.record(Noted(text=f"system calls cannot be stopped here: {process.refusal}"))
        actor._outcome = asyncio.get_running_loop().create_task(actor._follow(lab.patience))
        return actor

    async def finished(self) -> Outcome:
        """Wait for the command's end; its outcome as the adapter reads it."""
        assert self._outcome is not None
        self._awaited = True
        return await asyncio.shield(self._outcome)

    async def tree_ended(self, grace: float) -> bool:
        """Wait until nothing of the tree is left, at most `grace` seconds after the call."""
        if self.supervisor is not None:
            try:
                await asyncio.wait_for(self.supervisor.ended.wait(), grace)
            except TimeoutError:
                return False
        else:
            deadline = time.monotonic() + grace
            while self._living():
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(_POLL)
        if not self._tree_recorded:
            self._tree_recorded = True
            self._lab.record(TreeEnded(actor=self.name))
        return True

    def signal(self, number: int, *, to: str = "process") -> bool:
        """Signal the process, or with "group" the process group that it leads. False when it is gone."""
        reached = self.process.signal_group(number) if to == "group" else self.process.signal(number)
        if reached:
            self._lab.record(Signalled(actor=self.name, signal=int(number), to=to))
        return reached

    def read_on(self) -> None:
        """Begin to read its standard output, which is a pipe."""
        assert self._pipe is not None
        self._pipe.read_on()

    def read_no_more(self) -> None:
        """Close the pipe that is its standard output, as `head` does that has enough."""
        assert self._pipe is not None
        self._pipe.leave()

    def stream(self, which: str) -> Path:
        """The file in which its "stdout" or "stderr" is kept."""
        return _output(self._lab, self.name, which)

    def printed(self) -> bool:
        """Whether anything stands on its standard output by now."""
        path = self.stream("stdout")
        return path.exists() and path.stat().st_size > 0

    async def abandon(self) -> None:
        """Stop following the command: what happens to it from now on is the harness's doing."""
        if self._outcome is None:
            return
        self._outcome.cancel()
        [outcome] = await asyncio.gather(self._outcome, return_exceptions=True)
        if isinstance(outcome, Exception) and not self._awaited:  # else the scenario has seen it
            self._lab.failures.append(outcome)

    def close(self) -> None:
        """Let go of the process, which must have ended, and of its supervisor."""
        if self.supervisor is not None:
            self.supervisor.close()
        if self._pipe is not None:
            self._pipe.leave()
        self.process.close()

    def _supervise(self, listener: int) -> None:
        def refused(actor: str, address: str) -> None:
            self._lab.record(NetworkRefused(actor=actor, address=address))

        outside = self._lab.outside
        self.supervisor = Supervisor(
            actor=self.name,
            listener=listener,
            root=str(self._lab.site.root),
            directors=self._lab.directors,
            seal=Ports(Seal(refused, outside.redirect if outside is not None else None), self._lab),
            on_fault=self._lab.failures.append,
            families=self._lab.watch,
            lookups=outside.lookups if outside is not None else None,
        )

    async def _follow(self, patience: float) -> Outcome:
        """`patience` is the lab's when the command was started: a scenario may change it for a single one."""
        await self._wait(patience)
        if not self.exited:
            self._lab.record(Hung(actor=self.name, seconds=patience))
            self.process.signal(9)
        code = await self.process.exited
        if self._pipe is not None:
            self._pipe.read_rest()
        if self.process.not_started:
            hint = "is the target installed? try: pileup doctor"
            if not self._lab.homes:
                hint = "the scenario has not called lab.prepare(Setup(…)), which makes the home"
            raise LabError(f"not started: {self.process.not_started}", hint=hint)
        status, number = (code, None) if code >= 0 else (None, -code)
        self._lab.record(Exited(actor=self.name, status=status, signal=number))
        ended = Ended(code=code, stdout=self._read("stdout"), stderr=self._read("stderr"))
        with _no_exit("read"):
            outcome = self._lab.target.read(self._lab.site, self.intent, ended)
        if wrong := unsound(outcome):  # it would be misjudged, or could not be written down
            raise LabError(f"the adapter's read of {self.name}: {wrong}", hint="try: pileup check-target")
        self.seconds = round(time.monotonic() - self._began, 3)
        self._lab.record(
            Finished(
                actor=self.name, verb=self.intent.verb, outcome=outcome, stdout=ended.stdout, stderr=ended.stderr,
                seconds=self.seconds, cpu=round(self.process.cpu, 6), queued=round(self.process.queued, 6),
            )
        )  # fmt: skip
        return outcome

    async def _wait(self, patience: float) -> None:
        """Wait for the exit: so many seconds, and those in which other programs had the processors it needed.

        Nor do those count in which the harness was at work: what it decides or looks at a stopped call waits for.
        """
        began, worked, starved, left = time.monotonic(), _at_work(), 0.0, patience
        before: dict[int, float] = {}  # whoever is not in it has begun since, and waited for nothing before
        while left > 0:
            await asyncio.wait({self.process.exited}, timeout=min(left, _SLICE))
            if self.exited:  # nearly always, in the first slice: then nobody has to be looked at
                return
            waited, after = time.monotonic() - began, self._queued()
            starved += max((queued - before.get(pid, 0.0) for pid, queued in after.items()), default=0.0)
            kept = _at_work() - worked
            left = min(patience - (waited - starved - kept), patience * _MOST_STRETCHED - waited)
            before = after

    def _queued(self) -> dict[int, float]:
        """What each process of the command has waited for a processor in all."""
        return {pid: stat.queued(pid) for pid in tree.family({self.pid})}

    def _living(self) -> bool:
        return not self.exited or any(seen.actor in (self.name, "") for seen in tree.below(self._lab.launcher.pid))

    def _read(self, stream: str) -> str:
        """A stream's text; secrets in it are recorded, and taken out before the adapter or the journal sees them."""
        path = _output(self._lab, self.name, stream)
        if not path.exists():
            return ""
        with path.open("rb") as file:
            text = file.read(_OUTPUT_LIMIT).decode(errors="replace")
        where, keys = f"{stream} of {self.name}", self._lab.api_keys()
        for secret in (found := held(text, self._lab.secrets() | keys)):
            self._lab.record(SecretSeen(where=where, fingerprint=fingerprint(secret)))
        text = hide(text, found)
        for half in (cut := held(text, parts := halves(keys))):
            self._lab.record(SecretSeen(where=f"{where}, cut in half", fingerprint=fingerprint(parts[half])))
        return hide(text, cut)

    @staticmethod
    def _stream(lab: Lab, name: str, stream: str, where: str) -> str:
        return str(_output(lab, name, stream)) if where == "file" else where


def _at_work() -> float:
    """Seconds in which the harness's own thread has had a processor, or waited for one."""
    return time.thread_time() + stat.queued(os.getpid())


def _output(lab: Lab, name: str, stream: str) -> Path:
    return lab.site.root / "output" / f"{name}.{stream}"


@contextmanager
def _no_exit(method: str) -> Iterator[None]:
    """An adapter that calls sys.exit() has failed as by any other exception: this one would end our loop."""
    try:
        yield
    except SystemExit as error:
        raise LabError(f"the adapter's {method} called sys.exit({error.code!r})", hint="raise, or return") from error
