"""Adapters that are wrong about turns: messages, models, sessions, time limits, tools."""

from __future__ import annotations

from dataclasses import replace

from harness.targets.protocol import (
    CheckUp,
    Turn,
)
from harness.targets.reference import ReferenceTarget
from tests.harness.targets.sabotages.caught import Turns, caught_by


@caught_by("a_turn_is_answered", "other words than the message")
class CutsTheMessage(Turns):
    def other(self, turn):
        return replace(turn, message=turn.message.split("$")[0])


@caught_by("a_turn_is_answered", "is not in text=''")
class SwallowsTheAnswer(ReferenceTarget):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), text="")


@caught_by("a_turn_is_answered", "names another one first")
class ModelsByName(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, models=tuple(sorted(setup.models))))


@caught_by("a_turn_is_answered", "no provider got the turn's message")
class AnotherPort(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(replace(site, url="http://127.0.0.1:1"), setup)


@caught_by("a_refused_turn_is_not_ok", "read says ok")
class EveryTurnIsOk(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=True, kind="ok") if isinstance(intent, Turn) else outcome


@caught_by("an_unreachable_provider_is_not_asked", "got a request")
class EverybodyIsReachable(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, unreachable=()))


@caught_by("the_next_model_is_asked", "asked were gemini")
class FirstModelOnly(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, models=setup.models[:1]))


@caught_by("a_timeout_ends_a_turn", "did not end within 8 s")
class DropsTheTimeout(Turns):
    patience = 8.0

    def other(self, turn):
        return replace(turn, timeout=None)


@caught_by("a_session_goes_on", "was not told of the first")
@caught_by("a_session_is_named", "was told of it: False")
class NewSessionEachTime(Turns):
    def other(self, turn):
        return replace(turn, session=turn.message.strip("[]").partition("]")[0])


@caught_by("a_session_is_named", "in another session: True")
class OneSessionForAll(Turns):
    def other(self, turn):
        return replace(turn, session=None)


@caught_by("a_check_up_tells_sound_from_damaged", "is cut short, and read says ok")
class EverythingIsSound(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=True, kind="ok") if isinstance(intent, CheckUp) else outcome


@caught_by("a_check_up_tells_sound_from_damaged", "nothing is wrong, and read says")
class NothingIsSound(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=False, kind="local") if isinstance(intent, CheckUp) else outcome


@caught_by("a_transcript_is_found", "an agent without a turn has the transcripts")
class EverybodysTranscripts(ReferenceTarget):
    def transcripts(self, site, agent):
        return sorted((site.home / ".reference" / "sessions").glob("*/*.jsonl"))


@caught_by("a_transcript_is_found", "before the first turn")
class TranscriptsThatAreNotThere(ReferenceTarget):
    def transcripts(self, site, agent):
        return [site.home / ".reference" / "sessions" / agent / "main.jsonl"]


@caught_by("a_tool_call_runs_a_command", "was run 0 times")
class AnotherTool(ReferenceTarget):
    def tool_call(self, command, *, background=False):
        return replace(super().tool_call(command, background=background), name="shell")


@caught_by("a_limit_ends_a_command", "was not told that 1 s were over")
class LimitOfAnotherUnit(ReferenceTarget):
    patience = 4.0

    def limited_tool_call(self, command, seconds):
        return super().limited_tool_call(command, 1000 * seconds)


@caught_by("a_limit_ends_a_command", "had less than 1 s")
class CommandCutShort(ReferenceTarget):
    def limited_tool_call(self, command, seconds):
        return super().limited_tool_call(f"{command.partition(';')[0]}; sleep 0.1", seconds)


@caught_by("a_limit_ends_a_command", "was not begun")
class LimitOfNoTool(ReferenceTarget):
    def limited_tool_call(self, command, seconds):
        return replace(super().limited_tool_call(command, seconds), name="shell")


@caught_by("a_tool_call_runs_a_command", "not in the agent's workspace")
class ToolsElsewhere(ReferenceTarget):
    def tool_call(self, command, *, background=False):
        return super().tool_call(f"cd / && {command}", background=background)


@caught_by("the_sibling_is_asked", "Setup names two models of gemini, then anthropic; asked were")
class OneModelOfEach(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, siblings=()))
