"""docs/rules.md, from scenarios/rules.toml: the page is generated, so that it cannot say something else.

Pure text. It refuses to invent a heading: a rule of an unknown family is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from textwrap import fill

from harness.errors import UsageError
from harness.scenario import Rule
from reports.verdicts import CERTAINTIES, certainty

FAMILIES: Mapping[str, str] = {
    "CFG": "configuration and state files",
    "LCK": "session locks",
    "FLO": "model failover",
    "AUT": "OAuth refresh",
    "CHD": "child work",
    "MSG": "transcripts and results",
    "RES": "resources and input",
    "GIT": "worktrees",
    "OPS": "what the operator sees",
    "NET": "what is reached for",
    "END": "the whole story",
}
PROJECTS: Mapping[str, str] = {
    "OC": "openclaw",
    "CC": "claude-code",
    "CX": "codex",
    "GEM": "gemini-cli",
    "PI": "pi",
    "ON": "opencode",
    "MU": "multica",
    "FA": "fastagent",
    "AID": "ai-dispatch",
    "CL": "cline",
    "TB": "tidebreak",
    "OMP": "oh-my-pi",
    "GC": "goclaw",
    "CP": "copilot-cli",
    "OAP": "openai-python",
    "AGA": "agenta",
    "JC": "jcode",
}
_HEAD = """\
<!-- Generated from scenarios/rules.toml by `pileup rules --markdown`. Change the rules there, then run it again. -->
# Rules

The guarantees that an orchestrator must keep. One rule has one name everywhere: in code, messages, reports and here.
Each is provoked by at least one scenario in `scenarios/`, and each but END-1, which is all of them together, is broken
on purpose by at least one variant of the reference in `reference/variants/`. SHOULD is advice; MUST is not.

{columns}

"Seen in" names the issues of other projects in which users reported the failure. "Typed" means an exit status and a
JSON document that name the cause by a code.
"""
_WIDTH = 120  # characters, as in all pages
_COLUMNS = "| rule | name | level | what must hold | why | a finding is | seen in |\n|---|---|---|---|---|---|---|"


def render(rules: Mapping[str, Rule]) -> str:
    """The page, in the order of rules.toml. Raises UsageError for a family or a project that has no name here."""
    columns = fill(f'"Why" says what is lost when the rule breaks. {CERTAINTIES}', _WIDTH)
    return "\n".join([_HEAD.format(columns=columns), *_sections(rules.values())])


def paragraph(rule: Rule) -> str:
    """All that is known of one rule, for a terminal."""
    seen = ", ".join(map(thread, rule.sources)) or "no project yet"
    return (
        f"{rule.id} {rule.name} ({rule.level})\n{rule.statement}\n"
        f"Why: {rule.reason}\nA finding is {certainty(rule.definite)}. Seen in {seen}.\n"
        f"pytest scenarios/ --rule {rule.id}"
    )


def doubt(rule: Rule) -> str:
    """What a table adds to the statement of a rule whose findings are no proof."""
    return "" if rule.definite else f" (A finding is {certainty(rule.definite)}.)"


def _sections(rules: Iterable[Rule]) -> Iterator[str]:
    for family, members in groupby(rules, key=_family):
        rows = "\n".join(map(_row, members))
        yield f"## {family}: {_known(FAMILIES, family, 'family')}\n\n{_COLUMNS}\n{rows}\n"


def _row(rule: Rule) -> str:
    for source in rule.sources:
        _known(PROJECTS, source.partition("#")[0], "project")
    sources = ", ".join(map(thread, rule.sources))
    told = (rule.id, f"`{rule.name}`", rule.level, rule.statement, rule.reason, certainty(rule.definite), sources)
    return f"| {' | '.join(map(_cell, told))} |"


def _family(rule: Rule) -> str:
    return rule.id.partition("-")[0]


def thread(source: str) -> str:
    """OC#43367 as a reader knows it: openclaw #43367. What names none of the projects stands as it is."""
    project, mark, number = source.partition("#")
    return f"{PROJECTS[project]} {mark}{number}" if project in PROJECTS else source


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _known(names: Mapping[str, str], key: str, what: str) -> str:
    try:
        return names[key]
    except KeyError:
        message = f"scenarios/rules.toml: there is no {what} {key!r}"
        raise UsageError(message, hint=f"use one of {', '.join(names)}, or name it in {__name__}") from None
