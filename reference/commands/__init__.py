"""The commands: their names, arguments and help, and the function that does each.

A table of text. The modules that do the work are imported when their command is run.
"""

from __future__ import annotations

from reference import VERSION
from reference.errors import Usage
from reference.options import Command

_AGENTS = "reference.commands.agents"
_RUNS = "reference.commands.runs"
_GATEWAY = "reference.commands.gateway"
_AUTH = "reference.commands.auth"
_COMPLETION = "reference.commands.completion"

_AGENT_NOTES = """\
A session (`main` unless --session names one) is used by one run at a time, and so is a workspace. A second
run says on standard error that it waits, and for whom; it waits for limits.sessionWaitSeconds of the config
(5), or until --timeout if that is sooner, and is then refused with `session-busy` or `workspace-busy`, exit
75, which names the holder.

When a gateway is listening the run is handed to it, unless --local is given. Once it has accepted a run, its
loss is reported as `gateway-lost`; the turn is never run again elsewhere. When this command ends, so does the
run, unless --detach is given: then it returns at once, and `runs wait` gives the result."""

COMMANDS = (
    Command(
        "agents add",
        "add an agent with a workspace of its own",
        run=f"{_AGENTS}:add",
        arguments=("name",),
        options={"workspace": "DIR", "worktree-of": "REPO", "branch": "NAME", "non-interactive": ""},
        required=("workspace",),
        example="reference agents add lane0 --workspace ~/lanes/lane0",
    ),
    Command(
        "agents list",
        "list the agents",
        run=f"{_AGENTS}:list_all",
        example="reference agents list --json",
    ),
    Command(
        "agents delete",
        "remove an agent from the config; its workspace and transcripts stay",
        run=f"{_AGENTS}:delete",
        arguments=("name",),
        example="reference agents delete lane0",
    ),
    Command(
        "agent",
        "run one turn of an agent",
        run="reference.commands.agent:run",
        options={
            "agent": "NAME",
            "message": "TEXT",
            "session": "ID",
            "timeout": "SECONDS",
            "local": "",
            "detach": "",
        },
        required=("agent", "message"),
        notes=_AGENT_NOTES,
        example='reference agent --agent lane0 --message "fix the failing test" --timeout 600',
    ),
    Command(
        "delegated",
        "used by a turn itself: run the turn that it delegates",
        run="reference.commands.agent:run_delegated",
        arguments=("request",),
        example="reference agent",
    ),
    Command(
        "runs list",
        "list the runs and background jobs that are alive; with --all also those that ended",
        run=f"{_RUNS}:list_all",
        options={"all": ""},
        example="reference runs list --json",
    ),
    Command(
        "runs show",
        "show one run",
        run=f"{_RUNS}:show",
        arguments=("id",),
        example="reference runs show r-0f3a9c1b22",
    ),
    Command(
        "runs cancel",
        "end a run or a background job, with everything it started",
        run=f"{_RUNS}:cancel",
        arguments=("id",),
        notes="A run that has ended already is refused with `already-finished`, exit 1.",
        example="reference runs cancel r-0f3a9c1b22",
    ),
    Command(
        "runs wait",
        "wait until a run has ended",
        run=f"{_RUNS}:wait",
        arguments=("id",),
        options={"timeout": "SECONDS"},
        example="reference runs wait r-0f3a9c1b22 --timeout 60",
    ),
    Command(
        "gateway run",
        "serve runs in this state directory until stopped",
        run=f"{_GATEWAY}:run",
        notes="SIGTERM and SIGINT end its runs first; the exit status is 143 or 130.",
        example="reference gateway run",
    ),
    Command(
        "gateway status",
        "say whether a gateway is listening, and its runs",
        run=f"{_GATEWAY}:status",
        example="reference gateway status --json",
    ),
    Command(
        "gateway stop",
        "end the gateway and its runs",
        run=f"{_GATEWAY}:stop",
        example="reference gateway stop",
    ),
    Command(
        "gateway worker",
        "used by the gateway itself: run one turn as told on standard input",
        run=f"{_GATEWAY}:worker",
        options={"lifeline": "DESCRIPTOR"},
        required=("lifeline",),
        example="reference gateway run",
    ),
    Command(
        "auth import",
        "store the OAuth tokens of a profile from a file",
        run=f"{_AUTH}:import_profile",
        options={"profile": "NAME", "file": "FILE"},
        required=("profile", "file"),
        example="reference auth import --profile codex:default --file tokens.json",
    ),
    Command(
        "auth status",
        "say which profiles can be used",
        run=f"{_AUTH}:status",
        example="reference auth status --json",
    ),
    Command(
        "doctor",
        "find what a crash or a slip of the hand left behind; with --fix repair it",
        run="reference.commands.doctor:run",
        options={"fix": ""},
        example="reference doctor --fix",
    ),
    Command(
        "completion",
        "print what makes bash, zsh or fish complete commands, options, agents and runs",
        run=f"{_COMPLETION}:script",
        arguments=("shell",),
        notes="For this shell only: `source <(reference completion bash)`. Its first line says where it goes for good.",
        example="reference completion bash",
    ),
    Command(
        "complete",
        "used by the shells' scripts: what the last word of a line may become",
        run=f"{_COMPLETION}:complete",
        arguments=("shell", "words"),
        example="reference completion bash",
    ),
)

HIDDEN = ("gateway worker", "delegated", "complete")
_STATUSES = """\
exit status:
  0    done
  1    failed: this machine, a provider or its credentials; the error says which
  2    the command is wrong; nothing was changed
  75   somebody else holds what is needed; the same command may work later
  124  --timeout is over
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM"""


def find(argv: list[str]) -> tuple[Command | str, list[str]]:
    """The command and the words left for it, or the help to print. Raises Usage(`bad-usage`)."""
    if "--version" in argv[:2]:
        return f"reference {VERSION}", []
    for length in (2, 1):
        for command in COMMANDS:
            if argv[:length] == command.name.split():
                return _or_help(command, argv[length:])
    argv = [word for word in argv if word != "--json"]
    group = [c for c in COMMANDS if argv and c.name.startswith(argv[0] + " ")]
    if not argv or argv[0] in ("--help", "-h", "help") or (group and set(argv[1:]) & {"--help", "-h"}):
        return _overview(group or list(COMMANDS)), []
    raise _unknown(argv, group)


def _or_help(command: Command, words: list[str]) -> tuple[Command | str, list[str]]:
    if command.asks_for_help(words):
        parts = (command.usage(), command.summary, command.notes, f"example:\n  {command.example}", _STATUSES)
        return "\n\n".join(part for part in parts if part), []
    return command, words


def _overview(group: list[Command]) -> str:
    shown = [c for c in group if c.name not in HIDDEN]
    lines = [f"  {c.name:<16}{c.summary}" for c in shown]
    return "\n".join(
        [
            "reference COMMAND [OPTIONS] [--json]",
            "",
            *lines,
            "",
            "example:",
            *(f"  {c.example}" for c in shown if c.name in ("agents add", "agent") or len(group) < len(COMMANDS)),
            "",
            "`reference COMMAND --help` explains one command. State lies in $REFERENCE_HOME or ~/.reference.",
            _STATUSES,
        ]
    )


def _unknown(argv: list[str], group: list[Command]) -> Usage:
    import difflib

    words = " ".join(w for w in argv[:2] if not w.startswith("-"))
    names = [c.name for c in COMMANDS if c.name not in HIDDEN]
    close = difflib.get_close_matches(words, names, 1)
    known = ", ".join(c.name for c in group) or "`reference --help` lists the commands"
    hint = f"did you mean `reference {close[0]}`?" if close else known
    if words in names:
        hint = f"options stand behind the command: `reference {words} …`"
    return Usage("bad-usage", f"{ascii(words)[:100]} is no command", hint=hint, detail={"command": ascii(words)[:100]})
