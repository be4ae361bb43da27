"""Reading the command line.

Not argparse: building its tree of sub-commands costs more than everything else that `agents add` does, and
its errors leave no room for a JSON document. The grammar is small on purpose: long options, `--name value`
or `--name=value`, no abbreviations, `--` ends them.
"""

from __future__ import annotations

from reference.errors import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


class Command:
    """What one command accepts. `options` maps a name to its placeholder, or to "" for a flag."""

    __slots__ = (
        "arguments",
        "example",
        "function",
        "module",
        "name",
        "notes",
        "options",
        "required",
        "summary",
    )

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        run: str,
        arguments: Sequence[str] = (),
        options: Mapping[str, str] | None = None,
        required: Sequence[str] = (),
        example: str,
        notes: str = "",
    ) -> None:
        self.name = name
        self.summary = summary
        self.module, _, self.function = run.partition(":")
        self.arguments = tuple(arguments)
        self.options = {"json": "", **(options or {})}
        self.required = tuple(required)
        self.example = example
        self.notes = notes

    def load(self) -> Callable[..., Any]:
        """The function that does it, imported now."""
        from importlib import import_module

        function: Callable[..., Any] = getattr(import_module(self.module), self.function)
        return function

    def parse(self, words: Sequence[str]) -> dict[str, Any]:
        """Values by name: a string, True for a flag, None for what was not given.

        Raises Usage(`bad-usage`).
        """
        values: dict[str, Any] = dict.fromkeys([*self.arguments, *self.options])
        positional: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                positional += rest
                break
            if word.startswith("--"):
                self._option(word, rest, values)
            elif word.startswith("-") and word != "-":
                raise self.error(f"unknown option {word!a}")
            else:
                positional.append(word)
        self._positional(positional, values)
        return values

    def error(self, message: str, hint: str = "") -> Usage:
        """A usage error of this command, with its example."""
        hint = f"{hint}; " if hint else ""
        return Usage("bad-usage", message, hint=f"{hint}for example: {self.example}", detail={"command": self.name})

    def asks_for_help(self, words: Sequence[str]) -> bool:
        """Whether --help is among the words, or -h where it is no value, and not behind `--`."""
        before = ""
        for word in words:
            if word == "--help" or (word == "-h" and not self.options.get(before)):
                return True
            if word == "--":
                return False
            before = word.removeprefix("--") if word.startswith("--") else ""
        return False

    def usage(self) -> str:
        """The line that shows how to call it."""
        words = ["reference", self.name, *(a.upper() for a in self.arguments)]
        for name, placeholder in self.options.items():
            word = f"--{name} {placeholder}".rstrip()
            words.append(word if name in self.required else f"[{word}]")
        return " ".join(words)

    def _option(self, word: str, rest: list[str], values: dict[str, Any]) -> None:
        name, equals, value = word[2:].partition("=")
        if name not in self.options:
            raise self.error(f"unknown option {'--' + name!a}", _closest(name, self.options))
        if not self.options[name]:
            if equals:
                raise self.error(f"--{name} takes no value")
            values[name] = True
            return
        if not equals:
            if not rest or (rest[0].startswith("--") and rest[0][2:] in self.options):
                raise self.error(f"--{name} needs a value", f"one that looks like an option: --{name}=VALUE")
            value = rest.pop(0)
        values[name] = value

    def _positional(self, words: list[str], values: dict[str, Any]) -> None:
        if len(words) > len(self.arguments):
            raise self.error(f"unexpected argument {words[len(self.arguments)]!a}")
        if len(words) < len(self.arguments):
            raise self.error(f"{self.arguments[len(words)].upper()} is missing")
        values.update(zip(self.arguments, words, strict=True))
        for name in self.required:
            if values[name] is None:
                raise self.error(f"--{name} is missing")


def seconds(values: Mapping[str, Any], name: str) -> float | None:
    """A duration in seconds, more than zero; None when it was not given. Raises Usage(`bad-usage`)."""
    text = values.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= 10_000_000:
        raise Usage(
            "bad-usage",
            f"--{name} {ascii(text)[:60]} is not a number of seconds",
            hint=f"for example --{name} 60",
        )
    return number


def _closest(name: str, known: Mapping[str, str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean --{close[0]}?" if close else ""
