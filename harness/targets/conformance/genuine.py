"""What an adapter makes of a program's own output once it is cut, doubled, surrounded by noise or of other types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.events import Finished
from harness.outcome import Outcome
from harness.targets.conformance.check import require
from harness.targets.conformance.test_read import survives
from harness.targets.output import documents
from harness.targets.protocol import Ended, Intent

if TYPE_CHECKING:
    from harness.lab import Lab

_CUTS = 12
_OTHERS: tuple[Any, ...] = (None, True, 5, "x", [], {}, [None], {"x": None})
_MOST = 400  # changed documents that are tried


def reread(lab: Lab, actor: str, intent: Intent) -> None:
    """Complain unless `read` bears what may become of the output of an actor that has succeeded."""
    [said] = [what for _, what in lab.history().of(Finished) if what.actor == actor]
    text = said.stdout
    for cut in sorted({len(text) * number // _CUTS for number in range(_CUTS)}):
        for code in (0, 1, -9):
            survives(lab.target, lab, intent, Ended(code=code, stdout=text[:cut], stderr=""))
    found = documents(text)
    if found.found and not found.stray:
        for changed in islice(_variants(found.found[-1]), _MOST):
            survives(lab.target, lab, intent, Ended(code=0, stdout=json.dumps(changed), stderr=""))
        if said.outcome.documents is not None:
            _counts(lab, intent, text, said.outcome)


def _counts(lab: Lab, intent: Intent, text: str, whole: Outcome) -> None:
    """OPS-2 stands on these two fields."""
    require(
        whole.documents == 1 and not whole.stray_output,
        f"one document stands on stdout, and read counts {whole.documents}, stray_output={whole.stray_output}",
        "documents=len(found.found), stray_output=found.stray, of harness.targets.output.documents(ended.stdout); "
        "documents=None where no JSON was asked for",
    )
    twice = lab.target.read(lab.site, intent, Ended(code=0, stdout=f"{text}\n{text}", stderr=""))
    require(
        twice.documents == 2,
        f"two documents stand on stdout, and read counts {twice.documents}",
        "count what stands there, not what was expected: documents=len(found.found)",
    )
    noisy = lab.target.read(lab.site, intent, Ended(code=0, stdout=f"(a warning)\n{text}", stderr=""))
    require(
        noisy.stray_output,
        "a warning stands before the document on stdout, and stray_output is False",
        "stray_output=found.stray, of harness.targets.output.documents(ended.stdout)",
    )


def _variants(value: Any) -> Iterator[Any]:
    """The value with each of those in it in turn left out, or of another type."""
    yield from (other for other in _OTHERS if other != value)
    if isinstance(value, dict):
        for key in value:
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: inner} for inner in _variants(value[key]))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield from ([*value[:number], inner, *value[number + 1 :]] for inner in _variants(value[number]))
