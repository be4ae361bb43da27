"""GIT: directories that several agents work in, and worktrees so that they need not."""

from __future__ import annotations

from fakes.script import Match, Rule, Text
from harness.checkers.directories import SHARED, directory_is_used_alone
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup


@scenario(
    "GIT-3",
    fault="two agents have one directory, one of them by a symbolic link, and the run of the first goes on",
    needs=[Capability.TURN],
    judges=[directory_is_used_alone],
)
async def test_two_agents_in_one_directory(lab: Lab) -> None:
    """Runs in one directory take turns, or the second is refused, by whichever path they come."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",)))
    lab.plan(SHARED)
    if lab.faulty:
        lab.site.workspace("lane1").rmdir()
        lab.site.workspace("lane1").symlink_to(lab.site.workspace("lane0"))
        lab.fired(SHARED)
    lab.script(Rule("first", Match(marker="first"), (Text("done", gate="first"),)))
    lab.hold("first")
    first = await lab.turn("lane0", actor="first")
    await lab.reached("first", by=[first])
    second = await lab.turn("lane1", actor="second")
    await lab.settled(second)
    lab.release("first")
    await first.finished()
    await second.finished()
