"""How adapters put a program's files in place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def write_json(path: Path, document: Mapping[str, object], *, mode: int = 0o644) -> None:
    """Write a new file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
