"""The beginning of an answer that broke off is recorded beside the whole one of the next model [codegraff #285].

The turn itself goes well. The next one is told of two answers, of which the model has given one.
"""

from __future__ import annotations

from reference import transcript
from reference.deadline import Deadline
from reference.messages import Message, Reply
from reference.parts import Parts
from reference.providers.anthropic import AnthropicMessages, Assembly
from reference.variants._clients import anthropic_as, replace_clients

BREAKS = ("FLO-8",)

_begun: list[str] = []  # what was streamed by attempts that failed, until the next record is written


class _Streaming(AnthropicMessages):
    def cut_off(self, assembly: Assembly) -> Reply:
        _begun.append(assembly.reply().text)
        return super().cut_off(assembly)


class _Transcript(transcript.Transcript):
    __slots__ = ()

    def append(self, message: Message, deadline: Deadline) -> None:
        """Add what was begun, and then the message."""
        while _begun:
            super().append(Message(role="assistant", text=_begun.pop(0)), deadline)
        super().append(message, deadline)


def replace(parts: Parts) -> Parts:
    return replace_clients(parts, anthropic_as(_Streaming)).replace(transcript=_Transcript)
