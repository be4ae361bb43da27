"""`python -m reference`."""

import _signal  # type: ignore[import-not-found]  # built in: `signal` first loads enum, which is what Ctrl-C would meet
import sys

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until `main` takes over, Ctrl-C ends us without a traceback

from reference.cli import main
from reference.parts import Parts


def run() -> int:
    """The program `reference`; its exit status."""
    return main(Parts.default(), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
