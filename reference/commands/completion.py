"""Completion of the command line: the shells' scripts are a few lines, and what may follow is asked of the program."""

from __future__ import annotations

import os

from reference import agents, auth, commands
from reference.commands.runs_view import printable
from reference.deadline import Deadline
from reference.errors import OrchestratorError, Usage
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from reference.home import Home
    from reference.options import Command
    from reference.parts import Parts

SEPARATOR = "\x1f"  # between the words of a line: no word has one, and it is no blank to any shell
_MOST = 100  # ids of runs that are offered, the newest

# Each hands the words up to the cursor over, and shows the lines that come back: a word, a tab, what it is for.
_SCRIPTS = {
    "bash": r"""# reference completion bash > ~/.local/share/bash-completion/completions/reference
_reference() {
  local IFS=$'\x1f' line
  COMPREPLY=()
  while IFS= read -r line; do [[ $line ]] && COMPREPLY+=("${line%%$'\t'*}"); done < <(
    "${COMP_WORDS[0]}" complete bash -- "${COMP_WORDS[*]:1:COMP_CWORD}" 2> /dev/null)
}
complete -o default -F _reference reference
""",
    "zsh": r"""#compdef reference
# reference completion zsh > a folder of $fpath, as _reference
_reference() {
  local -a lines=("${(@f)$("${words[1]}" complete zsh -- "${(pj:\x1f:)words[2,CURRENT]}" 2> /dev/null)}")
  lines=("${(@)lines:#}")
  (( $#lines )) || { _files; return }
  compadd -- "${(@)lines%%$'\t'*}"
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _reference "$@"; else compdef _reference reference; fi
""",
    "fish": r"""# reference completion fish > ~/.config/fish/completions/reference.fish
function __reference_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] complete fish -- (string join \x1f -- $words[2..] | string collect) 2> /dev/null)
    string length -q -- $lines; and printf '%s\n' $lines; or __fish_complete_path (commandline -ct)
end
complete -c reference -f -a '(__reference_complete)'
""",
}


def script(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """What a shell reads at its start. Raises Usage(`bad-usage`)."""
    shell = values["shell"]
    if shell not in _SCRIPTS:
        raise Usage("bad-usage", f"no completion for {ascii(shell)[:60]}", hint=f"use one of {', '.join(_SCRIPTS)}")
    return Result({"ok": True, "text": _SCRIPTS[shell]}, _SCRIPTS[shell].rstrip("\n"))


def complete(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """What the last word of a line may become. A state that cannot be read offers nothing, and is no error here."""
    words = values["words"].split(SEPARATOR)
    cut = 0
    if values["shell"] == "bash":
        words, cut = _rejoined(words)
    try:
        found = list(_candidates(parts, home, words[:-1], words[-1]))
    except OrchestratorError:
        found = []
    text = "\n".join(
        f"{word[cut:]}\t{printable(meaning)}".rstrip() for word, meaning in found if word.startswith(words[-1])
    )
    return Result({"ok": True, "text": text}, text)


def _rejoined(words: list[str]) -> tuple[list[str], int]:
    """The words as they were typed, and how much of the last one bash thinks is over: it breaks words at = and :."""
    joined: list[str] = []
    for number, word in enumerate(words):
        if number and (word[:1] in ("=", ":") or words[number - 1][-1:] in ("=", ":")):
            joined[-1] += word
        else:
            joined.append(word)
    last = joined[-1]
    return joined, max(last.rfind("="), last.rfind(":")) + 1


def _candidates(parts: Parts, home: Home, before: list[str], last: str) -> Iterator[tuple[str, str]]:
    """Words that may stand behind these, each with what it means."""
    command, rest = _command(before)
    if command is None:
        yield from _names(before)
        return
    option = rest[-1][2:] if rest and rest[-1].startswith("--") else ""
    if command.options.get(option):
        yield from _values(parts, home, command, f"--{option}")
        return
    if last.startswith("--") and "=" in last:
        option = last[2:].partition("=")[0]
        for value, meaning in _values(parts, home, command, f"--{option}"):
            yield f"--{option}={value}", meaning
        return
    used = [word[2:].partition("=")[0] for word in rest if word.startswith("--")]
    pending = command.arguments[len(_positional(command, rest)) :]
    if pending and not last.startswith("-"):
        yield from _values(parts, home, command, pending[0])
    else:
        yield from ((f"--{name}", what or "") for name, what in command.options.items() if name not in used)


def _command(before: list[str]) -> tuple[Command | None, list[str]]:
    for length in (2, 1):
        for command in commands.COMMANDS:
            if len(before) >= length and before[:length] == command.name.split():
                return command, before[length:]
    return None, []


def _names(before: list[str]) -> Iterator[tuple[str, str]]:
    """Commands, or the second words of those of a group."""
    shown = [command for command in commands.COMMANDS if command.name not in commands.HIDDEN]
    if not before:
        groups = {command.name.partition(" ")[0]: command for command in shown}
        yield from ((name, command.summary if command.name == name else "") for name, command in groups.items())
    elif len(before) == 1:
        for command in shown:
            group, _, name = command.name.partition(" ")
            if group == before[0] and name:
                yield name, command.summary


def _positional(command: Command, rest: list[str]) -> list[str]:
    """The arguments that have been given already."""
    found, skip = [], False
    for word in rest:
        if skip:
            skip = False
        elif word.startswith("--"):
            skip = "=" not in word and bool(command.options.get(word[2:]))
        else:
            found.append(word)
    return found


def _values(parts: Parts, home: Home, command: Command, of: str) -> Iterator[tuple[str, str]]:
    find = _FIND.get((command.name, of)) or _FIND.get(("", of))
    return find(parts, home) if find else iter(())


def _agents(parts: Parts, home: Home) -> Iterator[tuple[str, str]]:
    for agent in agents.listed(parts.config_store(home).read()):
        yield agent["name"], agent["workspace"]


def _runs(parts: Parts, home: Home, *, everything: bool) -> Iterator[tuple[str, str]]:
    if not os.path.exists(home.runs):
        return
    with parts.run_registry(home, Deadline.after(None)) as registry:
        found = registry.list_runs(everything=everything)
    for run in reversed(found[-_MOST:]):
        yield run["id"], f"{run['agent']}/{run['session']} {run['status']}"


def _profiles(parts: Parts, home: Home) -> Iterator[tuple[str, str]]:
    for profile in auth.status(home):
        yield str(profile["profile"]), str(profile.get("problem", ""))


_FIND: dict[tuple[str, str], Callable[[Parts, Home], Iterator[tuple[str, str]]]] = {
    ("agent", "--agent"): _agents,
    ("agents delete", "name"): _agents,
    ("runs show", "id"): lambda parts, home: _runs(parts, home, everything=True),
    ("runs wait", "id"): lambda parts, home: _runs(parts, home, everything=False),
    ("runs cancel", "id"): lambda parts, home: _runs(parts, home, everything=False),
    ("auth import", "--profile"): _profiles,
    ("completion", "shell"): lambda _parts, _home: ((shell, "") for shell in _SCRIPTS),
}
