"""The vendors' own SDKs as oracles: complete turns, streamed and not, and every frame against the SDKs' own types.

They are blocking and slow to import, so they run in few modules, against the program; errors have one, helpers another.
"""

import json
from functools import cache
from pathlib import Path

import httpx
import jsonschema
import pydantic
import pytest

TEXT = "Grüße aus der Schleife"
THOUGHT = "first I think it over"
CALLS = [("exec", {"command": "make", "n": 3}), ("read", {"path": "ü"})]
MARKERS = ["tools", "tool", "length", "refusal", "nothing", "silent", "text"]
TOOLS = [{"name": name, "description": "d", "input_schema": {"type": "object", "properties": {}}} for name, _ in CALLS]


@pytest.fixture(scope="module")
def url(sdk_url):
    return sdk_url


@pytest.fixture(scope="module")
def anthropic_client(url):
    import anthropic

    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def openai_client(url):
    import openai

    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module", params=["v1beta", "v1"])
def google_client(url, request):
    from google import genai
    from google.genai.types import HttpOptions

    client = genai.Client(api_key="k", http_options=HttpOptions(base_url=url, api_version=request.param))
    yield client
    client.close()


def frames(url, path, body, **headers):
    """The data of every frame of a stream, as text, [DONE] left out."""
    reply = httpx.post(f"{url}{path}", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    blocks = [block.splitlines() for block in reply.text.removesuffix("\n\n").split("\n\n")]
    data = [line.removeprefix("data: ") for block in blocks for line in block if line.startswith("data: ")]
    assert len(data) == len(blocks)
    named = [line.removeprefix("event: ") for block in blocks for line in block if line.startswith("event: ")]
    assert not named or named == [json.loads(text)["type"] for text in data]
    return [text for text in data if text != "[DONE]"]


@cache
def adapter(kind):
    return pydantic.TypeAdapter(kind)


def strictly(kind, text):
    """The record in an SDK's own type: no coercion, every required field there, no field that the type lacks."""
    record = adapter(kind).validate_json(text, strict=True)
    assert unknown_fields(record) == []
    return record


def unknown_fields(value):
    if isinstance(value, pydantic.BaseModel):
        inner = [getattr(value, name) for name in type(value).model_fields]
        return [*(value.model_extra or {}), *(name for part in inner for name in unknown_fields(part))]
    if isinstance(value, (list, tuple)):
        return [name for part in value for name in unknown_fields(part)]
    return []


def by_type(union):
    """The members of an SDK's union of events by their `type`."""
    members = union.__args__[0].__args__ if hasattr(union, "__metadata__") else union.__args__
    return {member.model_fields["type"].annotation.__args__[0]: member for member in members}


def test_the_oracle_refuses_what_is_wrong():
    from openai.types.chat import ChatCompletionChunk

    good = {"id": "x", "choices": [], "created": 1, "model": "m", "object": "chat.completion.chunk"}
    assert strictly(ChatCompletionChunk, json.dumps(good)).id == "x"
    for change in ({"created": "1"}, {"object": "chunk"}, {"model": None}):
        with pytest.raises(pydantic.ValidationError):
            strictly(ChatCompletionChunk, json.dumps(good | change))
    with pytest.raises(AssertionError):
        strictly(ChatCompletionChunk, json.dumps(good | {"extra": 1}))


# Anthropic


def anthropic_ask(text, **more):
    return {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("marker", MARKERS)
def test_anthropic_frames_meet_the_sdks_types(url, marker):
    from anthropic.types import Message, RawMessageStreamEvent

    events = by_type(RawMessageStreamEvent)
    sent = frames(url, "/v1/messages", anthropic_ask(f"[[{marker}]]", stream=True))
    pings = [text for text in sent if json.loads(text)["type"] == "ping"]
    assert pings == ['{"type":"ping"}']
    records = [strictly(events[json.loads(text)["type"]], text) for text in sent if text not in pings]
    assert (records[0].type, records[-1].type) == ("message_start", "message_stop")
    strictly(Message, httpx.post(f"{url}/v1/messages", json=anthropic_ask(f"[[{marker}]]")).text)


def test_anthropic_text(anthropic_client):
    message = anthropic_client.messages.create(**anthropic_ask("hi"))
    assert (message.content[0].text, message.stop_reason, message.model) == (TEXT, "end_turn", "claude-x")
    with anthropic_client.messages.stream(**anthropic_ask("hi")) as stream:
        assert "".join(stream.text_stream) == TEXT
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_anthropic_turn_with_parallel_tools(anthropic_client, stream):
    asked = anthropic_ask("[[tools]]", tools=TOOLS)
    if stream:
        with anthropic_client.messages.stream(**asked) as events:
            said = events.get_final_message()
    else:
        said = anthropic_client.messages.create(**asked)
    assert said.stop_reason == "tool_use"
    assert [block.type for block in said.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert said.content[0].thinking == THOUGHT
    assert said.content[0].signature
    assert [(block.name, block.input) for block in said.content[2:]] == CALLS
    assert said.usage.cache_read_input_tokens == 3
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "ok"} for block in said.content[2:]]
    history = [
        *asked["messages"],
        {"role": "assistant", "content": [block.model_dump(exclude_unset=True) for block in said.content]},
        {"role": "user", "content": results},
    ]
    done = anthropic_client.messages.create(model="claude-x", max_tokens=64, messages=history, tools=TOOLS)
    assert done.content[0].text == TEXT


def test_an_anthropic_cache_is_warmed_up_before_a_turn(anthropic_client):
    warm = anthropic_client.messages.create(**anthropic_ask("[[again]]") | {"max_tokens": 0})
    assert (warm.content, warm.stop_reason, warm.usage.output_tokens) == ([], "max_tokens", 0)
    assert warm.usage.input_tokens > 0


def test_anthropic_models_and_counts(anthropic_client):
    assert [model.id for model in anthropic_client.models.list()] == ["fake-model"]
    assert anthropic_client.models.retrieve("claude-x").id == "claude-x"
    counted = anthropic_client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x" * 400}])
    assert counted.input_tokens > 100


# OpenAI Chat Completions


def chat_ask(text, **more):
    return {"model": "gpt-x", "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("counted", [False, True])
def test_chat_chunks_meet_the_sdks_types(url, marker, counted):
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    options = {"stream_options": {"include_usage": True}} if counted else {}
    sent = frames(url, "/v1/chat/completions", chat_ask(f"[[{marker}]]", stream=True, **options))
    chunks = [strictly(ChatCompletionChunk, text) for text in sent]
    assert len({chunk.id for chunk in chunks}) == 1
    assert (chunks[-1].usage is not None) is counted
    assert [chunk.choices[0].finish_reason is not None for chunk in chunks if chunk.choices].count(True) == 1
    strictly(ChatCompletion, httpx.post(f"{url}/v1/chat/completions", json=chat_ask(f"[[{marker}]]")).text)


def test_chat_text(openai_client):
    done = openai_client.chat.completions.create(**chat_ask("hi"))
    assert (done.choices[0].message.content, done.choices[0].finish_reason) == (TEXT, "stop")
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    with openai_client.chat.completions.stream(**chat_ask("hi"), stream_options={"include_usage": True}) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == TEXT
    assert final.usage.total_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_turn_with_parallel_tools(openai_client, stream):
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
        for name, _ in CALLS
    ]
    asked = chat_ask("[[tools]]", tools=tools)
    if stream:
        with openai_client.chat.completions.stream(**asked) as events:
            said = events.get_final_completion().choices[0]
    else:
        said = openai_client.chat.completions.create(**asked).choices[0]
    assert (said.finish_reason, said.message.content) == ("tool_calls", "I run two.")
    calls = said.message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == CALLS
    kept = [call.model_dump(include={"id", "type"}) | {"function": {}} for call in calls]
    for call, copy in zip(calls, kept, strict=True):
        copy["function"] = {"name": call.function.name, "arguments": call.function.arguments}
    history = [
        *asked["messages"],
        {"role": "assistant", "content": said.message.content, "tool_calls": kept},
        *({"role": "tool", "tool_call_id": call.id, "content": "ok"} for call in calls),
    ]
    done = openai_client.chat.completions.create(model="gpt-x", messages=history, tools=tools)
    assert done.choices[0].message.content == TEXT


def test_a_chat_turn_with_a_custom_tool(openai_client):
    tools = [{"type": "custom", "custom": {"name": "patch"}}]
    asked = chat_ask("[[custom]]", tools=tools)
    said = openai_client.chat.completions.create(**asked).choices[0].message
    (call,) = said.tool_calls
    assert (call.type, call.custom.name, call.custom.input) == ("custom", "patch", "+ ü")
    history = [
        *asked["messages"],
        said.model_dump(include={"role", "content", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "ok"},
    ]
    done = openai_client.chat.completions.create(model="gpt-x", messages=history, tools=tools)
    assert done.choices[0].message.content == TEXT


# OpenAI Responses


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("path", ["/v1/responses", "/backend-api/codex/responses"])
def test_responses_events_meet_the_sdks_types(url, marker, path):
    from openai.types.responses import Response, ResponseStreamEvent

    events = by_type(ResponseStreamEvent)
    body = {"model": "gpt-x", "input": [{"role": "user", "content": f"[[{marker}]]"}], "stream": True, "store": False}
    sent = frames(url, path, body)
    records = [strictly(events[json.loads(text)["type"]], text) for text in sent]
    assert [record.sequence_number for record in records] == list(range(len(records)))
    assert records[-1].type in ("response.completed", "response.incomplete")
    strictly(Response, httpx.post(f"{url}/v1/responses", json=body | {"stream": False}).text)


def test_responses_text(openai_client):
    done = openai_client.responses.create(model="gpt-x", input="hi")
    assert (done.output_text, done.status, done.model) == (TEXT, "completed", "gpt-x")
    events = list(openai_client.responses.create(model="gpt-x", input="hi", stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert events[-1].response.usage.total_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_responses_turn_with_parallel_tools(openai_client, stream):
    asked = [{"role": "user", "content": "[[tools]]"}]
    if stream:
        with openai_client.responses.stream(model="g", input=asked) as events:
            said = events.get_final_response()
    else:
        said = openai_client.responses.create(model="g", input=asked)
    assert [item.type for item in said.output] == ["reasoning", "message", "function_call", "function_call"]
    assert said.output[0].summary[0].text == THOUGHT
    calls = said.output[2:]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == CALLS
    assert said.usage.output_tokens_details.reasoning_tokens > 0
    assert said.usage.input_tokens_details.cached_tokens == 3
    outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "ok"} for call in calls]
    history = [*asked, *(item.to_dict(mode="json") for item in said.output), *outputs]
    assert openai_client.responses.create(model="g", input=history).output_text == TEXT


@pytest.mark.parametrize("stream", [False, True])
def test_a_responses_turn_with_a_custom_tool(openai_client, stream):
    from openai.types.responses import ResponseCustomToolCall

    asked, tools = [{"role": "user", "content": "[[custom]]"}], [{"type": "custom", "name": "patch"}]
    if stream:
        with openai_client.responses.stream(model="g", input=asked, tools=tools) as events:
            said = events.get_final_response()
    else:
        said = openai_client.responses.create(model="g", input=asked, tools=tools)
    (call,) = said.output
    assert isinstance(call, ResponseCustomToolCall)
    assert (call.name, call.input) == ("patch", "+ ü")
    output = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"}
    history = [*asked, call.to_dict(mode="json"), output]
    assert openai_client.responses.create(model="g", input=history, tools=tools).output_text == TEXT


def test_an_openai_tool_turn_on_the_codex_backend(url):
    import openai

    with openai.OpenAI(base_url=f"{url}/backend-api/codex", api_key="k", max_retries=0) as client:
        asked = [{"role": "user", "content": "[[tool]]"}]
        events = list(client.responses.create(model="g", input=asked, stream=True, store=False))
        items = events[-1].response.output
        assert [item.type for item in items] == ["message", "function_call"]
        output = {"type": "function_call_output", "call_id": items[1].call_id, "output": "built"}
        history = [*asked, *(item.model_dump(exclude_unset=True) for item in items), output]
        with client.responses.stream(model="g", input=history, store=False) as stream:
            assert stream.get_final_response().output_text == TEXT
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model="g", input="x", stream=True)
        assert refused.value.response.json() == {"detail": "Store must be set to false"}


def test_openai_models_and_counts(openai_client):
    assert [model.id for model in openai_client.models.list()] == ["fake-model"]
    assert openai_client.models.retrieve("gpt-x").id == "gpt-x"
    assert openai_client.responses.input_tokens.count(model="gpt-x", input="x" * 400).input_tokens > 100


# Gemini and Code Assist


def of_schema(name):
    schema = json.loads(Path(__file__).with_name("gemini.schema.json").read_text())
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})


@pytest.mark.parametrize("marker", MARKERS)
def test_gemini_chunks_meet_the_schema_and_the_sdks_types(url, marker):
    from google.genai.types import GenerateContentResponse

    body = {"contents": [{"role": "user", "parts": [{"text": f"[[{marker}]]"}]}]}
    sent = frames(url, "/v1beta/models/g:streamGenerateContent?alt=sse", body)
    for text in [*sent, httpx.post(f"{url}/v1/models/g:generateContent", json=body).text]:
        of_schema("chunk").validate(json.loads(text))
        GenerateContentResponse.model_validate_json(text)
    finished = [json.loads(text)["candidates"][0].get("finishReason") for text in sent]
    assert [reason is not None for reason in finished] == [False] * (len(sent) - 1) + [True]
    listed = httpx.post(f"{url}/v1beta/models/g:streamGenerateContent", json=body).json()
    assert len(listed) == len(sent)
    for chunk in listed:
        of_schema("chunk").validate(chunk)


@pytest.mark.parametrize("marker", MARKERS)
def test_code_assist_chunks_meet_the_schema(url, marker):
    contents = {"contents": [{"role": "user", "parts": [{"text": f"[[{marker}]]"}]}]}
    body = {"model": "gemini-x", "project": "p", "user_prompt_id": "1", "request": contents}
    sent = frames(url, "/v1internal:streamGenerateContent?alt=sse", body)
    for text in [*sent, httpx.post(f"{url}/v1internal:generateContent", json=body).text]:
        of_schema("assisted").validate(json.loads(text))
    refused = httpx.post(f"{url}/v1internal:streamGenerateContent?alt=sse", json=body | {"request": {}})
    assert refused.status_code == 400
    of_schema("error").validate(refused.json()[0])


def test_the_schema_refuses_what_is_wrong(url):
    body = {"contents": [{"role": "user", "parts": [{"text": "[[tools]]"}]}]}
    good = httpx.post(f"{url}/v1/models/g:generateContent", json=body).text
    for old, new in [
        ('"STOP"', '"DONE"'),
        ('"args"', '"arguments"'),
        ('"model"', '"user"'),
        ('"thought"', '"thinking"'),
    ]:
        assert old in good
        with pytest.raises(jsonschema.ValidationError):
            of_schema("chunk").validate(json.loads(good.replace(old, new)))


def test_gemini_text(google_client):
    done = google_client.models.generate_content(model="gemini-x", contents="hi")
    assert (done.text, done.candidates[0].finish_reason.value) == (TEXT, "STOP")
    usage = done.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    chunks = list(google_client.models.generate_content_stream(model="gemini-x", contents="hi"))
    assert "".join(chunk.text for chunk in chunks) == TEXT
    assert [chunk.candidates[0].finish_reason is not None for chunk in chunks] == [False, False, False, True]


@pytest.mark.parametrize("stream", [False, True])
def test_a_gemini_turn_with_parallel_tools(google_client, stream):
    from google.genai import types

    declared = types.Tool(
        function_declarations=[types.FunctionDeclaration(name=name, description="d") for name, _ in CALLS]
    )
    config = types.GenerateContentConfig(tools=[declared], temperature=0.5, max_output_tokens=100)
    asked = [types.Content(role="user", parts=[types.Part(text="[[tools]]")])]
    ask = {"model": "gemini-x", "contents": asked, "config": config}
    if stream:
        chunks = list(google_client.models.generate_content_stream(**ask))
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
        usage = chunks[-1].usage_metadata
    else:
        done = google_client.models.generate_content(**ask)
        parts, usage = done.candidates[0].content.parts, done.usage_metadata
    assert "".join(part.text for part in parts if part.thought) == THOUGHT
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.name, call.args) for call in calls] == CALLS
    assert usage.thoughts_token_count > 0
    assert usage.cached_content_token_count == 3
    answers = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"ok": True}))
        for call in calls
    ]
    said = types.Content(role="model", parts=parts)
    history = [*asked, said, types.Content(role="user", parts=answers)]
    again = google_client.models.generate_content(model="gemini-x", contents=history, config=config)
    assert again.text == TEXT


def test_gemini_models_and_counts(google_client):
    assert [model.name for model in google_client.models.list()] == ["models/fake-model"]
    assert google_client.models.get(model="gemini-x").name == "models/gemini-x"
    assert google_client.models.count_tokens(model="gemini-x", contents="x" * 400).total_tokens > 100
