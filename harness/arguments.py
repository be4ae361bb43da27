"""What may be written behind an option, of pytest's command line and of `pileup`'s own."""

from __future__ import annotations

import argparse


def given(text: str) -> str:
    """Any words but none: an empty one is a shell variable that is not set, not an option that was left out."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; is a shell variable not set?")
    return text


def count(text: str) -> int:
    """A whole number of at least 1, in decimal digits."""
    return _whole(text, least=1, example=20)


def whole(text: str) -> int:
    """A whole number of at least 0, in decimal digits."""
    return _whole(text, least=0, example=7)


def _whole(text: str, *, least: int, example: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of at least {least}; write for example {example}"
        )
    return int(text)
