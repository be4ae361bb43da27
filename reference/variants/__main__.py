"""`python -m reference.variants [NAME ARGUMENTS…]`: run a variant, or list them."""

from __future__ import annotations

import sys

from reference import cli, streams, variants
from reference.errors import Usage
from reference.parts import Parts
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(argv: list[str]) -> int:
    """Run the variant named first; its exit status."""
    default = Parts.default()
    if argv and not argv[0].startswith("-"):
        try:
            parts = variants.parts(argv[0], default)
        except Usage as error:
            streams.prepare()
            return cli.Output(default, "--json" in argv).write(cli.failed(default, error))
        return cli.main(parts, argv[1:])
    found = variants.listed()
    result = Result({"ok": True, "variants": found}, _table(found))
    streams.prepare()
    return cli.Output(default, "--json" in argv).write(result)


def _table(found: list[dict[str, Any]]) -> str:
    """A line for each variant: its name, the rules that it breaks, its mistake."""
    rows = [(variant["name"], " ".join(variant["breaks"]), variant["summary"]) for variant in found]
    name, breaks, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(f"{row[0]:{name}}  {row[1]:{breaks}}  {row[2]}" for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
