"""Running git, so that one that is interrupted with us is ended with all that its hooks have begun."""

from __future__ import annotations

import os
import subprocess
import time

from reference import stopping
from reference.errors import Local
from reference.tools import tree
from reference.tools.kernel import become_subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO


def git(folder: str, *words: str, check: bool = True, sign: int = -1) -> str:
    """What git prints. Raises Local(`git-missing`, `git-failed`), the second only with `check`.

    `sign` is a descriptor that git and whatever it starts shall have open, so that they can be told by it.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    # Memory and no pipes: those would stay open for as long as what a hook has left in the background.
    with open(os.memfd_create("output"), "w+b") as output, open(os.memfd_create("errors"), "w+b") as errors:
        status = _run(["git", "-C", folder, *words], env, output, errors, sign)
        output.seek(0)
        errors.seek(0)
        if check and status:
            said = errors.read().decode(errors="replace").strip().rpartition("\n")[2] or f"exit status {status}"
            raise Local("git-failed", f"git {words[0]} {words[1]}: {said}", detail={"status": status})
        return os.fsdecode(output.read()).removesuffix("\n") if status == 0 else ""


def _run(command: list[str], env: dict[str, str], output: IO[bytes], errors: IO[bytes], sign: int) -> int:
    """The exit status. Of one that is interrupted nothing is left: it gets SIGTERM first, to remove its lock files."""
    kept = () if sign < 0 else (sign,)
    try:
        with stopping.deliver(), stopping.interrupting():
            return subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, pass_fds=kept
            ).wait()
    except FileNotFoundError:
        raise Local("git-missing", "git is not installed", hint="install git, or leave --worktree-of out") from None
    except BaseException:
        become_subreaper()  # what a hook has begun is ours when git has ended
        us = os.getpid()
        tree.take_down(lambda: tree.descendants(us), _reap, time.sleep, stopping.grace())
        raise


def _reap() -> bool:
    """Collect the dead; whether any child is left."""
    gone = [tree.collect(pid) for pid in tree.children(os.getpid())]
    return not all(gone)
