"""An independent model of refresh-token families, written from the rules' text and not from the code that it judges.

It keeps no state of any token. A family is the list of what happened to it, and every question (is this token spent,
who is the newest, is the family over) is answered by looking through that list. Tokens have names of the model's own,
because a token whose answer was lost exists although nobody knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Answer = Literal[
    "invalid_request", "unknown", "wrong-client", "revoked", "expired", "invalid_scope", "reused", "new", "again"
]


@dataclass(frozen=True)
class Minted:
    """A token came to be."""

    at: float
    name: str
    parent: str | None


@dataclass(frozen=True)
class Granted:
    """A presented token was answered with tokens."""

    at: float
    presented: str
    given: str


@dataclass(frozen=True)
class Ended:
    """The family is over."""

    at: float


@dataclass
class Lineage:
    """One family, as the list of what happened to it."""

    client: str
    scope: frozenset[str]
    log: list[Minted | Granted | Ended] = field(default_factory=list)

    def minted(self) -> list[Minted]:
        return [entry for entry in self.log if isinstance(entry, Minted)]

    def granted(self) -> list[Granted]:
        return [entry for entry in self.log if isinstance(entry, Granted)]

    def uses(self, name: str) -> list[Granted]:
        return [entry for entry in self.granted() if entry.presented == name]

    def over(self) -> bool:
        return any(isinstance(entry, Ended) for entry in self.log)

    def live(self) -> list[str]:
        return [] if self.over() else [entry.name for entry in self.minted() if not self.uses(entry.name)]


@dataclass(frozen=True)
class Lifetimes:
    """Seconds; None for no end."""

    token: float | None
    family: float | None


@dataclass(frozen=True)
class Asked:
    """One request to refresh; an empty token or client is a missing one."""

    token: str
    client: str
    scope: frozenset[str] | None = None


# What a spent token is given: "new", the name of a token that exists, or None for a refusal.
Tolerance = Callable[[Lineage, str, float], str | None]


def strict(lineage: Lineage, name: str, now: float) -> str | None:
    return None


def leeway(seconds: float) -> Tolerance:
    """Auth0: within the seconds after its first use, the parent of the newest token gets another child."""

    def tolerate(lineage: Lineage, name: str, now: float) -> str | None:
        in_time = now < lineage.uses(name)[0].at + seconds
        return "new" if in_time and lineage.minted()[-1].parent == name else None

    return tolerate


def grace(seconds: float, reuses: int) -> Tolerance:
    """Hydra: so many reuses in a window that the first use opens and nothing prolongs."""

    def tolerate(lineage: Lineage, name: str, now: float) -> str | None:
        uses = lineage.uses(name)
        return "new" if len(uses) <= reuses and now < uses[0].at + seconds else None

    return tolerate


def idempotent(seconds: float) -> Tolerance:
    """The first answer once more, as long as nobody has used what it gave."""

    def tolerate(lineage: Lineage, name: str, now: float) -> str | None:
        first = lineage.uses(name)[0]
        return first.given if first.given in lineage.live() and now < first.at + seconds else None

    return tolerate


def counter(lineage: Lineage, name: str, now: float) -> str | None:
    """Supabase: the token before the current one is given the current one."""
    newest = lineage.minted()[-1]
    return newest.name if newest.parent == name else None


TOLERANCES: dict[str, Tolerance] = {
    "strict": strict,
    "reject-only": strict,
    "leeway:10": leeway(10),
    "grace:10:2": grace(10, 2),
    "idempotent:10": idempotent(10),
    "counter": counter,
}


@dataclass
class Model:
    """All families of one server under one policy."""

    policy: str
    lifetimes: Lifetimes
    families: list[Lineage] = field(default_factory=list)
    names: int = 0

    def sign_in(self, client: str, scope: frozenset[str], now: float) -> str:
        """A new family; the name of its first token."""
        self.families.append(Lineage(client, scope))
        return self._mint(self.families[-1], None, now)

    def home_of(self, name: str) -> Lineage | None:
        return next((f for f in self.families if any(entry.name == name for entry in f.minted())), None)

    def refresh(self, asked: Asked, now: float) -> tuple[Answer, str | None]:
        """The answer, and the name of the token that is given."""
        family = self.home_of(asked.token)
        problem = self._problem(asked, family, now)
        if family is None or problem is not None:
            return problem or "unknown", None
        if not family.uses(asked.token):
            return self._give(family, asked.token, "new", now)
        tolerated = TOLERANCES[self.policy](family, asked.token, now)
        if tolerated is not None:
            return self._give(family, asked.token, tolerated, now)
        if self.policy != "reject-only":
            family.log.append(Ended(now))
        return "reused", None

    def end(self, name: str, now: float) -> None:
        """A refresh token was revoked, and with it its family."""
        family = self.home_of(name)
        if family is not None and not family.over():
            family.log.append(Ended(now))

    def active(self, name: str, now: float) -> bool:
        """Whether introspection calls a refresh token active."""
        family = self.home_of(name)
        return family is not None and name in family.live() and not self._too_old(family, name, now)

    def _problem(self, asked: Asked, family: Lineage | None, now: float) -> Answer | None:
        if not asked.token or not asked.client:
            return "invalid_request"
        if family is None:
            return "unknown"
        if family.client != asked.client:
            return "wrong-client"
        if family.over():
            return "revoked"
        if self._too_old(family, asked.token, now):
            return "expired"
        return "invalid_scope" if asked.scope is not None and asked.scope - family.scope else None

    def _too_old(self, family: Lineage, name: str, now: float) -> bool:
        born = next(entry.at for entry in family.minted() if entry.name == name)
        begun = family.minted()[0].at
        ends = ((born, self.lifetimes.token), (begun, self.lifetimes.family))
        return any(life is not None and now >= start + life for start, life in ends)

    def _give(self, family: Lineage, presented: str, what: str, now: float) -> tuple[Answer, str]:
        given = self._mint(family, presented, now) if what == "new" else what
        family.log.append(Granted(now, presented, given))
        return "new" if what == "new" else "again", given

    def _mint(self, family: Lineage, parent: str | None, now: float) -> str:
        self.names += 1
        family.log.append(Minted(now, f"t{self.names}", parent))
        return f"t{self.names}"
