"""`python -m reference`."""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `main` takes over, Ctrl-C ends us without a traceback

from reference.cli import main
from reference.parts import Parts


def run() -> int:
    """The program `reference`; its exit status."""
    return main(Parts.default(), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
