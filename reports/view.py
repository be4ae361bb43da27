"""What both renderings show of a result, prepared once, so that Markdown and HTML never disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from reports import exhibits, history, timeline, verdicts, words
from reports.record import ArmFacts, Record, Result, RuleFacts
from reports.timeline import Timeline

EVIDENCE = 24  # events quoted for one finding
_BRIEF = {verdicts.CONFORMS: 24}  # rows of a timeline in text; an issue may hold 65,536 characters
_BRIEF_ROWS = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One event of the evidence, in words. `seconds` is None when the history does not hold it."""

    seq: int
    seconds: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding with its number, from 1, and its evidence."""

    number: int
    rule: str
    certainty: str  # what its rule's findings are worth, in words
    message: str
    quotes: tuple[Quote, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """A result with everything that is derived from its history."""

    result: Result
    rule: RuleFacts
    symbol: str
    arms: str
    findings: tuple[FindingView, ...]
    timeline: Timeline
    brief: Timeline  # the same with fewer events, for text
    requests: exhibits.Table
    grants: exhibits.Table
    trees: tuple[exhibits.ProcessTree, ...]
    files: tuple[exhibits.FileDiff, ...]
    order: tuple[str, ...]  # of a run whose calls were ordered: sentences
    picture: tuple[str, ...]  # and the lines that draw the order


def results(record: Record) -> tuple[ResultView, ...]:
    """Every result, the worst verdict first, else in the order of the record."""
    rules = {rule.id: rule for rule in record.rules}
    ordered = sorted(record.results, key=lambda result: -verdicts.severity(result.verdict))
    return tuple(_view(result, rules) for result in ordered)


def tally(record: Record) -> tuple[tuple[str, int], ...]:
    """How many results came to each verdict, the worst first; verdicts of no result are left out."""
    counts = Counter(result.verdict for result in record.results)
    return tuple(sorted(counts.items(), key=lambda count: (-verdicts.severity(count[0]), count[0])))


def arm(facts: ArmFacts) -> str:
    """ "3 of 20 runs", with what the others came to when they did not simply conform."""
    if not facts.runs:
        return "not run"
    counts = ((facts.inconclusive, "inconclusive"), (facts.unknown, "unknown"))
    others = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{facts.violated} of {facts.runs} runs" + (f" ({others})" if others else "")


def arms(result: Result) -> str:
    """How often the rule broke, with the control arm."""
    fault, control = arm(result.fault_arm), arm(result.control_arm)
    return f"violated in {fault} with the fault; control arm without it: {control}"


def _view(result: Result, rules: Mapping[str, RuleFacts]) -> ResultView:
    entries = history.read(result.history)
    sentences = tuple(takewhile(lambda line: not line.startswith(" "), result.schedule))
    evidence = [finding.evidence for finding in result.findings]
    return ResultView(
        result=result,
        rule=rules.get(result.rule, RuleFacts(id=result.rule, name="", level="", statement="")),
        symbol=verdicts.symbol(result.verdict),
        arms=arms(result),
        findings=_findings(result, entries, rules),
        timeline=timeline.build(entries, evidence),
        brief=timeline.build(entries, evidence, _BRIEF.get(result.verdict, _BRIEF_ROWS)),
        requests=exhibits.provider_requests(entries),
        grants=exhibits.token_grants(entries),
        trees=exhibits.process_trees(entries),
        files=exhibits.file_diffs(result.files),
        order=sentences,
        picture=result.schedule[len(sentences) :],
    )


def _findings(
    result: Result, entries: Sequence[history.Entry], rules: Mapping[str, RuleFacts]
) -> tuple[FindingView, ...]:
    known = {entry.seq: entry for entry in entries}
    return tuple(
        FindingView(
            number=number,
            rule=finding.rule,
            certainty=verdicts.certainty(rules[finding.rule].definite if finding.rule in rules else None),
            message=finding.message,
            quotes=tuple(_quote(seq, known.get(seq)) for seq in finding.evidence[:EVIDENCE]),
            left_out=max(0, len(finding.evidence) - EVIDENCE),
        )
        for number, finding in enumerate(result.findings, start=1)
    )


def _quote(seq: int, entry: history.Entry | None) -> Quote:
    if entry is None:
        return Quote(seq=seq, seconds=None, text="this event is not in the stored history")
    return Quote(seq=seq, seconds=entry.at, text=words.describe(entry))
