"""The token endpoint over real connections: bodies, faults, gates, concurrency, and what stays secret."""

import asyncio
import base64
import json
from urllib.parse import urlencode

import pytest

from fakes.events import fingerprint
from fakes.oauth import CLAUDE_CLIENT_ID, CODEX_CLIENT_ID, Fault, OAuthSettings, OAuthSettingsError
from fakes.script import Match, Rule, Script, Text

CLOSE = "connection: close"
NONE = Script(())


def refresh(token, **more):
    return {"grant_type": "refresh_token", "client_id": CODEX_CLIENT_ID, "refresh_token": token, **more}


@pytest.fixture
def token_call(talk, post):
    """POST a token request; the status (0 when nothing came), the JSON (None when there is none), the end."""

    async def call(served, fields, *, form=False, path="/oauth/token"):
        body = urlencode(fields).encode() if form else fields
        kind = "content-type: application/x-www-form-urlencoded" if form else "content-type: application/json"
        raw, end = await talk(served.fakes.port, post(path, body, kind, CLOSE))
        if not raw:
            return 0, None, end
        head, _, text = raw.partition(b"\r\n\r\n")
        try:
            return int(head[9:12]), json.loads(text), end
        except ValueError:
            return int(head[9:12]), None, end

    return call


def claims_of(token, decode=base64.urlsafe_b64decode):
    part = token.split(".")[1]
    return json.loads(decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("form", [False, True])
def test_a_refresh_in_json_and_as_a_form(serve, token_call, form):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="acc-1")
        status, data, _ = await token_call(served, refresh(seeded.refresh_token), form=form)
        assert status == 200
        assert {"id_token", "access_token", "refresh_token", "expires_in"} <= set(data)
        assert (data["expires_in"], data["token_type"]) == (3600, "Bearer")
        claims = claims_of(data["access_token"])
        assert claims["https://api.openai.com/auth"]["chatgpt_account_id"] == "acc-1"
        assert claims["exp"] == 1000 + 3600
        assert claims_of(data["id_token"])["email"] == "acc-1@example.test"

    events = serve(NONE, body, clock=lambda: 1000.0)
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["RequestReceived", "TokenRequested", "TokenAnswered", "ReplySent"]
    assert (events[2].decision, events[2].family, events[2].generation) == ("minted", "f", 1)


def test_the_exact_answer_to_a_reuse(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        await token_call(served, refresh(seeded.refresh_token))
        status, data, _ = await token_call(served, refresh(seeded.refresh_token))
        assert (status, data) == (
            401,
            {
                "error": {
                    "message": "Your refresh token has already been used to generate a new access token. "
                    "Please try signing in again.",
                    "type": "invalid_request_error",
                    "param": None,
                    "code": "refresh_token_reused",
                }
            },
        )
        status, data, _ = await token_call(served, refresh(seeded.refresh_token))
        assert (status, data["error"]["code"]) == (401, "refresh_token_invalidated")

    serve(NONE, body)


def test_expiry_by_the_servers_clock(serve, token_call):
    now = [0.0]

    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        now[0] = 60.0
        status, data, _ = await token_call(served, refresh(seeded.refresh_token))
        assert (status, data["error"]["code"]) == (401, "refresh_token_expired")

    serve(NONE, body, clock=lambda: now[0], oauth=OAuthSettings(refresh_ttl=60.0))


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "/v1/oauth/token"),
        ({"dialect": "rfc6749"}, "/oauth/token"),
        ({"dialect": "anthropic"}, "/oauth/token"),
    ],
)
def test_dialects_with_flat_errors(serve, token_call, settings, path):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        assert (await token_call(served, refresh(seeded.refresh_token), path=path))[0] == 200
        status, data, _ = await token_call(served, refresh(seeded.refresh_token), path=path)
        assert (status, data["error"], set(data)) == (400, "invalid_grant", {"error", "error_description"})

    serve(NONE, body, oauth=OAuthSettings(**settings))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"grant_type": "refresh_token", "client_id": "c"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "r"}, "invalid_request"),
        ({"refresh_token": "r", "client_id": "c"}, "invalid_request"),
        ({"grant_type": "password", "refresh_token": "r", "client_id": "c"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "r", "client_id": "c"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": ["r"], "client_id": "c"}, "invalid_request"),
        ([1], "invalid_request"),
        (b"{", "invalid_request"),
        (b"[" * 100_000, "invalid_request"),
    ],
)
def test_bad_token_requests(serve, token_call, fields, code):
    async def body(served):
        status, data, _ = await token_call(served, fields)
        assert data["error"]["code"] == code
        assert status == (401 if code == "invalid_grant" else 400)

    serve(NONE, body)


def test_a_form_that_repeats_a_parameter_is_refused(serve, talk, post):
    async def body(served):
        data = b"grant_type=refresh_token&refresh_token=a&refresh_token=b&client_id=c"
        raw, _ = await talk(served.fakes.port, post("/oauth/token", data, CLOSE))
        assert raw.startswith(b"HTTP/1.1 400 ")
        assert b"more than once" in raw

    serve(NONE, body)


def test_scope_may_shrink_for_an_answer_but_not_grow(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        status, data, _ = await token_call(served, refresh(seeded.refresh_token, scope="openid admin"))
        assert (status, data["error"]["code"]) == (400, "invalid_scope")
        status, data, _ = await token_call(served, refresh(seeded.refresh_token, scope="openid"))
        assert (status, data["scope"]) == (200, "openid")

    serve(NONE, body)


def test_an_id_token_is_for_the_scope_openid(serve, token_call):
    """OpenID Connect Core, section 3.1.2.1: without that scope a request is no OpenID request."""

    async def body(served):
        token = served.fakes.oauth.seed("a", account="a").refresh_token
        for scope, expected in (("email offline_access", False), ("openid", True)):
            status, data, _ = await token_call(served, refresh(token, scope=scope))
            assert (status, "id_token" in data) == (200, expected)
            token = data["refresh_token"]
        assert served.fakes.oauth.seed("c", account="c", client_id=CLAUDE_CLIENT_ID).id_token == ""

    serve(NONE, body)


@pytest.mark.parametrize("scope", [" ", "openid\temail"])
def test_a_malformed_scope_is_refused_and_nothing_is_spent(serve, token_call, scope):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        status, data, _ = await token_call(served, refresh(seeded.refresh_token, scope=scope))
        assert (status, data["error"]["code"]) == (400, "invalid_scope")
        status, _, _ = await token_call(served, refresh(seeded.refresh_token))
        assert status == 200

    serve(NONE, body)


@pytest.mark.parametrize("path", ["/token", "/oauth/token", "/v1/oauth/token"])
def test_a_client_that_authenticates_by_header_alone_is_told_how(serve, talk, post, path):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        asked = refresh(seeded.refresh_token)
        del asked["client_id"]
        raw, _ = await talk(served.fakes.port, post(path, asked, "authorization: Basic YTpi", CLOSE))
        head, _, data = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nwww-authenticate: Basic " in head
        error = json.loads(data)["error"]
        assert (error if isinstance(error, str) else error["code"]) == "invalid_client"

    events = serve(NONE, body)
    assert [e.decision for e in events if type(e).__name__ == "TokenAnswered"] == ["invalid-client"]


@pytest.mark.parametrize("path", ["/oauth/token", "/v1/oauth/token", "/token"])
def test_a_server_that_does_not_rotate_leaves_the_token_in_force(serve, token_call, path):
    """RFC 6749 section 6: the answer may have no refresh token, and then the client keeps the one that it has."""

    async def body(served):
        token = served.fakes.oauth.seed("f", account="a").refresh_token
        answers = [await token_call(served, refresh(token), path=path) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200] * 3
        assert not [data for _, data, _ in answers if "refresh_token" in data]
        assert all(served.fakes.oauth.is_live(data["access_token"]) for _, data, _ in answers)
        assert served.fakes.oauth.family_of(token) == ("f", 0)

    serve(NONE, body, oauth=OAuthSettings(rotates=False))


async def at_once(connections, message):
    """Send one message on every connection before any answer is read; the statuses."""
    for _, writer in connections:
        writer.write(message)

    async def status(reader):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        return int(head[9:12])

    return await asyncio.gather(*(status(reader) for reader, _ in connections))


@pytest.mark.parametrize("policy", ["strict", "reject-only"])
def test_32_connections_have_one_winner_a_hundred_times(serve_on_both, post, policy):
    async def body(served):
        connections = [await asyncio.open_connection("127.0.0.1", served.fakes.port) for _ in range(32)]
        for number in range(100):
            seeded = served.fakes.oauth.seed(f"f{number}", account="a")
            statuses = await at_once(connections, post("/oauth/token", refresh(seeded.refresh_token)))
            assert sorted(statuses) == [200] + [401] * 31
            family = served.fakes.oauth.family(f"f{number}")
            decisions = [entry.decision for entry in family.redemptions]
            assert (decisions.count("minted"), len(decisions)) == (1, 32)
            assert family.state == ("revoked" if policy == "strict" else "active")
            live = [token for token in family.generations if token.state == "live"]
            assert len(live) == (0 if policy == "strict" else 1)
        for _, writer in connections:
            writer.close()

    events = serve_on_both(NONE, body, oauth=OAuthSettings(policy=policy))
    assert [e.decision for e in events if type(e).__name__ == "TokenAnswered"].count("minted") == 100


def test_32_held_redemptions_have_one_winner_whatever_the_release_order(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        calls = [asyncio.ensure_future(token_call(served, refresh(seeded.refresh_token))) for _ in range(32)]
        await served.fakes.wait_held("before", 32)
        assert not served.of("TokenAnswered")
        assert served.fakes.oauth.families()[0].redemptions == ()
        served.fakes.release("before", 5)
        served.fakes.release("before")
        statuses = [status for status, _, _ in await asyncio.gather(*calls)]
        assert sorted(statuses) == [200] + [401] * 31

    serve(NONE, body, oauth=OAuthSettings(policy="reject-only", gate_before_commit="before"))


def test_a_grant_held_after_its_commit_is_already_spent(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        first = asyncio.ensure_future(token_call(served, refresh(seeded.refresh_token)))
        await served.fakes.wait_held("after", 1)
        assert served.fakes.oauth.families()[0].generations[0].state == "spent"
        status, data, _ = await token_call(served, refresh(seeded.refresh_token))
        assert (status, data["error"]["code"]) == (401, "refresh_token_reused")
        served.fakes.release("after")
        assert (await first)[0] == 200

    serve(NONE, body, oauth=OAuthSettings(policy="reject-only", gate_after_commit="after"))


@pytest.mark.parametrize(
    ("gate", "decision", "state"),
    [
        ({"gate_before_commit": "g"}, "error-before-commit", "live"),
        ({"gate_after_commit": "g"}, "dropped-after-commit", "spent"),
    ],
)
def test_a_client_that_leaves_a_held_grant(serve, post, gate, decision, state):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        _, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post("/oauth/token", refresh(seeded.refresh_token)))
        await served.fakes.wait_held("g", 1)
        writer.close()
        await served.until("ReplySent")
        assert served.fakes.oauth.families()[0].generations[0].state == state

    events = serve(NONE, body, oauth=OAuthSettings(**gate))
    assert (events[-2].decision, events[-2].status) == (decision, 0)
    assert events[-1].outcome == "client-gone"


@pytest.mark.parametrize(
    ("kind", "status", "end", "state", "decision"),
    [
        ("error-before-commit", 503, "fin", "live", "error-before-commit"),
        ("drop-before-commit", 0, "reset", "live", "error-before-commit"),
        ("drop-after-commit", 0, "reset", "spent", "dropped-after-commit"),
        ("error-after-commit", 503, "fin", "spent", "dropped-after-commit"),
        ("truncate-after-commit", 200, "fin", "spent", "dropped-after-commit"),
    ],
)
def test_faults_of_the_token_endpoint(serve, token_call, kind, status, end, state, decision):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        got = await token_call(served, refresh(seeded.refresh_token))
        assert (got[0], got[2]) == (status, end)
        assert got[1] is None or "error" in got[1]
        assert served.fakes.oauth.families()[0].generations[0].state == state
        again, _, _ = await token_call(served, refresh(seeded.refresh_token))
        assert again == (200 if state == "live" else 401)

    events = serve(NONE, body, oauth=OAuthSettings(fault=Fault(kind=kind)))
    answers = [event for event in events if type(event).__name__ == "TokenAnswered"]
    assert (answers[0].decision, answers[0].status) == (decision, status)


def test_a_fault_lasts_as_often_as_it_says_and_can_be_changed(serve, token_call):
    async def body(served):
        token = served.fakes.oauth.seed("f", account="a").refresh_token
        assert [(await token_call(served, refresh(token)))[0] for _ in range(2)] == [500, 500]
        served.fakes.oauth.set_fault(Fault(kind="error-before-commit", status=502, times=None))
        assert [(await token_call(served, refresh(token)))[0] for _ in range(3)] == [502] * 3
        served.fakes.oauth.set_fault(None)
        assert (await token_call(served, refresh(token)))[0] == 200

    serve(NONE, body, oauth=OAuthSettings(fault=Fault(kind="error-before-commit", status=500, times=2)))


def test_a_redirect_leads_where_it_says_and_spends_nothing(serve, talk, post):
    async def body(served):
        token = served.fakes.oauth.seed("f", account="a").refresh_token
        asked = f"grant_type=refresh_token&refresh_token={token}&client_id=app_EMoamEEZ73f0CkXaXp7hrann".encode()
        form = "content-type: application/x-www-form-urlencoded"
        raw, _ = await talk(served.fakes.port, post("/oauth/token", asked, form, "connection: close"))
        assert raw.startswith(b"HTTP/1.1 307")
        assert b"location: http://elsewhere/token\r\n" in raw
        assert served.fakes.oauth.family_of(token) == ("f", 0)

    leads = Fault(kind="error-before-commit", status=307, location="http://elsewhere/token")
    serve(NONE, body, oauth=OAuthSettings(fault=leads))


@pytest.mark.parametrize("path", ["/oauth/token", "/v1/oauth/token", "/token"])
def test_an_error_repeats_the_token_where_it_is_to(serve, talk, post, path):
    async def body(served):
        token = served.fakes.oauth.seed("f", account="a").refresh_token
        asked = f"grant_type=refresh_token&refresh_token={token}&client_id=app_EMoamEEZ73f0CkXaXp7hrann".encode()
        form = "content-type: application/x-www-form-urlencoded"
        answers = [(await talk(served.fakes.port, post(path, asked, form, "connection: close")))[0] for _ in range(2)]
        assert [(answer.count(b"HTTP/1.1 401"), answer.count(token.encode())) for answer in answers] == [(1, 1), (0, 0)]

    repeats = Fault(kind="error-before-commit", status=401, repeats_token=True)
    serve(NONE, body, oauth=OAuthSettings(fault=repeats))


def test_a_delayed_answer_comes_after_its_commit(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        began = asyncio.get_running_loop().time()
        first = asyncio.ensure_future(token_call(served, refresh(seeded.refresh_token)))
        await served.until("TokenRequested")
        assert served.fakes.oauth.families()[0].generations[0].state == "spent"
        assert not served.of("TokenAnswered")
        assert (await first)[0] == 200
        assert asyncio.get_running_loop().time() - began >= 0.2

    serve(NONE, body, oauth=OAuthSettings(fault=Fault(kind="delay-after-commit", seconds=0.2)))


def test_a_client_that_leaves_a_delayed_answer(serve, post):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        _, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post("/oauth/token", refresh(seeded.refresh_token)))
        await served.until("TokenRequested")
        writer.close()
        await served.until("ReplySent")

    events = serve(NONE, body, oauth=OAuthSettings(fault=Fault(kind="delay-after-commit", seconds=3000.0)))
    assert (events[-2].decision, events[-1].outcome) == ("dropped-after-commit", "client-gone")


@pytest.mark.parametrize("after_bytes", [0, 1, 400, 10**6])
def test_a_truncated_answer_is_cut_at_its_byte(serve, talk, post, after_bytes):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        raw, end = await talk(served.fakes.port, post("/oauth/token", refresh(seeded.refresh_token)))
        head, _, rest = raw.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert (len(rest), end) == (min(after_bytes, length - 1), "fin")

    serve(NONE, body, oauth=OAuthSettings(fault=Fault(kind="truncate-after-commit", after_bytes=after_bytes)))


def test_the_view_says_who_redeemed_what_and_when(serve, token_call):
    now = [100.0]

    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        _, data, _ = await token_call(served, refresh(seeded.refresh_token))
        now[0] = 160.0
        await token_call(served, refresh(seeded.refresh_token, client_id="thief"))
        first, second = served.fakes.oauth.families()[0].redemptions
        asked = {event.exchange: event.peer_port for event in served.of("RequestReceived")}
        assert (first.at, first.client_id, first.generation) == (100.0, CODEX_CLIENT_ID, 0)
        assert first.issued == fingerprint(data["refresh_token"])
        assert (second.at, second.client_id, second.decision, second.issued) == (160.0, "thief", "wrong-client", "")
        assert {entry.exchange: entry.peer_port for entry in (first, second)} == asked

    serve(NONE, body, clock=lambda: now[0])


def test_openai_may_refuse_with_400(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        await token_call(served, refresh(seeded.refresh_token))
        status, data, _ = await token_call(served, refresh(seeded.refresh_token))
        assert (status, data["error"]["code"]) == (400, "refresh_token_reused")

    serve(NONE, body, oauth=OAuthSettings(refusal_status=400))


def test_an_access_token_is_revoked_alone_and_only_by_its_client(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")

        async def revoke(token, **more):
            assert (await token_call(served, {"token": token, **more}, path="/revoke"))[0] == 200

        await revoke(seeded.refresh_token, client_id="thief")
        assert served.fakes.oauth.is_live(seeded.access_token)
        await revoke(seeded.access_token, token_type_hint="refresh_token")
        assert not served.fakes.oauth.is_live(seeded.access_token)
        assert served.fakes.oauth.families()[0].state == "active"
        assert (await token_call(served, refresh(seeded.refresh_token)))[0] == 200

    serve(NONE, body)


def test_introspection_says_what_the_token_is_for(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        _, data, _ = await token_call(served, refresh(seeded.refresh_token, scope="openid"))
        _, said, _ = await token_call(served, {"token": data["access_token"]}, path="/introspect")
        expected = {"active": True, "client_id": CODEX_CLIENT_ID, "sub": "user-a", "scope": "openid", "exp": 4600}
        assert said == {**expected, "token_use": "access_token", "token_type": "Bearer"}
        _, said, _ = await token_call(served, {"token": seeded.refresh_token}, path="/introspect")
        assert said == {"active": False}

    serve(NONE, body, clock=lambda: 1000.0)


def test_numbers_among_unknown_parameters_are_not_looked_at(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        assert (await token_call(served, refresh(seeded.refresh_token, expires_in=31536000)))[0] == 200

    serve(NONE, body)


def test_revoke_and_introspect(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")

        async def active(token):
            return (await token_call(served, {"token": token}, path="/oauth/introspect"))[1]["active"]

        assert await active(seeded.refresh_token)
        assert await active(seeded.access_token)
        assert not await active("nonsense")
        assert (await token_call(served, {"token": "nonsense"}, path="/oauth/revoke"))[0] == 200
        assert await active(seeded.refresh_token)
        assert (await token_call(served, {"token": seeded.refresh_token}, path="/oauth/revoke"))[0] == 200
        assert not await active(seeded.refresh_token)
        assert not await active(seeded.access_token)
        assert (await token_call(served, {}, path="/oauth/revoke"))[0] == 400

    serve(NONE, body)


def test_codex_can_be_made_to_need_a_live_token(serve, talk, post, ask):
    script = Script((Rule("r", Match(), (Text("ok"),)),))
    now = [0.0]

    async def status(served, *headers, provider="codex"):
        raw, _ = await talk(served.fakes.port, post(*ask(provider), *headers, CLOSE))
        return int(raw[9:12])

    async def body(served):
        live = served.fakes.oauth.seed("live", account="a")
        stale = served.fakes.oauth.seed("stale", account="a", expired=True)
        assert await status(served) == 401
        assert await status(served, "authorization: Bearer nonsense") == 401
        assert await status(served, f"authorization: Bearer {stale.access_token}") == 401
        assert await status(served, f"authorization: Bearer {live.access_token}") == 200
        assert await status(served, provider="anthropic") == 200
        now[0] = 3600.0
        assert await status(served, f"authorization: Bearer {live.access_token}") == 401

    serve(script, body, clock=lambda: now[0], require_live_token=True)


def test_an_access_token_can_be_ended_before_its_time(serve, talk, post, ask):
    async def status(served, token):
        raw, _ = await talk(served.fakes.port, post(*ask("codex"), f"authorization: Bearer {token}", CLOSE))
        return int(raw[9:12])

    async def body(served):
        early = served.fakes.oauth.seed("early", account="a")
        assert await status(served, "nonsense") == 200
        served.fakes.demand_live_token()
        assert await status(served, "nonsense") == 401
        assert await status(served, early.access_token) == 200
        served.fakes.oauth.end_access(early.access_token)
        served.fakes.oauth.end_access("unknown")
        assert await status(served, early.access_token) == 401
        assert served.fakes.oauth.introspect(early.refresh_token)["active"]

    serve(Script((Rule("r", Match(), (Text("ok"),)),)), body, clock=lambda: 10.0)


def test_an_expired_seed_is_past_its_end_but_can_be_refreshed(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a", expired=True)
        assert claims_of(seeded.access_token)["exp"] < 10_000.0
        assert seeded.expires_at < 10_000.0
        assert (await token_call(served, refresh(seeded.refresh_token)))[0] == 200

    serve(NONE, body, clock=lambda: 10_000.0)


def test_a_family_is_seeded_once(serve):
    async def body(served):
        served.fakes.oauth.seed("f", account="a")
        with pytest.raises(OAuthSettingsError, match="exists"):
            served.fakes.oauth.seed("f", account="b")

    serve(NONE, body)


def test_claims_with_and_without_the_characters_of_base64url(serve):
    async def body(served):
        part = served.fakes.oauth.seed("f", account="a").access_token.split(".")[1]
        urlsafe = served.fakes.oauth.settings.urlsafe_claims
        assert ({"-", "_"} <= set(part)) == urlsafe
        assert bool({"-", "_"} & set(part)) == urlsafe

    for urlsafe in (False, True):
        serve(NONE, body, oauth=OAuthSettings(urlsafe_claims=urlsafe))


def test_no_token_appears_in_records_or_views(serve, token_call):
    secrets = set()

    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        _, data, _ = await token_call(served, refresh(seeded.refresh_token))
        await token_call(served, refresh(seeded.refresh_token))
        secrets.update((seeded.refresh_token, seeded.access_token, seeded.id_token))
        secrets.update(data[key] for key in ("refresh_token", "access_token", "id_token"))
        views = served.fakes.oauth.families()
        assert fingerprint(data["refresh_token"]) == views[0].generations[1].token
        assert views[0].generations[1].access == (fingerprint(data["access_token"]),)
        text = repr(views) + repr(seeded)
        assert not [secret for secret in secrets if secret in text]

    events = serve(NONE, body)
    assert len(secrets) == 6
    assert not [secret for secret in secrets if secret in repr(events)]


def test_a_reported_lifetime_may_be_wrong_on_purpose(serve, token_call):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        _, data, _ = await token_call(served, refresh(seeded.refresh_token))
        assert data["expires_in"] == 0
        assert served.fakes.oauth.is_live(data["access_token"])

    serve(NONE, body, oauth=OAuthSettings(reported_expires_in=0))


FLAT = {"error": "invalid_request", "error_description": "GET is not allowed here; use POST"}
NESTED = {"message": FLAT["error_description"], "type": "invalid_request_error", "param": None}


@pytest.mark.parametrize(
    ("path", "settings", "wanted"),
    [
        ("/oauth/token", {}, {"error": {**NESTED, "code": "invalid_request"}}),
        ("/oauth/token", {"dialect": "rfc6749"}, FLAT),
        ("/v1/oauth/token", {}, FLAT),
        ("/token", {}, FLAT),
        ("/revoke", {}, FLAT),
        ("/introspect", {}, FLAT),
        ("/device/code", {}, FLAT),
        ("/api/accounts/deviceauth/token", {}, {"error": {**NESTED, "code": "invalid_request"}}),
    ],
)
def test_what_is_no_request_for_an_endpoint_is_refused_in_its_own_words(serve, talk, path, settings, wanted):
    async def body(served):
        raw, _ = await talk(served.fakes.port, f"GET {path} HTTP/1.1\r\nhost: x\r\n{CLOSE}\r\n\r\n".encode())
        assert raw.startswith(b"HTTP/1.1 405 ")
        assert b"\r\nallow: POST\r\n" in raw
        assert json.loads(raw.partition(b"\r\n\r\n")[2]) == wanted
        large = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {1 << 40}\r\n\r\n".encode()
        raw, _ = await talk(served.fakes.port, large)
        assert raw.startswith(b"HTTP/1.1 413 ")
        assert json.loads(raw.partition(b"\r\n\r\n")[2]).keys() == wanted.keys()

    serve(NONE, body, oauth=OAuthSettings(**settings))
