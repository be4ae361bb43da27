"""Where a script stands: how many requests each rule has answered, and what to say when none matches.

The only mutable part of scripting. It chooses replies and sends none.
"""

from dataclasses import dataclass

from fakes.script import Reply, Request, Rule, Script, Status

_NEAR_MISSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The reply to a request and the rule it comes from."""

    rule: str
    reply: Reply


class Position:
    """One script being played."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._used = dict.fromkeys((rule.name for rule in script.rules), 0)

    def choose(self, request: Request) -> Chosen | None:
        """The next reply of the first rule that matches and has one left; None when there is no such rule."""
        for rule in self.script.rules:
            if not self._exhausted(rule) and not rule.match.misses(request):
                number = self._used[rule.name]
                self._used[rule.name] += 1
                return Chosen(rule=rule.name, reply=rule.replies[min(number, len(rule.replies) - 1)])
        return None

    def near_misses(self, request: Request) -> tuple[str, ...]:
        """The rules that came closest, each with the fields that did not match."""
        found = [(self._reasons(rule, request), rule.name) for rule in self.script.rules]
        found.sort(key=lambda entry: len(entry[0]))
        return tuple(f"rule {name!r} misses on {' and '.join(why)}" for why, name in found[:_NEAR_MISSES])

    def _exhausted(self, rule: Rule) -> bool:
        return not rule.repeat_last and self._used[rule.name] >= len(rule.replies)

    def _reasons(self, rule: Rule, request: Request) -> list[str]:
        reasons = []
        for name in rule.match.misses(request):
            got = "" if name == "contains" else f" (got {getattr(request, name)!r})"
            reasons.append(f"{name}={getattr(rule.match, name)!r}{got}")
        return reasons or ["its replies, which are used up"]


def unmatched(asked: Request, misses: tuple[str, ...]) -> Status:
    """What a strict script answers to a request that no rule matches, with the rules that came closest."""
    what = f"provider={asked.provider!r} model={asked.model!r} marker={asked.marker!r}"
    why = "; ".join(misses) or "the script has no rules"
    return Status(404, message=f"no script rule matches {what} turn_step={asked.turn_step}: {why}")
