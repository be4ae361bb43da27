"""The door of the command `pileup`, also `python -m harness`: the rest is imported where Ctrl-C is already answered."""

from __future__ import annotations

import sys

_EXIT_INTERRUPTED = 130  # as in cli.py, which may not be there yet


def main() -> int:
    """Run the command; its exit status."""
    try:
        from harness import cli

        return cli.main()
    except KeyboardInterrupt:
        print("pileup: interrupted", file=sys.stderr)  # noqa: T201
        return _EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
