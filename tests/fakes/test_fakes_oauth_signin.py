"""Signing in over real connections: PKCE by browser redirect, devices, and Codex's own device protocol."""

import base64
import hashlib
import secrets
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from fakes.events import fingerprint
from fakes.oauth import CLAUDE_CLIENT_ID, CODEX_CLIENT_ID, OAuthSettings
from fakes.oauth.grants import DEVICE_CODE
from fakes.script import Script

NONE = Script(())
REDIRECT = "http://localhost:1455/auth/callback"


def pkce():
    """A verifier and its challenge, computed as RFC 7636 section 4.2 says and not by the code under test."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


def asked(challenge, **more):
    fields = {
        "response_type": "code",
        "client_id": CODEX_CLIENT_ID,
        "redirect_uri": REDIRECT,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "a state & more",
        **more,
    }
    return {name: value for name, value in fields.items() if value is not None}


def client(served):
    return httpx.AsyncClient(base_url=served.fakes.url)


def sent_back(reply):
    """What the client's loopback server would get: the redirect's query."""
    assert reply.status_code == 302, reply.text
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query, strict_parsing=True))


async def new_code(http, **more):
    verifier, challenge = pkce()
    reply = await http.get("/oauth/authorize", params=asked(challenge, **more))
    return sent_back(reply)["code"], verifier


def exchange(code, verifier, **more):
    fields = {
        "grant_type": "authorization_code",
        "client_id": CODEX_CLIENT_ID,
        "redirect_uri": REDIRECT,
        "code": code,
        "code_verifier": verifier,
        **more,
    }
    return {name: value for name, value in fields.items() if value is not None}


@pytest.mark.parametrize("path", ["/oauth/token", "/token", "/v1/oauth/token"])
def test_a_sign_in_with_pkce_then_a_refresh(serve, path):
    async def body(served):
        async with client(served) as http:
            verifier, challenge = pkce()
            reply = await http.get("/oauth/authorize", params=asked(challenge))
            assert reply.headers["location"].startswith(REDIRECT + "?")
            back = sent_back(reply)
            assert (back["state"], back["iss"]) == ("a state & more", served.fakes.url)
            reply = await http.post(path, data=exchange(back["code"], verifier))
            assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
            form = {"grant_type": "refresh_token", "client_id": CODEX_CLIENT_ID}
            form["refresh_token"] = reply.json()["refresh_token"]
            assert (await http.post(path, data=form)).status_code == 200
        (family,) = served.fakes.oauth.families()
        assert [token.generation for token in family.generations] == [0, 1]
        assert (family.account, family.client_id) == ("account-9", CODEX_CLIENT_ID)

    events = serve(NONE, body, oauth=OAuthSettings(account="account-9"))
    answers = [event for event in events if type(event).__name__ == "TokenAnswered"]
    assert [(e.decision, e.family, e.generation) for e in answers] == [
        ("minted", "sign-in-1", 0),
        ("minted", "sign-in-1", 1),
    ]


def test_an_id_token_says_when_its_user_signed_in(serve):
    """A client that sent max_age requires it (OpenID Connect Core, section 2)."""
    clock = [1_000.0]

    async def body(served):
        async with client(served) as http:
            code, verifier = await new_code(http, max_age="60", scope="openid", nonce="n")
            clock[0] += 30
            reply = await http.post("/token", data=exchange(code, verifier))
        claims = jwt.decode(reply.json()["id_token"], options={"verify_signature": False})
        assert (claims["auth_time"], claims["iat"], claims["nonce"]) == (1_000, 1_030, "n")

    serve(NONE, body, clock=lambda: clock[0])


def test_a_code_used_twice_takes_back_what_it_minted(serve):
    async def body(served):
        async with client(served) as http:
            code, verifier = await new_code(http)
            first = (await http.post("/token", data=exchange(code, verifier))).json()
            assert served.fakes.oauth.is_live(first["access_token"])
            again = await http.post("/token", data=exchange(code, verifier))
            assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
            assert not served.fakes.oauth.is_live(first["access_token"])
            form = {"grant_type": "refresh_token", "client_id": CODEX_CLIENT_ID}
            form["refresh_token"] = first["refresh_token"]
            assert (await http.post("/token", data=form)).json()["error"] == "invalid_grant"
        assert served.fakes.oauth.families()[0].state == "revoked"

    events = serve(NONE, body)
    assert [e.decision for e in events if type(e).__name__ == "TokenAnswered"] == ["minted", "reused", "revoked"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": "nonsense"}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "x" * 42}, "invalid_request"),
        ({"code_verifier": "x" * 129}, "invalid_request"),
        ({"code_verifier": "ä" * 43}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:1455/auth/callback"}, "invalid_grant"),
        ({"client_id": CLAUDE_CLIENT_ID}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code": None}, "invalid_request"),
        ({"client_id": None}, "invalid_request"),
    ],
)
def test_a_refused_exchange_leaves_the_code_good(serve, change, error):
    async def body(served):
        async with client(served) as http:
            code, verifier = await new_code(http)
            refused = await http.post("/token", data=exchange(**{"code": code, "verifier": verifier, **_bare(change)}))
            assert (refused.status_code, refused.json()["error"]) == (400, error)
            openai = await http.post(
                "/oauth/token", json=exchange(**{"code": code, "verifier": verifier, **_bare(change)})
            )
            assert (openai.status_code, openai.json()["error"]["code"]) == (400, error)
            assert (await http.post("/token", data=exchange(code, verifier))).status_code == 200

    serve(NONE, body)


def _bare(change):
    return {"verifier" if name == "code_verifier" else name: value for name, value in change.items()}


@pytest.mark.parametrize("length", [43, 128])
def test_verifiers_of_every_length_that_they_may_have(serve, length):
    async def body(served):
        verifier = ("-._~" + secrets.token_hex(64))[:length]
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        async with client(served) as http:
            code = sent_back(await http.get("/oauth/authorize", params=asked(challenge)))["code"]
            assert (await http.post("/token", data=exchange(code, verifier))).status_code == 200

    serve(NONE, body)


def test_a_short_verifier_is_refused_even_when_it_is_the_right_one(serve):
    async def body(served):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(b"secret").digest()).decode().rstrip("=")
        async with client(served) as http:
            code = sent_back(await http.get("/oauth/authorize", params=asked(challenge)))["code"]
            refused = await http.post("/token", data=exchange(code, "secret"))
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
            assert "43 to 128" in refused.json()["error_description"]

    serve(NONE, body)


def test_a_code_ends_with_its_time(serve):
    now = [1000.0]

    async def body(served):
        async with client(served) as http:
            code, verifier = await new_code(http)
            now[0] += 60.0
            reply = await http.post("/token", data=exchange(code, verifier))
            assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")

    events = serve(NONE, body, clock=lambda: now[0], oauth=OAuthSettings(code_ttl=60.0))
    assert [e.decision for e in events if type(e).__name__ == "TokenAnswered"] == ["expired"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": 'open"id'}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"scope": "openid\temail"}, "invalid_scope"),
    ],
)
def test_a_wrong_authorization_request_is_told_at_the_redirect(serve, change, error):
    async def body(served):
        async with client(served) as http:
            back = sent_back(await http.get("/oauth/authorize", params=asked(pkce()[1], **change)))
            assert (back["error"], back["state"], "code" in back) == (error, "a state & more", False)

    serve(NONE, body)


def test_a_user_who_refuses(serve):
    async def body(served):
        async with client(served) as http:
            back = sent_back(await http.get("/oauth/authorize", params=asked(pkce()[1])))
            assert back["error"] == "access_denied"

    serve(NONE, body, oauth=OAuthSettings(consent="deny"))


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://example.com/"},
        {"redirect_uri": "http://localhost.example.com/"},
        {"redirect_uri": "http://user@localhost/"},
        {"redirect_uri": "http://localhost/#fragment"},
        {"redirect_uri": "http://localhost:x/"},
        {"redirect_uri": "http://localhost/\r\nset-cookie: a=b"},
        {"redirect_uri": "http://[::1/"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_a_request_from_nowhere_is_never_redirected(serve, change):
    async def body(served):
        async with client(served) as http:
            reply = await http.get("/oauth/authorize", params=asked(pkce()[1], **change))
            assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
            assert "location" not in reply.headers

    serve(NONE, body)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/cb", "http://[::1]:65535/cb", "https://platform.claude.com/oauth/code/callback"]
)
def test_allowed_redirects(serve, uri):
    async def body(served):
        async with client(served) as http:
            fields = asked(pkce()[1], redirect_uri=uri, client_id=CLAUDE_CLIENT_ID)
            reply = await http.get("/oauth/authorize", params=fields)
            assert reply.headers["location"].startswith(uri + "?code=")

    serve(NONE, body)


def device_fields(code, **more):
    return {"grant_type": DEVICE_CODE, "client_id": CODEX_CLIENT_ID, "device_code": code, **more}


async def begun(http):
    reply = await http.post("/device/code", data={"client_id": CODEX_CLIENT_ID})
    assert reply.status_code == 200
    return reply.json()


def test_a_device_waits_slows_down_and_gets_its_tokens_once(serve):
    now = [0.0]

    async def body(served):
        async with client(served) as http:
            device = await begun(http)
            assert (device["interval"], device["expires_in"]) == (5, 900)
            assert device["verification_uri_complete"].startswith(device["verification_uri"])

            async def poll(wait):
                now[0] += wait
                reply = await http.post("/token", data=device_fields(device["device_code"]))
                return reply.json().get("error", reply.status_code)

            assert await poll(0) == "authorization_pending"
            assert await poll(4.9) == "slow_down"
            assert await poll(9.9) == "slow_down"  # the interval is 10 by now
            assert await poll(15.0) == "authorization_pending"
            page = await http.get(device["verification_uri_complete"])
            assert device["user_code"] in page.text
            typed = device["user_code"].lower().replace("-", " ")
            assert (await http.post(device["verification_uri"], data={"user_code": typed})).status_code == 200
            assert await poll(0) == 200
            assert await poll(15.0) == "invalid_grant"

    events = serve(NONE, body, clock=lambda: now[0])
    decisions = [e.decision for e in events if type(e).__name__ == "TokenAnswered"]
    assert decisions == ["pending", "slow-down", "slow-down", "pending", "minted", "unknown"]


@pytest.mark.parametrize("scope", [" ", 'open"id'])
def test_a_device_with_a_malformed_scope(serve, scope):
    async def body(served):
        async with client(served) as http:
            refused = await http.post("/device/code", data={"client_id": CODEX_CLIENT_ID, "scope": scope})
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")

    serve(NONE, body)


def test_a_device_is_never_told_a_shorter_interval_than_it_has_to_keep(serve):
    async def body(served):
        async with client(served) as http:
            asked_for = {"client_id": CODEX_CLIENT_ID}
            assert (await http.post("/device/code", data=asked_for)).json()["interval"] == 3
            codex = await http.post("/api/accounts/deviceauth/usercode", json=asked_for)
            assert codex.json()["interval"] == "3"

    serve(NONE, body, oauth=OAuthSettings(device_interval=2.5))


def test_a_denied_device_an_expired_one_and_an_unknown_one(serve):
    now = [0.0]

    async def body(served):
        async with client(served) as http:
            denied, expired = await begun(http), await begun(http)
            decision = {"user_code": denied["user_code"], "decision": "deny"}
            assert (await http.post("/device", data=decision)).status_code == 200

            async def error(code, **more):
                reply = await http.post("/oauth/token", json=device_fields(code, **more))
                assert reply.status_code == 400
                return reply.json()["error"]

            assert await error(denied["device_code"]) == "access_denied"
            assert await error(expired["device_code"], client_id=CLAUDE_CLIENT_ID) == "invalid_grant"
            assert await error("nonsense") == "invalid_grant"
            assert await error("") == "invalid_request"
            now[0] = 900.0
            assert await error(expired["device_code"]) == "expired_token"
            late = await http.post("/device", data={"user_code": expired["user_code"]})
            assert (late.status_code, late.headers["content-type"]) == (400, "text/html; charset=utf-8")
            assert (await http.post("/device/code", data={"client_id": "nobody"})).status_code == 400

    serve(NONE, body, clock=lambda: now[0])


def test_a_device_that_is_approved_from_python(serve):
    async def body(served):
        async with client(served) as http:
            device = await begun(http)
            assert not served.fakes.signins.decide("AAAA-AAAA")
            assert served.fakes.signins.decide(device["user_code"], account="somebody")
            assert not served.fakes.signins.decide(device["user_code"], approve=False)
            assert (await http.post("/token", data=device_fields(device["device_code"]))).status_code == 200
        assert served.fakes.oauth.families()[0].account == "somebody"

    serve(NONE, body)


def test_codex_signs_in_with_its_own_device_protocol(serve):
    async def body(served):
        async with client(served) as http:
            reply = await http.post("/api/accounts/deviceauth/usercode", json={"client_id": CODEX_CLIENT_ID})
            begun = reply.json()
            assert (begun["interval"], set(begun)) == ("5", {"device_auth_id", "user_code", "interval"})
            poll = {"device_auth_id": begun["device_auth_id"], "user_code": begun["user_code"]}
            for _ in range(2):  # it knows no slow_down
                assert (await http.post("/api/accounts/deviceauth/token", json=poll)).status_code == 403
            assert (await http.post("/codex/device", data={"user_code": begun["user_code"]})).status_code == 200
            handed = (await http.post("/api/accounts/deviceauth/token", json=poll)).json()
            callback = f"{served.fakes.url}/deviceauth/callback"
            form = exchange(handed["authorization_code"], handed["code_verifier"], redirect_uri=callback)
            tokens = (await http.post("/oauth/token", data=form)).json()
            assert {"id_token", "access_token", "refresh_token"} <= set(tokens)
            wrong = {"device_auth_id": begun["device_auth_id"], "user_code": "AAAA-AAAA"}
            assert (await http.post("/api/accounts/deviceauth/token", json=wrong)).status_code == 400
            assert (await http.post("/api/accounts/deviceauth/token", json={})).status_code == 400

    serve(NONE, body)


def test_secrets_of_a_sign_in_stay_out_of_the_records(serve):
    secret = set()

    async def body(served):
        async with client(served) as http:
            code, verifier = await new_code(http)
            secret.update((code, verifier))
            tokens = (await http.post("/token", data=exchange(code, verifier))).json()
            secret.update(tokens[name] for name in ("access_token", "refresh_token", "id_token"))
            secret.add((await begun(http))["device_code"])
        assert not [value for value in secret if value in repr(served.fakes.oauth.families())]

    events = serve(NONE, body)
    assert len(secret) == 6
    assert not [value for value in secret if value in repr(events)]
    requested = next(event for event in events if type(event).__name__ == "TokenRequested")
    assert requested.token in {fingerprint(value) for value in secret}
