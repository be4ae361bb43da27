"""`python -m reference.variants [NAME ARGUMENTS…]`: run a variant, or list them."""

from __future__ import annotations

import sys

from reference import cli, streams, variants
from reference.errors import Usage
from reference.parts import Parts
from reference.result import Result


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
    lines = [f"{v['name']:<28}{' '.join(v['breaks']):<22}{v['summary']}" for v in found]
    result = Result({"ok": True, "variants": found}, "\n".join(lines))
    streams.prepare()
    return cli.Output(default, "--json" in argv).write(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
