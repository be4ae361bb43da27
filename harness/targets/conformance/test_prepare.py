"""What an adapter writes and says before any program runs: into the site alone, and for each site by itself."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from typing import Any
from urllib.parse import urlsplit

from harness.lab import Lab
from harness.targets.conformance.check import check, complain, require
from harness.targets.conformance.deeds import watched
from harness.targets.conformance.material import AGENT, another_site, intents, models, prepared, texts
from harness.targets.extras import shared_folders, vendor_names
from harness.targets.protocol import Capability, Ended, Setup, Site, Target

_EXTRA = {"x-pileup": {"kept": [1, "two"]}}
_ADDRESS = re.compile(r"\bhttps?://[^\s\"'\\<>)]+")
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


def _setup(lab: Lab) -> Setup:
    """Everything that the adapter's capabilities can honour."""
    has = lab.target.capabilities
    main = lab.credential("main") if Capability.OAUTH in has else None
    other = lab.credential("other") if Capability.PROFILES in has else None
    return Setup(agents=(AGENT,), models=models(lab.target), credential=main, other_credential=other)


@check()
async def test_only_the_site_is_touched(lab: Lab) -> None:
    """An adapter only translates: it changes nothing outside the site, starts nothing and connects to nothing."""
    setup = _setup(lab)
    with watched() as deeds:
        lab.prepare(setup)
        _ask_everything(lab.target, lab.site)
    outside = deeds.outside(lab.site.root, *shared_folders(lab.target))
    require(
        not outside,
        f"the adapter changed {', '.join(map(str, outside))}",
        "write below site.home, site.workspaces or site.tmp, by absolute paths; folders of caches without state, that "
        "all runs share on purpose, are the adapter's `shared`",
    )
    require(
        not deeds.started,
        f"the adapter started a process: {'; '.join(deeds.started)}",
        "look for programs when the adapter is made; in prepare, command and read start nothing",
    )
    require(
        not deeds.connected,
        f"the adapter used the network: {'; '.join(deeds.connected)}",
        "only programs under test talk to the fakes",
    )


@check()
async def test_sites_are_independent(lab: Lab) -> None:
    """What is prepared in one site, and every command for it, knows nothing of another."""
    setup = _setup(lab)
    lab.prepare(setup)
    first, second = lab.site, another_site(lab, "second")
    lab.target.prepare(second, setup)
    both = ((second, first), (first, second))  # the first again, after the adapter has seen another
    for mine, other in both:
        found = _knows(lab.target, mine, other)
        require(
            not found,
            f"{found} names the folder or the address of another site",
            "take every path and address from the `site` that the method is given; remember none in the adapter",
        )


def _knows(target: Target, mine: Site, other: Site) -> str:
    """What of a site names another one; "" for nothing."""
    foreign = [other.url, *(str(folder) for folder in (other.home, other.workspaces, other.tmp))]
    for path, text in texts(mine.home):
        if any(name in text for name in foreign):
            return str(path)
    for intent in intents(target, mine):
        command = target.command(mine, intent)
        said = "\0".join([*command.argv, *command.env.values(), str(command.cwd)])
        if any(name in said for name in foreign):
            return f"the command for “{intent.verb}”"
    asked = [target.config_file(mine), *target.credentials_files(mine)]
    return next((f"the path {path}" for path in asked if path.is_relative_to(other.home)), "")


@check()
async def test_config_file_is_in_the_site(lab: Lab) -> None:
    """`config_file` and `credentials_files` are absolute paths in the site's home, the same whenever they are asked."""
    lab.prepare(Setup(models=models(lab.target)))
    before = lab.target.config_file(lab.site)
    stores = list(lab.target.credentials_files(lab.site))
    for path in (before, *stores):
        require(
            path.is_absolute() and path.is_relative_to(lab.site.home) and ".." not in path.parts,
            f"{path} is not in the home {lab.site.home}",
            "build the path from site.home; the program's whole state stands there",
        )
        require(not path.is_dir(), f"{path} is a folder", "name the file itself: its content is read and compared")
    require(
        lab.target.config_file(lab.site) == before,
        "config_file gives another path when it is asked again",
        "let it depend on the site alone",
    )


@check(Capability.ADD_AGENTS)
async def test_unknown_keys_are_written(lab: Lab) -> None:
    """`prepare` puts the keys of `setup.extra` into the config, where the program does not know them."""
    lab.prepare(Setup(agents=(AGENT,), models=models(lab.target), extra=_EXTRA))
    path = lab.target.config_file(lab.site)
    require(path.exists(), f"prepare left no {path}", "write the config as a user would have it, setup.extra included")
    config = _document(path.read_text(encoding="utf-8"), toml=path.suffix == ".toml")
    require(
        config.get("x-pileup") == _EXTRA["x-pileup"],
        f"{path} has {config.get('x-pileup')!r} where Setup(extra={_EXTRA!r}) was prepared",
        "merge setup.extra into the config's top level: CFG-6 looks whether they survive",
    )


def _document(text: str, *, toml: bool) -> dict[str, Any]:
    found: object = None
    with contextlib.suppress(ValueError):
        found = tomllib.loads(text) if toml else json.loads(text)
    require(
        isinstance(found, dict),
        "the config that prepare wrote is no whole JSON object (or TOML, in a file of that name)",
        "the harness reads JSON and TOML; for another format, let config_file be the file that holds the agents in one",
    )
    assert isinstance(found, dict)
    return found


@check()
async def test_addresses_are_the_fakes(lab: Lab) -> None:
    """Every address that the adapter writes is on loopback, or a name that leads to the fakes."""
    prepared(lab)
    commands = [lab.target.command(lab.site, intent) for intent in intents(lab.target, lab.site)]
    said = [("the environment or argv", "\n".join([*each.argv, *each.env.values()])) for each in commands]
    said += [(str(path), text) for path, text in texts(lab.site.home)]
    for where, text in said:
        for address in _ADDRESS.findall(text):
            if not _is_ours(address, lab.target) and "$schema" not in text.partition(address)[0][-20:]:
                complain(
                    f"{where} has the address {address}",
                    "point the program at site.url; a host that no setting moves belongs into `names`",
                )


def _is_ours(address: str, target: Target) -> bool:
    host = urlsplit(address).hostname or ""
    return bool(_LOOPBACK.fullmatch(host)) or host in vendor_names(target).hosts


def _ask_everything(target: Target, site: Site) -> None:
    """Each method that scenarios call, but for those that change something for a claimed capability."""
    for intent in intents(target, site):
        target.command(site, intent)
        target.read(site, intent, Ended(code=1, stdout="", stderr=""))
    target.config_file(site)
    target.credentials_files(site)
    if Capability.OAUTH in target.capabilities:
        target.profile(site, "main")
