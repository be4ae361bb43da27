"""Every error class of the vendors' SDKs, raised by what the fakes really send: statuses, refusals, broken streams.

Beside `test_fakes_sdks` the one module that imports the SDKs.
"""

import pytest

CODES = (400, 401, 402, 403, 404, 408, 409, 412, 413, 422, 429, 431, 499, 500, 501, 502, 503, 504, 529)


# Anthropic

ANTHROPIC = {
    400: ("BadRequestError", "invalid_request_error"),
    401: ("AuthenticationError", "authentication_error"),
    402: ("PaymentRequiredError", "billing_error"),
    403: ("PermissionDeniedError", "permission_error"),
    404: ("NotFoundError", "not_found_error"),
    408: ("RequestTimeoutError", "timeout_error"),
    409: ("ConflictError", "conflict_error"),
    412: ("PreconditionFailedError", "invalid_request_error"),
    413: ("ContentTooLargeError", "request_too_large"),
    422: ("UnprocessableEntityError", "invalid_request_error"),
    429: ("RateLimitError", "rate_limit_error"),
    431: ("RequestHeaderFieldsTooLargeError", "invalid_request_error"),
    499: ("ClientClosedRequestError", "invalid_request_error"),
    500: ("InternalServerError", "api_error"),
    501: ("HTTPNotImplementedError", "api_error"),
    502: ("InternalServerError", "api_error"),
    503: ("ServiceUnavailableError", "api_error"),
    504: ("GatewayTimeoutError", "timeout_error"),
    529: ("OverloadedError", "overloaded_error"),
}


@pytest.fixture(scope="module")
def anthropic_client(sdk_url):
    import anthropic

    with anthropic.Anthropic(base_url=sdk_url, api_key="k", max_retries=0) as client:
        yield client


def anthropic_ask(marker, **more):
    messages = [{"role": "user", "content": f"[[{marker}]]"}]
    return {"model": "m", "max_tokens": 9, "messages": messages, **more}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_statuses(anthropic_client, code, stream):
    import anthropic

    name, kind = ANTHROPIC[code]
    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_client.messages.create(**anthropic_ask(f"s{code}"), stream=stream)
    error = caught.value
    assert (type(error).__name__, error.status_code, error.type) == (name, code, kind)
    assert error.request_id == error.body["request_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": -1},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"extra_body": {"temperature": 3.0}},
    ],
)
def test_anthropic_refusals(anthropic_client, change):
    import anthropic

    with pytest.raises(anthropic.BadRequestError) as caught:
        anthropic_client.messages.create(**(anthropic_ask("x") | change))
    named = next(iter(change.get("extra_body", change)))
    assert caught.value.body["error"]["message"].startswith(named)


def test_anthropic_connection_and_time_out(anthropic_client, nowhere):
    import anthropic

    with pytest.raises(anthropic.APIConnectionError):
        anthropic_client.with_options(base_url=nowhere).messages.create(**anthropic_ask("x"))
    with pytest.raises(anthropic.APIConnectionError) as reset:
        anthropic_client.messages.create(**anthropic_ask("reset"))
    assert not isinstance(reset.value, anthropic.APITimeoutError)
    with pytest.raises(anthropic.APITimeoutError):
        anthropic_client.with_options(timeout=0.3).messages.create(**anthropic_ask("stalled"))


def anthropic_final(client, marker):
    with client.messages.stream(**anthropic_ask(marker)) as stream:
        return stream.get_final_message()


def test_anthropic_streams_that_break(anthropic_client):
    import anthropic
    import httpx2

    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_final(anthropic_client, "overloaded")
    assert caught.value.body == {"type": "error", "error": {"type": "overloaded_error", "message": "too much"}}
    for marker, kind in (("cut", httpx2.RemoteProtocolError), ("torn", httpx2.ReadError)):
        with pytest.raises(kind):
            anthropic_final(anthropic_client, marker)
    with pytest.raises(httpx2.ReadTimeout):
        anthropic_final(anthropic_client.with_options(timeout=0.3), "midway")
    # The SDK itself takes an end in good order for an answer; only the missing reason to stop tells.
    assert anthropic_final(anthropic_client, "early").stop_reason is None


def test_anthropic_retries_what_may_be_retried(anthropic_client):
    patient = anthropic_client.with_options(max_retries=2)
    assert patient.messages.create(**anthropic_ask("again")).content[0].text == "one two"
    assert anthropic_final(patient, "again-stream").content[0].text == "one two"


# OpenAI

OPENAI = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    501: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
    504: "InternalServerError",
    529: "InternalServerError",
}


@pytest.fixture(scope="module")
def openai_client(sdk_url):
    import openai

    with openai.OpenAI(base_url=f"{sdk_url}/v1", api_key="k", max_retries=0) as client:
        yield client


def chat(client, marker, **more):
    messages = [{"role": "user", "content": f"[[{marker}]]"}]
    return client.chat.completions.create(model="m", messages=messages, **more)


def responses(client, marker, **more):
    return client.responses.create(model="m", input=f"[[{marker}]]", **more)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("ask", [chat, responses])
@pytest.mark.parametrize("stream", [False, True])
def test_openai_statuses(openai_client, code, ask, stream):
    import openai

    with pytest.raises(openai.APIStatusError) as caught:
        ask(openai_client, f"s{code}", stream=stream)
    error = caught.value
    assert (type(error).__name__, error.status_code) == (OPENAI.get(code, "APIStatusError"), code)
    codes = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 503: "server_is_overloaded"}
    assert error.code == codes.get(code)
    assert error.type
    assert error.request_id.startswith("req_")


def test_openai_refusals(openai_client):
    import openai

    for ask in (chat, responses):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(openai_client, "x", temperature=3.0)
        assert (caught.value.param, caught.value.code) == ("temperature", "decimal_above_max_value")
    orphan = {"type": "function_call_output", "call_id": "call_1", "output": ""}
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.responses.create(model="m", input=[orphan])
    assert "No tool call found" in refused.value.message


@pytest.mark.parametrize("ask", [chat, responses])
def test_openai_connection_and_time_out(openai_client, nowhere, ask):
    import openai

    with pytest.raises(openai.APIConnectionError):
        ask(openai_client.with_options(base_url=nowhere), "x")
    with pytest.raises(openai.APIConnectionError) as reset:
        ask(openai_client, "reset")
    assert not isinstance(reset.value, openai.APITimeoutError)
    with pytest.raises(openai.APITimeoutError):
        ask(openai_client.with_options(timeout=0.3), "stalled")


@pytest.mark.parametrize("ask", [chat, responses])
def test_openai_streams_that_break(openai_client, ask):
    import openai

    for marker in ("cut", "torn"):
        with pytest.raises(openai.APIConnectionError):
            list(ask(openai_client, marker, stream=True))
    with pytest.raises(openai.APITimeoutError):
        list(ask(openai_client.with_options(timeout=0.3), "midway", stream=True))


def test_openai_errors_in_the_middle_of_a_stream(openai_client):
    import openai

    with pytest.raises(openai.APIError, match="too fast") as caught:
        list(chat(openai_client, "limited", stream=True))
    assert caught.value.code == "rate_limit_exceeded"
    failed = list(responses(openai_client, "limited", stream=True))[-1]
    assert (failed.type, failed.response.error.code) == ("response.failed", "rate_limit_exceeded")


def test_openai_streams_that_end_early(openai_client):
    # The SDK itself takes an end in good order for an answer; only what is missing tells.
    assert [chunk.choices[0].finish_reason for chunk in chat(openai_client, "early", stream=True)] == [None] * 3
    assert [event.type for event in responses(openai_client, "early", stream=True)] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]


def test_openai_retries_what_may_be_retried(openai_client):
    assert chat(openai_client.with_options(max_retries=2), "again-chat").choices[0].message.content == "one two"


# Gemini

GEMINI = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def gemini_client_of(sdk_url, **more):
    from google import genai
    from google.genai.types import HttpOptions, HttpRetryOptions

    once = HttpRetryOptions(attempts=1)
    return genai.Client(api_key="k", http_options=HttpOptions(base_url=sdk_url, retry_options=once, **more))


@pytest.fixture(scope="module")
def gemini_client(sdk_url):
    client = gemini_client_of(sdk_url)
    yield client
    client.close()


def gemini(client, marker, **more):
    return client.models.generate_content(model="m", contents=f"[[{marker}]]", **more)


def gemini_stream(client, marker):
    return list(client.models.generate_content_stream(model="m", contents=f"[[{marker}]]"))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("ask", [gemini, gemini_stream])
def test_gemini_statuses(gemini_client, code, ask):
    from google.genai import errors

    with pytest.raises(errors.APIError) as caught:
        ask(gemini_client, f"s{code}")
    error = caught.value
    assert type(error) is (errors.ServerError if code >= 500 else errors.ClientError)
    usual = "INTERNAL" if code >= 500 else "INVALID_ARGUMENT"
    assert (error.code, error.status) == (code, GEMINI.get(code, usual))


def test_gemini_refusals(gemini_client):
    from google.genai import errors, types

    with pytest.raises(errors.ClientError) as caught:
        gemini(gemini_client, "x", config=types.GenerateContentConfig(temperature=3.0))
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert "temperature" in caught.value.message


def test_gemini_connection_and_time_out(sdk_url, gemini_client, nowhere):
    import httpx2

    with pytest.raises(httpx2.ConnectError):
        gemini(gemini_client_of(nowhere), "x")
    with pytest.raises(httpx2.ReadError):
        gemini(gemini_client, "reset")
    with pytest.raises(httpx2.TimeoutException):
        gemini(gemini_client_of(sdk_url, timeout=300), "stalled")


def test_gemini_streams_that_break(gemini_client):
    import httpx2
    from google.genai import errors

    with pytest.raises(errors.ServerError) as caught:
        gemini_stream(gemini_client, "unavailable")
    assert (caught.value.code, caught.value.status, caught.value.message) == (503, "UNAVAILABLE", "not now")
    for marker, kind in (("cut", httpx2.RemoteProtocolError), ("torn", httpx2.ReadError)):
        with pytest.raises(kind):
            gemini_stream(gemini_client, marker)
    assert all(chunk.candidates[0].finish_reason is None for chunk in gemini_stream(gemini_client, "early"))
