"""What is asked beside completions: models in pages and one by one, token counts, a Code Assist account."""

import asyncio
import json

import httpx
import pytest

from fakes.script import Match, Rule, Script, Status, Text

NAMED = Script(tuple(Rule(f"r{n}", Match(model=f"m{n}"), (Text("x"),)) for n in range(5)))
ANTHROPIC = {"anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": "k"}


@pytest.fixture
def get(serve):
    """Ask once, on a server with a script: the status and the JSON of the answer, and the records."""

    def run(script, method, path, **options):
        found = []

        async def body(served):
            async with httpx.AsyncClient(base_url=served.fakes.url) as client:
                reply = await client.request(method, path, **options)
                found.append((reply.status_code, reply.json()))

        events = serve(script, body)
        return (*found[0], events)

    return run


def test_openai_models(get):
    status, body, events = get(NAMED, "GET", "/v1/models")
    assert (status, body["object"]) == (200, "list")
    assert [model["id"] for model in body["data"]] == ["m0", "m1", "m2", "m3", "m4"]
    assert (events[0].provider, events[0].rule, events[1].reply) == ("codex", "", "models")
    assert get(NAMED, "GET", "/v1/models/m3")[1] == body["data"][3]
    status, body, events = get(NAMED, "GET", "/v1/models/gpt-x")
    assert (status, body["error"]["code"]) == (404, "model_not_found")
    assert events[1].reply == "unknown-model"


@pytest.mark.parametrize("path", ["/v1/models?client_version=0.171.0", "/backend-api/codex/models"])
def test_codex_asks_for_descriptions_of_its_own(get, path):
    """With OpenAI's list it prints an error in every run, and with none it goes by what it knows."""
    assert get(NAMED, "GET", path)[:2] == (200, {"models": []})


def test_any_model_exists_where_a_rule_takes_any(get):
    script = Script((Rule("any", Match(), (Text("x"),)),))
    assert get(script, "GET", "/v1/models")[1]["data"][0]["id"] == "fake-model"
    assert get(script, "GET", "/v1/models/ft%3Agpt-4o%3Aorg")[1]["id"] == "ft:gpt-4o:org"
    assert get(script, "GET", "/v1/models/org/m")[1]["id"] == "org/m"
    assert get(script, "GET", "/v1/models/claude-x", headers=ANTHROPIC)[1]["type"] == "model"
    assert get(script, "GET", "/v1beta/models/gemini-x")[1]["name"] == "models/gemini-x"


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("", ["m0", "m1", "m2", "m3", "m4"], False),
        ("limit=2", ["m0", "m1"], True),
        ("limit=2&after_id=m1", ["m2", "m3"], True),
        ("limit=2&after_id=m3", ["m4"], False),
        ("after_id=m4", [], False),
        ("limit=2&before_id=m3", ["m1", "m2"], True),
        ("limit=3&before_id=m3", ["m0", "m1", "m2"], False),
    ],
)
def test_anthropic_pages(get, query, ids, more):
    status, body, _ = get(NAMED, "GET", f"/v1/models?{query}", headers=ANTHROPIC)
    assert status == 200
    assert [model["id"] for model in body["data"]] == ids
    assert body["has_more"] is more
    assert (body["first_id"], body["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=", "limit=²", "after_id=zz"])
def test_anthropic_pages_that_cannot_be(get, query):
    status, body, events = get(NAMED, "GET", f"/v1/models?{query}", headers=ANTHROPIC)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert events[1].reply == "invalid"


def test_anthropic_one_model(get):
    assert get(NAMED, "GET", "/v1/models/m1", headers=ANTHROPIC)[1]["id"] == "m1"
    status, body, _ = get(NAMED, "GET", "/v1/models/zz", headers=ANTHROPIC)
    assert (status, body["error"]) == (404, {"type": "not_found_error", "message": "model: zz"})


def test_gemini_pages(get):
    names, token = [], ""
    for _ in range(3):
        _, body, _ = get(NAMED, "GET", f"/v1beta/models?pageSize=2&pageToken={token}")
        names += [model["name"] for model in body["models"]]
        token = body.get("nextPageToken", "")
    assert (names, token) == (["models/m0", "models/m1", "models/m2", "models/m3", "models/m4"], "")
    assert get(NAMED, "GET", "/v1/models/m1", headers=GEMINI)[1]["name"] == "models/m1"
    assert get(NAMED, "GET", "/v1/models/m1?key=k")[1]["name"] == "models/m1"
    status, body, _ = get(NAMED, "GET", "/v1beta/models/zz")
    assert (status, body["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_method_of_gemini_that_is_not_served_is_no_model(get, version):
    status, body, events = get(NAMED, "POST", f"/{version}/models/m:embedContent", headers=GEMINI, json={})
    assert (status, body["error"]["status"], events[1].reply) == (404, "NOT_FOUND", "unknown-path")


@pytest.mark.parametrize("path", ["/v1/models/m/operations/o", "/v1beta/models/m/operations/o"])
def test_what_a_model_of_gemini_has_is_no_model(get, path):
    status, body, events = get(NAMED, "GET", path, headers=GEMINI)
    assert (status, body["error"]["status"], events[1].reply) == (404, "NOT_FOUND", "unknown-path")


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=x", "pageToken=zz", "pageToken=99", "pageToken=٣"])
def test_gemini_pages_that_cannot_be(get, query):
    status, body, _ = get(NAMED, "GET", f"/v1beta/models?{query}")
    assert (status, body["error"]["status"]) == (400, "INVALID_ARGUMENT")


MESSAGES = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
CONTENTS = {"contents": [{"parts": [{"text": "hello"}]}]}


@pytest.mark.parametrize(
    ("path", "body", "read"),
    [
        ("/v1/messages/count_tokens", MESSAGES, lambda got: got["input_tokens"]),
        ("/v1/responses/input_tokens", {"model": "m", "input": "hello"}, lambda got: got["input_tokens"]),
        ("/v1beta/models/m:countTokens", CONTENTS, lambda got: got["totalTokens"]),
        ("/v1beta/models/m:countTokens", {"generateContentRequest": CONTENTS}, lambda got: got["totalTokens"]),
        ("/v1internal:countTokens", {"request": {"model": "m", **CONTENTS}}, lambda got: got["totalTokens"]),
    ],
)
def test_counting(get, path, body, read):
    status, counted, events = get(NAMED, "POST", path, json=body)
    assert status == 200
    assert read(counted) == len(json.dumps(body, separators=(",", ":"))) // 4
    assert (events[0].rule, events[1].reply) == ("", "count")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", {"messages": MESSAGES["messages"]}),
        ("/v1/messages/count_tokens", {"model": "m", "messages": []}),
        ("/v1/responses/input_tokens", {"model": "m"}),
        ("/v1beta/models/m:countTokens", {}),
        ("/v1beta/models/m:countTokens", {"generateContentRequest": 5}),
        ("/v1beta/models/m:countTokens", {"generateContentRequest": CONTENTS, **CONTENTS}),
        ("/v1internal:countTokens", CONTENTS),
        ("/v1internal:loadCodeAssist", []),
    ],
)
def test_questions_that_are_refused(get, path, body):
    status, answer, events = get(NAMED, "POST", path, json=body)
    assert status == 400
    assert "error" in (answer[0] if path.startswith("/v1internal") else answer)
    assert events[1].reply == "invalid"


def test_a_code_assist_account(get):
    _, loaded, events = get(NAMED, "POST", "/v1internal:loadCodeAssist", json={"metadata": {"pluginType": "GEMINI"}})
    assert loaded["currentTier"]["id"] == loaded["allowedTiers"][0]["id"] == "free-tier"
    assert events[0].provider == "code-assist"
    asked = {"tierId": "free-tier", "metadata": {}}
    _, operation, _ = get(NAMED, "POST", "/v1internal:onboardUser", json=asked)
    assert operation["done"] is True
    assert operation["response"]["cloudaicompanionProject"]["id"] == loaded["cloudaicompanionProject"]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("listExperiments", {"experimentIds": [], "flags": []}),
        ("retrieveUserQuota", {"buckets": []}),
        ("fetchAdminControls", {"adminControlsApplicable": False}),
        ("recordCodeAssistMetrics", {}),
    ],
)
def test_what_gemini_cli_asks_of_every_account(get, method, answer):
    asked = {"project": "fakes-project"}
    status, body, events = get(NAMED, "POST", f"/v1internal:{method}", json=asked)
    assert (status, body) == (200, answer)
    assert (events[0].provider, events[1].reply) == ("code-assist", "account")


@pytest.mark.parametrize(
    ("error", "reason", "retried"),
    [("", "RATE_LIMIT_EXCEEDED", True), ("QUOTA_EXHAUSTED", "QUOTA_EXHAUSTED", False)],
)
def test_a_code_assist_quota(get, ask, error, reason, retried):
    script = Script((Rule("busy", Match(provider="code-assist"), (Status(429, error=error),)),))
    path, body = ask("code-assist", stream=True)
    status, answer, events = get(script, "POST", path, json=body)
    assert (status, len(answer), events[0].rule) == (429, 1, "busy")
    found = answer[0]["error"]
    assert (found["status"], found["details"][0]["reason"]) == ("RESOURCE_EXHAUSTED", reason)
    assert any(detail["@type"].endswith("RetryInfo") for detail in found["details"]) is retried


@pytest.mark.parametrize("provider", ["anthropic", "chat", "codex", "gemini", "code-assist"])
def test_a_rule_of_one_provider_and_the_near_misses_of_the_others(get, ask, provider):
    others = [name for name in ("anthropic", "chat", "codex", "gemini", "code-assist") if name != provider]
    rules = [Rule("mine", Match(provider=provider, contains="hello", turn_step=0), (Text("yes"),))]
    rules += [Rule(f"of {name}", Match(provider=name, model="z"), (Text("no"),)) for name in others]
    path, body = ask(provider, "well hello [[a]]")
    status, _, events = get(Script(tuple(rules)), "POST", path, json=body)
    assert (status, events[0].rule, events[0].near_misses) == (200, "mine", ())
    path, body = ask(provider, "good day [[a]]")
    status, answer, events = get(Script(tuple(rules)), "POST", path, json=body)
    assert (status, events[0].rule, events[1].reply) == (404, "", "unmatched")
    assert events[0].near_misses[0] == "rule 'mine' misses on contains='hello'"
    assert len(events[0].near_misses) == 3
    assert "rule 'mine' misses on contains" in json.dumps(answer)


def test_near_misses_are_not_looked_for_where_anything_goes(get, ask):
    script = Script((Rule("other", Match(model="z"), (Text("no"),)),), strict=False)
    path, body = ask("chat")
    status, _, events = get(script, "POST", path, json=body)
    assert (status, events[0].near_misses) == (200, ())


def test_questions_use_up_no_rule(serve, ask):
    script = Script((Rule("once", Match(), (Text("x"),), repeat_last=False),))

    async def body(served):
        async with httpx.AsyncClient(base_url=served.fakes.url) as client:
            await asyncio.gather(*(client.post("/v1/messages/count_tokens", json=MESSAGES) for _ in range(3)))
            path, asked = ask("chat")
            assert [(await client.post(path, json=asked)).status_code for _ in range(2)] == [200, 404]

    serve(script, body)
