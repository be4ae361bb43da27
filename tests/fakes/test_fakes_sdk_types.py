"""What the newest SDKs' own types allow is taken: each kind of message, item, tool and setting, at its smallest."""

import json
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, get_args, get_origin

import pytest
import typing_extensions

from fakes.providers import anthropic_request, chat_request, gemini_request, responses_request
from fakes.providers.base import BadRequest

# A call without its result, or the other way round, is right by its type and refused all the same.
ALONE = re.compile(r"tool_use|No tool (call|output) found|role 'tool'|tool_calls")
_WRAPPERS = (typing.Annotated, typing_extensions.Required, typing_extensions.NotRequired)
_SCALARS = {str: "x", bool: True, int: 2000, float: 0.5, object: {"a": 1}, type(None): None}


def members(kind: Any) -> Iterator[Any]:
    """The kinds that a union is made of, itself if it is none."""
    if get_origin(kind) in _WRAPPERS:
        kind = get_args(kind)[0]
    if get_origin(kind) in (typing.Union, types.UnionType):
        for member in get_args(kind):
            yield from members(member)
    else:
        yield kind


def smallest(kind: Any) -> Any:
    """A value of this type with nothing in it that could be left out."""
    kind = next(members(kind))
    origin = get_origin(kind)
    if origin is typing.Literal:
        return get_args(kind)[0]
    if typing_extensions.is_typeddict(kind):
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
        return {name: smallest(hint) for name, hint in hints.items() if _is_required(kind, name, hint)}
    if origin in (list, Iterable, Sequence):
        return [smallest(get_args(kind)[0])]
    if origin in (dict, Mapping):
        return {"a": smallest(get_args(kind)[1])}
    return _SCALARS[kind]


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    return name in kind.__required_keys__ or get_origin(hint) is typing_extensions.Required


def message(**more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "x"}], **more}


def said(part: Any) -> dict[str, Any]:
    return {"role": "user", "content": [part]}


def content(block: Any) -> dict[str, Any]:
    return message(messages=[said(block)])


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], **more}


ANTHROPIC, BETA = "anthropic.types", "anthropic.types.beta"
CHAT, RESPONSES = "openai.types.chat", "openai.types.responses"
CASES: list[tuple[str, str, typing.Callable[[Any], object], typing.Callable[[Any], dict[str, Any]]]] = [
    (ANTHROPIC, "ContentBlockParam", anthropic_request.read, content),
    (BETA, "BetaContentBlockParam", anthropic_request.read, content),
    (ANTHROPIC, "MessageParam", anthropic_request.read, lambda made: message(messages=[made])),
    (ANTHROPIC, "ToolUnionParam", anthropic_request.read, lambda made: message(tools=[made])),
    (BETA, "BetaToolUnionParam", anthropic_request.read, lambda made: message(tools=[made])),
    (ANTHROPIC, "ThinkingConfigParam", anthropic_request.read, lambda made: message(thinking=made)),
    (BETA, "BetaThinkingConfigParam", anthropic_request.read, lambda made: message(thinking=made)),
    (RESPONSES, "ResponseInputItemParam", responses_request.read, lambda made: {"model": "m", "input": [made]}),
    (RESPONSES, "ToolParam", responses_request.read, lambda made: {"model": "m", "input": "x", "tools": [made]}),
    (CHAT, "ChatCompletionMessageParam", chat_request.read, lambda made: chat(messages=[made])),
    (CHAT, "ChatCompletionContentPartParam", chat_request.read, lambda made: chat(messages=[said(made)])),
    (CHAT, "ChatCompletionToolUnionParam", chat_request.read, lambda made: chat(tools=[made])),
]
# Their types let out what their comments, or the API, ask for.
FILLED = {"ChatCompletionAssistantMessageParam": {"content": "x"}, "FunctionCallOutput": {"name": "x"}}


@pytest.mark.parametrize(("module", "union", "read", "make"), CASES, ids=[case[1] for case in CASES])
def test_it_is_taken(module, union, read, make):
    kinds = [kind for kind in members(getattr(import_module(module), union)) if typing_extensions.is_typeddict(kind)]
    refused = {}
    for kind in kinds:
        made = {**smallest(kind), **FILLED.get(kind.__name__, {})}
        try:
            read(json.loads(json.dumps(make(made))))
        except BadRequest as error:
            refused[kind.__name__] = error.message
    assert len(kinds) > 1
    assert {name: words for name, words in refused.items() if not ALONE.search(words)} == {}


def test_a_system_message_may_change_the_output_alone():
    def read(system: dict[str, Any]) -> None:
        anthropic_request.read(message(messages=[{"role": "user", "content": "x"}, {"role": "system", **system}]))

    read({"output_config": {"effort": "low"}})
    for nothing in ({}, {"output_config": {}}, {"output_config": None}):
        with pytest.raises(BadRequest, match=r"messages\.1\.content: Field required"):
            read(nothing)


def test_a_tool_of_a_toolset_may_be_chosen():
    choice = {"type": "tool", "name": "navigate"}
    toolset = {"type": "browser_toolset_20260801"}
    custom = {"name": "exec", "input_schema": {"type": "object"}}
    anthropic_request.read(message(tools=[custom, toolset], tool_choice=choice))
    with pytest.raises(BadRequest, match="Tool 'navigate' not found"):
        anthropic_request.read(message(tools=[custom], tool_choice=choice))


def test_an_output_needs_its_call_or_its_tools_name():
    output = {"type": "function_call_output", "output": "x"}
    responses_request.read({"model": "m", "input": [{**output, "name": "exec"}]})
    with pytest.raises(BadRequest, match=r"input\[0\]\.call_id"):
        responses_request.read({"model": "m", "input": [output]})


def test_a_call_that_is_not_waited_for_needs_no_output_yet():
    call = {"type": "function_call", "call_id": "c", "name": "exec", "arguments": "{}"}
    said = {"role": "user", "content": "x"}
    responses_request.read({"model": "m", "input": [said, {**call, "async": True}, said]})
    with pytest.raises(BadRequest, match="No tool output found"):
        responses_request.read({"model": "m", "input": [said, {**call, "async": False}, said]})


def test_a_gemini_answer_may_be_continued():
    asked = {"contents": [{"parts": [{"text": "x"}]}], "continuationToken": "eA=="}
    assert gemini_request.read(asked) == [(0, "x")]
    with pytest.raises(BadRequest, match="continuation_token"):
        gemini_request.read({**asked, "continuationToken": 5})
