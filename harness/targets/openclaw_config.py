"""What an OpenClaw release reads before its first command: openclaw.json, settings and credentials, as data.

Only documented settings stand here, and each one that is not the default says why. It refuses to hide a behaviour:
no setting changes what is locked, retried across models, refreshed or killed.
"""

from __future__ import annotations

import math

from fakes.oauth import SeededCredential
from harness.targets.files import pi_model, pi_tokens
from harness.targets.openclaw_releases import OAUTH, Provider, Release
from harness.targets.protocol import UNREACHABLE, Setup, Site

PROFILE = "openai-codex:default"
# Seconds that one model may take; the default is ten minutes. A silent provider costs this much for each of three
# models, which with the start-up must stay below the adapter's patience: a run that swallowed its signal then still
# ends by itself and shows its own exit status.
TURN_SECONDS = 60
# `agents.defaults.timeoutSeconds` bounds a model's whole try, start-up of the run included, so that a silence of
# a second cannot be told from a slow machine; this is the least that is asked for.
LEAST_TURN_SECONDS = 15


def config(site: Site, setup: Setup, release: Release) -> dict[str, object]:
    """The content of openclaw.json, for this release.

    Keys of `setup.extra` stand at the top level, where 2026.3.8 refuses them.
    """
    providers = release.providers
    asked = [(providers[ours], ours) for ours in setup.models if ours in providers]
    primary, *fallbacks = [f"{each.name}/{model}" for each, ours in asked for model in _models(each, ours, setup)]
    return {
        "agents": {
            "defaults": {
                "model": {"primary": primary, "fallbacks": fallbacks},
                "skipBootstrap": True,
                "timeoutSeconds": _turn_seconds(setup),
            },
            **_agents(site, setup, release),
        },
        "models": {"providers": {each.name: _provider(each, name, site, setup) for name, each in providers.items()}},
        # The default is a file in /tmp whatever HOME and TMPDIR are; in the home it is also searched for secrets.
        "logging": {"file": str(site.home / ".openclaw" / "logs" / "openclaw.log")},
        **setup.extra,
    }


def _agents(site: Site, setup: Setup, release: Release) -> dict[str, object]:
    workspaces = {name: {"workspace": str(site.workspace(name))} for name in setup.agents}
    if release.keyed:  # it refuses an object without any
        return {"ownership": "explicit", "entries": workspaces} if workspaces else {}
    return {"list": [{"id": name, **of} for name, of in workspaces.items()]}


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
    return {**pi_tokens(credential), "provider": OAUTH.name}


def _turn_seconds(setup: Setup) -> int:
    if setup.idle_seconds is None:
        return TURN_SECONDS
    return max(math.ceil(setup.idle_seconds), LEAST_TURN_SECONDS)


def _provider(provider: Provider, ours: str, site: Site, setup: Setup) -> dict[str, object]:
    return {
        "baseUrl": f"{UNREACHABLE if ours in setup.unreachable else site.url}{provider.path}",
        "api": provider.api,
        **({"auth": "oauth"} if provider.key is None else {"apiKey": provider.key}),
        "models": [pi_model(model) for model in _models(provider, ours, setup)],
    }


def _models(provider: Provider, ours: str, setup: Setup) -> list[str]:
    return [provider.model, *([provider.sibling] if ours in setup.siblings else [])]
