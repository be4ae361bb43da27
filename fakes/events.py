"""What the fakes tell their caller: one record for each step of an exchange.

The records are data for a journal, so they hold no secret: a token appears only as a fingerprint, and
authorization headers, keys and bodies do not appear at all. Nothing here judges what the steps mean.
Every record becomes JSON through `dataclasses.asdict`.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Provider = Literal["anthropic", "chat", "codex", "gemini", "code-assist", "oauth", "unknown"]
Outcome = Literal["complete", "reset", "truncated", "client-gone", "held-then-dropped"]


def fingerprint(secret: str) -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a secret, "" for no secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:8] if secret else ""


def digest(data: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of bytes that were sent."""
    return sha256(data).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A request is whole. `exchange` counts from 1 and joins the records of one exchange.

    `rule` names the script rule that answers, "" when none matched; `bytes` is the body's length on the wire;
    `peer_port` is the client's TCP port. `marker` is the newest of the user's texts, `markers` are all that the
    conversation has, the model's own texts included. `results` has a digest of each tool result, equal for those that
    say the same, and `told` the first marker in each, both in the order of the calls. `added` is how each text begins
    that the client has put in by itself (`<system-reminder>`). `tools` is how many tools it offers. `near_misses` says,
    for a request that a strict script refuses, which rules came closest and what they missed. A request that is not
    HTTP has an empty method and path.
    """

    exchange: int
    provider: Provider
    model: str
    method: str
    path: str
    marker: str
    turn_step: int
    rule: str
    stream: bool
    bytes: int
    peer_port: int
    markers: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    tools: int = 0
    near_misses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHeld:
    """The reply waits at a gate."""

    exchange: int
    gate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySent:
    """The exchange is over. `status` is 0 when no status line was sent.

    `bytes` counts what was handed to the connection, head and framing included; `frames` counts the stream
    frames sent whole (1 for an unframed body). "complete" means handed to the kernel whole, not read by the
    client; with "client-gone" the time of this record is when the client gave up.

    `sizes` and `digests` say byte for byte what was handed over: one entry for each piece in order (the head, each
    frame in its HTTP framing, what ends the framing), its length, and the first 16 hexadecimal digits of its SHA-256.
    """

    exchange: int
    provider: Provider
    model: str
    status: int
    reply: str
    bytes: int
    frames: int
    outcome: Outcome
    sizes: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequested:
    """A token grant was asked for; `token` is the fingerprint of the presented refresh token."""

    exchange: int
    grant_type: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswered:
    """A token grant was decided and its answer sent, or none was (status 0): by a fault, or as the client had gone."""

    exchange: int
    status: int
    decision: str
    family: str
    generation: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRefusedHost:
    """A client asked to be connected to a host that the fakes do not serve: it tried to leave the machine."""

    host: str
    port: int
