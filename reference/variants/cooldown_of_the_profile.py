"""A model that asks for a rest makes its whole profile rest, other models of the provider included [OC#10375].

Breaks FLO-6. Limits are most often those of one model: the turn leaves a provider that could still do it.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.cooldowns import Rest
    from reference.deadline import Deadline
    from reference.errors import Retryable
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("FLO-6",)


def _whole(key: str) -> str:
    """The provider of a model; the rest of an account stays what it is."""
    return f"provider:{key.removeprefix('model:').partition('/')[0]}" if key.startswith("model:") else key


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def active(self, keys: tuple[str, ...]) -> Rest | None:
        """Whoever rests, rests with all of its models."""
        return super().active(tuple(map(_whole, keys)))

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Whatever it was about, it is about all of them."""
        super().record(_whole(key), error, deadline)


def replace(parts: Parts) -> Parts:
    def cooldowns(home: Home) -> Cooldowns:
        return _Cooldowns(home)

    return parts.replace(cooldowns=cooldowns)
