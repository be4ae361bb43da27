"""Adapters that are wrong about keys and tokens."""

from __future__ import annotations

import json
from dataclasses import replace

from harness.targets.files import API_KEYS
from harness.targets.reference import ReferenceTarget
from tests.harness.targets.sabotages.caught import caught_by


def edited(path, edit):
    """Change a JSON document in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


@caught_by("a_key_is_shown", "no provider was shown an API key of 20")
class KeyLikeAWord(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, setup)
        edited(
            self.config_file(site), lambda config: [each.update(apiKey="fake") for each in config["providers"].values()]
        )


@caught_by("a_key_is_shown", "stands in the environment")
class KeyInTheEnvironment(ReferenceTarget):
    def command(self, site, intent):
        made = super().command(site, intent)
        return replace(made, env={**made.env, **{f"{name.upper()}_API_KEY": key for name, key in API_KEYS.items()}})


@caught_by("secrets_are_in_their_files", "is not among credentials_files")
class CopiesTokens(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        super().store_credential(site, credential, which)
        (site.home / "last-token").write_text(credential.refresh_token)


@caught_by("secrets_are_in_their_files", "has the mode 0644")
class TokensForEverybody(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        super().store_credential(site, credential, which)
        for path in self.credentials_files(site):
            path.chmod(0o644)


@caught_by("a_profile_is_read_as_it_is", "profile raised")
class TrustsTheStore(ReferenceTarget):
    def profile(self, site, which):
        path = self.credentials_files(site)[0]
        name = {"main": "codex:default", "other": "other:default"}[which]
        return json.loads(path.read_text())["profiles"].get(name) if path.exists() else None


@caught_by("a_profile_is_read_as_it_is", "without a credential profile('main') is {}")
class EmptyProfiles(ReferenceTarget):
    def profile(self, site, which):
        return super().profile(site, which) or {}


@caught_by("a_profile_is_read_as_it_is", "shows the refresh token of ('', None)")
class HidesTheToken(ReferenceTarget):
    def profile(self, site, which):
        found = super().profile(site, which)
        return found and {key: value for key, value in found.items() if key != "refresh"}


@caught_by("a_newer_credential_is_stored", "should show ('main', 1)")
class KeepsTheOldOne(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        if self.profile(site, which) is None:
            super().store_credential(site, credential, which)


@caught_by("a_newer_credential_is_stored", "changed the profile other")
class OneProfileAtATime(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        if self.profile(site, which) is not None:
            self.credentials_files(site)[0].unlink()
        super().store_credential(site, credential, which)


@caught_by("two_profiles_are_kept", "the profiles hold")
class OneProfile(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, other_credential=None))


@caught_by("an_expired_credential_is_renewed", "the token endpoint was not asked")
class NoTokenEndpoint(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, setup)
        edited(self.config_file(site), lambda it: it["providers"]["codex"].update(tokenUrl=f"{site.url}/nowhere"))


@caught_by("an_expired_credential_is_renewed", "the token endpoint refused")
class AnotherClient(ReferenceTarget):
    oauth_client = "somebody-else"


@caught_by("an_expired_credential_is_renewed", "stands in none of")
class AnotherStore(ReferenceTarget):
    def credentials_files(self, site):
        return [site.home / ".reference" / "tokens.json"]


@caught_by("a_living_credential_is_used", "good for an hour was renewed")
class SecondsForMilliseconds(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        super().store_credential(site, replace(credential, expires_at=credential.expires_at / 1000), which)


@caught_by("the_other_profile_is_asked_with", "the profile other was not renewed, or not alone")
class AsksWithTheMainProfile(ReferenceTarget):
    def prepare(self, site, setup):
        models = tuple("codex" if model == "other" else model for model in setup.models)
        super().prepare(site, replace(setup, models=models))
