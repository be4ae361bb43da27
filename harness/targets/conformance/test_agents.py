"""Agents, by really running the program: it lists what was prepared, an add shows, and each home is its own."""

from __future__ import annotations

from harness.lab import Lab, repository
from harness.targets.conformance.check import check, ended, require
from harness.targets.conformance.genuine import reread
from harness.targets.conformance.material import models, prepared
from harness.targets.protocol import AddAgent, Capability, CheckUp, DeleteAgent, ListAgents, Setup


async def _listed(lab: Lab, actor: str, *expected: str) -> None:
    outcome = await lab.run(ListAgents(), actor)
    require(
        outcome.ok and outcome.agents is not None,
        f"the list of agents cannot be read: {ended(lab, actor)}",
        "let the command for ListAgents print the agents, and read give ok=True and their names as `agents`",
    )
    require(
        sorted(outcome.agents or ()) == sorted(expected),
        f"the list has {', '.join(outcome.agents or ()) or 'nobody'}, and should have {', '.join(expected)}: "
        f"{ended(lab, actor)}",
        "let prepare write the agents of Setup where the program looks, and read leave out those that every config has",
    )


async def _added(lab: Lab, name: str) -> None:
    outcome = await lab.run(lab.adding(name), f"add-{name}")
    require(
        outcome.ok and outcome.exit_status == 0,
        f"an agent could not be added: read says ok={outcome.ok}, {outcome.kind} “{outcome.message}”: "
        f"{ended(lab, f'add-{name}')}",
        "compare the command for AddAgent with the program's own help, and read with what it prints",
    )


@check(Capability.ADD_AGENTS)
async def test_added_agents_are_listed(lab: Lab) -> None:
    """The list shows the prepared agents and one that was added, and the add has changed `config_file`."""
    lab.prepare(Setup(agents=("first", "second"), models=models(lab.target)))
    await _listed(lab, "list", "first", "second")
    reread(lab, "list", ListAgents())
    config = lab.target.config_file(lab.site)
    before = config.read_bytes() if config.exists() else None
    await _added(lab, "third")
    require(
        config.exists() and config.read_bytes() != before,
        f"{config} is the same after an add",
        "config_file is the file that an add changes: scenarios hold, cut and compare that one",
    )
    await _listed(lab, "list-again", "first", "second", "third")


@check(Capability.ADD_AGENTS)
async def test_homes_are_apart(lab: Lab) -> None:
    """What is added in one home is not listed in another."""
    lab.prepare(Setup(agents=("first",), models=models(lab.target)))
    home = lab.site.home
    lab.prepare(Setup(agents=("stranger",), models=models(lab.target)), home="home-2")
    await _added(lab, "another")
    with lab.at_home(home):
        await _listed(lab, "list", "first")


@check(Capability.ADD_AGENTS, Capability.AGENT_NAMES)
async def test_a_taken_name_is_refused(lab: Lab) -> None:
    """Adding a name that is taken is not ok, and says why."""
    lab.prepare(Setup(agents=("first",), models=models(lab.target)))
    again = AddAgent(name="first", workspace=str(lab.site.workspace("again")))
    outcome = await lab.run(again, "add-again")
    require(
        not outcome.ok and outcome.kind != "ok",
        f"a name that is taken was added once more, and read says ok: {ended(lab, 'add-again')}",
        "read must see the program's refusal; if it has none, leave AGENT_NAMES out",
    )
    require(
        outcome.message or outcome.code,
        f"the refusal has neither a message nor a code: {ended(lab, 'add-again')}",
        "put what the program says into `message`, and its own name for the error, if it has any, into `code`",
    )


@check(Capability.ADD_AGENTS, Capability.DELETE_AGENTS)
async def test_deleted_agents_are_gone(lab: Lab) -> None:
    """An agent that was deleted is not listed, and the other one is."""
    lab.prepare(Setup(agents=("first", "second"), models=models(lab.target)))
    outcome = await lab.run(DeleteAgent(name="first"), "delete")
    require(
        outcome.ok,
        f"an agent could not be deleted: {outcome.kind} “{outcome.message}”: {ended(lab, 'delete')}",
        "compare the command for DeleteAgent with the program's help; without such a verb leave DELETE_AGENTS out",
    )
    await _listed(lab, "list", "second")


@check(Capability.ADD_AGENTS, Capability.WORKTREES)
async def test_an_agent_gets_a_worktree(lab: Lab) -> None:
    """`worktree_of` makes the workspace a new worktree of that repository."""
    lab.prepare(Setup(models=models(lab.target)))
    folder = repository.make(lab.site.root / "repository")
    workspace = lab.site.workspace("lane1")
    await lab.run(AddAgent(name="lane1", workspace=str(workspace), worktree_of=str(folder)), "add")
    seen = repository.seen(folder, lab.site.workspaces, "after")
    require(
        "lane1" in seen.worktrees,
        f"{workspace} is no worktree of the repository: {ended(lab, 'add')}",
        "hand worktree_of to the program, or leave WORKTREES out",
    )


@check(Capability.ADD_AGENTS, Capability.CHECK_UP)
async def test_a_check_up_tells_sound_from_damaged(lab: Lab) -> None:
    """A check-up of what an add has left is ok, with `repair` too; one of a config that is cut short is not."""
    prepared(lab)
    await lab.add("lane1")
    for intent, actor in ((CheckUp(), "look"), (CheckUp(repair=True), "repair")):
        outcome = await lab.run(intent, actor)
        require(
            outcome.ok and outcome.exit_status == 0,
            f"nothing is wrong, and read says {outcome.kind} “{outcome.message}” of {intent}: {ended(lab, actor)}",
            "let read see that the program found nothing, or nothing that a person has to mend",
        )
    config = lab.target.config_file(lab.site)
    config.write_bytes(config.read_bytes()[: config.stat().st_size // 2])
    outcome = await lab.run(CheckUp(), "look-again")
    require(
        not outcome.ok or lab.look.config_parses(),
        f"{config.name} is cut short, and read says ok: {ended(lab, 'look-again')}",
        "let read see that something was found, whatever the exit status; a program that never says so lacks CHECK_UP",
    )
