"""How adapters put a program's files in place, tell it where they are, and read them back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from fakes.oauth import SeededCredential
from harness.targets.protocol import Site

# Long, as real ones are, so that no word and no name of a file passes for one. They open nothing.
API_KEYS = {
    "anthropic": "sk-ant-api03-PileupQ7wBz4kT1nVx9mLc2RfYd8HsJgA6eU3pXo5NiMbKtWqZ0rSv-PileupAA",
    "gemini": "AIzaSyPileupD4hG7jK1mQ9tWx2ZbC5vE8rYuI",
    "codex": "sk-proj-PileupH3dF6gJ9kL2mN5pQ8sT1vW4xZ7bC0eR_yU-iO3aS6dF9gPileup",
}


def environment(site: Site) -> dict[str, str]:
    """What every program finds in its environment: its folders are the run's, and nobody sits before a terminal."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(site.home),
        "TMPDIR": str(site.tmp),
        "TERM": "dumb",
    }


def write_json(path: Path, document: Mapping[str, object], *, mode: int = 0o644) -> None:
    """Write a new file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def replace_json(path: Path, document: Mapping[str, object]) -> None:
    """Put a file of secrets in the place of whatever is there, as another program would: at once, without a lock."""
    temporary = path.with_name(f"{path.name}.foreign")
    write_json(temporary, document, mode=0o600)
    temporary.replace(path)


def object_in(path: Path, *keys: str) -> Mapping[str, object] | None:
    """The object that stands under these keys of a JSON file; None when the file or the object is not there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def only_profile(which: str) -> None:
    """For an adapter that keeps one profile. Raises ValueError for another than "main"."""
    if which != "main":
        raise ValueError("this adapter keeps one profile")


def pi_tokens(credential: SeededCredential) -> dict[str, object]:
    """An OAuth credential as pi and opencode store it, and OpenClaw, which embeds pi. It is secret."""
    return {
        "type": "oauth",
        "access": credential.access_token,
        "refresh": credential.refresh_token,
        "expires": int(credential.expires_at * 1000),
        "accountId": credential.account_id,
    }


def pi_model(name: str) -> dict[str, object]:
    """A model in a list of models of pi's, or of OpenClaw's."""
    return {
        "id": name,
        "name": name,
        "reasoning": False,
        "input": ["text"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "contextWindow": 200_000,
        "maxTokens": 8192,
    }
