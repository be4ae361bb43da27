"""Anthropic's rule for tools in a conversation: every call is answered in the next turn, and nothing else is.

Consecutive messages of one role are one turn, as the API joins them. The messages are known to be well formed.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from fakes.providers.base import BadRequest


def check_pairs(messages: list[dict[str, Any]]) -> None:
    """Refuse calls without results and results without calls.

    Raises:
        BadRequest: the API would answer 400.
    """
    open_calls: list[str] = []
    asked_in = 0
    for role, group in groupby(enumerate(messages), key=lambda entry: entry[1]["role"]):
        turn = list(group)
        if role == "user":
            _check_results(turn, open_calls, asked_in)
            open_calls = []
        elif role == "assistant":
            _refuse_open(open_calls, asked_in)
            open_calls, asked_in = _calls(turn), turn[-1][0]
    _refuse_open(open_calls, asked_in)


def _blocks(message: Mapping[str, Any], kind: str) -> list[tuple[int, dict[str, Any]]]:
    content = message["content"]
    return [] if isinstance(content, str) else [(n, block) for n, block in enumerate(content) if block["type"] == kind]


def _calls(turn: list[tuple[int, dict[str, Any]]]) -> list[str]:
    # Unique within a turn only: the numbers in our own identifiers begin anew with each server.
    found: list[str] = []
    for number, message in turn:
        for position, block in _blocks(message, "tool_use"):
            if block["id"] in found:
                where = f"messages.{number}.content.{position}"
                raise BadRequest(f"{where}: `tool_use` ids must be unique", f"{where}.id")
            found.append(block["id"])
    return found


def _check_results(turn: list[tuple[int, dict[str, Any]]], open_calls: list[str], asked_in: int) -> None:
    left = list(open_calls)
    for number, message in turn:
        for position, block in _blocks(message, "tool_result"):
            name = block["tool_use_id"]
            where = f"messages.{number}.content.{position}"
            if name in left:
                left.remove(name)
            elif name in open_calls:
                words = f"each tool_use must have a single result. Found multiple `tool_result` blocks with id: {name}"
                raise BadRequest(f"{where}: {words}", f"{where}.tool_use_id")
            else:
                words = f"unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each `tool_result` block must"
                words += " have a corresponding `tool_use` block in the previous message."
                raise BadRequest(f"{where}: {words}", f"{where}.tool_use_id")
    _refuse_open(left, asked_in)


def _refuse_open(calls: list[str], asked_in: int) -> None:
    if calls:
        words = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(calls)}. Each"
        words += " `tool_use` block must have a corresponding `tool_result` block in the next message."
        raise BadRequest(f"messages.{asked_in}: {words}", f"messages.{asked_in}")
