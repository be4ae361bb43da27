"""One profile that holds no token makes the whole store unusable: it is checked as one, whoever's turn it is [OS#329].

Breaks AUT-7. A token endpoint of one provider that answers with rubbish signs a person out of all the others.
"""

from __future__ import annotations

from reference.auth.store import Credential, Store, check_entry
from reference.parts import Parts
from reference.variants._refreshes import replace_store

BREAKS = ("AUT-7",)


class _Store(Store):
    __slots__ = ()

    def get(self, profile: str) -> Credential:
        """One profile, if there is nothing wrong with any."""
        problems = filter(None, map(check_entry, self.entries().values()))
        if problem := next(problems, ""):
            raise self._damaged(problem)
        return super().get(profile)


def replace(parts: Parts) -> Parts:
    return replace_store(parts, _Store)
