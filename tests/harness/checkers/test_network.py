"""NET-1 and the note that every result carries: the smallest legal and illegal histories."""

from __future__ import annotations

import pytest

from harness.checkers.judge import CannotDecide, failures_in, judge
from harness.checkers.network import no_network_beyond_loopback
from harness.events import ConnectionRefusedHost, NetworkRedirected, NetworkRefused
from harness.verdict import Verdict
from tests.harness.histories import end, history

OUT = NetworkRefused(actor="a", address="192.0.2.1:443")


def content(_history):
    return []


def test_a_command_that_stays_here_conforms():
    led = NetworkRedirected(actor="a", address="auth.vendor.example:443")
    assert no_network_beyond_loopback(history(led, end("a"))) == []


def test_an_attempt_is_found_once_for_each_address():
    [first, second] = no_network_beyond_loopback(history(OUT, OUT, NetworkRefused(actor="a", address="x:53"), end("a")))
    assert first.message.startswith("a reached for 192.0.2.1:443, although")
    assert len(first.evidence) == 2
    assert "x:53" in second.message


def test_what_a_proxy_was_asked_for_counts():
    asked = ConnectionRefusedHost(host="updates.example", port=443)
    [finding] = no_network_beyond_loopback(history(asked, end("a")))
    assert finding.message.startswith("somebody asked the proxy for updates.example:443")


def test_without_a_command_nothing_is_decided():
    with pytest.raises(CannotDecide):
        no_network_beyond_loopback(history(OUT))


def test_every_result_says_it_and_no_other_verdict_changes():
    """It is told once for an address, however often, and a stored history can be judged again without telling twice."""
    happened = history(OUT, OUT, end("a"))
    judgement = judge([content], happened)
    assert judgement.verdict is Verdict.CONFORMS
    assert judgement.notes == ("beyond loopback, and refused: a reached for 192.0.2.1:443 (2 times)",)
    assert failures_in(judgement.notes, [content], happened) == []
