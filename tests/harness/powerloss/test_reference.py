"""The reference's transcripts and credentials in every state that a power cut may leave.

The parts are driven by a small program of their own, under the recorder; a folder that it makes marks the moment from
which it has promised something. What they do with a state is then asked in this process, so that a state costs a
millisecond and not two program starts.
"""

from __future__ import annotations

from pathlib import Path

from harness.conductor.recorder import Recorder
from harness.powerloss.materialise import materialise
from harness.powerloss.states import states
from harness.scenario import WATCH_WRITES
from reference.auth.pending import Pending
from reference.auth.store import Store
from reference.deadline import Deadline
from reference.home import Home
from reference.messages import Message
from reference.transcript import Transcript, parse

ROOT = Path(__file__).resolve().parents[3]
TEXTS = ("first" * 900, "answer" * 900, "again")  # the first two cross page boundaries
HEAD = """
import os, sys
sys.path.insert(0, sys.argv[1])
from reference.deadline import Deadline
from reference.home import Home
def promise(name):
    os.mkdir(f"promised-{name}")
"""
TRANSCRIPT = """
from reference.messages import Message
from reference.transcript import Transcript
transcript = Transcript("sessions/lane0/main.jsonl", "run1")
for number, text in enumerate(sys.argv[2:]):
    message = Message(role="assistant" if number % 2 else "user", text=text)
    transcript.append(message, Deadline.after(5)) if number else transcript.begin(message, Deadline.after(5))
    promise(number)
"""
CREDENTIALS = """
from reference.auth.pending import Pending
from reference.auth.store import Store
store = Store(Home(os.getcwd()))
for number in range(2):
    note = Pending("auth/codex.pending.json", f"refresh{number}")
    note.sending()
    promise(f"sent{number}")
    store.put("codex", {"access": "a", "refresh": f"refresh{number + 1}", "provider": "codex"}, Deadline.after(5))
    promise(f"stored{number}")
    note.clear()
"""


def after_power_cuts(conduct, tmp_path, code, *words):
    """Record the program; give each state's folder in turn, with what had been promised when the power failed."""

    async def body(rig):
        (rig.folder / "sessions").mkdir()
        recorder = Recorder(rig.folder)
        rig.directors.append(recorder)
        running = await rig.python("one", HEAD + code, str(ROOT), *words, families=WATCH_WRITES)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        await running.supervisor.ended.wait()
        return recorder.finish()

    log = conduct(body)
    assert log.unknown == ()
    found = states(log)
    assert found.left_out == 0
    for number, state in enumerate(found.all):
        done = log.operations[: state.moment]
        promised = [o.path.removeprefix("promised-") for o in done if o.path.startswith("promised-")]
        folder = tmp_path / f"state{number}"
        materialise(state.tree, folder)
        yield folder, promised, [(log.operations[at], torn) for at, torn in state.losses.items()]


def test_a_transcript_loses_at_most_the_record_that_was_not_acknowledged(conduct, tmp_path):
    """MSG-1 and MSG-3: every promised record is there once, in order; the next append fuses no lines."""
    count = 0
    for folder, promised, lost in after_power_cuts(conduct, tmp_path, TRANSCRIPT, *TEXTS):
        path = folder / "sessions" / "lane0" / "main.jsonl"
        transcript = Transcript(str(path), "run2")
        texts = [m.text for m in transcript.begin(Message(role="user", text="next"), Deadline.after(5))]
        assert texts in ([*TEXTS[:n], "next"] for n in range(len(promised), len(TEXTS) + 1)), (promised, lost)
        transcript.append(Message(role="assistant", text="done"), Deadline.after(5))
        records = parse(path.read_bytes())  # a torn line that has its end stays behind, and is no record
        assert [record["text"] for record in records] == [*texts, "done"], lost
        count += 1
    assert count > 20


def test_credentials_are_the_old_or_the_new_ones_and_a_sent_token_is_remembered(conduct, tmp_path):
    """AUT-4 and AUT-9: the file is whole, what was stored is there, and a note says which token may be spent."""
    count = 0
    for folder, promised, lost in after_power_cuts(conduct, tmp_path, CREDENTIALS):
        store = Store(Home(str(folder)))
        generation = store.get("codex").generation if store.entries() else 0
        stored = sum(name.startswith("stored") for name in promised)
        assert generation in (stored, stored + 1), (promised, lost)
        if promised and promised[-1].startswith("sent") and generation == stored:
            note = Pending(str(folder / "auth" / "codex.pending.json"), f"refresh{promised[-1].removeprefix('sent')}")
            assert note.sends == 1, lost
        store.put("codex", {"access": "b", "refresh": "next", "provider": "codex"}, Deadline.after(5))
        assert store.get("codex").generation == generation + 1
        count += 1
    assert count > 20
