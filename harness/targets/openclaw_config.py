"""What an OpenClaw release reads before its first command: openclaw.json, settings and credentials, as data.

Only documented settings stand here, and each one that is not the default says why. It refuses to hide a behaviour:
no setting changes what is locked, retried across models, refreshed or killed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fakes.oauth import SeededCredential
from harness.targets.files import pi_model, pi_tokens
from harness.targets.protocol import UNREACHABLE, Setup, Site

# Our names of providers, and this program's, with the model that it ships for each.
PROVIDERS = {"anthropic": "anthropic", "gemini": "google-gemini-cli", "codex": "openai-codex"}
_MODELS = {"anthropic": "claude-sonnet-4-6", "gemini": "gemini-3-pro-preview", "codex": "gpt-5.3-codex"}
_SIBLINGS = {"anthropic": "claude-haiku-4-5", "gemini": "gemini-3-flash-preview", "codex": "gpt-5.1-codex-mini"}
PROFILE = "openai-codex:default"
# Seconds that one model may take; the default is ten minutes. A silent provider costs this much for each of three
# models, which with the start-up must stay below the adapter's patience: a run that swallowed its signal then still
# ends by itself and shows its own exit status.
TURN_SECONDS = 60
# `agents.defaults.timeoutSeconds` bounds a model's whole try, start-up of the run included, so that a silence of
# a second cannot be told from a slow machine; this is the least that is asked for.
LEAST_TURN_SECONDS = 15


def config(site: Site, setup: Setup, providers: Sequence[str]) -> dict[str, object]:
    """The content of openclaw.json, for a release that knows these of our providers.

    Keys of `setup.extra` stand at the top level, where 2026.3.8 refuses them.
    """
    asked = [name for name in setup.models if name in providers]
    primary, *fallbacks = [f"{PROVIDERS[name]}/{model}" for name in asked for model in _models(name, setup)]
    return {
        "agents": {
            "defaults": {
                "model": {"primary": primary, "fallbacks": fallbacks},
                "skipBootstrap": True,
                "timeoutSeconds": _turn_seconds(setup),
            },
            "list": [{"id": name, "workspace": str(site.workspace(name))} for name in setup.agents],
        },
        "models": {"providers": {PROVIDERS[name]: _provider(name, site, setup) for name in providers}},
        # The default is a file in /tmp whatever HOME and TMPDIR are; in the home it is also searched for secrets.
        "logging": {"file": str(site.home / ".openclaw" / "logs" / "openclaw.log")},
        **setup.extra,
    }


def settings() -> dict[str, object]:
    """Of the embedded agent. Its own four rounds of retries are left out: twelve requests and 20 s to each model.

    The provider SDK's retries stay (three requests), and so does the failover under test.
    """
    return {"retry": {"enabled": False}}


def credentials(credential: SeededCredential) -> dict[str, object]:
    """A store with this credential alone, in the format of auth-profiles.json. It is secret."""
    return {"version": 1, "profiles": {PROFILE: profile(credential)}}


def profile(credential: SeededCredential) -> dict[str, object]:
    """One OAuth profile as this program stores it. It is secret."""
    return {**pi_tokens(credential), "provider": PROVIDERS["codex"]}


def _turn_seconds(setup: Setup) -> int:
    if setup.idle_seconds is None:
        return TURN_SECONDS
    return max(math.ceil(setup.idle_seconds), LEAST_TURN_SECONDS)


def _provider(name: str, site: Site, setup: Setup) -> dict[str, object]:
    base = UNREACHABLE if name in setup.unreachable else site.url
    how: dict[str, dict[str, object]] = {
        "anthropic": {"baseUrl": base, "apiKey": "sk-ant-fake", "api": "anthropic-messages"},
        "gemini": {"baseUrl": f"{base}/v1beta", "apiKey": "AIza-fake", "api": "google-generative-ai"},
        "codex": {"baseUrl": f"{base}/backend-api", "auth": "oauth", "api": "openai-codex-responses"},
    }
    return {**how[name], "models": [pi_model(model) for model in _models(name, setup)]}


def _models(name: str, setup: Setup) -> list[str]:
    return [_MODELS[name], *([_SIBLINGS[name]] if name in setup.siblings else [])]
