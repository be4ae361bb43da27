"""AUT: what refreshing a credential may cost, and whom it may hurt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, Finished, History, SecretSeen, TokenAnswered
from harness.verdict import Finding

SIGNALLED = "signalled"  # the turn that is told to end between the answer to its refresh and the use of the token
REVOKED, NO_TOKEN = "revoked", "no-token"  # turns whose first profile is refused, or holds nothing to be sent
FAMILIES = {"codex": "main", "other": "other"}  # the sign-ins of two profiles that are refreshed at once
_LOST = "dropped-after-commit"
_REDEEMED = frozenset({"minted", "replayed", "reused", "revoked", _LOST})  # refusals for other reasons spend nothing


def single_flight(history: History) -> list[Finding]:
    """AUT-1: one redemption for each family, where one token of each has expired and its successor has not."""
    families: dict[str, list[tuple[int, TokenAnswered]]] = {}
    for seq, what in _redemptions(history):
        families.setdefault(what.family, []).append((seq, what))
    return _each_spent_once(families.values())


def _redemptions(history: History) -> list[tuple[int, TokenAnswered]]:
    found = [(seq, what) for seq, what in history.of(TokenAnswered) if what.decision in _REDEEMED]
    if not found:
        raise CannotDecide("nobody refreshed: the credential was not seen as expired, or no refresh went through")
    return found


def _each_spent_once(groups: Collection[list[tuple[int, TokenAnswered]]]) -> list[Finding]:
    """The redemptions of one token each. Where an answer was lost, nobody can tell a second use from a repetition."""
    lost = [answers for answers in groups if any(what.decision == _LOST for _, what in answers)]
    findings = [finding for answers in groups if answers not in lost for finding in _spent_twice(answers)]
    if lost and not findings:
        raise CannotDecide("an answer to a refresh was lost, so that a second redemption may have been its repetition")
    return findings


def _spent_twice(answers: list[tuple[int, TokenAnswered]]) -> list[Finding]:
    """Of the redemptions of one token: none was of one that had been spent, and there was but one."""
    again = [what.decision for _, what in answers if what.decision != "minted"]
    if again:
        message = (
            f"one expired credential was redeemed {len(answers)} times; "
            f"the server answered {', '.join(again)} to {len(again)}"
        )
    elif len(answers) > 1:
        message = f"one expired credential was refreshed {len(answers)} times"
    else:
        return []
    return [Finding(rule="AUT-1", message=message, evidence=tuple(seq for seq, _ in answers))]


def everybody_succeeds(history: History) -> list[Finding]:
    """AUT-1: every process that needed the credential got through."""
    failed = [(seq, what) for seq, what, _ in ask.turns(history) if not what.outcome.ok]
    if not failed:
        ask.all_ended(history)
        return []
    message = f"{len(failed)} runs failed, {failed[0][1].actor} with {ask.said(failed[0][1])}"
    return [Finding(rule="AUT-1", message=message, evidence=tuple(seq for seq, _ in failed))]


def one_credential_one_lock(history: History) -> list[Finding]:
    """CFG-11: both of AUT-1 for runs that reach one credential by several paths."""
    return [replace(found, rule="CFG-11") for judge in (single_flight, everybody_succeeds) for found in judge(history)]


def loser_rereads(history: History) -> list[Finding]:
    """AUT-2: a reuse answer is followed by the newer token of the store, which is still there afterwards."""
    if not ask.fired(history):
        return []  # then nobody lost a race, which `judge` calls inconclusive
    if not any(what.decision == "reused" for _, what in history.of(TokenAnswered)):
        raise CannotDecide("no refresh was answered with reuse")
    findings = []
    seq, what = ask.finished(history, "lane0")
    newer, after = _profile(history, "main", "newer installed"), _profile(history, "main", "at the end")
    if not newer[1].exists:
        raise CannotDecide("the newer credential was not seen in the store")
    if not after[1].exists:
        message = (
            "after a reuse answer the stored credential was deleted, although a newer one had been stored meanwhile"
        )
        findings.append(Finding(rule="AUT-2", message=message, evidence=(newer[0], after[0])))
    if not what.outcome.ok:
        message = f"the store held a newer token, yet the run gave up: {ask.said(what)}"
        findings.append(Finding(rule="AUT-2", message=message, evidence=(seq, newer[0])))
    return findings


def store_never_goes_back(history: History) -> list[Finding]:
    """AUT-3: no look at a profile finds an older refresh token of the same sign-in than an earlier look did."""
    newest: dict[str, tuple[int, str, int]] = {}
    findings, advanced = [], False
    for seq, seen in history.of(FileSeen):
        family, generation = seen.facts.get("family"), seen.facts.get("generation")
        if not seen.role.startswith("profile ") or not isinstance(family, str) or not isinstance(generation, int):
            continue
        before, known, highest = newest.get(seen.role, (seq, family, generation))
        if family == known and generation < highest:
            message = f"{seen.role}: token {generation} stands in the store, after token {highest} had stood there"
            findings.append(Finding(rule="AUT-3", message=message, evidence=(before, seq)))
            break
        advanced |= (family, generation) != (known, highest)
        newest[seen.role] = (seq, family, generation)
    if not advanced and not findings:
        raise CannotDecide("no profile was ever seen to get a newer token")
    return findings


def renewal_loses_nothing(history: History) -> list[Finding]:
    """AUT-3: a renewal whose answer has no refresh token leaves the one in force where it is, and whose it is."""
    seq, before = _profile(history, "main", "before")
    end, after = _profile(history, "main", "at the end")
    if before.facts.get("generation") is None:
        raise CannotDecide("no refresh token was seen in the store")
    if not any(what.decision == "minted" for _, what in history.of(TokenAnswered)):
        raise CannotDecide("nobody refreshed")
    lost = [] if after.facts.get("generation") is not None else ["the refresh token, which is still in force"]
    lost += ["whose account it is"] if before.facts.get("account") and not after.facts.get("account") else []
    message = f"a renewal whose answer had no refresh token lost what had been stored: {' and '.join(lost)}"
    return [Finding(rule="AUT-3", message=message, evidence=(seq, end))] if lost else []


def other_profile_untouched(history: History) -> list[Finding]:
    """AUT-7: the other profile is byte for byte what was stored last."""
    before, after = _profile(history, "other", "before"), _profile(history, "other", "at the end")
    if not before[1].exists:
        raise CannotDecide("the other profile was not seen in the store")
    if before[1].digest == after[1].digest:
        return []
    what = "is gone" if not after[1].exists else "was changed"
    message = f"refreshing one profile harmed another: the other profile {what}"
    return [Finding(rule="AUT-7", message=message, evidence=(before[0], after[0]))]


def other_profile_is_usable(history: History) -> list[Finding]:
    """AUT-7: a model is asked with one profile although the other is refused, or holds what is no token."""
    if not ask.fired(history):
        return []
    findings, asked = [], {what.provider: seq for seq, what in ask.requests(history, REVOKED)}
    if "codex" not in asked and "anthropic" in asked:
        message = "one profile was refused, and the model that wants another was passed over"
        findings.append(Finding(rule="AUT-7", message=message, evidence=(asked["anthropic"],)))
    seq, what = ask.finished(history, NO_TOKEN)
    if not what.outcome.ok:
        message = f"one profile has no token, and a turn that wants another fails: {ask.said(what)}"
        findings.append(Finding(rule="AUT-7", message=message, evidence=(seq,)))
    return findings


def profiles_keep_their_newest(history: History) -> list[Finding]:
    """AUT-7: of two profiles that were refreshed, each stands in the store with the last token that it was given."""
    newest = {what.family: what.generation for _, what in _redemptions(history) if what.decision == "minted"}
    looks = {family: _profile(history, which, "at the end") for family, which in FAMILIES.items()}
    if not ask.fired(history):
        return []
    if newest.keys() != looks.keys():
        raise CannotDecide(f"not both profiles were refreshed: {', '.join(sorted(newest))}")
    old = {family: look for family, look in looks.items() if look[1].facts.get("generation") != newest[family]}
    return [
        Finding(
            rule="AUT-7",
            message=f"profile {FAMILIES[family]} does not have its newest token: while it was stored, another was too",
            evidence=(look[0],),
        )
        for family, look in old.items()
    ]


def crash_asks_once(history: History) -> list[Finding]:
    """AUT-4: after a crash between a token's answer and its end in the store, the next turns work or ask to sign in.

    They ask clearly, spend the old token at most once more between them, and work again after a sign-in. The other
    profile never changes.
    """
    strikes = ask.strikes(history)
    if not strikes:
        raise CannotDecide("no refresh was struck")
    findings = []
    for strike, after in zip(strikes, [*strikes[1:], None], strict=True):
        part = history.after(strike.seq)
        part = part.before(after.seq) if after else part
        findings += [*_asks_clearly(strike, part), *_spends_once(strike, part)]
        findings += _keeps_the_other(strike, history)
    return findings


def signal_loses_no_token(history: History) -> list[Finding]:
    """AUT-4: a turn that is told to end with a new token in hand stores it first: the next one works."""
    if not ask.fired(history):
        return []
    if not ask.signalled(history, SIGNALLED):
        raise CannotDecide("no refresh got a signal")
    seq, _ = ask.finished(history, SIGNALLED)
    end, after = ask.finished(history, f"{SIGNALLED}-next")
    if after.outcome.ok:
        return []
    if after.outcome.kind != "auth":
        raise CannotDecide(f"the next turn fails for another reason: {ask.said(after)}")
    message = f"a refresh that was told to end lost the token that it had got; the next turn fails: {ask.said(after)}"
    return [Finding(rule="AUT-4", message=message, evidence=(seq, end))]


def _asks_clearly(strike: ask.Strike, part: History) -> list[Finding]:
    findings = []
    for seq, what, _ in ask.turns(part):
        outcome, role = what.outcome, what.actor.removeprefix(f"{strike.actor}-")
        if what.actor == strike.actor or outcome.ok:
            continue
        clear = outcome.kind == "auth" and outcome.code and outcome.exit_status and not outcome.traceback
        if role == "signed-in" or not clear:
            when = "after a new sign-in" if role == "signed-in" else "and does not ask clearly to sign in"
            message = f"a turn after {strike} fails {when}: {ask.said(what)}"
            findings.append(Finding(rule="AUT-4", message=message, evidence=(strike.seq, seq)))
    return findings


def _spends_once(strike: ask.Strike, part: History) -> list[Finding]:
    again = [seq for seq, what in part.of(TokenAnswered) if what.decision in _REDEEMED - {"minted"}]
    if len(again) < 2:
        return []
    message = f"after {strike} a spent token was sent {len(again)} times: every turn tries it again"
    return [Finding(rule="AUT-4", message=message, evidence=(strike.seq, *again))]


def _keeps_the_other(strike: ask.Strike, history: History) -> list[Finding]:
    """Every look of the strike's round at the other profile found the same."""
    looks = [
        (seq, seen)
        for seq, seen in history.of(FileSeen)
        if seen.role == "profile other" and str(seen.facts.get("when", "")).partition(" ")[0] == strike.actor
    ]
    if not looks or not looks[0][1].exists:
        raise CannotDecide("the other profile was not seen in the store")
    changed = [seq for seq, seen in looks if seen.digest != looks[0][1].digest]
    if not changed:
        return []
    message = f"{strike} harmed another profile, which had nothing to do with it"
    return [Finding(rule="AUT-4", message=message, evidence=(strike.seq, changed[0]))]


def secrets_stay_in(history: History) -> list[Finding]:
    """AUT-9: credential files are 0600 and always whole; no secret stands anywhere else."""
    everything = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "credentials"]
    looks = [(seq, seen) for seq, seen in everything if seen.exists]
    leaks = _leaks(history)
    if not looks and not leaks:
        raise CannotDecide("no credential file was ever seen")
    findings = []
    for seq, seen in looks:
        if ask.is_for_others(seen):
            message = f"a credential file was readable by others: mode {seen.mode:04o}"
            findings.append(Finding(rule="AUT-9", message=message, evidence=(seq,)))
            break
    for seq, seen in looks:
        if seen.parses is False:
            message = f"a credential file was seen torn ({seen.size} bytes): it is not replaced atomically"
            findings.append(Finding(rule="AUT-9", message=message, evidence=(seq,)))
            break
    return findings + _exposed(history) + _gaps(everything) + leaks


def _exposed(history: History) -> list[Finding]:
    """The first file that held a secret, and that others could read."""
    exposed = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "exposed"]
    return [
        Finding(
            rule="AUT-9",
            message=f"a file with a secret in it was readable by others: mode {seen.mode:04o}, "
            f"{seen.path.rpartition('/')[2]}",
            evidence=(seq,),
        )
        for seq, seen in exposed[:1]
    ]


def keys_stay_in(history: History) -> list[Finding]:
    """AUT-9: an API key stands where its user has put it, and where the program keeps it; nothing shows it."""
    if not any(True for _ in history.of(Finished)):
        raise CannotDecide("no command has ended")
    return _leaks(history)


def _leaks(history: History) -> list[Finding]:
    said = "a secret (fingerprint {}) stood in {}"
    return [
        Finding(rule="AUT-9", message=said.format(leak.fingerprint, leak.where), evidence=(seq,))
        for seq, leak in history.of(SecretSeen)
    ]


def closed_config_stays_closed(history: History) -> list[Finding]:
    """AUT-9: a config that only its owner could read at first can be read by nobody else later, nor can its copies."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config" and seen.mode is not None]
    if len(looks) < 2 or not any(what.outcome.ok for _, what in history.of(Finished) if what.verb == "agents add"):
        raise CannotDecide("the config was not seen before and after an add that succeeded")
    (first, before), *later = looks
    opened = [(seq, seen) for seq, seen in later if not ask.is_for_others(before) and ask.is_for_others(seen)]
    message = "a config that its owner had closed to others was opened to them by being written"
    return [
        Finding(rule="AUT-9", message=f"{message}: mode {seen.mode:04o}", evidence=(first, seq))
        for seq, seen in opened[:1]
    ] + _exposed(history)


def _gaps(looks: list[tuple[int, FileSeen]]) -> list[Finding]:
    """A file that was there, was not, and was there again: a reader in between found nothing."""
    states: dict[str, list[tuple[int, bool]]] = {}
    for seq, seen in looks:
        states.setdefault(seen.path, []).append((seq, seen.exists))
    for row in states.values():
        there = [seq for seq, exists in row if exists]
        gone = [seq for seq, exists in row if not exists and there and there[0] < seq < there[-1]]
        if gone:
            message = "a credential file was missing for a while: it is not replaced atomically"
            return [Finding(rule="AUT-9", message=message, evidence=(gone[0],))]
    return []


def _profile(history: History, which: str, when: str) -> tuple[int, FileSeen]:
    for seq, seen in history.of(FileSeen):
        if seen.role == f"profile {which}" and seen.facts.get("when") == when:
            return seq, seen
    raise CannotDecide(f"profile {which} was not looked at {when}")
