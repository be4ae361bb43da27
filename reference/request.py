"""One turn as it was asked for, on the command line or through the gateway, checked first."""

from __future__ import annotations

from typing import Any, NamedTuple

from reference.errors import Usage
from reference.home import checked_name

MESSAGE_LIMIT = 100_000  # bytes; execve(2) takes no argument over 128 KiB
LONGEST_TIMEOUT = 10_000_000  # seconds
DEFAULT_SESSION = "main"


class Request(NamedTuple):
    """`timeout` is in seconds, `via` says where the work is done, `chain` which runs asked for it through a tool."""

    agent: str
    message: str
    session: str
    timeout: float | None
    run_id: str
    via: str = "local"
    chain: str = ""

    @classmethod
    def checked(
        cls,
        *,
        agent: str,
        message: str,
        session: str | None,
        timeout: float | None,
        run_id: str,
        via: str = "local",
        chain: str = "",
    ) -> Request:
        """Raises Usage(`bad-name`, `bad-message`, `message-too-large`)."""
        return cls(
            agent=checked_name(agent, "an agent"),
            message=checked_message(message),
            session=checked_name(DEFAULT_SESSION if session is None else session, "a session"),
            timeout=timeout,
            run_id=run_id,
            via=via,
            chain=chain,
        )

    def fields(self) -> dict[str, Any]:
        """The request as JSON-able values."""
        return self._asdict()

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Request:
        """What `fields` made, checked again.

        Raises Usage, also for missing or wrong fields (`bad-request`).
        """
        timeout = fields.get("timeout")
        texts = [fields.get(name) for name in ("agent", "message", "session", "run_id", "via")]
        texts.append(fields.get("chain", ""))
        if not all(isinstance(t, str) for t in texts) or not isinstance(timeout, (int, float, type(None))):
            raise Usage("bad-request", "a field of the request is missing or has the wrong type")
        agent, message, session, run_id, via, chain = (str(t) for t in texts)
        if not (timeout is None or 0 <= timeout <= LONGEST_TIMEOUT) or not f"{via}{chain}".isascii() or "\0" in chain:
            raise Usage("bad-request", "a field of the request has a value that this program does not send")
        return cls.checked(
            agent=agent,
            message=message,
            session=session,
            timeout=timeout,
            run_id=checked_name(run_id, "a run"),
            via=via,
            chain=chain,
        )


def checked_message(text: str) -> str:
    """The message, if it can be sent. Raises Usage."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise Usage("bad-message", "the message is not UTF-8 text", hint="convert it, for example with iconv") from None
    if not text.strip():
        raise Usage("bad-message", "the message is empty", hint='say what to do: --message "fix the failing test"')
    if size > MESSAGE_LIMIT:
        raise Usage(
            "message-too-large",
            f"the message has {size} bytes; at most {MESSAGE_LIMIT} are taken",
            hint="put the material into a file in the workspace and name it in the message",
            detail={"bytes": size, "limit": MESSAGE_LIMIT},
        )
    return text
