"""Discovery and keys: what an OpenID client finds, every token verified by PyJWT against the published keys."""

import base64
import json

import httpx
import jwt
import pytest

from fakes.oauth import CODEX_CLIENT_ID, OAuthSettings
from fakes.oauth.settings import OAuthSettingsError
from fakes.script import Script

NONE = Script(())


def client(served):
    return httpx.AsyncClient(base_url=served.fakes.url)


async def refreshed(http, served):
    seeded = served.fakes.oauth.seed("f", account="acc")
    form = {"grant_type": "refresh_token", "client_id": CODEX_CLIENT_ID, "refresh_token": seeded.refresh_token}
    return (await http.post("/oauth/token", data=form)).json()


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_every_token_verifies_against_the_published_keys(serve, algorithm):
    async def body(served):
        async with client(served) as http:
            tokens = await refreshed(http, served)
            found = (await http.get("/.well-known/openid-configuration")).json()
            keys = jwt.PyJWKSet.from_dict((await http.get(found["jwks_uri"])).json())
            header = jwt.get_unverified_header(tokens["id_token"])
            assert (header["alg"], found["id_token_signing_alg_values_supported"]) == (algorithm, [algorithm])
            read = {"algorithms": [algorithm], "issuer": found["issuer"], "key": keys[header["kid"]].key}
            claims = jwt.decode(tokens["id_token"], audience=CODEX_CLIENT_ID, **read)
            assert claims["https://api.openai.com/auth"]["chatgpt_account_id"] == "acc"
            jwt.decode(tokens["access_token"], audience="https://api.openai.com/v1", **read)

    serve(NONE, body, oauth=OAuthSettings(algorithm=algorithm))


def test_private_parts_are_not_published(serve):
    async def body(served):
        async with client(served) as http:
            (key,) = (await http.get("/.well-known/jwks.json")).json()["keys"]
            assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}

    serve(NONE, body, oauth=OAuthSettings(algorithm="RS256"))


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
def test_every_endpoint_that_is_named_exists(serve, name):
    async def body(served):
        async with client(served) as http:
            found = (await http.get(f"/.well-known/{name}")).json()
            assert found["issuer"] == served.fakes.url
            for endpoint, url in found.items():
                if endpoint.endswith(("_endpoint", "_uri")):
                    assert url.startswith(found["issuer"] + "/")
                    method = "GET" if endpoint in ("authorization_endpoint", "jwks_uri") else "POST"
                    assert (await http.request(method, url)).status_code in (200, 400)

    serve(NONE, body)


def test_the_issuer_is_what_the_client_asked(serve_on_both):
    async def body(served):
        import ssl

        context = ssl.create_default_context(cadata=served.fakes.ca_pem.decode())
        async with httpx.AsyncClient(verify=context) as http:
            direct = await http.get(f"https://localhost:{served.fakes.tls_port}/.well-known/openid-configuration")
            assert direct.json()["issuer"] == f"https://localhost:{served.fakes.tls_port}"
        async with httpx.AsyncClient(proxy=served.fakes.url, verify=context) as http:
            tunnelled = await http.get("https://auth.openai.com/.well-known/openid-configuration")
            assert tunnelled.json()["issuer"] == "https://auth.openai.com"

    serve_on_both(NONE, body, tls=True)


def test_an_empty_host_is_not_repeated(serve, talk):
    async def body(served):
        asked = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n"
        raw, _ = await talk(served.fakes.port, asked)
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["issuer"] == "https://auth.openai.com"

    serve(NONE, body)


@pytest.mark.parametrize("account", ["plain", "a>b?c~d", "ünï-\U0001f600", "????>>>>"])
@pytest.mark.parametrize("urlsafe", [False, True])
def test_claims_decode_as_plain_base64_unless_told_otherwise(serve, account, urlsafe):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account=account)
        for token in (seeded.access_token, seeded.id_token):
            part = token.split(".")[1]
            assert bool({"-", "_"} & set(part)) == urlsafe
            if not urlsafe:
                claims = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), validate=True))
                assert claims["https://api.openai.com/auth"]["chatgpt_account_id"] == account

    serve(NONE, body, oauth=OAuthSettings(urlsafe_claims=urlsafe))


def test_a_seed_repeats_the_opaque_tokens(serve):
    def tokens(seed):
        found = []

        async def body(served):
            async with client(served) as http:
                found.append((await refreshed(http, served))["refresh_token"])
                device = await http.post("/device/code", data={"client_id": CODEX_CLIENT_ID})
                found.append(device.json()["device_code"])

        serve(NONE, body, oauth=OAuthSettings(token_seed=seed))
        return found

    assert tokens(7) == tokens(7) != tokens(8)
    assert tokens(None) != tokens(None)


@pytest.mark.parametrize(
    "settings",
    [
        {"algorithm": "none"},
        {"consent": "perhaps"},
        {"refusal_status": 403},
        {"code_ttl": 0},
        {"device_interval": -1},
        {"device_interval": float("inf")},
        {"access_ttl": None},
        {"code_ttl": None},
        {"device_ttl": None},
        {"access_ttl": float("inf")},
        {"family_ttl": float("inf")},
        {"gate_after_commit": ""},
    ],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(OAuthSettingsError):
        OAuthSettings(**settings)
