"""AUT: what refreshing a credential may cost, and whom it may hurt."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, History, SecretSeen, TokenAnswered
from harness.verdict import Finding


def single_flight(history: History) -> list[Finding]:
    """AUT-1: one redemption for each generation of the token."""
    answers = [(seq, what) for seq, what in history.of(TokenAnswered) if what.family]
    if not answers:
        raise CannotDecide("nobody refreshed: the credential was not seen as expired")
    findings = []
    minted = [(seq, what) for seq, what in answers if what.decision == "minted"]
    reused = [(seq, what) for seq, what in answers if what.decision != "minted"]
    if reused:
        words = ", ".join(what.decision for _, what in reused)
        message = (
            f"one expired credential was redeemed {len(answers)} times; the server answered {words} to {len(reused)}"
        )
        findings.append(Finding(rule="AUT-1", message=message, evidence=tuple(seq for seq, _ in answers)))
    elif len(minted) > 1:
        message = f"one expired credential was refreshed {len(minted)} times"
        findings.append(Finding(rule="AUT-1", message=message, evidence=tuple(seq for seq, _ in minted)))
    return findings


def everybody_succeeds(history: History) -> list[Finding]:
    """AUT-1: every process that needed the credential got through."""
    failed = [(seq, what) for seq, what, _ in ask.turns(history) if not what.outcome.ok]
    if not failed:
        return []
    message = f"{len(failed)} runs failed, {failed[0][1].actor} with {ask.said(failed[0][1])}"
    return [Finding(rule="AUT-1", message=message, evidence=tuple(seq for seq, _ in failed))]


def loser_rereads(history: History) -> list[Finding]:
    """AUT-2: a reuse answer is followed by the newer token of the store, which is still there afterwards."""
    if not any(what.decision == "reused" for _, what in history.of(TokenAnswered)):
        return []  # whether the fault fired is judged elsewhere
    findings = []
    seq, what = ask.finished(history, "lane0")
    newer, after = _profile(history, "main", "newer installed"), _profile(history, "main", "at the end")
    if not after[1].exists:
        message = (
            "after a reuse answer the stored credential was deleted, although a newer one had been stored meanwhile"
        )
        findings.append(Finding(rule="AUT-2", message=message, evidence=(newer[0], after[0])))
    if not what.outcome.ok:
        message = f"the store held a newer token, yet the run gave up: {ask.said(what)}"
        findings.append(Finding(rule="AUT-2", message=message, evidence=(seq, newer[0])))
    return findings


def other_profile_untouched(history: History) -> list[Finding]:
    """AUT-7: the other profile is byte for byte what was stored last."""
    before, after = _profile(history, "other", "before"), _profile(history, "other", "at the end")
    if before[1].digest == after[1].digest:
        return []
    what = "is gone" if not after[1].exists else "was changed"
    message = f"refreshing one profile harmed another: the other profile {what}"
    return [Finding(rule="AUT-7", message=message, evidence=(before[0], after[0]))]


def secrets_stay_in(history: History) -> list[Finding]:
    """AUT-9: credential files are 0600 and always whole; no secret stands anywhere else."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "credentials" and seen.exists]
    if not looks:
        raise CannotDecide("no credential file was ever seen")
    findings = []
    for seq, seen in looks:
        if seen.mode is not None and seen.mode & 0o077:
            message = f"a credential file was readable by others: mode {seen.mode:04o}"
            findings.append(Finding(rule="AUT-9", message=message, evidence=(seq,)))
            break
    for seq, seen in looks:
        if not seen.parses:
            message = f"a credential file was seen torn ({seen.size} bytes): it is not replaced atomically"
            findings.append(Finding(rule="AUT-9", message=message, evidence=(seq,)))
            break
    findings += [
        Finding(
            rule="AUT-9", message=f"a secret (fingerprint {leak.fingerprint}) stood in {leak.where}", evidence=(seq,)
        )
        for seq, leak in history.of(SecretSeen)
    ]
    return findings


def _profile(history: History, which: str, when: str) -> tuple[int, FileSeen]:
    for seq, seen in history.of(FileSeen):
        if seen.role == f"profile {which}" and seen.facts.get("when") == when:
            return seq, seen
    raise CannotDecide(f"profile {which} was not looked at {when}")
