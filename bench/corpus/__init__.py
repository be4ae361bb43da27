"""Small programs of several processes with one concurrency bug each, and their repaired twins.

They are what strategies are measured on: a strategy is good when it finds the bug of the one and nothing in the other.
Nothing in here schedules anything, except `proof`, which runs each failing order that the catalog declares, so that
no bug is only believed to be there.
"""

from bench.corpus.catalog import Actor, CorpusError, Language, Need, Program, Twin, load
from bench.corpus.judge import Ending, judge
from bench.corpus.materials import ActorCommand, materialise, unavailable

__all__ = [
    "Actor",
    "ActorCommand",
    "CorpusError",
    "Ending",
    "Language",
    "Need",
    "Program",
    "Twin",
    "judge",
    "load",
    "materialise",
    "unavailable",
]
