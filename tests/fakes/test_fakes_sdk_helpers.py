"""What the vendors' SDKs do for their callers beside one request: tool loops, request ids, answers that were stored."""

import httpx
import pytest

ASK = {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "[[tool]] go"}]}
TEXT = "Grüße aus der Schleife"


@pytest.fixture(scope="module")
def anthropic_client(sdk_url):
    import anthropic

    with anthropic.Anthropic(base_url=sdk_url, api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def openai_client(sdk_url):
    import openai

    with openai.OpenAI(base_url=f"{sdk_url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_tool_runner_comes_to_its_end(anthropic_client, stream):
    import anthropic

    @anthropic.beta_tool(name="exec")
    def build(command: str = "", n: int = 0) -> str:
        """Builds."""
        return f"{command} {n}: built"

    runner = anthropic_client.beta.messages.tool_runner(**ASK, tools=[build], stream=stream)
    said = [reply.get_final_message() if stream else reply for reply in runner]
    assert [message.stop_reason for message in said] == ["tool_use", "end_turn"]
    assert said[-1].content[0].text == TEXT


def test_a_thread_that_is_continued_is_not_found(anthropic_client):
    import anthropic

    thread = {"type": "continue", "previous_message_id": "msg_1"}
    with pytest.raises(anthropic.NotFoundError) as refused:
        anthropic_client.beta.messages.create(**ASK, thread=thread)
    assert refused.value.error_code == "thread_not_found"
    with pytest.raises(anthropic.BadRequestError, match=r"thread\.previous_message_id: Field required"):
        anthropic_client.beta.messages.create(**ASK, thread={"type": "continue"})
    assert anthropic_client.beta.messages.create(**ASK, thread={"type": "create"}).stop_reason == "tool_use"


def test_every_answer_names_its_request(anthropic_client, openai_client):
    asked = {"model": "g", "messages": ASK["messages"]}
    named = [
        anthropic_client.messages.create(**ASK)._request_id,
        anthropic_client.models.retrieve("claude-x")._request_id,
        openai_client.responses.create(model="g", input="x")._request_id,
        openai_client.chat.completions.create(**asked)._request_id,
        openai_client.chat.completions.with_raw_response.create(**asked, stream=True).request_id,
        openai_client.models.retrieve("g")._request_id,
    ]
    assert all(name.startswith("req_") for name in named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/v1/messages", "request-id"),
        ("/v1/responses", "x-request-id"),
        ("/backend-api/codex/responses", "x-request-id"),
    ],
)
def test_refusals_name_their_request_too(sdk_url, path, header):
    assert httpx.post(sdk_url + path, json={}).headers[header].startswith("req_")


def test_items_that_were_stored_may_be_referred_to(openai_client):
    asked = [{"role": "user", "content": "[[tool]]"}]
    items = openai_client.responses.create(model="g", input=asked).output
    references = [{"type": "item_reference", "id": item.id} for item in items]
    output = {"type": "function_call_output", "call_id": items[-1].call_id, "output": "built"}
    assert openai_client.responses.create(model="g", input=[*asked, *references, output]).output_text == TEXT


@pytest.mark.parametrize("kind", [{}, {"type": None}, {"type": "item_reference"}], ids=str)
def test_a_reference_may_leave_out_its_type(openai_client, kind):
    given = [{"id": "msg_1", **kind}, {"role": "user", "content": "x"}]
    assert openai_client.responses.create(model="g", input=given).output_text == TEXT


def test_an_answer_that_was_spoken_may_be_referred_to(openai_client):
    spoken = {"role": "assistant", "audio": {"id": "audio_1"}}
    said = openai_client.chat.completions.create(model="g", messages=[*ASK["messages"], spoken, *ASK["messages"]])
    assert said.choices[0].finish_reason == "tool_calls"


def test_a_patch_may_be_applied_without_a_word(openai_client):
    operation = {"type": "delete_file", "path": "x"}
    call = {"type": "apply_patch_call", "call_id": "c1", "status": "completed", "operation": operation}
    done = {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed"}
    given = [{"role": "user", "content": "x"}, call, done]
    assert openai_client.responses.create(model="g", input=given).output_text == TEXT


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": {"id": "pmpt_1"}},
        {"model": "g", "prompt": {"id": "pmpt_1"}},
        {"model": "g", "conversation": "conv_1"},
    ],
    ids=str,
)
def test_what_is_stored_may_be_all_of_a_request(openai_client, asked):
    assert openai_client.responses.create(**asked).output_text == TEXT


def test_a_stored_response_is_gone_on_from_fetched_and_deleted(openai_client):
    import openai

    said = openai_client.responses.create(model="g", input="x")
    assert openai_client.responses.create(model="g", previous_response_id=said.id).output_text == TEXT
    assert openai_client.responses.retrieve(said.id).output_text == TEXT
    openai_client.responses.delete(said.id)
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{said.id}' not found"):
        openai_client.responses.retrieve(said.id)
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.responses.create(model="g", input="x", previous_response_id=said.id)
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")


def test_work_in_the_background_is_polled_cancelled_and_streamed_again(openai_client):
    import openai

    queued = openai_client.responses.create(model="g", input="x", background=True)
    assert (queued.status, queued.output_text, queued.background) == ("queued", "", True)
    done = openai_client.responses.retrieve(queued.id)
    assert (done.status, done.output_text) == ("completed", TEXT)
    assert openai_client.responses.cancel(queued.id).status == "completed"
    first = [event.type for event in openai_client.responses.create(model="g", input="x", background=True, stream=True)]
    assert first[:3] == ["response.created", "response.queued", "response.in_progress"]
    with openai_client.responses.stream(response_id=queued.id, starting_after=2) as stream:
        again = [event.type for event in stream]
    assert again == first[3:]
    plain = openai_client.responses.create(model="g", input="x")
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        openai_client.responses.cancel(plain.id)
