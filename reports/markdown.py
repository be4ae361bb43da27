"""report.md: a session as one would attach it to an issue, readable on GitHub and in a terminal.

Only arranges; what is shown comes from `reports.view`, and every text of a target passes
through `reports.escape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reports import escape, textline, verdicts, view
from reports.exhibits import Table
from reports.record import Record, Result
from reports.view import FindingView, Quote, ResultView

_TREE_LINES = 60
_ROOM = 65_536  # characters: the longest text that an issue on GitHub takes


def render(record: Record) -> str:
    """The report as GitHub Markdown, ending in a line feed, and short enough for an issue unless findings need more."""
    results = view.results(record)
    opening, foot = [*_head(record), _summary(results)], [*_foot()]
    return _text([*opening, *_sections(results, _ROOM - len(_text([*opening, *foot]))), *foot])


def _text(parts: Iterable[str]) -> str:
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _sections(results: Sequence[ResultView], room: int) -> Iterator[str]:
    """What each result has to say, the worst first: all of it while there is room, and its findings in any case.

    What conforms, or was not to be shown, needs no more than its line in the table.
    """
    least = ["" if _may_be_left_out(entry) else _text(_findings(entry)) for entry in results]
    room -= sum(len(text) + 1 for text in least) + len(_left_out(least, least)) + 2
    shown, cramped = [], False
    for entry, text in zip(results, least, strict=True):
        needless = cramped and not text
        whole = text if needless else _text(_folded(entry) if _is_green(entry) else _result(entry))
        fits = len(whole) - len(text) <= room
        room -= len(whole) - len(text) if fits else 0
        cramped = cramped or not fits
        shown.append(whole if fits else text)
    yield from filter(None, shown)
    shortened = [text for text in shown if text and text in least]
    hidden = [text for text in shown if not text]
    if shortened or hidden:
        yield _left_out(shortened, hidden)


def _is_green(entry: ResultView) -> bool:
    return entry.result.verdict == verdicts.CONFORMS


def _may_be_left_out(entry: ResultView) -> bool:
    return _is_green(entry) or entry.result.verdict == verdicts.UNSUPPORTED


def _left_out(shortened: Sequence[str], hidden: Sequence[str]) -> str:
    gone = [
        f"what follows the findings of {len(shortened)}" if shortened else "",
        f"all but the verdict of {len(hidden)}" if hidden else "",
    ]
    words = " and ".join(filter(None, gone))
    return f"Left out of these results, so that they fit into an issue: {words}. `report.html` has everything."


def _head(record: Record) -> Iterator[str]:
    yield f"# Pileup: {escape.prose(record.target.name)} {escape.prose(record.target.version)}"
    yield _outcome(record)
    if record.interrupted:
        yield "> **The session was interrupted:** what did not run is missing from this report."
    yield "\n".join(f"- {entry}" for entry in _facts(record))


def _outcome(record: Record) -> str:
    tally = ", ".join(f"{count} {escape.prose(word)}" for word, count in view.tally(record))
    return f"**{tally}**" if tally else "**Nothing was run.**"


def _facts(record: Record) -> Iterator[str]:
    target = " ".join((record.target.name, record.target.version))
    yield f"Target: {escape.code(target)}"
    if record.target.argv:
        yield f"Started as: {escape.code(' '.join(record.target.argv))}"
    yield f"Session: {escape.code(record.command)}, seed {escape.code(str(record.seed))}"
    yield f"Pileup {escape.prose(record.pileup)}, {escape.prose(record.created)}"
    machine = ", ".join(f"{escape.prose(str(key))} {escape.code(str(value))}" for key, value in record.machine.items())
    yield f"Machine: {machine or 'not recorded'}"
    for note in record.notes:
        yield f"Note: {escape.prose(note)}"


def _summary(results: Sequence[ResultView]) -> str:
    header = ["verdict", "rule", "name", "scenario", "violated with the fault", "violated in the control arm"]
    return "## Verdicts\n\n" + escape.table(header, [_summary_row(entry) for entry in results])


def _summary_row(entry: ResultView) -> tuple[str, ...]:
    result = entry.result
    return (
        f"{entry.symbol} **{escape.prose(result.verdict)}**",
        escape.prose(result.rule),
        escape.prose(entry.rule.name),
        escape.code(result.scenario),
        escape.prose(view.arm(result.fault_arm)),
        escape.prose(view.arm(result.control_arm)),
    )


def _folded(entry: ResultView) -> Iterator[str]:
    yield f"<details>\n<summary>{_heading(entry)}</summary>"
    yield from _body(entry)
    yield "</details>"


def _result(entry: ResultView) -> Iterator[str]:
    yield from _findings(entry)
    yield from _shown(entry)


def _findings(entry: ResultView) -> Iterator[str]:
    yield f"## {_heading(entry)}"
    yield from _claims(entry)


def _heading(entry: ResultView) -> str:
    parts = (entry.result.rule, entry.rule.name, entry.result.title or entry.result.scenario)
    # Within <summary> Markdown is not read, so that escapes must be entities; they work in headings too.
    words = ": ".join(_entities(part) for part in parts if part)
    return f"{entry.symbol} {_entities(entry.result.verdict)} · {words}"


def _entities(text: str) -> str:
    return escape.entities(escape.line(text))


def _body(entry: ResultView) -> Iterator[str]:
    yield from _claims(entry)
    yield from _shown(entry)


def _shown(entry: ResultView) -> Iterator[str]:
    yield from _exhibits(entry)
    yield from _lists(entry.result)


def _claims(entry: ResultView) -> Iterator[str]:
    result = entry.result
    if entry.rule.statement:
        rule = entry.rule
        why = f"\n>\n> Why: {escape.prose(rule.reason)}" if rule.reason else ""
        yield f"> {escape.prose(rule.id)} ({escape.prose(rule.level)}): {escape.prose(rule.statement)}{why}"
    yield "\n".join(f"- {fact}" for fact in _result_facts(entry))
    yield "Replay with one command:\n\n" + escape.block(escape.lines(result.replay, width=2000), "sh")
    for finding in entry.findings:
        yield _finding(finding)


def _result_facts(entry: ResultView) -> Iterator[str]:
    result = entry.result
    yield f"What was done: {escape.prose(result.fault) or 'nothing; the same work runs undisturbed'}"
    yield f"How often: {escape.prose(entry.arms)}"
    if result.control:
        yield f"Steered by: {escape.prose(result.control)}"
    yield f"Scenario: {escape.code(result.where)}, {result.seconds:.1f} s"
    if entry.rule.sources:
        yield f"Reported in: {', '.join(_source(source) for source in entry.rule.sources)}"


def _source(source: str) -> str:
    thread = escape.thread(source)
    return f"<{thread}>" if thread else escape.prose(source)


def _finding(finding: FindingView) -> str:
    about = ", ".join(escape.prose(words) for words in (finding.rule, finding.certainty) if words)
    head = f"**Finding {finding.number}** ({about}): {escape.prose(finding.message)}"
    quotes = [f"- {_quote(quote)}" for quote in finding.quotes]
    if finding.left_out:
        quotes.append(f"- and {finding.left_out} more events")
    return "\n".join([head, "", *quotes]) if quotes else head


def _quote(quote: Quote) -> str:
    moment = "" if quote.seconds is None else f" at {quote.seconds:.3f} s"
    return f"event {quote.seq}{moment}: {escape.prose(quote.text)}"


def _exhibits(entry: ResultView) -> Iterator[str]:
    if entry.result.certificate:
        yield f"### Certificate\n\n{escape.prose(entry.result.certificate)}"
    if entry.result.schedule:
        sentences = "\n".join(f"- {escape.prose(sentence)}" for sentence in entry.order)
        picture = escape.block([escape.indented(line) for line in entry.picture], "text") if entry.picture else ""
        yield f"### The order of the calls\n\n{sentences}\n\n{picture}"
    if entry.result.commands:
        lines = [line for command in entry.result.commands for line in escape.lines(command, width=2000)]
        yield "### Commands\n\n" + escape.block(lines, "sh")
    if entry.brief.marks:
        yield "### Timeline\n\n" + escape.block(textline.draw(entry.brief), "text")
    yield from _table("Provider requests", entry.requests)
    yield from _table("Token grants", entry.grants)
    if entry.trees:
        yield "### Processes\n\n" + "\n".join(
            f"{escape.prose(tree.when)}:\n\n" + escape.block(_bounded(tree.lines), "text") for tree in entry.trees
        )
    yield from _files(entry)


def _bounded(lines: Sequence[str]) -> list[str]:
    shown = [escape.indented(line) for line in lines[:_TREE_LINES]]
    return [*shown, f"… ({len(lines) - _TREE_LINES} more)"] if len(lines) > _TREE_LINES else shown


def _table(title: str, table: Table) -> Iterator[str]:
    if table.rows:
        rows = [tuple(escape.code(cell) for cell in row) for row in table.rows]
        more = f"\n{table.left_out} more are in record.json.\n" if table.left_out else ""
        yield f"### {title}\n\n" + escape.table(table.header, rows) + more


def _files(entry: ResultView) -> Iterator[str]:
    if entry.files:
        yield "### Files"
    for diff in entry.files:
        body = "\n\n" + escape.block(diff.lines, "diff") if diff.lines else ""
        yield f"{escape.code(diff.path)} {diff.what}{':' if body else '.'}{body}"


def _lists(result: Result) -> Iterator[str]:
    for title, texts in (("What was not verified", result.not_verified), ("Notes", result.notes)):
        if texts:
            yield f"### {title}\n\n" + "\n".join(f"- {escape.prose(text)}" for text in texts)


def _foot() -> Iterator[str]:
    meanings = "; ".join(
        f"{verdicts.symbol(word)} {word}: {verdicts.meaning(word)}" for word in reversed(verdicts.ORDER)
    )
    yield "---"
    yield f"Verdicts: {meanings}. The control arm does the same work without the fault. {verdicts.CERTAINTIES}"
