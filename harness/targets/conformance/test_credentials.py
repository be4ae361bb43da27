"""Credentials: where they stand, that the adapter reads them as they are, and that the program can renew them."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fakes.oauth import SeededCredential
from harness.checkers.ask import requests
from harness.events import FileSeen, TokenAnswered
from harness.lab import Lab
from harness.lab.lab import SHORTEST_KEY
from harness.targets.conformance.check import beyond, check, complain, ended, require
from harness.targets.conformance.material import AGENT, another_site, intents, models, prepared, texts
from harness.targets.protocol import Capability, Setup

_TOKEN = re.compile(r"[\w.~+/=-]{16,}")
_ROUND = "let profile give what the store holds, tokens included, and store_credential put a newer one in its place"


def _setup(lab: Lab, *, expired: bool = False) -> Setup:
    other = lab.credential("other") if Capability.PROFILES in lab.target.capabilities else None
    main = lab.credential("main", expired=expired)
    return Setup(agents=(AGENT,), models=("codex",), credential=main, other_credential=other)


def _secrets(credential: SeededCredential | None) -> set[str]:
    if credential is None:
        return set()
    return {credential.access_token, credential.refresh_token, credential.id_token} - {""}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _stored(lab: Lab, which: str) -> tuple[str, int | None]:
    """The family and the generation of the refresh token in a profile, as checkers see them."""
    lab.look.credentials("asked")
    seen = [what for _, what in lab.history().of(FileSeen) if what.role == f"profile {which}"]
    return seen[-1].facts["family"], seen[-1].facts["generation"]


@check(Capability.TURN, Capability.KEYS)
async def test_a_key_is_shown(lab: Lab) -> None:
    """The first provider is shown an API key that cannot be taken for a word, and that is not in the environment."""
    prepared(lab)
    await (await lab.turn(AGENT, actor="turn")).finished()
    keys = lab.api_keys()
    require(
        keys,
        f"no provider was shown an API key of {SHORTEST_KEY} or more characters: {ended(lab, 'turn')}{beyond(lab)}",
        "write keys of such a length into the config, API_KEYS of harness/targets/files.py for example; else leave "
        "KEYS out",
    )
    env = lab.target.command(lab.site, lab.turning(AGENT)).env
    require(
        not keys & set(env.values()),
        "the API key stands in the environment of the command",
        "the program's tools may well inherit it: write it into the config, or leave KEYS out",
    )


@check(Capability.OAUTH)
async def test_secrets_are_in_their_files(lab: Lab) -> None:
    """A seeded credential stands in `credentials_files`, readable by its owner alone, and nowhere else."""
    setup = _setup(lab)
    lab.prepare(setup)
    stores = {path.resolve() for path in lab.target.credentials_files(lab.site)}
    secrets = _secrets(setup.credential) | _secrets(setup.other_credential)
    holding = [path for path, text in texts(lab.site.root) if any(secret in text for secret in secrets)]
    elsewhere = [path for path in holding if path.resolve() not in stores]
    require(
        not elsewhere,
        f"tokens stand in {', '.join(map(str, elsewhere))}, which is not among credentials_files",
        "name every file that holds credentials in credentials_files, and write tokens into no other",
    )
    require(holding, "prepare wrote the credential of Setup nowhere", "store it where the program looks for it")
    for path in holding:
        mode = stat.S_IMODE(path.stat().st_mode)
        require(not mode & 0o077, f"{path} has the mode {mode:04o}", "write it with 0600, as replace_json does (AUT-9)")
    for intent in intents(lab.target, lab.site):
        command = lab.target.command(lab.site, intent)
        said = "\0".join([*command.argv, *command.env.values()])
        require(
            not any(secret in said for secret in secrets),
            f"the command for “{intent.verb}” has a token in argv or in its environment",
            "tokens belong into a file: the record of a run shows commands",
        )


@check(Capability.OAUTH)
async def test_a_profile_is_read_as_it_is(lab: Lab) -> None:
    """`profile` shows the stored token, None where there is none, and never raises for a damaged store."""
    empty = another_site(lab, "empty")
    lab.target.prepare(empty, Setup(agents=(AGENT,), models=models(lab.target)))
    for which in ("main", "other"):
        found = lab.target.profile(empty, which)
        require(
            found is None, f"without a credential profile({which!r}) is {found!r}", "give None where none is stored"
        )
    lab.prepare(_setup(lab))
    require(
        _stored(lab, "main") == ("main", 0),
        f"profile('main') shows the refresh token of {_stored(lab, 'main')}, and Setup had ('main', 0)",
        _ROUND,
    )
    _bears_damage(lab, [path for path in lab.target.credentials_files(lab.site) if path.exists()])


def _bears_damage(lab: Lab, store: Sequence[Path]) -> None:
    """Damage all files of the store in the same way: one of several may be a copy, or hold nothing now.

    Half a file may hold half a profile, in a format of lines.
    """
    sound = lab.target.profile(lab.site, "main")
    whole = {path: path.read_bytes() for path in store}
    for damaged in (b"", None, b"\xff\xfe", b"[]", b'{"profiles": 5}', b"null"):  # None: half of what stood there
        for path, data in whole.items():
            path.write_bytes(data[: len(data) // 2] if damaged is None else damaged)
        shown = "half its size" if damaged is None else repr(damaged)
        try:
            found = lab.target.profile(lab.site, "main")
        except Exception as error:  # noqa: BLE001 - the point of the check
            wrong = f"profile raised {type(error).__name__}: {error} for a store of {shown}"
            complain(wrong, "give None: the harness looks while a program writes (object_in does it so)")
        else:
            half = damaged is None and found != sound
            require(found is None or half, f"profile gives {found!r} of a store of {shown}", "give None for it")
        finally:
            for path, data in whole.items():
                path.write_bytes(data)


@check(Capability.OAUTH)
async def test_a_newer_credential_is_stored(lab: Lab) -> None:
    """`store_credential` puts a newer credential in the older one's place, and leaves the other profile alone."""
    setup = _setup(lab)
    lab.prepare(setup)
    assert setup.credential is not None
    other = lab.target.profile(lab.site, "other")
    lab.target.store_credential(lab.site, lab.redeem_elsewhere(setup.credential))
    require(
        _stored(lab, "main") == ("main", 1),
        f"after store_credential the profile shows {_stored(lab, 'main')}, and should show ('main', 1)",
        _ROUND,
    )
    require(
        lab.target.profile(lab.site, "other") == other,
        "store_credential of main changed the profile other",
        "replace one profile, and write the rest as it was",
    )


@check(Capability.OAUTH, Capability.PROFILES)
async def test_two_profiles_are_kept(lab: Lab) -> None:
    """The profiles "main" and "other" lie in one store, each with its own credential."""
    setup = _setup(lab)
    lab.prepare(setup)
    found = {which: _stored(lab, which) for which in ("main", "other")}
    require(
        found == {"main": ("main", 0), "other": ("other", 0)},
        f"the profiles hold {found}",
        "let prepare store setup.credential as main and setup.other_credential as other; else leave PROFILES out",
    )
    assert setup.other_credential is not None
    lab.target.store_credential(lab.site, lab.redeem_elsewhere(setup.other_credential), "other")
    after = {which: _stored(lab, which) for which in ("main", "other")}
    require(after == {"main": ("main", 0), "other": ("other", 1)}, f"after other was renewed they hold {after}", _ROUND)


@check(Capability.TURN, Capability.OAUTH, Capability.PROFILES)
async def test_the_other_profile_is_asked_with(lab: Lab) -> None:
    """A turn whose only model is of the provider other renews the profile other, and asks with it."""
    main, other = lab.credential("main"), lab.credential("other", expired=True)
    lab.prepare(Setup(agents=(AGENT,), models=("other",), credential=main, other_credential=other))
    outcome = await (await lab.turn(AGENT, actor="turn")).finished()
    require(
        outcome.ok and lab.granted("other") and not lab.granted("main"),
        f"the profile other was not renewed, or not alone: {ended(lab, 'turn')}{beyond(lab)}",
        "where setup.models has other, write codex a second time with the profile other; else leave PROFILES out",
    )


@check(Capability.TURN, Capability.OAUTH)
async def test_an_expired_credential_is_renewed(lab: Lab) -> None:
    """A turn with an expired credential redeems it at the fakes' token endpoint, stores the new one and is answered."""
    lab.prepare(_setup(lab, expired=True))
    outcome = await (await lab.turn(AGENT, actor="turn")).finished()
    answers = [what for _, what in lab.history().of(TokenAnswered)]
    require(
        answers,
        f"the token endpoint was not asked: {ended(lab, 'turn')}{beyond(lab)}",
        "point the token endpoint at site.url + '/oauth/token', or list its host in `names`; and store the "
        "credential's expires_at as the program writes it, for it has passed",
    )
    require(
        lab.granted("main"),
        f"the token endpoint refused: {', '.join(f'{what.status} {what.decision}' for what in answers)}",
        "if it does not know the client, say its id as `oauth_client`; else look at which token was stored",
    )
    require(
        outcome.ok,
        f"the credential was renewed, and the turn failed: {outcome.kind} “{outcome.message}”: {ended(lab, 'turn')}"
        f"{beyond(lab)}",
        "let the provider that needs the credential be at site.url too",
    )
    files = lab.target.credentials_files(lab.site)
    held = {lab.fakes.oauth.family_of(word) for path in files if path.exists() for word in _TOKEN.findall(_text(path))}
    require(
        ("main", 1) in held,
        f"the renewed token stands in none of {', '.join(map(str, files))}",
        "name in credentials_files every file into which the program writes tokens, copies included",
    )
    asked = [what for _, what in requests(lab.history(), "turn")]
    require(
        asked, f"the turn asked no model: {ended(lab, 'turn')}{beyond(lab)}", "let it use the credential's provider"
    )


@check(Capability.TURN, Capability.OAUTH)
async def test_a_living_credential_is_used(lab: Lab) -> None:
    """A turn with a credential that has not expired asks its model with it, and the token endpoint not at all."""
    lab.prepare(replace(_setup(lab)))
    outcome = await (await lab.turn(AGENT, actor="turn")).finished()
    require(
        not any(True for _ in lab.history().of(TokenAnswered)),
        "a credential that is good for an hour was renewed",
        "store expires_at as the program writes it: seconds or milliseconds, as a number or a date",
    )
    require(
        outcome.ok,
        f"the turn failed: {outcome.kind} “{outcome.message}”: {ended(lab, 'turn')}{beyond(lab)}",
        "store access_token, account_id and what else of the credential the program sends along",
    )
