"""Answers of several parts in every provider's format: order, identifiers, usage, reasons to stop, and timing."""

import asyncio
import json
import re
import time

import pytest

from fakes.providers.anthropic import AnthropicFormat
from fakes.providers.base import ParsedRequest, Turn
from fakes.providers.chat import ChatFormat
from fakes.providers.code_assist import CodeAssistFormat
from fakes.providers.codex import CodexFormat
from fakes.providers.gemini import GeminiFormat
from fakes.script import Match, Parts, Rule, Script, ScriptError, Stall, Text, Thinking, ToolCall, Truncate

EVERYTHING = Parts(
    (
        Thinking("first I think it over", chunks=3),
        Text("I run two.", chunks=2),
        ToolCall("exec", {"command": "make"}),
        ToolCall("read", {"path": "ü"}),
    ),
    cached=5,
)
FORMS = [AnthropicFormat(), ChatFormat(), CodexFormat(), GeminiFormat(), CodeAssistFormat()]


def asked(stream: bool = True, **more) -> ParsedRequest:
    turn = Turn(text="", marker="", step=0)
    return ParsedRequest(model="m", stream=stream, turn=turn, prompt_size=40, **more)


def events(form, answer=EVERYTHING, **more) -> list:
    """The data of every frame of a stream."""
    data = [frame.split(b"data: ", 1)[1] for frame in form.frames(answer, asked(**more), 7).frames]
    return [json.loads(text) for text in data if text != b"[DONE]\n\n"]


def whole(form, answer=EVERYTHING):
    return json.loads(b"".join(form.frames(answer, asked(stream=False), 7).frames))


def test_anthropic_blocks():
    found = events(AnthropicFormat())
    starts = [event["content_block"]["type"] for event in found if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use", "tool_use"]
    assert [event["type"] for event in found].count("ping") == 1
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta" and event["index"] == 0]
    assert [delta["type"] for delta in deltas] == ["thinking_delta"] * 3 + ["signature_delta"]
    blocks = whole(AnthropicFormat())["content"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == blocks[0]["thinking"] == "first I think it over"
    assert deltas[-1]["signature"] == blocks[0]["signature"] != ""
    ids = [event["content_block"].get("id") for event in found if event["type"] == "content_block_start"]
    assert ids == [None, None, blocks[2]["id"], blocks[3]["id"]]
    assert blocks[2]["id"] != blocks[3]["id"]
    for index in (2, 3):
        pieces = [e["delta"]["partial_json"] for e in found if e.get("index") == index and "delta" in e]
        assert pieces[0] == ""
        assert json.loads("".join(pieces)) == blocks[index]["input"]
    usage = found[-2]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (5, 5)
    assert usage["output_tokens_details"]["thinking_tokens"] == 5
    assert usage.items() <= whole(AnthropicFormat())["usage"].items()


def test_chat_fragments():
    found = events(ChatFormat())
    deltas = [event["choices"][0]["delta"] for event in found if event["choices"]]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content") or "" for delta in deltas) == "I run two."
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    for index, (name, arguments) in enumerate([("exec", {"command": "make"}), ("read", {"path": "ü"})]):
        opening, *rest = [call for call in calls if call["index"] == index]
        assert (opening["function"]["name"], opening["function"]["arguments"], opening["type"]) == (
            name,
            "",
            "function",
        )
        assert all(set(call) == {"index", "function"} and set(call["function"]) == {"arguments"} for call in rest)
        assert json.loads("".join(call["function"]["arguments"] for call in rest)) == arguments
    message = whole(ChatFormat())["choices"][0]["message"]
    assert [call["id"] for call in message["tool_calls"]] == [call["id"] for call in calls if "id" in call]
    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert found[-1]["usage"] == whole(ChatFormat())["usage"]
    assert found[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == 5
    assert found[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 5
    assert found[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_chat_reports_usage_only_when_asked():
    form = ChatFormat()
    silent = events(form, Text("x"), reports_usage=False)
    assert all("usage" not in event and len(event["choices"]) == 1 for event in silent)
    loud = events(form, Text("x"))
    assert [event["choices"] == [] for event in loud] == [False] * (len(loud) - 1) + [True]
    assert [event["usage"] is None for event in loud] == [True] * (len(loud) - 1) + [False]
    last = form.frames(Text("x"), asked(), 7).frames[-1]
    assert last == b"data: [DONE]\n\n"


def test_responses_items():
    found = events(CodexFormat())
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert [item["type"] for item in done] == ["reasoning", "message", "function_call", "function_call"]
    assert found[-1]["response"]["output"] == done == whole(CodexFormat())["output"]
    assert len({item["id"] for item in done}) == 4
    assert done[2]["call_id"] != done[3]["call_id"]
    summary = [event["type"].rpartition(".")[0::2] for event in found if "summary" in event["type"]]
    assert [kind for _, kind in summary] == ["added", "delta", "delta", "delta", "done", "done"]
    deltas = [event["delta"] for event in found if event["type"] == "response.reasoning_summary_text.delta"]
    assert "".join(deltas) == done[0]["summary"][0]["text"]
    usage = found[-1]["response"]["usage"]
    assert usage["output_tokens_details"]["reasoning_tokens"] == 5
    assert usage["input_tokens_details"]["cached_tokens"] == 5


@pytest.mark.parametrize("form", [GeminiFormat(), CodeAssistFormat()], ids=lambda form: form.provider)
def test_gemini_parts(form):
    found = events(form)
    complete = whole(form)
    if form.provider == "code-assist":
        assert all(set(event) == {"response", "traceId"} for event in found)
        found, complete = [event["response"] for event in found], complete["response"]
    groups = [event["candidates"][0]["content"]["parts"] for event in found]
    assert [len(parts) for parts in groups] == [1, 1, 1, 1, 1, 2]
    thoughts = [part for parts in groups for part in parts if part.get("thought")]
    parts = complete["candidates"][0]["content"]["parts"]
    assert "".join(part["text"] for part in thoughts) == parts[0]["text"] == "first I think it over"
    assert thoughts[-1]["thoughtSignature"] == parts[0]["thoughtSignature"]
    assert groups[-1] == parts[2:]
    assert parts[2]["functionCall"]["id"] != parts[3]["functionCall"]["id"]
    usage = found[-1]["usageMetadata"]
    assert (usage["thoughtsTokenCount"], usage["cachedContentTokenCount"]) == (5, 5)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"] + 5
    assert usage == complete["usageMetadata"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_no_two_calls_of_any_exchange_share_an_identifier(form):
    answer = Parts(tuple(ToolCall("exec", {"n": n}) for n in range(12)))
    text = b"".join(form.frames(answer, asked(stream=False), e).frames[0] for e in (1, 2, 10, 11)).decode()
    ids = re.findall(r'"((?:toolu_|call_?)\d+)"', text)
    assert len(ids) == len(set(ids)) == 48


STOPS = {
    "anthropic": (lambda body: body["stop_reason"], "end_turn", "max_tokens", "refusal"),
    "chat": (lambda body: body["choices"][0]["finish_reason"], "stop", "length", "content_filter"),
    "codex": (
        lambda body: (body["incomplete_details"] or {"reason": body["status"]})["reason"],
        "completed",
        "max_output_tokens",
        "content_filter",
    ),
    "gemini": (lambda body: body["candidates"][0]["finishReason"], "STOP", "MAX_TOKENS", "SAFETY"),
    "code-assist": (lambda body: body["response"]["candidates"][0]["finishReason"], "STOP", "MAX_TOKENS", "SAFETY"),
}


@pytest.mark.parametrize("stream", [True, False])
def test_gemini_blocks_a_prompt_where_a_model_declines_without_a_word(stream):
    blocked = Parts((), stop="refusal")
    (body,) = events(GeminiFormat(), blocked) if stream else (whole(GeminiFormat(), blocked),)
    assert body["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in body


PATCH = ToolCall("patch", input="*** Begin\n+ü\n")


def test_a_custom_tool_gets_text_in_responses():
    form = CodexFormat()
    found = events(form, PATCH)
    (done,) = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert (done["type"], done["name"], done["input"]) == ("custom_tool_call", "patch", PATCH.input)
    (opening,) = [event["item"] for event in found if event["type"] == "response.output_item.added"]
    assert opening == {**done, "status": "in_progress", "input": ""}
    deltas = [event["delta"] for event in found if event["type"] == "response.custom_tool_call_input.delta"]
    (whole_input,) = [event["input"] for event in found if event["type"] == "response.custom_tool_call_input.done"]
    assert "".join(deltas) == whole_input == PATCH.input
    assert len(deltas) == 2
    assert whole(form, PATCH)["output"] == found[-1]["response"]["output"] == [done]


def test_a_custom_tool_gets_text_in_chat():
    """A stream's form is that of openai/openai-openapi#576; the SDKs' own types know only functions there."""
    message = whole(ChatFormat(), PATCH)["choices"][0]["message"]
    (call,) = message["tool_calls"]
    assert (call["type"], call["custom"]) == ("custom", {"name": "patch", "input": PATCH.input})
    found = events(ChatFormat(), PATCH)
    opening, *rest = [
        call for event in found if event["choices"] for call in event["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert opening == {"index": 0, "id": call["id"], "type": "custom", "custom": {"name": "patch", "input": ""}}
    assert [set(piece) for piece in rest] == [{"index", "custom"}] * 2
    assert "".join(piece["custom"]["input"] for piece in rest) == PATCH.input
    assert found[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_text_for_a_tool_is_an_argument_elsewhere():
    assert whole(AnthropicFormat(), PATCH)["content"][0]["input"] == {"input": PATCH.input}
    (part,) = whole(GeminiFormat(), PATCH)["candidates"][0]["content"]["parts"]
    assert part["functionCall"]["args"] == {"input": PATCH.input}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_a_model_may_say_nothing_at_all(form):
    silent = Parts(())
    assert STOPS[form.provider][0](whole(form, silent)) == STOPS[form.provider][1]
    assert len(events(form, silent)) >= 1
    text = json.dumps([whole(form, silent), events(form, silent)])
    assert '"text"' not in text
    assert re.findall(r'"(?:output_tokens|completion_tokens|candidatesTokenCount)": (\d+)', text)[-1] == "0"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_why_the_model_stopped(form):
    read, *wanted = STOPS[form.provider]
    found = [read(whole(form, Parts((Text("cut"),), stop=stop))) for stop in ("end", "length", "refusal")]
    assert found == wanted


def test_a_response_that_is_incomplete_ends_with_its_own_event():
    found = events(CodexFormat(), Parts((Text("cut"),), stop="length"))
    assert (found[-1]["type"], found[-1]["response"]["status"]) == ("response.incomplete", "incomplete")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_no_more_is_cached_than_was_asked(form):
    text = json.dumps(whole(form, Parts((Text("x"),), cached=10**9)))
    assert "1000000000" not in text


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: ToolCall("patch", input=3), "input"),
        (lambda: ToolCall("patch", {"a": 1}, input="x"), "input"),
        (lambda: Parts([Text("x")]), "parts"),
        (lambda: Parts((Text("x", pace=1),)), "parts"),
        (lambda: Parts((Text("x", first=1),)), "parts"),
        (lambda: Parts((ToolCall("x", gate="g"),)), "parts"),
        (lambda: Parts((ToolCall("x", text="so"),)), "parts"),
        (lambda: Parts((Parts((Text("x"),)),)), "parts"),
        (lambda: Parts((Stall(),)), "parts"),
        (lambda: Parts((Text("x"),), cached=-1), "cached"),
        (lambda: Parts((Text("x"),), stop="bored"), "stop"),
        (lambda: Parts((Text("x"),), pace=-1), "pace"),
        (lambda: Text("x", first=-1), "first"),
        (lambda: Text("x", first=float("inf")), "first"),
        (lambda: ToolCall("x", first="soon"), "first"),
        (lambda: Thinking(None), "text"),
        (lambda: Thinking("x", chunks=0), "chunks"),
        (lambda: Rule("r", Match(), (Thinking("x"),)), "replies"),
    ],
)
def test_answers_that_cannot_be(make, key):
    with pytest.raises(ScriptError, match=f"^{key}: "):
        make()


PARTS_TOML = """
[[rules]]
name = "two at once"
match = { provider = "chat" }
replies = [
  { kind = "parts", cached = 5, first = 0.5, parts = [
    { kind = "thinking", text = "first I think it over", chunks = 3 },
    { kind = "text", text = "I run two.", chunks = 2 },
    { kind = "tool", name = "exec", arguments = { command = "make" } },
    { kind = "tool", name = "read", arguments = { path = "ü" } },
  ] },
  { kind = "truncate", after_frames = 1, answer = { kind = "parts", parts = [ { kind = "text", text = "x" } ] } },
]
"""


def test_parts_in_a_file(tmp_path):
    (tmp_path / "s.toml").write_text(PARTS_TOML)
    first, second = Script.load(tmp_path / "s.toml").rules[0].replies
    assert first == Parts(EVERYTHING.parts, cached=5, first=0.5)
    assert second == Truncate(after_frames=1, answer=Parts((Text("x"),)))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("3", "replies[0].parts: must be a list"),
        ("[ { kind = 'stall' } ]", "replies[0].parts[0].kind: must be one of text, thinking, tool, not 'stall'"),
        ("[ { kind = 'text' } ]", "replies[0].parts[0].text: is missing"),
    ],
)
def test_wrong_parts_in_a_file_are_named(tmp_path, parts, said):
    path = tmp_path / "s.toml"
    path.write_text(f"rules = [ {{ name = 'r', replies = [ {{ kind = 'parts', parts = {parts} }} ] }} ]")
    with pytest.raises(ScriptError) as caught:
        Script.load(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("stream", [True, False])
def test_the_first_token_may_be_late_whatever_the_pace(serve_on_both, post, ask, stream):
    script = Script((Rule("late", Match(), (Text("abc", chunks=3, first=0.3, pace=0.01),)),))

    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        start = time.monotonic()
        writer.write(post(*ask("anthropic", stream=stream), "connection: close"))
        head = await reader.readuntil(b"\r\n\r\n")
        headed = time.monotonic() - start
        rest = await reader.readexactly(1)
        began = time.monotonic() - start
        rest += await reader.read()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert rest.count(b"text_delta") == (3 if stream else 0)
        # A clock may only be asked for a least time: how much later a busy machine gets here is not ours to say.
        assert began >= 0.3
        assert (headed < began) if stream else (headed >= 0.3)
        writer.close()

    events = serve_on_both(script, body)
    assert [(e.status, e.reply, e.outcome) for e in events[1:]] == [(200, "text", "complete")]


def test_a_client_that_leaves_before_the_first_token(serve_on_both, post, ask):
    script = Script((Rule("late", Match(), (Text("abc", first=3000.0),)),))

    async def body(served):
        for stream in (True, False):
            _, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
            writer.write(post(*ask("gemini", stream=stream)))
            await served.until("RequestReceived", 1 if stream else 2)
            writer.transport.abort()
            await served.until("ReplySent", 1 if stream else 2)

    events = serve_on_both(script, body)
    sent = [event for event in events if type(event).__name__ == "ReplySent"]
    assert [(event.status, event.frames, event.outcome) for event in sent] == [
        (200, 0, "client-gone"),
        (0, 0, "client-gone"),
    ]


def test_a_cut_comes_after_the_late_first_token(serve_on_both, talk, post, ask):
    answer = Text("abc", chunks=3, first=0.05)
    script = Script((Rule("cut", Match(), (Truncate(after_frames=4, answer=answer),)),))

    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("chat", stream=True), "connection: close"))
        assert end == "fin"
        assert raw.count(b"data: ") == 4

    events = serve_on_both(script, body)
    assert (events[-1].frames, events[-1].outcome) == (4, "truncated")
