"""The command `pileup`: everything that is not a pytest session. Each command is a few lines over a part of its own."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.table import Column, Table

from harness import rules_page
from harness.arguments import count
from harness.commands import doctor, rejudge, variants
from harness.commands.matrix_table import print_matrix
from harness.errors import PileupError
from harness.places import RULES_FILE, SCENARIOS
from harness.plan import Plan
from harness.scenario import load_rules, named
from harness.session import screen
from harness.targets import catalog, provision, registry
from harness.targets.conformance.suite import Examined, check_target
from harness.version import VERSION
from reports.baseline import Baseline
from reports.diff import diff
from reports.diff import render as render_diff
from reports.errors import ReportError
from reports.matrix import matrix
from reports.merge import merge
from reports.record import load
from reports.writer import write, write_baseline

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
_PYTEST_STATUS = {0: 0, 1: 1, 2: EXIT_INTERRUPTED, 4: 2, 5: 2}  # pytest.ExitCode as ours; the rest has failed
_EPILOG = """\
examples:
  pileup provision openclaw@2026.3.8      install a real CLI into the user's cache
  pytest scenarios/ --target openclaw@2026.3.8
  pileup check-target file.py:attribute   does an adapter do what the harness assumes of it?
  pileup variants config-unlocked         what a deliberate mistake breaks
  pileup diff old/record.json new/record.json

exit status: 0 done; 1 failed, or something differs; 2 the command is wrong; 3 a program cannot be installed here;
130 interrupted, 143 terminated. The scenarios themselves run under pytest: pytest scenarios/ --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = parser().parse_args(argv)
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        status = int(arguments.run(arguments, console))
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where its failure can be told
        return status
    except (PileupError, ReportError) as error:
        _complain(str(error))
        return getattr(error, "exit_status", 2)
    except KeyboardInterrupt:
        _complain("interrupted")
        return EXIT_INTERRUPTED
    except SystemExit as ended:
        if ended.code == EXIT_TERMINATED:
            _complain("terminated")
        raise
    except BrokenPipeError:  # the reader of our output has left: there is nobody to tell
        _forget_output()
        return 1
    except OSError as error:
        _complain(f"{error.filename or 'standard output'}: {error.strerror or error}")
        _forget_output()
        return 1


def _complain(text: str) -> None:
    if sys.stderr is not None:
        print(f"pileup: {screen.safe(text)}", file=sys.stderr)  # noqa: T201


def _forget_output() -> None:
    """Let what is still buffered go nowhere: else the interpreter tries once more to write it when it ends."""
    if sys.stdout is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM unwinds the stack, so that a pytest that we wait for ends with us."""
    sys.exit(EXIT_TERMINATED)


def parser() -> argparse.ArgumentParser:
    """The whole command line; each command's arguments carry the function that runs it."""
    whole = argparse.ArgumentParser(
        prog="pileup",
        description="Chaos and conformance tests for multi-agent orchestrators.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"pileup {VERSION}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "targets", _targets, "what can be put under test, and what is installed")
    one = _add(commands, "provision", _provision, "install a real CLI, with its own Node, into the user's cache")
    one.add_argument("name", metavar="NAME@VERSION", help="such as openclaw@2026.3.8")
    adapter = _add(commands, "check-target", _check_target, "whether an adapter does what the harness assumes of it")
    adapter.add_argument("name", metavar="NAME", help="as --target takes it, such as file.py:attribute")
    adapter.add_argument("--only", action="append", default=[], metavar="CHECK", help="this check; may be repeated")
    some = _add(commands, "variants", _variants, "run the scenarios on deliberately broken variants: who catches what")
    some.add_argument("names", nargs="*", metavar="VARIANT", help="all of them unless named")
    some.add_argument("--only-broken", action="store_true", help="only the rules that each variant says it breaks")
    some.add_argument("--runs", type=count, metavar="N", help="fault runs of each scenario (as many as it says)")
    rules = _add(commands, "rules", _rules, "the guarantees that an orchestrator must keep")
    rules.add_argument(
        "ids", nargs="*", metavar="RULE", help="these, with the reason for each; all of them unless named"
    )
    rules.add_argument("--markdown", action="store_true", help="as docs/rules.md")
    _add(commands, "doctor", _doctor, "what this machine allows, and what falls back")
    again = _add(commands, "replay", _replay, "repeat the run that a report names")
    again.add_argument("token", metavar="TOKEN")
    judge = _add(commands, "recheck", _recheck, "judge the histories of a record again, with today's checkers")
    judge.add_argument("record", type=Path)
    two = _add(commands, "diff", _diff, "which verdicts changed between two records")
    two.add_argument("old", type=Path)
    two.add_argument("new", type=Path)
    many = _add(commands, "merge", _merge, "add up several records of one target")
    many.add_argument("records", type=Path, nargs="+")
    many.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where the joint report goes")
    side = _add(commands, "matrix", _matrix, "records of several targets side by side")
    side.add_argument("records", type=Path, nargs="+")
    side.add_argument("--markdown", action="store_true", help="as a Markdown table")
    known = _add(
        commands, "baseline", _baseline, "write the verdicts of a record as those that are expected from now on"
    )
    known.add_argument("record", type=Path)
    known.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="where to; reasons in it stay where the verdict has not changed, and so do scenarios that did not run",
    )  # fmt: skip
    show = _add(commands, "report", _report, "write report.md and report.html of a record again")
    show.add_argument("record", type=Path)
    show.add_argument("-o", "--output", type=Path, metavar="DIR", help="beside the record unless given")
    return whole


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=run)
    return command


def _targets(_arguments: argparse.Namespace, console: Console) -> int:
    table = Table(Column("target", no_wrap=True), "state", box=None)  # a name that is cut is no name
    for name, state in registry.states():
        table.add_row(name, state)
    console.print(table)
    return 0


def _provision(arguments: argparse.Namespace, console: Console) -> int:
    recipe = catalog.find_recipe(arguments.name)
    cache = provision.cache_folder()
    with provision.terminal_progress(console) as progress:
        installation = provision.provision(recipe, cache=cache, progress=progress)
    console.print(f"{recipe.label} is installed; try: pytest scenarios/ --target {recipe.label}", markup=False)
    console.print(f"it lies in {installation.root}", markup=False, soft_wrap=True)
    return 0


def _check_target(arguments: argparse.Namespace, console: Console) -> int:
    marks = {"passed": ("ok", "green"), "failed": ("no", "red"), "skipped": ("--", "dim")}

    def tell(examined: Examined) -> None:
        mark, style = marks[examined.state]
        console.print(f"[{style}]{mark}[/] ", end="")
        console.print(f"{examined.check.name}: {examined.check.title}", markup=False, soft_wrap=True)
        for line in "\n".join(examined.reasons).splitlines():
            console.print(f"   {screen.safe(line)}", style=style, markup=False, soft_wrap=True)

    results = check_target(registry.find(arguments.name), name=arguments.name, only=arguments.only, tell=tell)
    states = [examined.state for examined in results]
    counts = ", ".join(f"{sum(each == state for each in states)} {state}" for state in marks)
    console.print(f"{arguments.name}: {counts}", markup=False, soft_wrap=True)
    return 1 if "failed" in states else 0


def _variants(arguments: argparse.Namespace, console: Console) -> int:
    proof = variants.prove(
        arguments.names, only_broken=arguments.only_broken, runs=arguments.runs, progress=console.print
    )
    print_matrix(matrix(proof.records, by="rule"), console)
    for line in proof.surprises:
        console.print(line, style="red", markup=False)
    for line in proof.again:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if not proof.surprises:
        console.print("every variant broke the rules that it says it breaks, and no other", style="green")
    return 1 if proof.surprises else 0


def _rules(arguments: argparse.Namespace, console: Console) -> int:
    rules = load_rules(RULES_FILE)
    wanted = named(arguments.ids, rules)
    chosen = {rule: rules[rule] for rule in wanted or rules}
    if arguments.markdown:
        sys.stdout.write(rules_page.render(chosen))
    elif wanted:
        console.print("\n\n".join(map(rules_page.paragraph, chosen.values())), markup=False)
    else:
        table = Table("rule", "name", "level", "statement", box=None)
        for rule in rules.values():
            table.add_row(rule.id, rule.name, rule.level, rule.statement + rules_page.doubt(rule))
        console.print(table)
    return 0


def _doctor(_arguments: argparse.Namespace, console: Console) -> int:
    checks = doctor.examine()
    for check in checks:
        mark, style = {"good": ("ok", "green"), "limited": ("!!", "yellow"), "bad": ("no", "red")}[check.state]
        console.print(f"[{style}]{mark}[/] {check.name:18} ", end="")
        console.print(check.finding, markup=False)
        if check.advice:
            console.print(f"   {'':18} {check.advice}", style="dim", markup=False)
    return 1 if any(check.state == "bad" for check in checks) else 0


def _replay(arguments: argparse.Namespace, _console: Console) -> int:
    Plan.parse(arguments.token)
    command = [sys.executable, "-m", "pytest", str(SCENARIOS), "--replay", arguments.token]
    return _PYTEST_STATUS.get(subprocess.run(command, check=False).returncode, 1)


def _recheck(arguments: argparse.Namespace, console: Console) -> int:
    changed = 0
    for again in rejudge.rejudge(load(arguments.record)):
        if again.now != again.before:
            changed += 1
            line = f"{again.rule} {again.scenario}: was {again.before}, is {again.now}"
            console.print(screen.safe(line), style="yellow", markup=False)
            for reason in again.reasons:
                console.print(f"  - {screen.safe(reason)}", markup=False)
    console.print("no verdict changed" if not changed else f"{changed} verdicts changed")
    return 1 if changed else 0


def _diff(arguments: argparse.Namespace, console: Console) -> int:
    changes = diff(load(arguments.old), load(arguments.new))
    console.print(render_diff(changes), markup=False, soft_wrap=True)
    return 1 if changes else 0


def _merge(arguments: argparse.Namespace, console: Console) -> int:
    for path in write(merge([load(path) for path in arguments.records]), arguments.output):
        console.print(str(path), markup=False, soft_wrap=True)
    return 0


def _matrix(arguments: argparse.Namespace, console: Console) -> int:
    found = matrix([load(path) for path in arguments.records])
    if arguments.markdown:
        sys.stdout.write(found.markdown() + "\n")
    else:
        print_matrix(found, console)
    return 0


def _baseline(arguments: argparse.Namespace, console: Console) -> int:
    record, path = load(arguments.record), arguments.output
    before = Baseline.load(path) if path and path.exists() else Baseline.from_record(record)
    baseline = before.renewed(record)
    if path is None:
        sys.stdout.write(baseline.dumps())
        return 0
    write_baseline(baseline, path)
    for mismatch in before.compare(record):
        if mismatch.kind != "not-run":
            console.print(str(mismatch), style="yellow", markup=False, soft_wrap=True)
    console.print(f"{path}: {baseline.summary()}", markup=False, soft_wrap=True)
    return 0


def _report(arguments: argparse.Namespace, console: Console) -> int:
    for path in write(load(arguments.record), arguments.output or arguments.record.parent):
        console.print(str(path), markup=False, soft_wrap=True)
    return 0
