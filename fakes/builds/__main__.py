"""A long build to spawn in scenarios: it beats, and it resists being stopped in the ways that real builds do.

It imports only what the bare interpreter has at hand, so that it starts as fast as that. It always ends by
itself after its time, and it never starts anything but its own forks.
"""

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = """\
usage: python -m fakes.builds --heartbeat FILE --seconds N [options]

Append a line to FILE at every beat, for N seconds: first `pid PID` of the process that works, then 1, 2, 3 …,
and `done` at the end. By then all options are in force.

  --heartbeat FILE   made new; an older file of that name is emptied first
  --seconds N        ends by itself after N seconds, exit status 0
  --interval S       seconds between beats (0.02)
  --ignore-term      ignore SIGTERM, SIGINT and SIGHUP
  --new-session      work in a session of its own (setsid)
  --double-fork      work in a grandchild; the original process exits 0 at once
  --wait             with --double-fork: the original process stays until the work has ended
  --token-file FILE  write the worker's pid to FILE and hold an exclusive flock on it for as long as it lives

example: python -m fakes.builds --heartbeat beat --seconds 60 --ignore-term --new-session --double-fork
"""
VALUES = ("--heartbeat", "--seconds", "--interval", "--token-file")
SWITCHES = ("--ignore-term", "--new-session", "--double-fork", "--wait")


def fail(message: str) -> "NoReturn":
    """Say what is wrong and how to put it right, and exit 2."""
    sys.stderr.write(f"fakes.builds: {message}\n")
    sys.exit(2)


def options(words: list[str]) -> dict[str, str]:
    """The command line as a table of option and value; a switch has the value "yes"."""
    found: dict[str, str] = {}
    rest = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    while rest:
        word = rest.pop(0)
        if word in ("--help", "-h"):
            sys.stdout.write(USAGE)
            sys.exit(0)
        if word in SWITCHES:
            found[word] = "yes"
        elif word in VALUES and rest:
            found[word] = rest.pop(0)
        elif word in VALUES:
            fail(f"{word} needs a value; see --help")
        else:
            fail(f"{word} is not an option; see --help")
    for word in ("--heartbeat", "--seconds"):
        if word not in found:
            fail(f"{word} is missing; see --help")
    if "--wait" in found and "--double-fork" not in found:
        fail("--wait is only for --double-fork; leave it out")
    return found


def seconds(found: dict[str, str], word: str, usual: str) -> float:
    """A positive number of seconds."""
    text = found.get(word, usual)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        fail(f"{word} must be a number of seconds above 0, not {text!r}")
    return value


def opened(path: str, flags: int) -> int:
    """A descriptor of a file to write."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o644)
    except OSError as error:
        fail(f"cannot write {path} ({error.strerror}); choose a file in a folder that can be written")


def leave_session() -> None:
    """Become a session leader. A process group leader may not (setsid(2)), so that one works in a child."""
    if os.getsid(0) == os.getpid():
        return
    if os.getpgrp() == os.getpid():
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
    os.setsid()


def detach(new_session: bool, wait: bool) -> None:
    """Return in a grandchild whose parent is gone; the original process exits."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        os.waitpid(child, 0)
        if wait:
            # End of file comes when the last holder of the write end, the worker, is gone.
            os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    if new_session:
        os.setsid()
    if os.fork():
        os._exit(0)


def hold_token(path: str, descriptor: int) -> None:
    """Keep the worker's pid and an exclusive lock in the file; the kernel drops the lock with its holder."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail(f"{path} is locked by another build; give each build a token file of its own")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())


def beat(descriptor: int, length: float, interval: float) -> None:
    """Write the lines until the time is over."""
    end = time.monotonic() + length
    os.write(descriptor, b"pid %d\n" % os.getpid())
    count = 0
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(interval, left))
        count += 1
        os.write(descriptor, b"%d\n" % count)
    os.write(descriptor, b"done\n")


def main() -> None:
    """Do what the command line says."""
    found = options(sys.argv[1:])
    length, interval = seconds(found, "--seconds", ""), seconds(found, "--interval", "0.02")
    heartbeat = opened(found["--heartbeat"], os.O_APPEND | os.O_TRUNC)
    token = opened(found["--token-file"], 0) if "--token-file" in found else -1
    if "--ignore-term" in found:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    else:
        # Die of the signal itself, as a build written in C does, not by a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if "--double-fork" in found:
        detach("--new-session" in found, "--wait" in found)
    elif "--new-session" in found:
        leave_session()
    if token >= 0:
        hold_token(found["--token-file"], token)
    beat(heartbeat, length, interval)


main()
