"""The vendors' own SDKs as oracles: full turns, tool calls and error classes, every frame validated by their types.

They are blocking and slow to import, so they run in this one module, against the program.
"""

import json
import subprocess
import sys

import pytest

SCRIPT = """
[[rules]]
name = "errors"
match = { marker = "busy" }
replies = [ { kind = "status", code = 429 } ]

[[rules]]
name = "overloaded"
match = { marker = "overloaded" }
replies = [ { kind = "status", code = 529 } ]

[[rules]]
name = "cut"
match = { marker = "cut" }
replies = [ { kind = "truncate", after_frames = 4, answer = { kind = "text", text = "one two", chunks = 2 } } ]

[[rules]]
name = "failing"
match = { marker = "failing" }
replies = [ { kind = "stream-error", error = "overloaded_error", after_frames = 3 } ]

[[rules]]
name = "failed"
match = { marker = "failed" }
replies = [ { kind = "stream-error", error = "rate_limit_exceeded", after_frames = 3 } ]

[[rules]]
name = "tool"
match = { marker = "tool", turn_step = 0 }
replies = [ { kind = "tool", name = "exec", arguments = { command = "make", n = 3 }, text = "I run it." } ]

[[rules]]
name = "text"
replies = [ { kind = "text", text = "Grüße aus der Schleife", chunks = 4 } ]
"""
TEXT = "Grüße aus der Schleife"
TOOL = {"name": "exec", "description": "run", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    script = tmp_path_factory.mktemp("sdk") / "script.toml"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "fakes", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield json.loads(program.stdout.readline())["url"]
        finally:
            program.terminate()


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


@pytest.fixture(scope="module")
def google_client(url):
    from google import genai
    from google.genai.types import HttpOptions

    client = genai.Client(api_key="k", http_options=HttpOptions(base_url=url))
    yield client
    client.close()


def anthropic_ask(text, **more):
    return {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": text}], **more}


def test_anthropic_text(anthropic_client):
    message = anthropic_client.messages.create(**anthropic_ask("hi"))
    assert (message.content[0].text, message.stop_reason, message.model) == (TEXT, "end_turn", "claude-x")
    with anthropic_client.messages.stream(**anthropic_ask("hi")) as stream:
        assert "".join(stream.text_stream) == TEXT
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


def test_an_anthropic_tool_turn(anthropic_client):
    with anthropic_client.messages.stream(**anthropic_ask("[[tool]]", tools=[TOOL])) as stream:
        asked = stream.get_final_message()
    assert asked.stop_reason == "tool_use"
    assert [block.type for block in asked.content] == ["text", "tool_use"]
    call = asked.content[1]
    assert call.input == {"command": "make", "n": 3}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "built"}
    history = [
        {"role": "user", "content": "[[tool]]"},
        {"role": "assistant", "content": [block.model_dump() for block in asked.content]},
        {"role": "user", "content": [result]},
    ]
    done = anthropic_client.messages.create(model="claude-x", max_tokens=64, messages=history, tools=[TOOL])
    assert done.content[0].text == TEXT


def test_anthropic_errors(anthropic_client):
    import anthropic

    with pytest.raises(anthropic.RateLimitError) as caught:
        anthropic_client.messages.create(**anthropic_ask("[[busy]]"))
    assert caught.value.type == "rate_limit_error"
    assert caught.value.request_id == caught.value.body["request_id"]
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        anthropic_client.messages.create(**anthropic_ask("[[overloaded]]"))
    assert (overloaded.value.status_code, overloaded.value.type) == (529, "overloaded_error")
    with pytest.raises(anthropic.BadRequestError):
        anthropic_client.messages.create(**anthropic_ask("hi") | {"max_tokens": 0})


@pytest.mark.parametrize("marker", ["cut", "failing"])
def test_an_anthropic_stream_that_breaks(anthropic_client, marker):
    import anthropic
    import httpx
    import httpx2

    broken = (anthropic.APIError, httpx.RemoteProtocolError, httpx2.RemoteProtocolError)

    def whole():
        with anthropic_client.messages.stream(**anthropic_ask(f"[[{marker}]]")) as stream:
            return stream.get_final_message()

    with pytest.raises(broken):
        whole()


def test_anthropic_models(anthropic_client):
    assert [model.id for model in anthropic_client.models.list()] == ["fake-model"]


def validated(stream):
    """Every event, each checked against the SDK's own type; the SDK itself only constructs them."""
    events = []
    for event in stream:
        type(event).model_validate_json(event.model_dump_json(exclude_unset=True, warnings=False))
        events.append(event)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return events


def test_openai_text(openai_client):
    done = openai_client.responses.create(model="gpt-x", input="hi")
    assert (done.output_text, done.status, done.model) == (TEXT, "completed", "gpt-x")
    type(done).model_validate_json(done.model_dump_json(exclude_unset=True, warnings=False))
    events = validated(openai_client.responses.create(model="gpt-x", input="hi", stream=True))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == TEXT
    assert events[-1].response.usage.total_tokens > 0


def test_an_openai_tool_turn_on_the_codex_backend(url):
    import openai

    with openai.OpenAI(base_url=f"{url}/backend-api/codex", api_key="k", max_retries=0) as client:
        asked = [{"role": "user", "content": "[[tool]]"}]
        events = validated(client.responses.create(model="g", input=asked, stream=True, store=False))
        items = events[-1].response.output
        assert [item.type for item in items] == ["message", "function_call"]
        assert json.loads(items[1].arguments) == {"command": "make", "n": 3}
        output = {"type": "function_call_output", "call_id": items[1].call_id, "output": "built"}
        history = [*asked, *(item.model_dump(exclude_unset=True) for item in items), output]
        with client.responses.stream(model="g", input=history, store=False) as stream:
            assert stream.get_final_response().output_text == TEXT
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model="g", input="x", stream=True)
        assert refused.value.response.json() == {"detail": "Store must be set to false"}


def test_openai_errors(openai_client):
    import openai

    with pytest.raises(openai.RateLimitError) as caught:
        openai_client.responses.create(model="g", input="[[busy]]")
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    with pytest.raises(openai.InternalServerError):
        openai_client.responses.create(model="g", input="[[overloaded]]")
    events = validated(openai_client.responses.create(model="g", input="[[failed]]", stream=True))
    assert (events[-1].type, events[-1].response.error.code) == ("response.failed", "rate_limit_exceeded")
    assert [model.id for model in openai_client.models.list()] == ["fake-model"]


def test_gemini_text(google_client):
    done = google_client.models.generate_content(model="gemini-x", contents="hi")
    assert (done.text, done.candidates[0].finish_reason.value) == (TEXT, "STOP")
    usage = done.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    chunks = list(google_client.models.generate_content_stream(model="gemini-x", contents="hi"))
    assert "".join(chunk.text for chunk in chunks) == TEXT
    assert [chunk.candidates[0].finish_reason is not None for chunk in chunks] == [False, False, False, True]


def test_a_gemini_tool_turn(google_client):
    from google.genai import types

    declared = types.Tool(function_declarations=[types.FunctionDeclaration(name="exec", description="run")])
    config = types.GenerateContentConfig(tools=[declared])
    asked = [types.Content(role="user", parts=[types.Part(text="[[tool]]")])]
    done = google_client.models.generate_content(model="gemini-x", contents=asked, config=config)
    call = done.function_calls[0]
    assert (call.name, call.args) == ("exec", {"command": "make", "n": 3})
    answer = types.Part.from_function_response(name="exec", response={"ok": True})
    history = [*asked, done.candidates[0].content, types.Content(role="user", parts=[answer])]
    again = google_client.models.generate_content(model="gemini-x", contents=history, config=config)
    assert again.text == TEXT


def test_gemini_errors(google_client):
    from google.genai import errors

    with pytest.raises(errors.ClientError) as caught:
        google_client.models.generate_content(model="g", contents="[[busy]]")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    with pytest.raises(errors.ServerError) as overloaded:
        google_client.models.generate_content(model="g", contents="[[overloaded]]")
    assert overloaded.value.code == 529


def test_gemini_frames_meet_a_schema(url):
    import httpx
    import jsonschema

    schema = {
        "type": "object",
        "required": ["candidates", "usageMetadata", "modelVersion", "responseId"],
        "additionalProperties": False,
        "properties": {
            "candidates": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["content", "index"],
                    "additionalProperties": False,
                    "properties": {
                        "content": {"type": "object", "required": ["parts", "role"]},
                        "index": {"const": 0},
                        "finishReason": {"const": "STOP"},
                    },
                },
            },
            "usageMetadata": {"type": "object", "required": ["promptTokenCount", "totalTokenCount"]},
            "modelVersion": {"type": "string"},
            "responseId": {"type": "string"},
        },
    }
    for text in ("hi", "[[tool]]"):
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        reply = httpx.post(f"{url}/v1beta/models/g:streamGenerateContent?alt=sse", json=body)
        frames = [frame.removeprefix("data: ") for frame in reply.text.split("\n\n") if frame]
        assert len(frames) >= 2
        for frame in frames:
            jsonschema.validate(json.loads(frame), schema)
