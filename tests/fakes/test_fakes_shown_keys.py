"""The key that a request shows is known to the fakes wherever it stands, and refusals repeat it if they are told to."""

import json

import pytest

from fakes.broken import Cut
from fakes.script import Broken, Match, Rule, Script, Status, Text

KEY = "sk-of-a-person-0123456789"
PLACES = {
    "anthropic": (f"x-api-key: {KEY}", ""),
    "codex": (f"authorization: Bearer {KEY}", ""),
    "gemini": (f"x-goog-api-key: {KEY}", ""),
    "chat": (f"api-key: {KEY}", ""),  # Azure's
}


def one(reply) -> Script:
    return Script((Rule("only", Match(), (reply,)),))


@pytest.mark.parametrize("provider", PLACES)
def test_a_refusal_repeats_the_key_that_was_shown(serve, talk, post, ask, provider):
    async def body(served):
        path, asked = ask(provider)
        raw, _ = await talk(served.fakes.port, post(path, asked, PLACES[provider][0], "connection: close"))
        assert raw.startswith(b"HTTP/1.1 401")
        assert f"Incorrect API key provided: {KEY}" in json.dumps(json.loads(raw.partition(b"\r\n\r\n")[2]))
        assert served.fakes.shown_keys == {provider: {KEY}}

    serve(one(Status(401, message="Incorrect API key provided: ", repeats_key=True)), body)


def test_a_key_in_the_query_and_a_refusal_that_breaks_off(serve, talk, post, ask):
    async def body(served):
        path, asked = ask("gemini")
        joint = "&" if "?" in path else "?"
        raw, _ = await talk(served.fakes.port, post(f"{path}{joint}key={KEY}", asked, "connection: close"))
        assert KEY.encode() in raw

    whole = Cut("body", 10_000, "fin")
    serve(one(Broken(answer=Status(400, message="API key not valid: ", repeats_key=True), cut=whole)), body)


@pytest.mark.parametrize("provider", PLACES)
def test_a_refusal_has_the_key_where_its_script_says_so(serve, talk, post, ask, provider):
    async def body(served):
        path, asked = ask(provider)
        raw, _ = await talk(served.fakes.port, post(path, asked, PLACES[provider][0], "connection: close"))
        said = json.dumps(json.loads(raw.partition(b"\r\n\r\n")[2]))
        assert f"no {KEY} and {KEY}." in said
        assert f"wrong_{KEY}" in said

    serve(one(Status(401, error="wrong_{key}", message="no {key} and {key}.", repeats_key=True)), body)


def test_others_repeat_nothing_and_tokens_of_the_server_are_no_keys(serve, talk, post, ask):
    async def body(served):
        token = served.fakes.oauth.seed("family", account="a").access_token
        for shown in (f"authorization: Bearer {token}", "authorization: Basic abc", "x-nothing: here"):
            path, asked = ask("codex")
            raw, _ = await talk(served.fakes.port, post(path, asked, shown, "connection: close"))
            assert token.encode() not in raw
        assert served.fakes.shown_keys == {}

    serve(one(Status(401, message="no")), body)
    serve(one(Text("yes")), body)
