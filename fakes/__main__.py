"""The fakes as a program: one port, one line of JSON on stdout, then service until SIGINT, SIGTERM or SIGHUP.

It reads the command line, installs the signal handlers and tidies up. What is served is `fakes.server`.
"""

import _signal  # type: ignore[import-not-found]  # built in: `signal` first loads enum, which is what Ctrl-C would meet

if __name__ == "__main__" and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until service begins, Ctrl-C ends us without a traceback

import argparse
import asyncio
import errno
import gc
import json
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from fakes.control import control_of
from fakes.lines import Lines
from fakes.oauth.policies import POLICY_NAMES
from fakes.oauth.settings import OAuthSettings, OAuthSettingsError
from fakes.script import Script, ScriptError
from fakes.server import Fakes

_EPILOG = """\
Without --script every model answers "ok". A script file names its rules in order; the first that matches
answers:

  [[rules]]
  name = "lane0 runs a tool, then is done"
  match = { provider = "anthropic", marker = "lane0" }
  replies = [
    { kind = "tool", name = "exec", arguments = { command = "sleep 60" } },
    { kind = "text", text = "done", chunks = 3, gate = "before-answer" },
  ]
  repeat_last = false

  [[rules]]
  name = "everything else is overloaded"
  replies = [ { kind = "status", code = 529 } ]

Reply kinds: text, tool, parts, status, stream-error, stall, reset, truncate, broken. The marker is the NAME of the
newest [[NAME]] in the user's messages. A reply with a gate waits until it is released.

example:
  python -m fakes --port 8080 --script script.toml --journal journal.jsonl &
  curl -s localhost:8080/v1/messages -d '{"model":"m","max_tokens":9,
    "messages":[{"role":"user","content":"[[lane0]] go"}]}'
  curl -s -X POST localhost:8080/__fakes__/release/before-answer
  curl -s localhost:8080/__fakes__/oauth
"""


class _Failure(Exception):
    """The program cannot start or go on; the message proposes the fix."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fakes",
        description="Fake model providers and a fake OAuth token endpoint on one loopback port.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 lets the kernel choose (%(default)s)")
    add("--script", type=Path, metavar="FILE", help="what to answer, a .toml or .json file")
    add("--journal", type=Path, metavar="FILE", help="write the journal here, one JSON line per record")
    add("--oauth-policy", default="strict", metavar="POLICY", help=f"one of {', '.join(POLICY_NAMES)}")
    add("--oauth-dialect", choices=("openai", "anthropic", "rfc6749"), help="error bodies (default: by path)")
    add(
        "--client-id",
        action="append",
        default=[],
        metavar="ID",
        help="a client that may sign in, beside Codex and Claude Code; may be repeated",
    )
    add(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URI",
        help="where a sign-in may lead back to, beside loopback addresses and Claude's; may be repeated",
    )
    add("--seed-family", action="append", default=[], metavar="NAME", help="start with this token family")
    add("--expired", action="store_true", help="seed families whose access token is already expired")
    add(
        "--require-live-token",
        action="store_true",
        help="Responses requests need an access token that is live",
    )
    add("--tls", action="store_true", help="also listen for TLS, and write the CA to a file")
    return parser


def _settings(options: argparse.Namespace) -> OAuthSettings:
    usual = OAuthSettings()
    return OAuthSettings(
        policy=options.oauth_policy,
        dialect=options.oauth_dialect,
        more_clients=(*usual.more_clients, *options.client_id),
        redirect_uris=(*usual.redirect_uris, *options.redirect_uri),
    )


def _made(options: argparse.Namespace, journal: Lines) -> Fakes:
    script = Script.load(options.script) if options.script else Script(strict=False)
    fakes: Fakes | None = None

    def made() -> Fakes:
        assert fakes is not None
        return fakes

    fakes = Fakes(
        script,
        oauth=_settings(options),
        record=journal.record,
        tls=options.tls,
        require_live_token=options.require_live_token,
        control=control_of(made, journal.text),
    )
    return fakes


def _private_file(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return str(path)


def _announce(fakes: Fakes, options: argparse.Namespace, stack: ExitStack) -> None:
    said: dict[str, object] = {"url": fakes.url, "port": fakes.port, "pid": os.getpid()}
    if options.tls or options.seed_family:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fakes-")))
    if options.tls:
        said["tls_port"] = fakes.tls_port
        said["ca_file"] = _private_file(folder, "ca.pem", fakes.ca_pem)
    if options.seed_family:
        seeded = [
            asdict(fakes.oauth.seed(name, account=f"account-{name}", expired=options.expired))
            for name in options.seed_family
        ]
        said["credentials_file"] = _private_file(folder, "credentials.json", json.dumps(seeded).encode())
    try:
        # Not through sys.stdout, which would try again at the interpreter's end.
        os.write(sys.stdout.fileno(), json.dumps(said).encode() + b"\n")
    except OSError as error:
        raise _Failure(f"cannot print the address ({error.strerror}); give it a standard output to write to") from None


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[OSError] = []

    def fail(error: OSError) -> None:
        failures.append(error)
        stop.set()

    try:
        journal = Lines(options.journal, fail)
    except OSError as error:
        problem = f"cannot write the journal {options.journal} ({error.strerror})"
        raise _Failure(f"{problem}; choose a file in a folder that exists and can be written") from None
    hung_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # nohup ignores it
    for number in (signal.SIGINT, signal.SIGTERM, *hung_up):
        loop.add_signal_handler(number, stop.set)
    with ExitStack() as stack:
        stack.callback(journal.close)
        fakes = _made(options, journal)
        await _start(fakes, options)
        try:
            _announce(fakes, options, stack)
            await stop.wait()
        finally:
            await fakes.close()
    if failures:  # perhaps of the last records, which are written when all is closed
        raise _Failure(f"cannot write the journal {options.journal} any more ({failures[0].strerror}); make room")


async def _start(fakes: Fakes, options: argparse.Namespace) -> None:
    if not 0 <= options.port <= 65535:
        # uvloop would quietly take the number modulo 65536.
        raise _Failure(f"port {options.port} is not from 0 to 65535; use --port 0 to get a free port")
    if not options.host:
        # It would mean every address of this machine, IPv4 and IPv6 each at a port of its own.
        raise _Failure("the host is empty; use --host 127.0.0.1")
    try:
        await fakes.start(options.host, options.port)
    except OSError as error:
        reason = error.strerror or str(error)
        where = f"{options.host}:{options.port}"
        is_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        fix = "use --port 0 to get a free port" if is_port else "use --host 127.0.0.1"
        raise _Failure(f"cannot listen on {where} ({reason}); {fix}") from None


def main() -> int:
    """Run; 0 after a signal, 2 when it cannot start or go on."""
    options = _parser().parse_args()
    # Imported here, so that a process that only uses the server never loads a second event loop.
    import uvloop

    gc.freeze()  # a collection that looked through all that was imported would stop paced streams for 10 ms
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options))
    except (_Failure, ScriptError, OAuthSettingsError) as error:
        sys.stderr.write(f"fakes: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
