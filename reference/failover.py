"""Failover: which model answers a turn when the first one cannot. Nothing else in this program decides about it.

The configured models are asked in order, each at most once. What happens after a failure depends on its type:

    Retryable  the next model is asked; if the provider asked for a pause, this model rests that long
    Auth       the next model is asked, as a credential says nothing about other providers; models that need the
               same credential are not tried
    Local      the turn ends at once: no further provider is contacted, nothing cools down (FLO-1)
    Fatal      the turn ends at once: the request itself was refused (FLO-4)
    Stopped    the turn ends at once

Whatever ends the turn, the first failure is the one reported, with the list of attempts (FLO-2); only
Stopped is reported as itself, as it was not a provider that ended the turn.

A failure in the middle of an answer that follows a tool result may move on too. The next model gets the
same messages with the tool's result in them, and this module cannot run a tool: so nothing that ran is run
again (FLO-7), and as only a complete answer is a Reply, nothing of the failed one is kept (FLO-8).
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns
from reference.errors import Auth, Local, OrchestratorError, Retryable, Stopped, from_oserror
from reference.messages import Attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from reference.auth import Credentials
    from reference.cooldowns import Rest
    from reference.deadline import Deadline
    from reference.messages import Message, Reply, ToolSpec
    from reference.providers import Client

__all__ = ["Cooldowns", "Policy", "complete", "moves_on"]


def moves_on(error: OrchestratorError) -> bool:
    """Whether another model may be asked after this failure."""
    return isinstance(error, Retryable | Auth)


def client_for(provider: str, config: Mapping[str, Any]) -> Client:
    """The client of a provider, imported on use: a turn that is refused locally needs none."""
    from reference import providers

    return providers.client_for(provider, config)


def everything(messages: Sequence[Message]) -> Sequence[Message]:
    """What the next model is told after a failure: all of it, the results of tools included (FLO-7)."""
    return messages


def first(failures: Sequence[OrchestratorError]) -> OrchestratorError:
    """The failure to report: the first, since the others happened because of it (FLO-2)."""
    return failures[0]


class Policy:
    """What a variant may get wrong; immutable by convention, with the right answers as defaults."""

    __slots__ = ("client_for", "handed_on", "honours_rest", "moves_on", "reported", "tries")

    def __init__(
        self,
        *,
        moves_on: Callable[[OrchestratorError], bool] = moves_on,
        reported: Callable[[Sequence[OrchestratorError]], OrchestratorError] = first,
        handed_on: Callable[[Sequence[Message]], Sequence[Message]] = everything,
        client_for: Callable[[str, Mapping[str, Any]], Client] = client_for,
        tries: int = 1,
        honours_rest: bool = True,
    ) -> None:
        self.moves_on = moves_on
        self.reported = reported
        self.handed_on = handed_on
        self.client_for = client_for
        self.tries = tries
        self.honours_rest = honours_rest


def complete(
    *,
    models: Sequence[str],
    providers: Mapping[str, Mapping[str, Any]],
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    deadline: Deadline,
    cooldowns: Cooldowns,
    auth: Credentials,
    policy: Policy | None = None,
) -> tuple[Reply, tuple[Attempt, ...]]:
    """Ask `models` ("provider/model") in order for one complete answer; the answer and every attempt.

    Raises the first cause, whose attribute `attempts` lists what was tried, in order: an `Attempt` per model,
    with kind "cooling-down" for one that was left alone.
    """
    turn = _Turn(providers, messages, tools, deadline, cooldowns, auth, policy or Policy())
    try:
        for name in models:
            reply = turn.ask(name)
            if reply is not None:
                return reply, tuple(turn.attempts)
    except Stopped as stopped:
        stopped.attempts = tuple(turn.attempts)
        raise
    raise turn.failure()


class _Turn:
    """The attempts of one completion."""

    def __init__(
        self,
        providers: Mapping[str, Mapping[str, Any]],
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        deadline: Deadline,
        cooldowns: Cooldowns,
        auth: Credentials,
        policy: Policy,
    ) -> None:
        self.providers = providers
        self.messages = messages
        self.tools = tools
        self.deadline = deadline
        self.cooldowns = cooldowns
        self.auth = auth
        self.policy = policy
        self.attempts: list[Attempt] = []
        self.failures: list[OrchestratorError] = []
        self.refused: dict[str, Auth] = {}  # by credential

    def ask(self, name: str) -> Reply | None:
        """The answer of one model, or None if the next may be asked. Raises the first cause, or Stopped."""
        provider, _, model = str(name).partition("/")
        for _ in range(self.policy.tries):
            self.deadline.check()
            try:
                reply = self._ask(provider, model)
            except Stopped:
                raise
            except (OrchestratorError, OSError) as caught:
                error = from_oserror(caught) if isinstance(caught, OSError) else caught
                self._note(provider, model, error)
                if not self.policy.moves_on(error):
                    raise self.failure() from caught
                self.messages = self.policy.handed_on(self.messages)
            else:
                self.attempts.append(Attempt(provider=provider, model=model, kind="ok", status=200))
                return reply
        return None

    def failure(self) -> OrchestratorError:
        """The failure to report, with the attempts on it."""
        error = self.policy.reported(self.failures) if self.failures else _nothing_configured()
        rests = [e.retry_after for e in self.failures if isinstance(e, _Resting) and e.retry_after]
        if rests and len(rests) == len(self.failures):
            error.detail["retry_after"] = round(min(rests), 3)
        error.attempts = tuple(self.attempts)
        return error

    def _ask(self, provider: str, model: str) -> Reply:
        config = self.providers.get(provider)
        if not model or not isinstance(config, dict):
            raise _not_configured(provider, model)
        credential = str(config.get("profile") or provider)
        if credential in self.refused:
            raise self.refused[credential]
        rest = self.cooldowns.active((f"model:{provider}/{model}", f"profile:{credential}"))
        if rest is not None and self.policy.honours_rest:
            raise _Resting(provider, model, rest)
        try:
            return self._send(provider, model, config)
        except Auth as error:
            self.refused[credential] = error
            raise
        except Retryable as error:
            whole_profile = error.detail.get("scope") == "profile"
            key = f"profile:{credential}" if whole_profile else f"model:{provider}/{model}"
            self.cooldowns.record(key, error, self.deadline)
            raise

    def _send(self, provider: str, model: str, config: Mapping[str, Any]) -> Reply:
        """One request; a second only if the first was unauthorized and the credential could be renewed."""
        client = self.policy.client_for(provider, config)
        token = self.auth.token(provider, config, self.deadline)
        try:
            return _answerable(client.complete(model, self.messages, self.tools, token, self.deadline), provider)
        except Auth as error:
            if error.code != "unauthorized" or config.get("auth") != "oauth":
                raise
        token = self.auth.renew(provider, config, token, self.deadline)
        return _answerable(client.complete(model, self.messages, self.tools, token, self.deadline), provider)

    def _note(self, provider: str, model: str, error: OrchestratorError) -> None:
        status = getattr(error, "status", None) or error.detail.get("status")
        self.failures.append(error)
        self.attempts.append(
            Attempt(
                provider=provider,
                model=model,
                kind="cooling-down" if isinstance(error, _Resting) else error.kind,
                code=error.code,
                status=status if isinstance(status, int) else None,
            )
        )


def _answerable(reply: Reply, provider: str) -> Reply:
    """The same. Raises Retryable `malformed-answer` for tool calls that no provider takes back with their results.

    Once one of them stood in a transcript, every later request of that session would be refused.
    """
    ids = {call.id for call in reply.tool_calls}
    if "" in ids or len(ids) < len(reply.tool_calls) or not all(_is_tool_name(call.name) for call in reply.tool_calls):
        raise Retryable("malformed-answer", f"{provider} asked for a tool without a name, or without an id of its own")
    return reply


def _is_tool_name(name: str) -> bool:
    return 0 < len(name) <= 64 and name.isascii() and name.replace("_", "").replace("-", "").isalnum()


class _Resting(Retryable):
    """A model that was not asked because it still rests; carries the code and status of what made it rest."""

    def __init__(self, provider: str, model: str, rest: Rest) -> None:
        super().__init__(
            rest.code,
            f"{provider}/{model} is left alone for another {rest.seconds:.0f} s, as the provider asked",
            status=rest.status,
            retry_after=rest.seconds,
            hint="wait, or configure a model of another provider",
            detail={"provider": provider, "cooling_down": True},
        )


def _not_configured(provider: str, model: str) -> Local:
    return Local(
        "provider-not-configured",
        f"there is no model {provider}/{model}: no such provider, or no name after the slash",
        hint='add the provider to "providers" in the config file, or correct "models"',
        detail={"provider": provider, "model": model},
    )


def _nothing_configured() -> Local:
    return Local("no-models", "no model is configured", hint='set "models" in the config file')
