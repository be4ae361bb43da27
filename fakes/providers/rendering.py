"""Renders an answer once and reuses it: scripts repeat themselves, and encoding JSON is most of a reply's cost.

A rendering differs between exchanges only in its identifiers, which hold the exchange's number. It is kept with a
stand-in number, which is then replaced in each frame. Nothing about a provider is known here.
"""

import os
from functools import lru_cache

from fakes.answers import Answer, Text
from fakes.providers.base import ParsedRequest, Turn, Wire, WireFormat

_KEPT = 256
_LONGEST_KEPT = 16 * 1024
# Twenty digits, as many as the identifiers reserve; drawn at random, so that no answer can contain it on purpose.
_STAND_IN = 10**19 + int.from_bytes(os.urandom(7), "big")
_STAND_IN_DIGITS = b"%020d" % _STAND_IN
_NO_TURN = Turn(text="", marker="", step=0)


def rendered(form: WireFormat, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
    """The answer in the provider's format, as `form.frames` would give it."""
    # Arguments of a tool that compare equal may differ in JSON (1, 1.0 and true), so only plain text is kept.
    if not isinstance(answer, Text) or len(answer.text) > _LONGEST_KEPT:
        return form.frames(answer, parsed, exchange)
    # All that an answer's bytes hang on, and no turn.
    asked = (parsed.model, parsed.stream, parsed.prompt_size, parsed.sse, parsed.reports_usage, parsed.asked_at)
    kept = _kept(form, answer, *asked, parsed.background)
    number = b"%020d" % exchange
    frames = [frame.replace(_STAND_IN_DIGITS, number) for frame in kept.frames]
    return Wire(frames=frames, content_type=kept.content_type)


@lru_cache(maxsize=_KEPT)
def _kept(
    form: WireFormat,
    answer: Answer,
    model: str,
    stream: bool,
    prompt_size: int,
    sse: bool,
    reports_usage: bool,
    asked_at: int,
    background: bool,
) -> Wire:
    """A rendering with the stand-in number. The request states its second, so that none is kept for longer."""
    parsed = ParsedRequest(
        model=model,
        stream=stream,
        turn=_NO_TURN,
        prompt_size=prompt_size,
        sse=sse,
        reports_usage=reports_usage,
        asked_at=asked_at,
        background=background,
    )
    return form.frames(answer, parsed, _STAND_IN)
